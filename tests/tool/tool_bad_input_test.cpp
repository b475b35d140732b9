// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What the tool does when something is wrong: with its command line, the file, or its output.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "command.hpp"

namespace {

using command::lines_of;
using command::run;
using command::run_tool;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::size_t page = 4096;
constexpr std::size_t records_page = 8 * page;  // and its second copy behind

bool is_tmpfs(const char* path) {
  struct ::statfs storage {};
  return ::statfs(path, &storage) == 0 && storage.f_type == TMPFS_MAGIC;
}

class bad_input : public testing::Test {
 protected:
  bad_input() {
    const auto made = run_tool({"create", file_, "trades"});
    EXPECT_EQ(made.status, 0) << made.err;
    EXPECT_EQ(run_tool({"next", file_, "trades", "-n", "7"}).status, 0);
  }

  void expect_verdict(int status, const std::string& finding) {
    const auto judged = run_tool({"verify", file_});
    EXPECT_EQ(judged.status, status);
    EXPECT_EQ(judged.err, "");
    EXPECT_THAT(judged.out, HasSubstr(finding));
  }

  command::scratch dir_;
  const std::string file_ = dir_ / "desk.seq";
};

// ---- the command line

struct refusal {
  command::words line;
  std::string says;
};

TEST_F(bad_input, command_lines_that_ask_wrongly) {
  const std::string name_256(256, 'x');
  const refusal all[] = {
      {{}, "a verb is missing (see `sequencer --help`)"},
      {{"nope"}, "'nope' is no verb (see `sequencer --help`)"},
      {{"list"}, "FILE is required (see `sequencer list --help`)"},
      {{"next", file_}, "NAME is required (see `sequencer next --help`)"},
      {{"list", file_, "--frob"}, "--frob (see `sequencer list --help`)"},
      {{"list", file_, "more"}, "more (see `sequencer list --help`)"},
      {{"next", file_, "trades", "--count", "0"}, "'0' is not a whole number within 1 .. "},
      {{"next", file_, "trades", "--count", "-1"}, "'-1' is not a whole number"},
      {{"next", file_, "trades", "--count", "1e3"}, "'1e3' is not a whole number"},
      {{"next", file_, "trades", "--count", "0x10"}, "'0x10' is not a whole number"},
      {{"next", file_, "trades", "--count", " 5"}, "' 5' is not a whole number"},
      {{"next", file_, "trades", "--count", ""}, "'' is not a whole number"},
      {{"next", file_, "trades", "--count", "9223372036854775808"}, ".. 9223372036854775807"},
      {{"next", file_, "trades", "--count"}, "--count"},
      {{"next", file_, "none"}, "'none': there is none of that name"},
      {{"holes", file_, "none"}, "'none': there is none of that name"},
      {{"create", file_, ""}, "a name has 1 to 255 bytes and no NUL, this one has 0"},
      {{"create", file_, name_256}, "a name has 1 to 255 bytes and no NUL, this one has 256"},
      {{"create", file_, "a", "--start", "9223372036854775808"}, "is not a whole number within 0"},
      {{"create", file_, "a", "--start", "9", "--maximum", "8"}, "start <= maximum"},
      {{"create", file_, "a", "--max-gap", "1"}, "is not a whole number within 2 .."},
      {{"create", file_, "a", "--block", "0"}, "within 1 .. 4294967296"},
      {{"create", file_, "a", "--block", "4294967297"}, "within 1 .. 4294967296"},
      {{"create", file_, "a", "--block", "8", "--max-block", "4"}, "block <= max_block"},
      {{"create", file_, "a", "--max-block", "8"}, "--max-block requires --block"},
      {{"create", file_, "a", "--unordered"}, "--unordered requires --block"},
      {{"create", file_, "a", "--durability", "never"}, "--durability"},
      {{"adopt", file_}, "--floor is required"},
      {{"adopt", file_, "--floor", "9223372036854775808"}, ".. 9223372036854775807"},
      {{"adopt", file_, "--floor", "-5"}, "'-5' is not a whole number"},
      {{"watch", file_, "--interval", "0"}, "--interval"},
      {{"watch", file_, "--interval", "x"}, "--interval"},
      {{"watch", file_, "--count", "0"}, "'0' is not a whole number"},
      {{"backup", file_}, "TO is required"},
  };
  for (const auto& each : all) {
    const auto refused = run_tool(each.line);
    SCOPED_TRACE(each.line.empty() ? "(no words)" : each.line.back());
    EXPECT_EQ(refused.status, 3);
    EXPECT_EQ(refused.out, "");
    EXPECT_THAT(refused.err, StartsWith("sequencer: "));
    EXPECT_THAT(refused.err, HasSubstr(each.says));
    EXPECT_EQ(lines_of(refused.err).size(), 1u) << refused.err;
  }
  EXPECT_EQ(run_tool({"next", file_, "trades"}).out, "8\n");
  EXPECT_EQ(run_tool({"list", file_, "--names"}).out, "trades\n");
}

TEST_F(bad_input, a_name_of_255_bytes_is_good) {
  const std::string longest(255, 'x');
  EXPECT_EQ(run_tool({"create", file_, longest}).status, 0);
  EXPECT_EQ(run_tool({"next", file_, longest}).out, "1\n");
}

TEST_F(bad_input, names_that_look_like_options_follow_two_dashes) {
  EXPECT_EQ(run_tool({"create", "--", file_, "--json"}).status, 0);
  EXPECT_EQ(run_tool({"next", "--", file_, "--json"}).out, "1\n");
}

// ---- the file

TEST_F(bad_input, no_file) {
  const auto none = dir_ / "none.seq";
  const command::words lines[] = {{"next", none, "trades"}, {"list", none},
                                  {"inspect", none},        {"verify", none},
                                  {"holes", none, "trades"}, {"watch", none, "--count", "1"},
                                  {"adopt", none, "--floor", "1"}, {"backup", none, dir_ / "b"}};
  for (const auto& line : lines) {
    const auto refused = run_tool(line);
    EXPECT_EQ(refused.status, 3) << line[0];
    EXPECT_THAT(refused.err, HasSubstr(none + ": opening ")) << line[0];
    EXPECT_THAT(refused.err, HasSubstr("No such file or directory")) << line[0];
    EXPECT_FALSE(std::filesystem::exists(none));
  }
  const auto nowhere = run_tool({"create", dir_ / "no/such/desk.seq", "trades"});
  EXPECT_EQ(nowhere.status, 3);
  EXPECT_THAT(nowhere.err, HasSubstr("opening the directory for the new file"));
}

TEST_F(bad_input, no_regular_file) {
  for (const auto& path : {dir_ / "", std::string("/dev/null")}) {
    for (const char* verb : {"next", "holes", "create"}) {
      const auto refused = run_tool({verb, path, "trades"});
      EXPECT_EQ(refused.status, 3) << verb << " " << path;
      EXPECT_THAT(refused.err, HasSubstr(path + ": "));
    }
    for (const char* verb : {"list", "inspect", "verify"}) {
      EXPECT_EQ(run_tool({verb, path}).status, 3) << verb << " " << path;
    }
  }
}

TEST_F(bad_input, a_foreign_file) {
  std::ofstream(file_, std::ios::trunc) << std::string(100'000, 'A');
  expect_verdict(2, "is not a page of this file");
  EXPECT_EQ(run_tool({"inspect", file_}).status, 7);
  EXPECT_EQ(run_tool({"inspect", file_, "--json"}).status, 7);
  for (const auto& line : {command::words{"next", file_, "trades"}, {"list", file_},
                           {"holes", file_, "trades"}, {"create", file_, "orders"}}) {
    const auto refused = run_tool(line);
    EXPECT_EQ(refused.status, 7) << line[0];
    EXPECT_THAT(refused.err, HasSubstr("nothing was changed")) << line[0];
  }
  EXPECT_EQ(std::filesystem::file_size(file_), 100'000u);
}

TEST_F(bad_input, an_empty_and_a_short_file) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, 2 * page - 1}) {
    std::filesystem::resize_file(file_, bytes);
    expect_verdict(2, "is shorter than the two file header pages");
    EXPECT_EQ(run_tool({"next", file_, "trades"}).status, 7);
    EXPECT_EQ(std::filesystem::file_size(file_), bytes);
  }
}

TEST_F(bad_input, a_truncated_file_is_refused_until_adopted) {
  const auto whole = std::filesystem::file_size(file_);
  std::filesystem::resize_file(file_, whole - 1);
  expect_verdict(2, "so it was truncated");
  const auto seen = run_tool({"inspect", file_});
  EXPECT_EQ(seen.status, 7);
  EXPECT_THAT(seen.out, HasSubstr("  uuid  "));
  EXPECT_THAT(seen.out, HasSubstr("not every page has a readable one"));
  EXPECT_EQ(run_tool({"next", file_, "trades"}).status, 7);
}

TEST_F(bad_input, one_bit_in_any_page_is_recoverable) {
  const auto pages = std::filesystem::file_size(file_) / page;
  ASSERT_EQ(pages, 10u);
  std::uint64_t least = 8;
  for (std::size_t at = 0; at < pages; ++at) {
    command::flip(file_, at * page + 17 * at + 40, static_cast<int>(at % 8));
    expect_verdict(1, "at byte " + std::to_string(at * page));
    EXPECT_THAT(run_tool({"inspect", file_}).out, HasSubstr(": recoverable\n"));
    const auto judged = nlohmann::json::parse(run_tool({"verify", file_, "--json"}).out);
    EXPECT_EQ(judged["state"], "recoverable");
    EXPECT_EQ(judged["findings"].size(), 1u);

    const auto next = run_tool({"next", file_, "trades"});
    ASSERT_EQ(next.status, 0) << next.err;
    const auto number = std::stoull(next.out);
    EXPECT_GE(number, least) << "page " << at;
    least = number + 1;
    expect_verdict(0, ": sound\n");
  }
}

TEST_F(bad_input, both_copies_of_the_header_rotten) {
  command::flip(file_, 200);
  command::flip(file_, page + 300);
  expect_verdict(2, "copy A fails its checksum");
  expect_verdict(2, "copy B fails its checksum");
  EXPECT_EQ(run_tool({"next", file_, "trades"}).status, 7);
  const auto adopted = run_tool({"adopt", file_, "--floor", "1000"});
  EXPECT_EQ(adopted.status, 0) << adopted.err;
  expect_verdict(0, ": sound\n");
  EXPECT_EQ(run_tool({"next", file_, "trades"}).out, "1000\n");
}

TEST_F(bad_input, both_copies_of_a_records_page_rotten) {
  command::flip(file_, records_page + 200);
  command::flip(file_, records_page + page + 201);
  expect_verdict(2, "at byte 32768: records page 0, copy A fails its checksum");
  expect_verdict(2, "run `sequencer adopt` with a floor above every number ever issued");
  EXPECT_EQ(run_tool({"next", file_, "trades"}).status, 7);
  EXPECT_EQ(run_tool({"list", file_}).status, 7);
  EXPECT_THAT(run_tool({"inspect", file_}).out, HasSubstr("  uuid  "));
  const auto adopted = run_tool({"adopt", file_, "--floor", "1000"});
  EXPECT_EQ(adopted.status, 0) << adopted.err;
  EXPECT_THAT(adopted.out, HasSubstr("records page 0, copy A fails its checksum"));
  expect_verdict(0, ": sound\n");
  // The page is lost with its names; whoever is made anew starts at the floor.
  EXPECT_EQ(run_tool({"create", file_, "trades"}).status, 0);
  EXPECT_EQ(run_tool({"next", file_, "trades"}).out, "1000\n");
}

TEST_F(bad_input, another_byte_order) {
  for (const std::size_t copy : {std::size_t{0}, page}) {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    std::string magic(8, '\0');
    file.seekg(static_cast<std::streamoff>(copy));
    file.read(magic.data(), 8);
    std::reverse(magic.begin(), magic.end());
    file.seekp(static_cast<std::streamoff>(copy));
    file.write(magic.data(), 8);
  }
  expect_verdict(2, "was written with another byte order");
  EXPECT_EQ(run_tool({"next", file_, "trades"}).status, 7);
}

TEST_F(bad_input, a_copied_file) {
  const auto copy = dir_ / "copy.seq";
  std::filesystem::copy_file(file_, copy);
  const auto judged = run_tool({"verify", copy});
  EXPECT_EQ(judged.status, 2);
  EXPECT_THAT(judged.out, HasSubstr("was copied or restored"));
  const auto refused = run_tool({"next", copy, "trades"});
  EXPECT_EQ(refused.status, 7);
  EXPECT_THAT(refused.err, HasSubstr("run `sequencer adopt`"));
  // It can be read all the same.
  EXPECT_EQ(run_tool({"list", copy, "--names"}).out, "trades\n");
  EXPECT_EQ(run_tool({"inspect", copy}).status, 0);
  EXPECT_EQ(run_tool({"adopt", copy, "--floor", "50"}).status, 0);
  EXPECT_EQ(run_tool({"next", copy, "trades"}).out, "50\n");
}

TEST_F(bad_input, an_earlier_copy_put_back_is_refused_while_its_live_region_is_there) {
  if (!is_tmpfs("/dev/shm")) GTEST_SKIP() << "/dev/shm is no tmpfs";
  const auto live = "/dev/shm/tool-test-" + std::to_string(::getpid());
  std::filesystem::create_directory(live);
  const auto with_live = [&](command::words line) {
    line.insert(line.end(), {"--live-directory", live});
    return command::sequencer(line);
  };
  const auto earlier = dir_ / "earlier";
  std::filesystem::copy_file(file_, earlier);
  {
    command::running writer(with_live({"next", file_, "trades", "-n", "1000000000"}));
    for (int i = 0; i < 1000; ++i) ASSERT_NE(writer.line(), "");
    writer.signal(SIGKILL);
    writer.stop_reading();
    writer.finish();
  }
  // In place, so that the inode stays.
  std::ifstream from(earlier, std::ios::binary);
  std::ofstream(file_, std::ios::binary | std::ios::in | std::ios::out) << from.rdbuf();
  const auto judged = run(with_live({"verify", file_}));
  EXPECT_EQ(judged.status, 2);
  EXPECT_THAT(judged.out, HasSubstr("is older than the live region of its last owner"));
  EXPECT_EQ(run(with_live({"next", file_, "trades"})).status, 7);
  EXPECT_EQ(run(with_live({"adopt", file_, "--floor", "1000000"})).status, 0);
  EXPECT_EQ(run(with_live({"next", file_, "trades"})).out, "1000000\n");
  std::filesystem::remove_all(live);
}

TEST_F(bad_input, a_directory_that_refuses) {
  // Root may write anywhere but here.
  auto refusing = std::string("/sys/desk.seq");
  if (::geteuid() != 0) {
    const auto closed = dir_ / "closed";
    std::filesystem::create_directory(closed);
    ::chmod(closed.c_str(), 0500);
    refusing = closed + "/desk.seq";
  }
  const auto refused = run_tool({"create", refusing, "trades"});
  EXPECT_EQ(refused.status, 6) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr(refusing + ": creating the file: "));
}

TEST_F(bad_input, memory_storage_must_be_accepted) {
  if (!is_tmpfs("/dev/shm")) GTEST_SKIP() << "/dev/shm is no tmpfs";
  const auto path = "/dev/shm/tool-test-" + std::to_string(::getpid()) + ".seq";
  const auto refused = run_tool({"create", path, "trades"});
  EXPECT_EQ(refused.status, 6);
  EXPECT_THAT(refused.err, HasSubstr("lies on a memory file system"));
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(run_tool({"create", path, "trades", "--volatile-storage"}).status, 0);
  EXPECT_EQ(run_tool({"next", path, "trades", "--volatile-storage"}).out, "1\n");
  EXPECT_EQ(run_tool({"next", path, "trades"}).status, 6);
  std::filesystem::remove(path);
}

TEST_F(bad_input, a_limit_on_file_size_is_an_io_failure_and_no_death) {
#ifdef SEQUENCER_COVERAGE
  GTEST_SKIP() << "skipped: the profiler writes its figures at exit and dies of the limit";
#endif
  const auto path = dir_ / "limited.seq";
  const auto refused = run({"bash", "-c", "ulimit -f 8 && exec \"$@\"", "limited", TOOL_PROGRAM,
                            "create", path, "trades"});
  EXPECT_EQ(refused.status, 9) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("File too large"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

// ---- standard output

TEST_F(bad_input, a_full_disk_behind_standard_output) {
  const auto full = run(command::sequencer({"next", file_, "trades", "-n", "3"}), "/dev/full");
  EXPECT_EQ(full.status, 10);
  EXPECT_EQ(full.err,
            "sequencer: standard output: No space left on device; of the 3 numbers taken from "
            "'trades' (8 to 10) 3 were not written whole: 8 to 10; they count as issued\n");
  EXPECT_EQ(run_tool({"next", file_, "trades"}).out, "11\n");
  for (const auto& line :
       {command::words{"list", file_}, {"inspect", file_, "--json"}, {"verify", file_},
        {"holes", file_, "trades"}, {"watch", file_, "--count", "2"}, {"--help"}, {"--version"},
        {"create", file_, "orders"}, {"next", "--help"}}) {
    const auto failed = run(command::sequencer(line), "/dev/full");
    EXPECT_EQ(failed.status, 10) << line[0];
    EXPECT_EQ(failed.err, "sequencer: standard output: No space left on device\n") << line[0];
  }
}

TEST_F(bad_input, a_reader_that_leaves) {
  command::running writer(
      command::sequencer({"next", file_, "trades", "--count", "100000000"}));
  EXPECT_EQ(writer.line(), "8");
  writer.stop_reading();
  const auto broken = writer.finish();
  EXPECT_EQ(broken.status, 10);
  std::smatch parts;
  const std::regex form(R"(standard output: Broken pipe; of the [0-9,]+ numbers taken from )"
                        R"('trades' \(8 to ([0-9]+)\) [0-9,]+ were not written whole: )"
                        R"([0-9]+ to ([0-9]+); they count as issued)");
  ASSERT_TRUE(std::regex_search(broken.err, parts, form)) << broken.err;
  EXPECT_EQ(parts[1], parts[2]);
  EXPECT_EQ(run_tool({"next", file_, "trades"}).out,
            std::to_string(std::stoull(parts[1]) + 1) + "\n");
  EXPECT_EQ(run_tool({"holes", file_, "trades"}).out, "no holes\n");
}

TEST_F(bad_input, an_interrupt_ends_in_order) {
  command::running writer(
      command::sequencer({"next", file_, "trades", "--count", "1000000000000"}));
  EXPECT_EQ(writer.line(), "8");
  writer.signal(SIGINT);
  const auto ended = writer.finish();
  EXPECT_EQ(ended.status, 130);
  EXPECT_THAT(ended.err, HasSubstr("interrupted"));
  const auto printed = lines_of(ended.out);
  const auto next = std::stoull(run_tool({"next", file_, "trades"}).out);
  if (!printed.empty()) {
    EXPECT_GE(next, std::stoull(printed.back()));
  }
  EXPECT_EQ(run_tool({"verify", file_}).status, 0);
  EXPECT_EQ(run_tool({"holes", file_, "trades"}).out, "no holes\n");
}

}  // namespace
