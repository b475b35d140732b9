// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

namespace bench {

// Sum of [first, last) modulo 2^64.
inline std::uint64_t sum_of(std::uint64_t first, std::uint64_t last) {
  const auto n = last - first;
  const auto ends = first + last - 1;
  return n % 2 == 0 ? n / 2 * ends : n * (ends / 2);  // an odd count has an even sum of ends
}

// A benchmark whose numbers are wrong has no figure.
inline void check(benchmark::State& state, bool right, const char* what) {
  if (!right) state.SkipWithError(what);
}

// Numbers of one thread alone must be exactly [first, last).
inline void check_dense(benchmark::State& state, std::uint64_t sum, std::uint64_t first,
                        std::uint64_t last) {
  const auto taken = static_cast<std::uint64_t>(state.iterations());
  check(state, last - first == taken, "the counter moved by another count than was taken");
  check(state, sum == sum_of(first, last), "the sum of the numbers is wrong");
  state.SetItemsProcessed(state.iterations());
}

// The loop alone: what every other row of a program pays too.
inline void null_loop(benchmark::State& state) {
  std::uint64_t next = 0;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    sum += next++;
    benchmark::DoNotOptimize(sum);
  }
  check_dense(state, sum, 0, next);
}

}  // namespace bench
