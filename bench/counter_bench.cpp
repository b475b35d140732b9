// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// counter::next() beside the raw instruction.

#include <benchmark/benchmark.h>

#include <atomic>

#include <sequencer/counter.hpp>

#include "checked.hpp"

namespace {

void next(benchmark::State& state) {
  static sequencer::counter numbers;
  const auto first = numbers.peek();
  std::uint64_t sum = 0;
  for (auto _ : state) {
    const auto number = numbers.next();
    if (!number) return state.SkipWithError("exhausted");
    benchmark::DoNotOptimize(sum += *number);
  }
  if (state.threads() == 1) bench::check_dense(state, sum, first, numbers.peek());
  state.SetItemsProcessed(state.iterations());
}

void next_of_many(benchmark::State& state) {
  sequencer::counter numbers;
  const auto n = static_cast<std::uint64_t>(state.range(0));
  std::uint64_t taken = 0;
  for (auto _ : state) {
    const auto numbers_here = numbers.next(n);
    if (!numbers_here) return state.SkipWithError("exhausted");
    benchmark::DoNotOptimize(taken += numbers_here->size());
  }
  bench::check(state, taken == numbers.peek(), "a range was lost");
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void fetch_add(benchmark::State& state) {
  alignas(128) static std::atomic<std::uint64_t> numbers{0};
  const auto first = numbers.load();
  std::uint64_t sum = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(sum += numbers.fetch_add(1, std::memory_order_relaxed));
  }
  if (state.threads() == 1) bench::check_dense(state, sum, first, numbers);
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(bench::null_loop)->Name("null");
BENCHMARK(fetch_add)->Name("baseline/fetch_add")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(next)->Name("counter/next")->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(next_of_many)->Name("counter/next_n")->Arg(16);

}  // namespace
