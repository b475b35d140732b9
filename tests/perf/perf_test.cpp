// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What the measuring program writes, and that a contender that is wrong comes out void.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "tests/tool/command.hpp"

namespace {

using command::outcome;
using command::words;
using nlohmann::json;
using testing::HasSubstr;

using names = std::set<std::string>;

outcome measure(words arguments) {
  arguments.insert(arguments.begin(), PERF_PROGRAM);
  return command::run(arguments);
}

names keys_of(const json& object) {
  names keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

// One tiny run, with a contender that issues numbers twice.
json tiny_run() {
  const command::scratch scratch;
  const auto file = scratch / "out.json";
  const auto ran = measure({"--quick", "--rounds", "3", "--slice-ms", "0.2", "--seed", "7",
                            "--plant-wrong", "--case", "counter_strict", "--case",
                            "counter_durable", "--case", "counter_block", "--case",
                            "durable_each", "--directory", scratch / "", "--json", file});
  EXPECT_EQ(ran.status, 0) << ran.err;
  std::ifstream in(file);
  return json::parse(in, nullptr, false);
}

void expect_top_level(const json& measured) {
  ASSERT_TRUE(measured.is_object());
  EXPECT_EQ(keys_of(measured), (names{"version", "host", "rows", "ratios", "sizes",
                                       "targets", "remarks"}));
  EXPECT_EQ(measured["version"], 1);
  EXPECT_EQ(measured["host"]["seed"], 7);
  EXPECT_GT(measured["host"]["cpus"], 0);
}

void expect_rows(const json& measured) {
  ASSERT_FALSE(measured["rows"].empty());
  for (const auto& row : measured["rows"]) {
    auto keys = keys_of(row);
    EXPECT_EQ(keys.erase("why"), row["valid"] == false) << row;
    keys.erase("disturbed");  // only where something did
    EXPECT_EQ(keys, (names{"case", "contender", "params", "unit", "rounds", "discarded",
                                   "p10", "median", "p90", "valid", "transfer_ns"}));
    EXPECT_EQ(keys_of(row["params"]),
              (names{"payload", "batch", "threads", "capacity", "placement"}));
    EXPECT_TRUE(row["unit"] == "ns/item" || row["unit"] == "ns") << row;
    EXPECT_LE(row["p10"], row["median"]) << row;
    EXPECT_LE(row["median"], row["p90"]) << row;
    EXPECT_GE(row["rounds"], 1) << row;
    EXPECT_LE(row["rounds"], 3) << row;
  }
}

void expect_ratios(const json& measured) {
  for (const auto& ratio : measured["ratios"]) {
    EXPECT_EQ(keys_of(ratio),
              (names{"case", "params", "ours", "peer", "median", "low", "high", "wins", "rounds"}));
    EXPECT_LE(ratio["wins"], ratio["rounds"]) << ratio;
    EXPECT_LE(ratio["low"], ratio["median"]) << ratio;
    EXPECT_LE(ratio["median"], ratio["high"]) << ratio;
  }
}

void expect_contenders(const json& measured) {
  std::map<std::string, names> found;
  for (const auto& row : measured["rows"]) found[row["case"]].insert(row["contender"]);
  EXPECT_EQ(found["counter_strict"], (names{"null", "sequencer", "fetch_add", "cas_loop", "mutex",
                                            "planted_wrong"}));
  EXPECT_EQ(found["counter_durable"], (names{"null", "sequencer", "sequencer:no_live",
                                             "sequencer:volatile", "fetch_add"}));
  EXPECT_EQ(found["counter_block"],
            (names{"null", "sequencer", "sequencer:live", "thread_local", "fetch_add"}));
  EXPECT_EQ(found["durable_each"], (names{"sequencer", "pwrite_fdatasync", "pwrite_dsync",
                                          "sequencer:one_thread"}));
}

void expect_only_the_planted_one_void(const json& measured) {
  for (const auto& row : measured["rows"]) {
    EXPECT_EQ(row["valid"], row["contender"] != "planted_wrong") << row;
  }
}

TEST(perf, its_json_is_as_documented_and_a_wrong_contender_is_void) {
  const auto measured = tiny_run();
  expect_top_level(measured);
  expect_rows(measured);
  expect_ratios(measured);
  expect_contenders(measured);
  expect_only_the_planted_one_void(measured);
}

// One tiny run of contests of the ring, with a wrong contender of each kind.
TEST(perf, a_wrong_ring_a_wrong_graph_and_a_wrong_disruptor_are_void) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "a ring's contests need 2 CPUs";
  const command::scratch scratch;
  const auto file = scratch / "out.json";
  const auto ran = measure({"--quick", "--rounds", "3", "--slice-ms", "0.2", "--plant-wrong",
                            "--case", "ring_1p1c", "--case", "ring_broadcasts", "--case", "graphs",
                            "--case", "ping_pong", "--directory", scratch / "", "--json", file});
  ASSERT_EQ(ran.status, 0) << ran.err;
  std::ifstream in(file);
  std::map<std::string, names> wrong;
  const auto measured = json::parse(in, nullptr, false);
  for (const auto& row : measured["rows"]) {
    const std::string who = row["contender"];
    EXPECT_EQ(row["valid"], !who.starts_with("planted_wrong")) << row;
    if (!row["valid"]) wrong[row["case"]].insert(who);
  }
  names in_ring{"planted_wrong", "planted_wrong_order"};
  if (ran.out.find("not measured: lmax") == ran.out.npos) in_ring.insert("planted_wrong_lmax");
  EXPECT_EQ(wrong["ring_1p1c"], in_ring);
  for (const char* each : {"ring_1p2c", "ring_1p3c", "pipeline_3", "ping_pong"}) {
    EXPECT_TRUE(wrong[each].contains("planted_wrong")) << each;
  }
}

TEST(perf, sleepers_and_what_a_ring_takes_are_measured) {
  const auto ran = measure({"--quick", "--rounds", "3", "--slice-ms", "0.2", "--case", "wake_up",
                            "--case", "parking_publish", "--case", "ring_memory"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("a slot of an event of 48 bytes: 64 bytes"));
  EXPECT_THAT(ran.out, testing::Not(HasSubstr("VOID")));
}

TEST(perf, sizes_are_within_their_targets) {
  const command::scratch scratch;
  const auto ran = measure({"--case", "sizes", "--directory", scratch / ""});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("live region, a strict sequence"));
  EXPECT_THAT(ran.out, testing::Not(HasSubstr("SHORT")));
}

TEST(perf, lists_its_cases_and_refuses_others) {
  const auto list = measure({"--list"});
  EXPECT_EQ(list.status, 0);
  EXPECT_THAT(list.out, HasSubstr("counter_strict"));
  EXPECT_EQ(measure({"--case", "none"}).status, 2);
}

TEST(perf_run, says_what_it_does_and_what_it_does_not_know) {
  const auto help = command::run({PERF_RUN, "--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("--quick"));
  const auto refused = command::run({PERF_RUN, "--none"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("unknown option --none"));
}

}  // namespace
