// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <random>
#include <string>
#include <vector>

#include "contest.hpp"
#include "results.hpp"
#include "team.hpp"

namespace perf {

// What every case may use.
struct surroundings {
  plan how;
  bool quick = false;
  bool full = false;         // also peers that were never among the fastest
  bool plant_wrong = false;  // adds a contender that issues a number twice
  std::string directory;     // for checkpoint files; on the storage that is to be measured
  std::string program;       // path of this program, to run parts of it as processes to be killed
  team& workers;
  std::mt19937_64& random;
  results& into;
};

struct named_case {
  std::string name;
  std::string what;
  double seconds;        // about, in the default mode
  double quick_seconds;  // about, in --quick
  double full_seconds;   // about, in --full
  std::function<void(surroundings&)> run;
};

const std::vector<named_case>& all_cases();

// counters.cpp
void run_counter_strict(surroundings& in);
void run_counter_durable(surroundings& in);
void run_counter_block(surroundings& in);
// keeper_case.cpp
void run_keeper(surroundings& in);
// each_case.cpp
void run_durable_each(surroundings& in);
// recovery_case.cpp
void run_recovery(surroundings& in);
void run_sizes(surroundings& in);
// ring_case.cpp
void run_ring(surroundings& in);
void run_ring_batches(surroundings& in);
void run_ring_many(surroundings& in);
// payload_case.cpp
void run_payloads(surroundings& in);
// topology_case.cpp
void run_joins(surroundings& in);
void run_broadcasts(surroundings& in);
void run_graphs(surroundings& in);
// ping_pong_case.cpp
void run_ping_pong(surroundings& in);
// latency_case.cpp
void run_latency(surroundings& in);
// wake_case.cpp
void run_wake(surroundings& in);
void run_parking_publish(surroundings& in);
// memory_case.cpp
void run_memory(surroundings& in);

// Takes the part of the process that is killed; `arguments` as recovery_case.cpp passes them.
int run_victim(const std::vector<std::string>& arguments);

// "1.234 [1.200, 1.260]"
std::string text_of(const ratio& of);
// Adds a line of the table: pass where `met` holds of the ratio. A missing or void ratio falls
// short.
void judge_ratio(surroundings& in, const std::string& what, const std::string& target,
                 const std::string& name, unsigned threads, const std::string& ours,
                 const std::string& peer, const std::function<bool(const ratio&)>& met);
// The least ratio of ours to any of the peers that `counts` decides.
void judge_fastest(surroundings& in, const std::string& what, double least,
                   const std::string& name, const std::string& ours,
                   const std::function<bool(const std::string& peer)>& counts);
// Files of this run only.
std::string fresh_file(const surroundings& in, const std::string& name);

}  // namespace perf
