// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A block-cached number beside a thread-local word, and what a refill costs.

#include <benchmark/benchmark.h>

#include <sequencer/block_cache.hpp>

#include "checked.hpp"

namespace {

using volatile_cache = sequencer::block_cache<sequencer::memory_source>;

void next(benchmark::State& state) {
  volatile_cache cache({.block = static_cast<std::uint64_t>(state.range(0))});
  auto mine = cache.local();
  std::uint64_t sum = 0;
  std::uint64_t count = 0;
  for (auto _ : state) {
    const auto number = mine.next();
    if (!number) return state.SkipWithError("refused");
    benchmark::DoNotOptimize(sum += *number);
    ++count;
  }
  bench::check(state, cache.source().peek() == count + mine.remaining(), "a number was lost");
  bench::check_dense(state, sum, 0, count);
}

void local(benchmark::State& state) {
  volatile_cache cache;
  std::uint64_t made = 0;
  for (auto _ : state) {
    auto mine = cache.local();
    benchmark::DoNotOptimize(made += mine.remaining() == 0);
  }
  bench::check(state, made == static_cast<std::uint64_t>(state.iterations()), "not empty");
}

void thread_local_word(benchmark::State& state) {
  static thread_local std::uint64_t word = 0;
  const auto first = word;
  std::uint64_t sum = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(sum += word++);
    asm volatile("" : "+m"(word));
  }
  bench::check_dense(state, sum, first, word);
}

BENCHMARK(bench::null_loop)->Name("null");
BENCHMARK(thread_local_word)->Name("baseline/thread_local");
BENCHMARK(next)->Name("block_cache/next/block")->Arg(1)->Arg(64)->Arg(4096);
BENCHMARK(local)->Name("block_cache/local");

}  // namespace
