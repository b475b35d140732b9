// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "cases.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace perf {

const std::vector<named_case>& all_cases() {
  static const std::vector<named_case> all{
      {"counter_strict", "strict volatile next() against fetch_add, a CAS loop and std::mutex",
       10, 6, 22, run_counter_strict},
      {"counter_durable", "strict durable next() (ahead) against the volatile one", 10, 6, 22,
       run_counter_durable},
      {"counter_block", "block-cached next(), volatile and with the live region", 10, 6, 22,
       run_counter_block},
      {"keeper", "both cores at full rate: waits, syncs and bytes of the keeper", 12, 4, 15,
       run_keeper},
      {"durable_each", "every number durable before it leaves, against bare pwrite + sync", 18, 6,
       25, run_durable_each},
      {"recovery", "open after SIGKILL to the first number, 1 and 65,536 sequences", 12, 8, 15,
       run_recovery},
      {"ring_1p1c", "the ring, one producer and one consumer, against queues and LMAX's Disruptor",
       10, 5, 30, run_ring},
      {"ring_batches", "the same in batches of 10 and 100", 15, 7, 40, run_ring_batches},
      {"ring_many_1p1c", "the ring for many producers, with one, against queues for many", 10, 5,
       40, run_ring_many},
      {"ring_payloads", "events of 64 bytes, one at a time and in batches, and of 1,000", 14, 7, 40,
       run_payloads},
      {"ring_joins", "2 and 3 producers to one consumer", 12, 6, 40, run_joins},
      {"ring_broadcasts", "one producer to 2 and to 3 consumers, each sees everything", 10, 5, 25,
       run_broadcasts},
      {"graphs", "a pipeline of three stages, and a diamond", 12, 6, 25, run_graphs},
      {"ping_pong", "round trip through two rings, spinning, against queues and bare flags", 8, 4,
       15, run_ping_pong},
      {"latency", "one way, from the intended moment of sending, at 1 M and 10 M a second", 8, 3,
       30, run_latency},
      {"wake_up", "a parked consumer is woken, against a bare futex", 5, 3, 10, run_wake},
      {"parking_publish", "publishing to a consumer that may park, against one that spins", 4, 2, 8,
       run_parking_publish},
      {"ring_memory", "bytes of a ring, of its parts, and of a slot", 0.1, 0.1, 0.1, run_memory},
      {"sizes", "bytes of a counter, a file and a live region", 1, 1, 1, run_sizes},
  };
  return all;
}

std::string text_of(const ratio& of) {
  return fmt::format("{:.3f} [{:.3f}, {:.3f}]", of.median, of.low, of.high);
}

void judge_ratio(surroundings& in, const std::string& what, const std::string& target,
                 const std::string& name, unsigned threads, const std::string& ours,
                 const std::string& peer, const std::function<bool(const ratio&)>& met) {
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
  if (worst == nullptr) {
    in.into.verdicts.push_back({what, target, "not measured, or void", false});
    return;
  }
  const auto elsewhere = placement == "near" ? "" : ", " + placement;
  in.into.verdicts.push_back({what, target, text_of(*worst) + " to " + worst->peer + elsewhere,
                              worst->median >= least});
}

std::string fresh_file(const surroundings& in, const std::string& name) {
  const auto path = std::filesystem::path(in.directory) / name;
  std::filesystem::remove(path);
  return path.string();
}

}  // namespace perf
