// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What waiting costs those who need not wait, and what waking costs.

#include <benchmark/benchmark.h>

#include <atomic>
#include <thread>

#include <sequencer/detail/event.hpp>
#include <sequencer/wait.hpp>

#include "checked.hpp"

namespace {

// The condition holds already.
template <class Strategy>
void already_true(benchmark::State& state) {
  Strategy how;
  std::uint64_t ready = 0;
  for (auto _ : state) {
    const auto found = sequencer::wait::await(how, [] { return true; }, [] { return false; });
    benchmark::DoNotOptimize(ready += found == sequencer::wait::outcome::ready);
  }
  bench::check(state, ready == static_cast<std::uint64_t>(state.iterations()), "not ready");
}

void wake_nobody(benchmark::State& state) {
  sequencer::wait::park how;
  for (auto _ : state) how.wake();
}

// One read-modify-write of a word of one's own: what wake() must at least do.
void exchange(benchmark::State& state) {
  std::atomic<std::uint32_t> word{0};
  for (auto _ : state) word.fetch_add(2, std::memory_order_acq_rel);
  bench::check(state, word == 2 * static_cast<std::uint32_t>(state.iterations()), "lost");
}

void listen_and_notify(benchmark::State& state) {
  sequencer::detail::event event;
  std::uint32_t heard = 0;
  for (auto _ : state) benchmark::DoNotOptimize(heard |= event.listen());
  bench::check(state, (heard & 1) == 1, "nobody listens");
}

// A number goes to another thread and back, both waiting by `Strategy`.
template <class Strategy>
void there_and_back(benchmark::State& state) {
  Strategy how;
  std::atomic<std::uint64_t> turn{0};
  const auto wait_for = [&](std::uint64_t value) {
    sequencer::wait::await(
        how, [&] { return turn.load(std::memory_order_acquire) >= value; }, [] { return false; });
  };
  const auto hand_over = [&](std::uint64_t value) {
    turn.store(value, std::memory_order_release);
    how.wake();
  };
  constexpr std::uint64_t end = ~std::uint64_t{0};
  std::thread other([&] {
    for (std::uint64_t mine = 1;; mine += 2) {
      wait_for(mine);
      if (turn.load(std::memory_order_relaxed) == end) return;
      hand_over(mine + 1);
    }
  });
  std::uint64_t now = 0;
  for (auto _ : state) {
    hand_over(now + 1);
    now += 2;
    wait_for(now);
  }
  bench::check(state, turn == now, "a turn was lost");
  hand_over(end);
  other.join();
}

BENCHMARK(bench::null_loop)->Name("null");
BENCHMARK(exchange)->Name("baseline/read_modify_write");
BENCHMARK(already_true<sequencer::wait::spin>)->Name("await/spin/already_true");
BENCHMARK(already_true<sequencer::wait::park>)->Name("await/park/already_true");
BENCHMARK(wake_nobody)->Name("park/wake_nobody");
BENCHMARK(listen_and_notify)->Name("event/listen");
BENCHMARK(there_and_back<sequencer::wait::yield>)->Name("there_and_back/yield")->UseRealTime();
BENCHMARK(there_and_back<sequencer::wait::park>)->Name("there_and_back/park")->UseRealTime();

}  // namespace
