// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The running view: in lines, and as a picture on a terminal.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <sstream>

#include <sequencer/checkpoint.hpp>

#include "command.hpp"

namespace {

using command::lines_of;
using command::run_tool;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// One line of the view that is meant for programs.
struct watched {
  std::string time, next, rate, ahead, waits, syncs, lag, slowest, name;

  explicit watched(const std::string& line) {
    std::istringstream from(line);
    from >> time >> next >> rate >> ahead >> waits >> syncs >> lag >> slowest;
    std::getline(from >> std::ws, name);
  }
};

class watch : public testing::Test {
 protected:
  watch() {
    auto opened = sequencer::checkpoint::open(path_, {.create = true});
    if (!opened) ADD_FAILURE() << opened.text();
    file_.emplace(std::move(*opened));
  }

  void take(const std::string& name, int count) {
    auto sequence = file_->sequence(name);
    ASSERT_TRUE(sequence) << sequence.text();
    for (int i = 0; i < count; ++i) ASSERT_TRUE(sequence->next());
  }

  command::scratch dir_;
  const std::string path_ = dir_ / "desk.seq";
  std::optional<sequencer::checkpoint> file_;
};

TEST_F(watch, follows_a_running_writer) {
  take("trades", 1);
  if (!file_->live()) GTEST_SKIP() << "no live region on this host: " << file_->live_refusal();
  command::running view(command::sequencer({"watch", path_, "--interval", "0.01"}));
  EXPECT_THAT(view.line(), StartsWith("TIME "));
  // Takes numbers until the view has shown that they come at a rate, and that marks
  // are synced for them.
  bool moved = false;
  std::uint64_t last = 0;
  while (!moved) {
    take("trades", 1000);
    const auto line = view.line();
    ASSERT_NE(line, "");
    const watched at(line);
    EXPECT_EQ(at.name, "trades");
    const auto next = std::stoull(at.next);
    EXPECT_GE(next, last);
    last = next;
    EXPECT_GE(std::stoull(at.ahead), 1u);
    moved = at.rate != "-" && std::stoull(at.rate) > 0 && std::stoull(at.syncs) > 0;
  }
  view.signal(SIGINT);
  const auto ended = view.finish();
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.err, "");
}

TEST_F(watch, ends_after_the_looks_it_was_asked_for) {
  take("trades", 3);
  take("orders", 5);
  const auto seen = run_tool({"watch", path_, "--count", "3", "--interval", "0.01"});
  EXPECT_EQ(seen.status, 0);
  EXPECT_EQ(lines_of(seen.out).size(), 1u + 3 * 2);
  const auto one = run_tool({"watch", path_, "orders", "--count", "2", "--interval", "0.01"});
  ASSERT_EQ(lines_of(one.out).size(), 3u);
  EXPECT_EQ(watched(lines_of(one.out)[1]).name, "orders");
  EXPECT_EQ(watched(lines_of(one.out)[1]).rate, "-");
  EXPECT_EQ(watched(lines_of(one.out)[2]).rate, "0");
}

TEST_F(watch, shows_a_file_that_nobody_has_open) {
  take("trades", 3);
  ASSERT_TRUE(file_->close());
  const auto seen = run_tool({"watch", path_, "--count", "1"});
  EXPECT_EQ(seen.status, 0);
  const watched at(lines_of(seen.out).at(1));
  EXPECT_EQ(at.next, "4");
  EXPECT_EQ(at.ahead, "0");
  EXPECT_EQ(at.syncs, "-");
}

TEST_F(watch, ends_when_its_file_goes) {
  take("trades", 1);
  command::running view(command::sequencer({"watch", path_, "--interval", "0.01"}));
  ASSERT_NE(view.line(), "");
  std::filesystem::rename(path_, dir_ / "elsewhere");
  const auto ended = view.finish();
  std::filesystem::rename(dir_ / "elsewhere", path_);
  EXPECT_EQ(ended.status, 3);
  EXPECT_THAT(ended.err, HasSubstr("No such file or directory"));
}

// What the tool writes to a terminal of that many rows and columns.
std::string on_terminal(const char* kind, unsigned short rows, unsigned short columns,
                        const command::words& line) {
  struct winsize size {};
  size.ws_row = rows;
  size.ws_col = columns;
  int screen = -1;
  const auto child = ::forkpty(&screen, nullptr, nullptr, &size);
  if (child == 0) {
    ::setenv("TERM", kind, 1);
    std::vector<char*> arguments;
    for (const auto& each : line) arguments.push_back(const_cast<char*>(each.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  std::string seen;
  char bytes[4096];
  for (;;) {
    const auto got = ::read(screen, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;  // EIO: the other side is closed
    seen.append(bytes, static_cast<std::size_t>(got));
  }
  ::close(screen);
  int how = 0;
  EXPECT_EQ(::waitpid(child, &how, 0), child);
  EXPECT_TRUE(WIFEXITED(how) && WEXITSTATUS(how) == 0) << seen;
  return seen;
}

std::size_t count(const std::string& in, const std::string& what) {
  std::size_t found = 0;
  for (auto at = in.find(what); at != in.npos; at = in.find(what, at + what.size())) ++found;
  return found;
}

TEST_F(watch, redraws_in_place_on_a_terminal) {
  take("trades", 1234);
  const auto line = command::sequencer({"watch", path_, "--count", "3", "--interval", "0.01"});
  const auto seen = on_terminal("xterm", 24, 120, line);
  EXPECT_EQ(count(seen, "NAME "), 3u);
  EXPECT_EQ(count(seen, "A\r"), 2u) << "goes back up before the second and third picture";
  EXPECT_THAT(seen, HasSubstr("open in process " + std::to_string(::getpid())));
  EXPECT_THAT(seen, HasSubstr("trades"));
  if (file_->live()) {
    EXPECT_THAT(seen, HasSubstr("1,235"));
    EXPECT_THAT(seen, HasSubstr("keeper lag "));
  }
}

TEST_F(watch, a_picture_fits_a_small_terminal) {
  for (int i = 0; i < 20; ++i) take("sequence-" + std::to_string(i), 1);
  const auto line = command::sequencer({"watch", path_, "--count", "2", "--interval", "0.01"});
  const auto seen = on_terminal("xterm", 10, 30, line);
  EXPECT_THAT(seen, HasSubstr("and 16 more: name those to"));
  EXPECT_THAT(seen, HasSubstr("\x1b[9A\r"));
  EXPECT_EQ(count(seen, "\n"), 2u * 9);
  std::string text;
  for (std::size_t at = 0; at < seen.size(); ++at) {
    if (seen[at] != '\x1b') {
      text += seen[at];
    } else {
      at = seen.find_first_of("AJK", at);
    }
  }
  for (const auto& each : lines_of(text)) {
    EXPECT_LE(each.size(), 29u + 2) << each;  // and the carriage returns
  }
}

TEST_F(watch, a_dumb_terminal_gets_lines) {
  take("trades", 1);
  const auto line = command::sequencer({"watch", path_, "--count", "2", "--interval", "0.01"});
  const auto seen = on_terminal("dumb", 24, 120, line);
  EXPECT_THAT(seen, Not(HasSubstr("\x1b")));
  EXPECT_THAT(seen, StartsWith("TIME "));
}

}  // namespace
