// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The clock and the pause, beside the system's own clock.

#include <benchmark/benchmark.h>

#include <ctime>

#include <sequencer/cpu.hpp>

#include "checked.hpp"

namespace {

void ticks(benchmark::State& state) {
  std::uint64_t backwards = 0;
  auto last = sequencer::cpu::ticks();
  for (auto _ : state) {
    const auto now = sequencer::cpu::ticks();
    benchmark::DoNotOptimize(backwards += now < last);
    last = now;
  }
  bench::check(state, backwards == 0, "the counter went backwards");
}

void relax(benchmark::State& state) {
  for (auto _ : state) sequencer::cpu::relax();
}

void to_ns(benchmark::State& state) {
  const auto clock = sequencer::cpu::tsc_clock::calibrate();
  double sum = 0;
  for (auto _ : state) benchmark::DoNotOptimize(sum += clock.to_ns(1000));
  bench::check(state, sum > 0, "no time passes");
}

void clock_gettime(benchmark::State& state) {
  std::int64_t backwards = 0;
  timespec last{};
  for (auto _ : state) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const bool earlier = now.tv_sec < last.tv_sec ||
                         (now.tv_sec == last.tv_sec && now.tv_nsec < last.tv_nsec);
    benchmark::DoNotOptimize(backwards += earlier);
    last = now;
  }
  bench::check(state, backwards == 0, "the clock went backwards");
}

BENCHMARK(bench::null_loop)->Name("null");
BENCHMARK(clock_gettime)->Name("baseline/clock_gettime");
BENCHMARK(ticks)->Name("cpu/ticks");
BENCHMARK(relax)->Name("cpu/relax");
BENCHMARK(to_ns)->Name("tsc_clock/to_ns");

}  // namespace
