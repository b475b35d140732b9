// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "cases.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace perf {

const std::vector<named_case>& all_cases() {
  static const std::vector<named_case> all{
      {"counter_strict", "strict volatile next() against fetch_add, a CAS loop and std::mutex",
       22, 6, run_counter_strict},
      {"counter_durable", "strict durable next() (ahead) against the volatile one", 22, 6,
       run_counter_durable},
      {"counter_block", "block-cached next(), volatile and with the live region", 22, 6,
       run_counter_block},
      {"keeper", "both cores at full rate: waits, syncs and bytes of the keeper", 15, 4,
       run_keeper},
      {"durable_each", "every number durable before it leaves, against bare pwrite + sync", 25, 6,
       run_durable_each},
      {"recovery", "open after SIGKILL to the first number, 1 and 65,536 sequences", 15, 8,
       run_recovery},
      {"ring_1p1c", "the ring, one producer and one consumer, against Debian's queues", 14, 4,
       run_ring},
      {"ring_batches", "the same in batches of 10 and 100", 20, 6, run_ring_batches},
      {"ring_many_1p1c", "the ring for many producers, with one, against queues for many", 14, 4,
       run_ring_many},
      {"sizes", "bytes of a counter, a file and a live region", 1, 1, run_sizes},
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

std::string fresh_file(const surroundings& in, const std::string& name) {
  const auto path = std::filesystem::path(in.directory) / name;
  std::filesystem::remove(path);
  return path.string();
}

}  // namespace perf
