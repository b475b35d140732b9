// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What each verb does when all is well.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>

#include <sequencer/checkpoint.hpp>

#include "command.hpp"

namespace {

using command::lines_of;
using command::run_tool;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class verbs : public testing::Test {
 protected:
  // Runs the tool on the file; it must succeed and complain of nothing.
  std::string done(const std::string& verb, command::words more = {}) {
    const auto result = on_file(verb, std::move(more));
    EXPECT_EQ(result.status, 0) << verb;
    EXPECT_EQ(result.err, "") << verb;
    return result.out;
  }

  command::outcome on_file(const std::string& verb, command::words more = {}) {
    command::words line{verb, file_};
    line.insert(line.end(), more.begin(), more.end());
    return run_tool(line);
  }

  json parsed(const std::string& verb, command::words more = {}) {
    more.push_back("--json");
    return json::parse(done(verb, more));
  }

  command::scratch dir_;
  const std::string file_ = dir_ / "desk.seq";
};

TEST_F(verbs, create_makes_the_file_and_the_sequence) {
  const auto told = done("create", {"trades"});
  EXPECT_EQ(told, file_ + ": new file, created sequence 'trades': strict, durability ahead, "
                          "starts at 1, max_gap 1,048,576\n");
  EXPECT_THAT(done("create", {"orders", "--start", "0100", "--maximum", "200"}),
              HasSubstr("created sequence 'orders': strict, durability ahead, starts at 100, "
                        "max_gap 1,048,576, maximum 200\n"));
  EXPECT_THAT(done("create", {"traces", "--block", "16", "--max-block", "64", "--unordered",
                              "--max-gap", "4096", "--durability", "memory"}),
              HasSubstr("blocks, unordered, durability memory, starts at 1, block 16 to 64, "
                        "max_gap 4,096\n"));
  const auto all = parsed("list");
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[1]["start"], 100);
  EXPECT_EQ(all[1]["maximum"], 200);
  EXPECT_EQ(all[2]["kind"], "blocks");
  EXPECT_EQ(all[2]["durability"], "memory");
  EXPECT_EQ(all[2]["max_block"], 64);
  EXPECT_EQ(all[2]["unordered"], true);
}

TEST_F(verbs, create_refuses_what_exists_and_leaves_it_alone) {
  done("create", {"trades"});
  done("next", {"trades", "--count", "5"});
  const auto again = on_file("create", {"trades", "--start", "1"});
  EXPECT_EQ(again.status, 4);
  EXPECT_EQ(again.err, "sequencer: " + file_ +
                           ": sequence 'trades': exists already (strict, next 6); it stays as it "
                           "is\n");
  EXPECT_EQ(done("next", {"trades"}), "6\n");
}

TEST_F(verbs, create_leaves_no_file_behind_when_refused) {
  const auto refused =
      on_file("create", {"traces", "--block", "8", "--max-block", "64", "--max-gap", "64"});
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err, HasSubstr("a block of 64 is more than half of max_gap 64"));
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(verbs, next_continues_where_it_ended) {
  done("create", {"trades"});
  EXPECT_EQ(done("next", {"trades"}), "1\n");
  EXPECT_EQ(done("next", {"trades", "--count", "3"}), "2\n3\n4\n");
  EXPECT_EQ(done("next", {"trades", "-n", "2", "--block"}), "5\n6\n");
  EXPECT_EQ(done("next", {"trades"}), "7\n");
  EXPECT_EQ(done("holes", {"trades"}), "no holes\n");
}

TEST_F(verbs, next_prints_every_number_of_a_long_run) {
  done("create", {"trades", "--durability", "ahead"});
  const auto all = lines_of(done("next", {"trades", "--count", "300000"}));
  ASSERT_EQ(all.size(), 300'000u);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], std::to_string(i + 1));
  EXPECT_EQ(done("next", {"trades"}), "300001\n");
}

TEST_F(verbs, next_takes_from_each_durability) {
  for (const std::string how : {"ahead", "each", "memory"}) {
    done("create", {how, "--durability", how});
    EXPECT_EQ(done("next", {how, "-n", "3"}), "1\n2\n3\n") << how;
    EXPECT_EQ(done("next", {how}), "4\n") << how;
  }
}

TEST_F(verbs, next_goes_through_blocks_when_asked) {
  done("create", {"traces", "--block", "16"});
  const auto bare = on_file("next", {"traces"});
  EXPECT_EQ(bare.status, 3);
  EXPECT_THAT(bare.err, HasSubstr("'traces': is handed out in blocks; ask for its numbers with "
                                  "--block"));
  EXPECT_EQ(lines_of(done("next", {"traces", "--block", "-n", "40"})).size(), 40u);
  // The tail of the last block lay on top and went back.
  EXPECT_EQ(done("next", {"traces", "--block"}), "41\n");
  EXPECT_EQ(done("holes", {"traces"}), "no holes\n");
}

TEST_F(verbs, next_keeps_an_unordered_sequence_unordered) {
  done("create", {"traces", "--block", "16", "--unordered"});
  done("next", {"traces", "--block"});
  EXPECT_EQ(parsed("list")[0]["unordered"], true);
}

TEST_F(verbs, next_refuses_a_range_beyond_half_of_the_gap) {
  done("create", {"trades", "--max-gap", "100"});
  const auto refused = on_file("next", {"trades", "--block", "-n", "51"});
  EXPECT_EQ(refused.status, 3);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, HasSubstr("one range has at most half of max_gap, 50 numbers"));
  EXPECT_EQ(lines_of(done("next", {"trades", "--block", "-n", "50"})).size(), 50u);
}

TEST_F(verbs, next_says_when_the_last_number_is_gone) {
  done("create", {"orders", "--start", "8", "--maximum", "10"});
  const auto taken = on_file("next", {"orders", "-n", "5"});
  EXPECT_EQ(taken.status, 8);
  EXPECT_EQ(taken.out, "8\n9\n10\n");
  EXPECT_EQ(taken.err, "sequencer: " + file_ +
                           ": sequence 'orders': the last number of this sequence has been "
                           "issued; 3 of 5 numbers were taken\n");
  EXPECT_EQ(on_file("next", {"orders"}).status, 8);
  EXPECT_THAT(done("list"), HasSubstr("none left"));
}

TEST_F(verbs, list_shows_a_table) {
  done("create", {"trades"});
  done("create", {"traces", "--block", "4096", "--max-block", "65536"});
  done("next", {"trades", "-n", "1234"});
  EXPECT_THAT(
      lines_of(done("list")),
      ElementsAre(
          "NAME    KIND    DURABILITY   NEXT  DURABLE BELOW    MAX GAP            BLOCK",
          "trades  strict  ahead       1,235          1,235  1,048,576                -",
          "traces  blocks  ahead           1              1  1,048,576  4,096 to 65,536"));
  EXPECT_EQ(done("list", {"--names"}), "trades\ntraces\n");
}

TEST_F(verbs, names_cannot_command_a_terminal) {
  const std::string hostile = "a\x1b[2Jb\n\xff";
  done("create", {hostile});
  EXPECT_THAT(done("list"), HasSubstr("a\\x1b[2Jb\\x0a\\xff"));
  const auto all = parsed("list");
  EXPECT_EQ(all[0]["name_bytes"], "611b5b324a620aff");
  done("create", {"größe"});
  EXPECT_THAT(done("list"), HasSubstr("größe"));
  EXPECT_EQ(parsed("list")[1]["name"], "größe");
  EXPECT_FALSE(parsed("list")[1].contains("name_bytes"));
}

TEST_F(verbs, inspect_tells_all) {
  done("create", {"trades"});
  done("next", {"trades", "-n", "9"});
  const auto text = done("inspect");
  for (const auto* part : {": sound\n", "  uuid  ", "  open epoch    2\n", "nobody has it open",
                           "two of every page, all sound", "  trades  strict"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  const auto all = parsed("inspect");
  EXPECT_EQ(all["state"], "sound");
  EXPECT_EQ(all["complete"], true);
  EXPECT_EQ(all["version"], 1);
  EXPECT_EQ(all["open_epoch"], 2);
  EXPECT_EQ(all["owned"], false);
  EXPECT_EQ(all["parent_uuid"], nullptr);
  EXPECT_EQ(all["metrics"], nullptr);
  EXPECT_EQ(all["bytes"], std::filesystem::file_size(file_));
  EXPECT_THAT(all["findings"], IsEmpty());
  EXPECT_EQ(all["sequences"][0]["next"], 10);
  EXPECT_EQ(all["sequences"][0]["high_water"], 10);
  EXPECT_EQ(all["sequences"][0]["exact"], true);
  EXPECT_EQ(all["uuid"].get<std::string>().size(), 36u);
}

TEST_F(verbs, verify_calls_a_sound_file_sound) {
  done("create", {"trades"});
  EXPECT_EQ(done("verify"), file_ + ": sound\n");
  EXPECT_EQ(parsed("verify")["state"], "sound");
}

// Ends the only process that ever opened the file by SIGKILL, with numbers of it taken.
void kill_a_writer(const std::string& file, const command::words& more) {
  command::words line{"next", file, "--count", "1000000000"};
  line.insert(line.end(), more.begin(), more.end());
  command::running writer(command::sequencer(line));
  for (int i = 0; i < 1000; ++i) ASSERT_NE(writer.line(), "");
  writer.signal(SIGKILL);
  writer.stop_reading();
  ASSERT_EQ(writer.finish().status, 128 + SIGKILL);
}

TEST_F(verbs, holes_of_a_killed_owner_without_its_live_region) {
  done("create", {"trades"});
  const auto nowhere = dir_ / "";
  const command::words no_live{"--live-directory", nowhere};
  kill_a_writer(file_, {"trades", "--live-directory", nowhere});
  const auto before = parsed("list", no_live)[0];
  EXPECT_EQ(before["exact"], false);
  const auto bound = before["high_water"].get<std::uint64_t>();
  EXPECT_THAT(done("list"), HasSubstr("<= "));
  EXPECT_THAT(done("holes", {"trades"}), HasSubstr("the next open adds what it lost"));
  EXPECT_EQ(parsed("holes", {"trades"})["complete"], false);

  EXPECT_EQ(done("next", {"trades"}), std::to_string(bound) + "\n");
  const auto all = parsed("holes", {"trades"});
  EXPECT_EQ(all["complete"], true);
  ASSERT_EQ(all["holes"].size(), 1u);
  const auto& hole = all["holes"][0];
  EXPECT_EQ(hole["why"], "crashed");
  EXPECT_EQ(hole["certain"], false);
  EXPECT_EQ(hole["last"], bound);
  EXPECT_EQ(hole["lost"], bound - hole["first"].get<std::uint64_t>());
  EXPECT_THAT(done("holes", {"trades"}), HasSubstr("may contain issued numbers"));
  EXPECT_THAT(done("holes", {"trades"}), HasSubstr("1 hole, at most "));
}

TEST_F(verbs, holes_of_a_killed_block_owner_are_certain) {
  done("create", {"traces", "--block", "4096"});
  kill_a_writer(file_, {"traces", "--block"});
  EXPECT_THAT(done("inspect"), HasSubstr("left by a killed owner"));
  EXPECT_EQ(parsed("inspect")["live"], true);
  done("next", {"traces", "--block"});
  const auto all = parsed("holes", {"traces"});
  for (const auto& hole : all["holes"]) {
    EXPECT_EQ(hole["why"], "killed");
    EXPECT_EQ(hole["certain"], true);
  }
  EXPECT_LE(all["holes"].size(), 1u);
}

TEST_F(verbs, backup_and_adopt) {
  done("create", {"trades"});
  done("next", {"trades", "-n", "100"});
  const auto copy = dir_ / "copy.seq";
  EXPECT_THAT(done("backup", {copy}), HasSubstr("backed up to " + copy));
  EXPECT_EQ(done("next", {"trades"}), "101\n");

  EXPECT_EQ(run_tool({"verify", copy}).status, 2);
  EXPECT_THAT(run_tool({"verify", copy}).out, HasSubstr("is a backup copy"));
  EXPECT_EQ(run_tool({"next", copy, "trades"}).status, 7);
  const auto again = on_file("backup", {copy});
  EXPECT_EQ(again.status, 3);
  EXPECT_THAT(again.err, HasSubstr("File exists (errno 17); nothing was created: name a file that "
                                   "does not exist"));

  const auto adopted = run_tool({"adopt", copy, "--floor", "5000"});
  EXPECT_EQ(adopted.status, 0);
  EXPECT_THAT(adopted.out, HasSubstr("1 sequence, none continues below 5,000\n"));
  EXPECT_EQ(run_tool({"verify", copy}).status, 0);
  EXPECT_EQ(run_tool({"next", copy, "trades"}).out, "5000\n");
  const auto lost = json::parse(run_tool({"holes", copy, "trades", "--json"}).out);
  ASSERT_EQ(lost["holes"].size(), 1u);
  EXPECT_EQ(lost["holes"][0]["why"], "adopted");
  EXPECT_EQ(lost["holes"][0]["first"], 101);
  EXPECT_EQ(lost["holes"][0]["last"], 5000);
}

TEST_F(verbs, reading_verbs_work_beside_an_owner_and_writing_ones_are_locked_out) {
  auto file = sequencer::checkpoint::open(file_, {.create = true});
  ASSERT_TRUE(file) << file.text();
  auto trades = file->sequence("trades");
  ASSERT_TRUE(trades) << trades.text();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(trades->next());

  EXPECT_EQ(done("verify"), file_ + ": sound\n");
  EXPECT_THAT(done("holes", {"trades"}), HasSubstr("has the file open"));
  const auto all = parsed("inspect");
  EXPECT_EQ(all["owned"], true);
  EXPECT_EQ(all["owner_pid"], ::getpid());
  if (all["live"] == true) {
    EXPECT_EQ(all["sequences"][0]["next"], 11);
    EXPECT_EQ(all["metrics"]["open_epoch"], file->open_epoch());
    EXPECT_THAT(done("inspect"), HasSubstr("in use; positions are exact"));
  }

  const command::words writing[] = {{"next", file_, "trades"},
                                    {"create", file_, "orders"},
                                    {"backup", file_, dir_ / "copy.seq"},
                                    {"adopt", file_, "--floor", "99"}};
  for (const auto& line : writing) {
    const auto refused = run_tool(line);
    EXPECT_EQ(refused.status, 5) << line[0];
    EXPECT_THAT(refused.err, HasSubstr(file_ + ": is open ")) << line[0];
  }
  EXPECT_EQ(on_file("create", {"trades"}).status, 4);
  ASSERT_TRUE(file->close());
  EXPECT_EQ(done("next", {"trades"}), "11\n");
}

// ---- named sequences

TEST_F(verbs, named_sequences_are_defined_taken_and_moved) {
  EXPECT_EQ(done("define", {"s", "--increment", "-3", "--minimum", "-8", "--cycle"}),
            file_ + ": created 's': start -1, increment -3, -8 to -1, cache 1, cycle, next -1, "
                    "epoch 0\n");
  EXPECT_EQ(done("nextval", {"s", "--count", "4"}), "-1\n-4\n-7\n-1\n");
  EXPECT_EQ(done("setval", {"s", "-8"}), "-8\n");
  EXPECT_EQ(done("nextval", {"s"}), "-1\n");
  EXPECT_EQ(done("setval", {"s", "-5", "--not-called"}), "-5\n");
  EXPECT_EQ(done("range", {"s", "4"}),
            "-5 -4 cycles 1 increment -3 minimum -8 maximum -1\n");
  EXPECT_THAT(done("restart", {"s"}), HasSubstr("next -1, epoch "));
  EXPECT_THAT(done("restart", {"s", "-7"}), HasSubstr("next -7, epoch "));
  EXPECT_THAT(done("alter", {"s", "--increment", "2", "--no-maximum", "--no-cycle", "--cache",
                             "5", "--restart-with", "10"}),
              HasSubstr("altered 's': start -1, increment 2, -8 to 9223372036854775807, cache 5, "
                        "no cycle, next 10, epoch "));
  EXPECT_EQ(done("nextval", {"s"}), "10\n");
  EXPECT_EQ(done("nextval", {"s"}), "20\n") << "the first call's session held 12 to 18";
  const auto all = parsed("list");
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["kind"], "named");
  EXPECT_EQ(all[0]["last_value"], 28);
  EXPECT_EQ(all[0]["is_called"], true);
  EXPECT_EQ(all[0]["minimum"], -8);
  EXPECT_THAT(done("list"), HasSubstr("named"));
  EXPECT_THAT(done("list"), HasSubstr("> 28"));
  EXPECT_EQ(done("drop", {"s"}), file_ + ": dropped 's'\n");
  EXPECT_THAT(done("list"), HasSubstr("no sequences yet"));
}

TEST_F(verbs, named_sequences_refuse_what_is_wrong) {
  done("define", {"s", "--maximum", "2"});
  EXPECT_EQ(on_file("define", {"s"}).status, 4);
  EXPECT_EQ(on_file("define", {"t", "--increment", "0"}).status, 3);
  EXPECT_EQ(on_file("define", {"t", "--cycle", "--no-cycle"}).status, 3);
  EXPECT_EQ(on_file("define", {"t", "--start", "1e3"}).status, 3);
  EXPECT_EQ(on_file("define", {"t", "--start", "9223372036854775808"}).status, 3);
  EXPECT_EQ(on_file("alter", {"s", "--minimum", "5"}).status, 3);
  EXPECT_EQ(on_file("setval", {"s", "3"}).status, 3);
  EXPECT_EQ(on_file("restart", {"s", "0"}).status, 3);
  EXPECT_EQ(on_file("nextval", {"nobody"}).status, 3);
  EXPECT_EQ(on_file("drop", {"nobody"}).status, 3);
  EXPECT_EQ(on_file("range", {"s", "3"}).status, 8);
  const auto ended = on_file("nextval", {"s", "-n", "3"});
  EXPECT_EQ(ended.status, 8);
  EXPECT_EQ(ended.out, "1\n2\n");
  EXPECT_EQ(ended.err, "sequencer: " + file_ + ": sequence 's': the last number of this sequence "
                                               "has been issued\n");
  EXPECT_EQ(on_file("next", {"s"}).status, 3) << "strict sequences' verb";
}

TEST_F(verbs, a_session_keeps_its_last_numbers) {
  done("define", {"s"});
  done("define", {"my orders", "--start", "10"});
  const auto said = command::run(
      {"bash", "-c",
       "printf '%s\\n' 'lastval' 'currval s' 'nextval s' 'nextval \"my orders\"' 'currval s' "
       "lastval 'setval s -5' 'setval s 50' 'currval s' 'setval s 70 --not-called' 'nextval s' "
       "'nonsense' '' | \"$0\" session \"$1\"",
       TOOL_PROGRAM, file_});
  EXPECT_EQ(said.status, 5) << "the first failure's";
  EXPECT_EQ(said.out, "1\n10\n1\n10\n50\n50\n70\n70\n");
  EXPECT_THAT(said.err, HasSubstr("this session has taken no number yet"));
  EXPECT_THAT(said.err, HasSubstr("'s': this session has taken no number of it yet"));
  EXPECT_THAT(said.err, HasSubstr("cannot be set to -5, which is not within 1 .. "));
  EXPECT_THAT(said.err, HasSubstr("'nonsense'"));
}

}  // namespace
