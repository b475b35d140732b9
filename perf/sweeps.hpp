// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "caches.hpp"

// What is measured over and over: how many threads, how many items a call, how many slots.
namespace perf {

// 1, 2, 4 ... below the number of CPUs, that number, and twice as many.
std::vector<unsigned> thread_counts(unsigned cpus);

// The first, the last, and every `step`th between.
template <class Value>
std::vector<Value> thinned(const std::vector<Value>& all, std::size_t step) {
  std::vector<Value> few;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (i % step == 0 || i + 1 == all.size()) few.push_back(all[i]);
  }
  return few;
}

// A ring of so many slots lies in `where`: L1, L2, L3 or memory.
struct ring_size {
  std::string where;
  std::uint64_t slots = 0;
};

// For each cache the largest power of two of slots that takes at most half of it, and one ring of
// four times the largest cache, but at most 1 GiB. Caches that say nothing of their size are left
// out.
std::vector<ring_size> ring_sizes(const cache_sizes& caches, std::size_t bytes_a_slot);

}  // namespace perf
