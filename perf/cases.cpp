// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "cases.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <utility>

namespace perf {

namespace {

using cases = std::vector<named_case>;

cases of_numbers() {
  return {
      {"counter_strict", "strict volatile next() against fetch_add, a CAS loop and std::mutex", 9,
       4, 40, run_counter_strict},
      {"counter_durable", "strict durable next() (ahead) against the volatile one", 9, 4, 40,
       run_counter_durable},
      {"counter_block", "block-cached next(), volatile and with the live region", 8, 4, 40,
       run_counter_block},
      {"counter_percpu", "a block for each CPU, for any thread, against a handle for each", 8, 4,
       40, run_counter_percpu},
      {"block_gap", "blocks of 1 to 65,536: a number's time, and how many may be lost", 4, 2, 20,
       run_block_gap},
      {"block_tiers", "blocks by way of a node and a domain against flat ones, and who refills", 4,
       2, 20, run_block_tiers},
      {"keeper", "both cores at full rate: waits, syncs and bytes of the keeper", 12, 2, 15,
       run_keeper},
      {"durable_each", "every number durable before it leaves, against bare pwrite + sync", 10, 2,
       30, run_durable_each},
      {"durable_systems", "durable numbers and restarts, against PostgreSQL and Redis", 25, 8, 60,
       run_durable_systems},
      {"named_nextval", "nextval of a named sequence, 1000 at once, against PostgreSQL's", 3, 0, 15,
       run_named_nextval},
      {"recovery", "open after SIGKILL to the first number, 1 and 65,536 sequences", 10, 7, 15,
       run_recovery},
      {"partitions", "a partition for each thread, against words that nobody shares", 2, 0, 20,
       run_partitions},
      {"partitioner", "the partition of a key of 16 bytes, against librdkafka", 1.5, 0, 10,
       run_partitioner},
      {"sequential_names", "numbers as names and as zxids, against snprintf", 1.5, 0, 10,
       run_names},
      {"fence_admit", "a write that passes a fence, against a bare load", 1, 0, 10, run_fence},
  };
}

cases of_one_to_one() {
  return {
      {"unicast_1p1c", "one producer and one consumer, against queues and LMAX's Disruptor", 6, 4,
       30, run_unicast},
      {"unicast_1p1c_batch", "the same in batches of 10 and 100", 8, 0, 40, run_unicast_batch},
      {"unicast_1p1c_many", "the ring for many producers, with one, against queues for many", 6, 3,
       40, run_unicast_many},
      {"unicast_1p1c_payload", "events of 64 bytes, one at a time and in batches, and of 1,000", 8,
       0, 40, run_unicast_payload},
      {"sweep_batch", "batches of 1 to 512", 8, 3, 60, run_sweep_batch},
      {"sweep_payload", "events of 8, 64, 256 and 1,024 bytes", 8, 3, 40, run_sweep_payload},
      {"sweep_slots", "rings that fit L1, L2, L3, or none", 6, 3, 30, run_sweep_slots},
  };
}

cases of_shapes() {
  return {
      {"sequencer_2p1c", "2 producers to one consumer", 6, 0, 20,
       [](surroundings& in) { run_sequencer(in, 2); }},
      {"sequencer_3p1c", "3 producers to one consumer", 6, 3, 20,
       [](surroundings& in) { run_sequencer(in, 3); }},
      {"multicast_1p2c", "one producer to 2 consumers, each sees everything", 5, 0, 12,
       [](surroundings& in) { run_multicast(in, 2); }},
      {"multicast_1p3c", "one producer to 3 consumers, each sees everything", 5, 2.5, 12,
       [](surroundings& in) { run_multicast(in, 3); }},
      {"multicast_more", "one producer to 7, 15 ... consumers where there are CPUs for them", 0, 0,
       60, run_multicast_more},
      {"many_to_many", "2 producers to 2 consumers, each sees everything; 4 and 8 in --full", 4, 0,
       30, run_many_to_many},
      {"work_sharing", "each event to one of 2 workers, and of more in --full", 5, 0, 40,
       run_work_sharing},
      {"pipeline_3", "three stages after each other", 6, 3, 12, run_pipeline},
      {"diamond_1p3c", "two stages beside each other and one after both", 6, 3, 12, run_diamond},
  };
}

cases of_latency() {
  return {
      {"ping_pong", "round trip through two rings, spinning, against queues and bare flags", 5, 2,
       15, run_ping_pong},
      {"one_way", "one way, from the intended moment of sending, at 1 M and 10 M a second", 8, 3,
       60, run_one_way},
      {"one_way_load", "the same at 10, 50, 80 and 95 % of what the ring passes", 4, 1.5, 60,
       run_one_way_load},
      {"placements", "the same on pairs of CPUs that lie near and far, where there are several", 4,
       0, 30, run_placements},
      {"huge_pages", "a ring of 64 MiB in huge pages and in small ones, one way and to and fro", 6,
       0, 20, run_huge_pages},
      {"placed_start", "a graph of 4 stages and 64 MiB of slots, started, placed and verified", 2,
       0, 4, run_placed_start},
      {"wake", "a parked consumer is woken, against a bare futex", 5, 3, 10, run_wake},
      {"parking_publish", "publishing to a consumer that may park, against one that spins", 4, 2, 8,
       run_parking_publish},
  };
}

cases of_clocks() {
  return {
      {"clock_lamport", "a Lamport clock's tick() and observe(), against fetch_add and a CAS loop",
       3, 0, 20, run_clock_lamport},
      {"clock_hybrid", "a hybrid clock's tick(), own and shared, against reading the wall clock", 2,
       0, 15, run_clock_hybrid},
      {"clock_vector", "vector clocks of 16 members, compared and merged", 1.5, 0, 10,
       run_clock_vector},
  };
}

cases of_bytes() {
  return {
      {"ring_memory", "bytes of a ring, of its parts, and of a slot", 0.1, 0.1, 0.1, run_memory},
      {"sizes", "bytes of a counter, a file and a live region", 1, 1, 1, run_sizes},
  };
}

}  // namespace

const std::vector<named_case>& all_cases() {
  static const auto all = [] {
    cases made;
    for (const auto part :
         {of_numbers, of_one_to_one, of_shapes, of_latency, of_bytes, of_clocks}) {
      for (auto& each : part()) made.push_back(std::move(each));
    }
    return made;
  }();
  return all;
}

std::string text_of(const ratio& of) {
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", of.median, of.low, of.high);
}

void judge_ratio(surroundings& in, const std::string& what, const std::string& target,
                 const std::string& name, unsigned threads, const std::string& ours,
                 const std::string& peer, const std::function<bool(const ratio&)>& met) {
  if (!in.how.wants(peer)) return;
  const auto* found = in.into.find_ratio(name, threads, ours, peer);
  if (found == nullptr) {
    in.into.verdicts.push_back({what, target, "not measured, or void", false});
  } else {
    in.into.verdicts.push_back({what, target, text_of(*found), met(*found)});
  }
}

void judge_fastest(surroundings& in, const std::string& what, double least,
                   const std::string& name, const std::string& ours,
                   const std::function<bool(const std::string& peer)>& counts) {
  const auto target = fmt::format(">= {} x", least);
  const ratio* worst = nullptr;
  const auto placement = in.into.placement_of(name);
  for (const auto& each : in.into.ratios) {
    const bool here = each.name == name && each.ours == ours &&
                      each.params.placement == placement && counts(each.peer);
    if (here && (worst == nullptr || each.median < worst->median)) worst = &each;
  }
  if (worst == nullptr && !in.how.peers.empty()) return;
  if (worst == nullptr) {
    in.into.verdicts.push_back({what, target, "not measured, or void", false});
    return;
  }
  const auto elsewhere = placement == "near" ? "" : ", " + placement;
  in.into.verdicts.push_back({what, target, text_of(*worst) + " to " + worst->peer + elsewhere,
                              worst->median >= least});
}

void run_pinned_or_crowded(contest& of, surroundings& in, plan how) {
  if (of.params.threads <= in.workers.size()) {
    return run_contest(of, how, in.workers, in.random, in.into);
  }
  team crowd(std::vector<int>(of.params.threads, team::any_cpu));
  of.crowd = &crowd;
  // Longer than a turn of the scheduler's, and so fewer.
  how.slice_ns *= 4;
  how.rounds = how.rounds / 2 + 1;
  run_contest(of, how, in.workers, in.random, in.into);
  of.crowd = nullptr;
}

std::string fresh_file(const surroundings& in, const std::string& name) {
  const auto path = std::filesystem::path(in.directory) / name;
  std::filesystem::remove(path);
  return path.string();
}

}  // namespace perf
