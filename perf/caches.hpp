// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

// What the system says of a CPU's caches, the small ones included, which a topology leaves out.
namespace perf {

// Bytes that a core finds in each; 0 where the system does not say.
struct cache_sizes {
  std::uint64_t l1 = 0;  // of data
  std::uint64_t l2 = 0;
  std::uint64_t l3 = 0;
};

inline constexpr const char* cpu_directory = "/sys/devices/system/cpu";

// `root` is such a directory.
cache_sizes read_caches(const std::string& root, int cpu);

}  // namespace perf
