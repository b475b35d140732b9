// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A cursor beside a plain release store and acquire load.

#include <benchmark/benchmark.h>

#include <atomic>

#include <sequencer/cursor.hpp>

#include "checked.hpp"

namespace {

void advance(benchmark::State& state) {
  sequencer::cursor done;
  sequencer::sequence at = 0;
  for (auto _ : state) {
    done.advance_to(++at);
    benchmark::ClobberMemory();
  }
  bench::check(state, done.position() == static_cast<std::uint64_t>(state.iterations()), "lost");
}

void position(benchmark::State& state) {
  sequencer::cursor done(7);
  std::uint64_t sum = 0;
  for (auto _ : state) benchmark::DoNotOptimize(sum += done.position());
  bench::check(state, sum == 7 * static_cast<std::uint64_t>(state.iterations()), "misread");
}

void release_store(benchmark::State& state) {
  std::atomic<std::uint64_t> word{0};
  std::uint64_t at = 0;
  for (auto _ : state) {
    word.store(++at, std::memory_order_release);
    benchmark::ClobberMemory();
  }
  bench::check(state, word == static_cast<std::uint64_t>(state.iterations()), "lost");
}

BENCHMARK(bench::null_loop)->Name("null");
BENCHMARK(release_store)->Name("baseline/release_store");
BENCHMARK(advance)->Name("cursor/advance_to");
BENCHMARK(position)->Name("cursor/position");

}  // namespace
