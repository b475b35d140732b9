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
  bool plant_slow = false;   // adds one that is slow, and ours once more
  std::string directory;     // for checkpoint files; on the storage that is to be measured
  std::string program;       // path of this program, to run parts of it as processes to be killed
  team& workers;
  std::mt19937_64& random;
  results& into;
};

struct named_case {
  std::string name;
  std::string what;
  // 0: left out in that mode, unless asked for by its name.
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
void run_counter_percpu(surroundings& in);
// block_gap_case.cpp
void run_block_gap(surroundings& in);
// block_tiers_case.cpp
void run_block_tiers(surroundings& in);
// sweep_case.cpp
void run_sweep_batch(surroundings& in);
void run_sweep_payload(surroundings& in);
void run_sweep_slots(surroundings& in);
// keeper_case.cpp
void run_keeper(surroundings& in);
// each_case.cpp
void run_durable_each(surroundings& in);
// systems_case.cpp
void run_durable_systems(surroundings& in);
// named_case.cpp
void run_named_nextval(surroundings& in);
// recovery_case.cpp
void run_recovery(surroundings& in);
void run_sizes(surroundings& in);
// unicast_case.cpp
void run_unicast(surroundings& in);
void run_unicast_batch(surroundings& in);
void run_unicast_many(surroundings& in);
// payload_case.cpp
void run_unicast_payload(surroundings& in);
// topology_case.cpp
void run_sequencer(surroundings& in, unsigned producers);
void run_multicast(surroundings& in, unsigned consumers);
void run_multicast_more(surroundings& in);
void run_many_to_many(surroundings& in);
void run_work_sharing(surroundings& in);
void run_pipeline(surroundings& in);
void run_diamond(surroundings& in);
// ping_pong_case.cpp
void run_ping_pong(surroundings& in);
// one_way_case.cpp
void run_one_way(surroundings& in);
void run_one_way_load(surroundings& in);
// wake_case.cpp
void run_wake(surroundings& in);
void run_parking_publish(surroundings& in);
// placement_case.cpp
void run_placements(surroundings& in);
// huge_pages_case.cpp
void run_huge_pages(surroundings& in);
// placed_start_case.cpp
void run_placed_start(surroundings& in);
// memory_case.cpp
void run_memory(surroundings& in);
// clock_case.cpp
void run_clock_lamport(surroundings& in);
void run_clock_hybrid(surroundings& in);
void run_clock_vector(surroundings& in);

// partition_case.cpp
void run_partitions(surroundings& in);
void run_partitioner(surroundings& in);
// names_case.cpp
void run_names(surroundings& in);
void run_fence(surroundings& in);

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
// Runs a contest on pinned threads or, where they are more than the CPUs, in the way of the
// crowded: see METHOD.md.
void run_pinned_or_crowded(contest& of, surroundings& in, plan how);
// Files of this run only.
std::string fresh_file(const surroundings& in, const std::string& name);

}  // namespace perf
