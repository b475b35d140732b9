// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What the measuring program writes, and that a contender that is wrong comes out void.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
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
                            "counter_percpu", "--case", "durable_each", "--directory",
                            scratch / "", "--json", file});
  EXPECT_EQ(ran.status, 0) << ran.err;
  std::ifstream in(file);
  return json::parse(in, nullptr, false);
}

void expect_top_level(const json& measured) {
  ASSERT_TRUE(measured.is_object());
  auto keys = keys_of(measured);
  // Where a thread may not be bound there is a remark instead.
  if (keys.erase("line_latency") == 0) {
    EXPECT_THAT(measured["remarks"].dump(), HasSubstr("not measured: from core to core"));
  }
  EXPECT_EQ(keys, (names{"version", "host", "doctor", "rows", "ratios", "sizes", "targets",
                         "remarks"}));
  EXPECT_EQ(measured["version"], 1);
  EXPECT_EQ(measured["host"]["seed"], 7);
  EXPECT_GT(measured["host"]["cpus"], 0);
  for (const char* each : {"cpu_family", "cpu_model", "cpu_stepping", "l1_bytes", "l2_bytes",
                           "l3_bytes"}) {
    EXPECT_TRUE(measured["host"].contains(each)) << each;
  }
}

// What is between cores and how the host is set up, as a program reads it.
void expect_machine(const json& measured) {
  if (measured.contains("line_latency")) {
    const auto& lines = measured["line_latency"];
    EXPECT_EQ(keys_of(lines), (names{"cpus", "one_way_ns"}));
    const auto cores = lines["cpus"].size();
    ASSERT_EQ(lines["one_way_ns"].size(), cores);
    for (std::size_t i = 0; i < cores; ++i) {
      ASSERT_EQ(lines["one_way_ns"][i].size(), cores);
      for (std::size_t j = 0; j < cores; ++j) EXPECT_EQ(lines["one_way_ns"][i][j] > 0, i != j);
    }
  }
  ASSERT_FALSE(measured["doctor"].empty());
  for (const auto& each : measured["doctor"]) {
    EXPECT_EQ(keys_of(each), (names{"topic", "verdict", "found", "advice"}));
    EXPECT_TRUE((names{"good", "mind", "hurts", "unknown"}).contains(each["verdict"])) << each;
    EXPECT_TRUE(each["advice"].is_string() || each["advice"].is_null()) << each;
  }
}

void expect_rows(const json& measured) {
  ASSERT_FALSE(measured["rows"].empty());
  for (const auto& row : measured["rows"]) {
    auto keys = keys_of(row);
    const bool of_blocks = (row["case"] == "counter_block" || row["case"] == "counter_percpu") &&
                           row.contains("gap");
    if (of_blocks) keys.erase("gap");
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
  EXPECT_EQ(found["counter_strict"],
            (names{"null", "sequencer", "sequencer:combining", "sequencer:combining_always",
                   "fetch_add", "cas_loop", "mutex", "planted_wrong"}));
  EXPECT_EQ(found["counter_durable"], (names{"null", "sequencer", "sequencer:no_live",
                                             "sequencer:volatile", "fetch_add"}));
  EXPECT_EQ(found["counter_block"],
            (names{"null", "sequencer", "sequencer:live", "thread_local", "fetch_add"}));
  auto percpu = found["counter_percpu"];
  percpu.erase("sequencer");  // where there are no restartable sequences
  EXPECT_EQ(percpu, (names{"null", "sequencer:exclusive", "sequencer:handles", "getcpu_fetch_add",
                           "fetch_add", "planted_wrong"}));
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
  expect_machine(measured);
  expect_rows(measured);
  expect_ratios(measured);
  expect_contenders(measured);
  expect_only_the_planted_one_void(measured);
}

// The rows of a tiny run of one case. Where there are two CPUs all cases have some.
json rows_of(const std::string& name, words more = {}) {
  const command::scratch scratch;
  const auto file = scratch / "out.json";
  words asked{"--quick", "--rounds", "3",      "--slice-ms", "0.2",   "--case",
              name,      "--directory", scratch / "", "--json", file};
  asked.insert(asked.end(), more.begin(), more.end());
  const auto ran = measure(asked);
  EXPECT_EQ(ran.status, 0) << ran.err;
  std::ifstream in(file);
  return json::parse(in, nullptr, false)["rows"];
}

// The values that a parameter has in the rows of a contender.
std::set<std::uint64_t> values_of(const json& rows, const std::string& contender,
                                  const std::string& parameter) {
  std::set<std::uint64_t> found;
  for (const auto& row : rows) {
    EXPECT_TRUE(row["valid"]) << row;
    if (row["contender"] != contender) continue;
    found.insert(row["params"][parameter].get<std::uint64_t>());
  }
  return found;
}

TEST(perf, counters_are_measured_with_more_threads_than_cpus_too) {
  const auto cpus = std::thread::hardware_concurrency();
  const auto counts = values_of(rows_of("counter_strict"), "sequencer", "threads");
  EXPECT_TRUE(counts.contains(1));
  EXPECT_TRUE(counts.contains(2 * cpus));
}

TEST(perf, a_larger_block_may_lose_more_numbers_and_its_row_says_how_many) {
  const auto rows = rows_of("block_gap");
  EXPECT_EQ(values_of(rows, "sequencer", "capacity"), (std::set<std::uint64_t>{1, 256, 65'536}));
  for (const auto& row : rows) {
    EXPECT_EQ(row.contains("gap"), row["contender"] != "fetch_add") << row;
    if (!row.contains("gap")) continue;
    const std::uint64_t block = row["params"]["capacity"];
    const std::uint64_t threads = row["params"]["threads"];
    EXPECT_EQ(row["gap"], block * threads) << row;
  }
}

TEST(perf, blocks_by_tiers_say_what_may_be_lost_and_who_refilled) {
  const command::scratch scratch;
  const auto file = scratch / "out.json";
  const auto ran = measure({"--quick", "--rounds", "3", "--slice-ms", "0.2", "--case",
                            "block_tiers", "--directory", scratch / "", "--json", file});
  EXPECT_EQ(ran.status, 0) << ran.err;
  std::ifstream in(file);
  const auto measured = json::parse(in, nullptr, false);
  std::set<std::string> contenders;
  for (const auto& row : measured["rows"]) {
    contenders.insert(row["contender"]);
    EXPECT_EQ(row["valid"], true) << row;
    EXPECT_GE(row["gap"], 4096 * row["params"]["threads"].get<std::uint64_t>()) << row;
  }
  EXPECT_EQ(contenders, (std::set<std::string>{"sequencer", "sequencer:one_domain",
                                               "sequencer:flat"}));
  EXPECT_THAT(measured["remarks"].dump(), HasSubstr("refills in a million numbers"));
}

TEST(perf, sweeps_have_a_row_for_each_batch_payload_and_size) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "a ring's contests need 2 CPUs";
  using set = std::set<std::uint64_t>;
  const auto batches = rows_of("sweep_batch");
  const auto payloads = rows_of("sweep_payload");
  for (const char* each : {"sequencer", "boost_spsc"}) {
    EXPECT_EQ(values_of(batches, each, "batch"), (set{1, 512}));
    EXPECT_EQ(values_of(payloads, each, "payload"), (set{8, 256}));
  }
  const auto sizes = values_of(rows_of("sweep_slots"), "sequencer", "capacity").size();
  if (!std::filesystem::exists("/sys/devices/system/cpu/cpu0/cache")) {
    EXPECT_EQ(sizes, 0u);
    GTEST_SKIP() << "the kernel shows no caches here, so no ring can be as large as they are";
  }
  EXPECT_GE(sizes, 2u);
}

// One tiny run of contests of the ring, with a wrong contender of each kind.
TEST(perf, a_wrong_ring_a_wrong_graph_and_a_wrong_disruptor_are_void) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "a ring's contests need 2 CPUs";
  const command::scratch scratch;
  const auto file = scratch / "out.json";
  const auto ran = measure({"--quick", "--rounds", "3", "--slice-ms", "0.2", "--plant-wrong",
                            "--case", "unicast_1p1c", "--case", "multicast_1p2c", "--case",
                            "multicast_1p3c", "--case", "many_to_many", "--case", "work_sharing",
                            "--case", "one_way_load", "--case", "placements", "--case",
                            "pipeline_3", "--case", "ping_pong",
                            "--directory", scratch / "", "--json", file});
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
  EXPECT_EQ(wrong["unicast_1p1c"], in_ring);
  for (const char* each : {"multicast_1p2c", "multicast_1p3c", "many_to_many_2p2c",
                           "work_sharing_1p2w", "pipeline_3", "ping_pong"}) {
    EXPECT_TRUE(wrong[each].contains("planted_wrong")) << each;
  }
  EXPECT_TRUE(wrong["pipeline_3"].contains("planted_wrong_batch"));
}

// The figures of a tiny run's first ratio of ours to a peer, "threads" 1.
json ratio_of(const json& measured, const std::string& ours, const std::string& peer) {
  for (const auto& each : measured["ratios"]) {
    const bool here = each["ours"] == ours && each["peer"] == peer;
    if (here && each["params"]["threads"] == 1) return each;
  }
  return {};
}

TEST(perf, a_slow_contender_is_found_slow_and_ours_beside_itself_is_not) {
  const command::scratch scratch;
  const auto file = scratch / "out.json";
  const auto ran = measure({"--quick", "--rounds", "9", "--slice-ms", "0.5", "--plant", "--case",
                            "counter_strict", "--json", file});
  ASSERT_EQ(ran.status, 0) << ran.err;
  std::ifstream in(file);
  const auto measured = json::parse(in, nullptr, false);
  // Five pauses for a number, beside one instruction.
  const auto slow = ratio_of(measured, "sequencer", "planted_slow");
  ASSERT_TRUE(slow.is_object());
  EXPECT_GT(slow["low"], 1.0) << slow;
  const auto again = ratio_of(measured, "sequencer:again", "sequencer");
  ASSERT_TRUE(again.is_object());
  EXPECT_LT(again["low"], slow["low"]) << again << slow;
}

TEST(perf, only_the_peers_that_are_asked_for_take_part) {
  const command::scratch scratch;
  const auto file = scratch / "out.json";
  const words line{"--quick", "--rounds", "3", "--slice-ms", "0.2", "--case", "counter_strict"};
  auto asked = line;
  for (const char* each : {"--peer", "mutex", "--json"}) asked.push_back(each);
  asked.push_back(file);
  EXPECT_EQ(measure(asked).status, 0);
  std::ifstream in(file);
  names found;
  const auto measured = json::parse(in, nullptr, false);
  for (const auto& row : measured["rows"]) found.insert(row["contender"]);
  EXPECT_EQ(found, (names{"null", "sequencer", "sequencer:combining",
                          "sequencer:combining_always", "mutex"}));
  for (const auto& each : measured["ratios"]) EXPECT_EQ(each["peer"], "mutex");
  auto nobody = line;
  for (const char* each : {"--peer", "nobody"}) nobody.push_back(each);
  const auto refused = measure(nobody);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("--peer nobody"));
}

// Processes that work in a directory, or below.
std::set<pid_t> at_work_in(const std::string& directory) {
  namespace fs = std::filesystem;
  std::set<pid_t> found;
  std::error_code gone;
  for (const auto& each : fs::directory_iterator("/proc", gone)) {
    const auto name = each.path().filename().string();
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    const auto where = fs::read_symlink(each.path() / "cwd", gone).string();
    if (!gone && where.starts_with(directory)) found.insert(std::stoi(name));
  }
  return found;
}

// A server that does not run as root passes through to its own directory.
void let_servers_in(const command::scratch& scratch) {
  namespace fs = std::filesystem;
  fs::permissions(scratch / "", fs::perms::group_exec | fs::perms::others_exec,
                  fs::perm_options::add);
}

TEST(perf, servers_give_right_numbers_and_a_wrong_source_beside_them_is_void) {
  const command::scratch scratch;
  let_servers_in(scratch);
  const auto file = scratch / "out.json";
  const auto ran = measure({"--quick", "--rounds", "3", "--plant-wrong", "--case",
                            "durable_systems", "--directory", scratch / "", "--json", file});
  ASSERT_EQ(ran.status, 0) << ran.err;
  std::ifstream in(file);
  std::map<std::string, names> found;
  const auto measured = json::parse(in, nullptr, false);
  for (const auto& row : measured["rows"]) {
    EXPECT_EQ(row["valid"], row["contender"] != "planted_wrong") << row;
    found[row["case"]].insert(row["contender"]);
  }
  for (const char* each : {"sequencer", "sequencer:blocks", "sequencer:each", "planted_wrong"}) {
    EXPECT_TRUE(found["durable_systems"].contains(each)) << each;
  }
  EXPECT_TRUE(found["durable_restart"].contains("sequencer"));
  EXPECT_EQ(found["durable_restart"].contains("chronicle"),
            found["durable_systems"].contains("chronicle"));
  // What is not there is said to be not there.
  for (const auto& [system, row] : {std::pair{"postgresql", "postgresql_loop"},
                                    {"redis", "redis_always"},
                                    {"chronicle", "chronicle"},
                                    {"chronicle", "chronicle_synced"}}) {
    const bool absent = ran.out.find(std::string("not measured: ") + system) != ran.out.npos;
    EXPECT_NE(found["durable_systems"].contains(row), absent) << system;
  }
  EXPECT_THAT(at_work_in(scratch / ""), testing::IsEmpty());
}

TEST(perf, named_sequences_are_held_against_postgresqls_and_one_that_is_set_back_is_void) {
  const command::scratch scratch;
  let_servers_in(scratch);
  const auto file = scratch / "named.json";
  const auto ran = measure({"--quick", "--rounds", "3", "--slice-ms", "1", "--case",
                            "named_nextval", "--plant-wrong", "--directory", scratch / "", "--json",
                            file});
  ASSERT_EQ(ran.status, 0) << ran.err;
  std::ifstream in(file);
  names found;
  const auto measured = json::parse(in, nullptr, false);
  for (const auto& row : measured["rows"]) {
    EXPECT_EQ(row["valid"], row["contender"] != "planted_wrong") << row;
    found.insert(row["contender"]);
  }
  EXPECT_TRUE(found.contains("sequencer") && found.contains("planted_wrong"));
  const bool absent = ran.out.find("not measured: postgresql") != ran.out.npos;
  EXPECT_NE(found.contains("postgresql_cached"), absent);
}

TEST(perf, servers_end_when_the_program_is_killed) {
  const command::scratch scratch;
  let_servers_in(scratch);
  command::running program({PERF_PROGRAM, "--quick", "--case", "durable_systems", "--directory",
                            scratch / ""});
  std::set<pid_t> servers;
  while (servers.empty() && !program.ended()) servers = at_work_in(scratch / "");
  if (servers.empty()) GTEST_SKIP() << "no server is installed, or none can work here";
  program.signal(SIGKILL);
  program.finish();
  while (!at_work_in(scratch / "").empty()) std::this_thread::yield();
}

TEST(perf, a_run_that_is_killed_leaves_the_cases_that_had_ended) {
  const command::scratch scratch;
  const auto file = scratch / "out.json";
  command::running program({PERF_PROGRAM, "--quick", "--slice-ms", "0.2", "--case", "ring_memory",
                            "--case", "sizes", "--case", "clock_lamport", "--rounds", "1000000",
                            "--directory", scratch / "", "--json", file});
  json measured;
  const auto last = [&] {
    const bool any = measured.is_object() && !measured["remarks"].empty();
    return any ? measured["remarks"].back().dump() : "";
  };
  while (last().find("after sizes") == std::string::npos && !program.ended()) {
    std::ifstream in(file);
    measured = json::parse(in, nullptr, false);
  }
  program.signal(SIGKILL);
  program.finish();
  EXPECT_EQ(last(), "\"not measured: whatever comes after sizes: the run did not end\"");
  EXPECT_FALSE(measured["sizes"].empty());
  EXPECT_TRUE(measured["rows"].empty());
}

TEST(perf, sleepers_and_what_a_ring_takes_are_measured) {
  const auto ran = measure({"--quick", "--rounds", "3", "--slice-ms", "0.2", "--case", "wake",
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
  for (const char* each :
       {"counter_strict", "counter_durable", "counter_block", "counter_percpu", "block_tiers",
        "unicast_1p1c", "unicast_1p1c_many", "sequencer_3p1c", "multicast_1p3c", "pipeline_3",
        "diamond_1p3c",
        "ping_pong", "one_way", "wake", "durable_each", "recovery"}) {
    EXPECT_THAT("\n" + list.out, HasSubstr(std::string("\n") + each + " ")) << each;
  }
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
