// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "contest.hpp"

namespace perf {

// Makes the compiler believe that `number` is used. The same for every contender.
inline void use(std::uint64_t number) { asm volatile("" : : "r"(number)); }

// The timed loop. `take` stores a number and says whether it got one. Counts down: one
// instruction less beside operations that are only a few long.
template <class Take>
void take_numbers(Take&& take, std::uint64_t items, share& to) {
  std::uint64_t sum = 0;
  for (auto left = items; left != 0; --left) {
    std::uint64_t number = 0;
    if (!take(number)) [[unlikely]] {
      to.failure = "a number was refused";
      return;
    }
    use(number);
    sum += number;
  }
  to.sum = sum;
  to.count = items;
}

template <class Take>
void record_numbers(Take&& take, std::uint64_t items, share& to) {
  take_numbers(
      [&](std::uint64_t& number) {
        if (!take(number)) return false;
        to.kept.push_back(number);
        return true;
      },
      items, to);
}

// Sum of [first, last) modulo 2^64.
inline std::uint64_t sum_of(std::uint64_t first, std::uint64_t last) {
  const auto n = last - first;
  const auto ends = first + last - 1;
  return n % 2 == 0 ? n / 2 * ends : n * (ends / 2);  // an odd count has an even sum of ends
}

// What the recorded numbers of all threads say: no number twice.
inline std::string judge_unique(std::span<const share> shares) {
  std::vector<std::uint64_t> all;
  for (const auto& each : shares) all.insert(all.end(), each.kept.begin(), each.kept.end());
  std::sort(all.begin(), all.end());
  if (std::adjacent_find(all.begin(), all.end()) != all.end()) return "a number came twice";
  return {};
}

// And increasing on each thread, where that is promised.
inline std::string judge_recorded(std::span<const share> shares) {
  for (const auto& each : shares) {
    if (!std::is_sorted(each.kept.begin(), each.kept.end())) return "numbers decreased on a thread";
  }
  return judge_unique(shares);
}

inline std::string first_failure(std::span<const share> shares) {
  for (const auto& each : shares) {
    if (!each.failure.empty()) return each.failure;
  }
  return {};
}

// The numbers were exactly [first, last): as many, with that sum, none twice, each thread's in
// order.
inline std::string judge_dense(std::span<const share> shares, std::uint64_t first,
                               std::uint64_t last) {
  if (auto failed = first_failure(shares); !failed.empty()) return failed;
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  for (const auto& each : shares) {
    count += each.count;
    sum += each.sum;
  }
  if (count != last - first) return "the counter moved by another count than was issued";
  if (sum != sum_of(first, last)) return "the sum of the numbers is wrong";
  return judge_recorded(shares);
}

}  // namespace perf
