// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

// A cache per CPU under more threads than there are CPUs, which another thread moves about all the
// time, in rounds until time is up: every number once, and what is left known to the number.
// Built once more with a section that ends before its store, it must fail; see CMakeLists.txt.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include <sequencer/cpu_cache.hpp>
#include <tests/on_cpu.hpp>

#include "rounds.hpp"

namespace {

using sequencer::cpu_cache;
using sequencer::cpu_mode;
using sequencer::errc;
using sequencer::memory_source;
using sequencer::run_on;
using sequencer::sequence;
using sequencer::usable_cpus;

constexpr int cases = 4;

unsigned crowd() { return 2 * std::max(2u, std::thread::hardware_concurrency()) + 1; }

// A source whose answers come late, so that a CPU's threads come upon a refill that is under way.
class late_source : public memory_source {
 public:
  sequencer::result<sequencer::block> acquire(const sequencer::block_request& asked) noexcept {
    for (int i = 0; i < 3; ++i) std::this_thread::yield();
    return memory_source::acquire(asked);
  }
};

using numbers = std::vector<sequence>;

// Works on so many threads, which are moved from CPU to CPU until all have finished.
template <class Work>
void on_moving_threads(std::uint64_t seed, Work work) {
  const auto cpus = usable_cpus();
  std::vector<std::atomic<pid_t>> names(crowd());
  std::atomic<unsigned> working{crowd()};
  std::vector<std::thread> all;
  for (unsigned i = 0; i < crowd(); ++i) {
    all.emplace_back([&, i] {
      names[i] = ::gettid();
      work(i);
      names[i] = 0;
      working.fetch_sub(1);
    });
  }
  std::mt19937_64 random(seed);
  while (working.load() != 0) {
    const pid_t whom = names[random() % names.size()];
    if (whom != 0) run_on(cpus[random() % cpus.size()], whom);
  }
  for (auto& each : all) each.join();
}

template <class Cache>
void expect_accounted(Cache& cache, const std::vector<numbers>& all) {
  cache.stop();
  std::vector<bool> seen(cache.source().peek());
  sequence known = 0;
  for (const auto& mine : all) {
    for (const auto number : mine) {
      ASSERT_LT(number, seen.size()) << "issued and given back, and so to be issued twice";
      ASSERT_FALSE(seen[number]) << "issued twice: " << number;
      seen[number] = true;
      ++known;
    }
  }
  sequence lost = 0;
  for (const auto& hole : cache.holes()) {
    EXPECT_TRUE(hole.certain);
    for (auto s = hole.numbers.first; s != hole.numbers.last; ++s) {
      ASSERT_FALSE(seen[s]) << "issued, and called a hole: " << s;
    }
    lost += hole.lost;
  }
  EXPECT_EQ(known + lost, seen.size()) << "a number neither issued, nor given back, nor a hole";
  EXPECT_LE(lost, cache.held_bound());
}

template <class Source>
void take_and_stop(bool exclusive, bool to_the_end) {
  sequencer::stress::in_rounds(cases, [&](std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const sequence block = 1 + random() % 64;
    cpu_cache<Source> cache({.block = block, .cpus = 0, .exclusive = exclusive});
    const std::uint64_t stop_after = to_the_end ? 0 : 1 + random() % 40'000;
    std::vector<numbers> all(crowd());
    std::atomic<std::uint64_t> taken{0};
    on_moving_threads(seed, [&](unsigned i) {
      for (int turn = 0; turn < 20'000; ++turn) {
        const auto got = cache.next();
        if (!got) {
          EXPECT_EQ(got.code(), errc::closed);
          return;
        }
        all[i].push_back(*got);
        if (stop_after != 0 && turn % 64 == 0 && taken.fetch_add(64) > stop_after) cache.stop();
      }
    });
    cache.stop();
    EXPECT_EQ(cache.next().code(), errc::closed) << "a stopped cache went on";
    expect_accounted(cache, all);
  });
}

TEST(CpuCacheStress, EveryNumberOnceWhileThreadsAreMoved) {
  if (cpu_cache<memory_source>().mode() != cpu_mode::restartable) {
    GTEST_SKIP() << "skipped: no restartable sequences in this process";
  }
  take_and_stop<memory_source>(false, true);
}

TEST(CpuCacheStress, AStopAtAnyTime) { take_and_stop<memory_source>(false, false); }

TEST(CpuCacheStress, ALateSourceAndAStop) { take_and_stop<late_source>(false, false); }

TEST(CpuCacheStress, Exclusive) { take_and_stop<memory_source>(true, false); }

}  // namespace
