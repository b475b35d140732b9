// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// logbook run, kill and check, end to end; and that the check sees what it is there to see.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include "tests/tool/command.hpp"

namespace {

using command::outcome;
using command::words;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr int bad_input = 2;
constexpr int broken_promise = 1;

std::uint64_t seed() {
  static const std::uint64_t chosen = [] {
    const char* given = std::getenv("SEQUENCER_SEED");
    const auto value =
        given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::cout << "SEQUENCER_SEED=" << value << "\n";
    return value;
  }();
  return chosen;
}

outcome logbook(words arguments) {
  arguments.insert(arguments.begin(), LOGBOOK_PROGRAM);
  return command::run(arguments);
}

// A log directory with an input of its own beside it.
class logbook_test : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream input(input_);
    for (int i = 0; i < 1000; ++i) input << "line " << i << " of the input\twith a tab\n";
    input << "a last line without its newline";
  }

  words run_line(words more) const {
    words line{"run", logs_, "--input", input_};
    line.insert(line.end(), more.begin(), more.end());
    return line;
  }

  std::uintmax_t bytes_logged() const {
    std::uintmax_t all = 0;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(logs_, ignored)) {
      if (entry.path().extension() == ".log") all += fs::file_size(entry.path(), ignored);
    }
    return all;
  }

  // Starts an endless run and kills it once it has logged a random amount more.
  void run_and_kill(const words& more) {
    auto line = run_line({"--lines", "1000000000", "--quiet"});
    line.insert(line.begin(), LOGBOOK_PROGRAM);
    line.insert(line.end(), more.begin(), more.end());
    const auto enough = bytes_logged() + 1 + random_() % 300'000;
    command::running engine(line);
    while (bytes_logged() < enough && !engine.ended()) std::this_thread::yield();
    engine.signal(SIGKILL);
    EXPECT_EQ(engine.finish().status, 128 + SIGKILL);
  }

  void run_killed_often(const words& more) {
    for (int i = 0; i < 6; ++i) run_and_kill(more);
    auto line = run_line({"--quiet"});
    line.insert(line.end(), more.begin(), more.end());
    const auto last = logbook(line);
    ASSERT_EQ(last.status, 0) << last.err;
  }

  outcome check() const { return logbook({"check", logs_}); }

  std::map<std::string, std::string> checked_values() const {
    const auto found = logbook({"check", logs_, "--values"});
    EXPECT_EQ(found.status, 0) << found.out << check().out;
    std::map<std::string, std::string> values;
    std::istringstream lines(found.out);
    for (std::string line; std::getline(lines, line);) {
      const auto equals = line.find('=');
      values[line.substr(0, equals)] = line.substr(equals + 1);
    }
    return values;
  }

  std::string log_of(int thread) const {
    return logs_ + "/run-0000000001-" + std::to_string(thread) + ".log";
  }

  static words lines_of(const std::string& path) {
    words lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

  static void write(const std::string& path, const words& lines) {
    std::ofstream file(path);
    for (const auto& line : lines) file << line << "\n";
  }

  static std::uint64_t number_of(const std::string& line) { return std::stoull(line); }

  command::scratch scratch_;
  const std::string logs_ = scratch_ / "logs";
  const std::string input_ = scratch_ / "input";
  std::mt19937_64 random_{seed()};
};

TEST_F(logbook_test, one_orderly_run_logs_every_line_once) {
  ASSERT_EQ(logbook(run_line({"--threads", "3"})).status, 0);
  const auto values = checked_values();
  EXPECT_EQ(values.at("lines"), "1001");
  EXPECT_EQ(values.at("issued"), "1001");
  EXPECT_EQ(values.at("in_flight"), "0");
  EXPECT_EQ(values.at("never_issued"), "0");
}

TEST_F(logbook_test, kills_with_a_live_region_lose_no_number) {
  run_killed_often({"--live", "required"});
  const auto values = checked_values();
  EXPECT_EQ(values.at("killed"), "6");
  EXPECT_EQ(values.at("duplicates"), "0");
  EXPECT_EQ(values.at("never_issued"), "0");
}

TEST_F(logbook_test, kills_without_one_stay_within_the_bound) {
  run_killed_often({"--live", "off", "--max-gap", "4096"});
  const auto values = checked_values();
  EXPECT_EQ(values.at("duplicates"), "0");
  EXPECT_LE(std::stoull(values.at("never_issued_most")), 4096u);
}

TEST_F(logbook_test, kills_in_block_mode_leave_every_unissued_number_listed) {
  run_killed_often({"--live", "required", "--block", "100"});
  const auto values = checked_values();
  EXPECT_EQ(values.at("duplicates"), "0");
  EXPECT_GE(std::stoull(values.at("listed_holes")), std::stoull(values.at("never_issued")));
}

TEST_F(logbook_test, kills_with_each_lose_at_most_the_calls_in_flight) {
  // Long lines: buffers fill after a few syncs.
  std::ofstream(input_) << std::string(30'000, 'x') << "\n";
  for (int i = 0; i < 2; ++i) run_and_kill({"--live", "off", "--durability", "each", "-t", "1"});
  const auto values = checked_values();
  EXPECT_LE(std::stoull(values.at("never_issued_most")), 1u);
}

TEST_F(logbook_test, a_line_cut_off_by_a_kill_is_recognised) {
  run_and_kill({"--live", "required"});
  std::ofstream(log_of(0), std::ios::app) << "99999999\thalf a li";
  ASSERT_EQ(logbook(run_line({"--quiet"})).status, 0);
  EXPECT_EQ(checked_values().at("duplicates"), "0");
}

TEST_F(logbook_test, check_finds_a_number_written_twice) {
  ASSERT_EQ(logbook(run_line({})).status, 0);
  auto logs = std::array{lines_of(log_of(0)), lines_of(log_of(1))};
  const bool second_is_higher = number_of(logs[1].back()) > number_of(logs[0].back());
  const auto copied = logs[second_is_higher].back();
  logs[!second_is_higher].push_back(copied);
  write(log_of(!second_is_higher), logs[!second_is_higher]);
  const auto found = check();
  EXPECT_EQ(found.status, broken_promise);
  EXPECT_THAT(found.out, HasSubstr("1 numbers were written twice"));
}

TEST_F(logbook_test, check_finds_numbers_out_of_order) {
  ASSERT_EQ(logbook(run_line({})).status, 0);
  auto lines = lines_of(log_of(0));
  std::swap(lines[10], lines[11]);
  write(log_of(0), lines);
  const auto found = check();
  EXPECT_EQ(found.status, broken_promise);
  EXPECT_THAT(found.out, HasSubstr("run 1: 1 numbers not above the one before them"));
}

TEST_F(logbook_test, check_finds_a_hole) {
  ASSERT_EQ(logbook(run_line({})).status, 0);
  auto lines = lines_of(log_of(1));
  lines.erase(lines.begin() + 20, lines.begin() + 23);
  write(log_of(1), lines);
  const auto found = check();
  EXPECT_EQ(found.status, broken_promise);
  EXPECT_THAT(found.out, HasSubstr("run 1: 3 lines missing that were written"));
}

TEST_F(logbook_test, check_finds_a_number_that_belongs_to_another_run) {
  ASSERT_EQ(logbook(run_line({})).status, 0);
  ASSERT_EQ(logbook(run_line({})).status, 0);
  auto lines = lines_of(log_of(0));
  lines.back() = "1500\t" + lines.back();
  write(log_of(0), lines);
  const auto found = check();
  EXPECT_EQ(found.status, broken_promise);
  EXPECT_THAT(found.out, HasSubstr("run 1: 1 numbers outside the run's own span"));
}

TEST_F(logbook_test, bad_input_is_named) {
  const auto refused = [](const outcome& found, const std::string& said) {
    EXPECT_EQ(found.status, bad_input);
    EXPECT_THAT(found.err, HasSubstr(said));
  };
  const auto empty = scratch_ / "empty";
  std::ofstream{empty};
  refused(logbook({"run", logs_, "--input", scratch_ / "none"}), "No such file or directory");
  refused(logbook({"run", logs_, "--input", empty}), "is empty");
  refused(logbook({"run", empty + "/below", "--input", input_}), "making the directory");
  refused(logbook({"run", empty, "--input", input_}), "directory");
  refused(logbook({"run", logs_}), "--input is required");
  refused(logbook({"check", scratch_ / "none"}), "is not a directory");
  fs::create_directory(scratch_ / "bare");
  refused(logbook({"check", scratch_ / "bare"}), "has no logs");
}

TEST_F(logbook_test, directories_of_two_checkpoints_are_not_mixed) {
  ASSERT_EQ(logbook(run_line({})).status, 0);
  const auto other = scratch_ / "other.seq";
  const auto mixed = logbook(run_line({"--checkpoint", other}));
  EXPECT_EQ(mixed.status, bad_input);
  EXPECT_THAT(mixed.err, HasSubstr("another checkpoint"));
  ASSERT_EQ(logbook({"run", scratch_ / "logs-2", "-i", input_, "-c", other}).status, 0);
  const auto checked = logbook({"check", logs_, "--checkpoint", other});
  EXPECT_EQ(checked.status, bad_input);
  EXPECT_THAT(checked.err, HasSubstr("stamped from another checkpoint"));
}

TEST_F(logbook_test, help_says_what_it_is_for) {
  const auto help = logbook({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("Exit status"));
}

}  // namespace
