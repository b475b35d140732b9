// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

// How the CPUs of a host lie to each other, as the system's files say.
namespace perf {

// Bytes that a core finds in each; 0 where the system does not say.
struct cache_sizes {
  std::uint64_t l1 = 0;  // of data
  std::uint64_t l2 = 0;
  std::uint64_t l3 = 0;
};

struct cpu_place {
  int cpu = 0;
  int core = 0;     // the first CPU of its core
  int l3 = 0;       // the first CPU that shares its L3, or its core's where there is none
  int package = 0;  // the socket
};

struct pair_of_cpus {
  std::string placement;  // same_core, same_l3, across_l3, across_sockets
  int first = 0;
  int second = 0;
};

inline constexpr const char* cpu_directory = "/sys/devices/system/cpu";

// `root` is such a directory.
cache_sizes read_caches(const std::string& root, int cpu);
std::vector<cpu_place> read_places(const std::string& root, const std::vector<int>& cpus);

// "0-2,8" as 0, 1, 2, 8. What is no list is empty.
std::vector<int> cpus_in(const std::string& list);

// One pair for each placement that there is, from near to far: the first in the order of `places`.
std::vector<pair_of_cpus> choose_pairs(const std::vector<cpu_place>& places);

}  // namespace perf
