// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "sweeps.hpp"

#include <algorithm>
#include <bit>

namespace perf {

std::vector<unsigned> thread_counts(unsigned cpus) {
  std::vector<unsigned> counts;
  for (unsigned n = 1; n < cpus; n *= 2) counts.push_back(n);
  counts.push_back(std::max(1u, cpus));
  counts.push_back(2 * counts.back());
  return counts;
}

std::vector<ring_size> ring_sizes(const cache_sizes& caches, std::size_t bytes_a_slot) {
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 30;
  constexpr std::uint64_t fewest_slots = 64;
  const auto slots_in = [&](std::uint64_t bytes) {
    return std::max(fewest_slots, std::bit_floor(bytes / bytes_a_slot));
  };
  std::vector<ring_size> sizes;
  const auto largest = std::max({caches.l1, caches.l2, caches.l3});
  for (const auto& [where, bytes] :
       {std::pair{"L1", caches.l1}, {"L2", caches.l2}, {"L3", caches.l3}}) {
    if (bytes != 0) sizes.push_back({where, slots_in(bytes / 2)});
  }
  if (largest != 0) sizes.push_back({"memory", slots_in(std::min(4 * largest, most_bytes))});
  return sizes;
}

}  // namespace perf
