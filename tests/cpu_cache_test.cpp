// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/cpu_cache.hpp>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <iostream>
#include <string_view>
#include <thread>
#include <vector>

#include <tests/emulated.hpp>
#include <tests/on_cpu.hpp>

#include "scripted_source.hpp"

namespace {

namespace wait = sequencer::wait;
using sequencer::block;
using sequencer::block_request;
using sequencer::cpu_cache;
using sequencer::cpu_cache_options;
using sequencer::cpu_mode;
using sequencer::emulated;
using sequencer::errc;
using sequencer::loss;
using sequencer::memory_source;
using sequencer::range;
using sequencer::result;
using sequencer::scripted_source;
using sequencer::run_on;
using sequencer::sequence;
using sequencer::usable_cpus;
using sequencer::without_wipe_on_fork;

using memory_cache = cpu_cache<memory_source>;

constexpr const char* without_sections = "skipped: no restartable sequences in this process";
constexpr const char* without_cpus = "skipped: this process may use one CPU only";

// A source in which the test can hold a caller up.
struct gated_source : memory_source {
  std::atomic<bool> open{true};
  std::atomic<int> inside{0};

  result<block> acquire(const block_request& r) noexcept {
    inside.fetch_add(1);
    while (!open.load()) std::this_thread::yield();
    inside.fetch_sub(1);
    return memory_source::acquire(r);
  }
};

// Both modes, where there are both; on one CPU, so that the test says who has which block.
class CpuCache : public testing::TestWithParam<bool> {
 protected:
  CpuCache() {
    if (!cpus.empty()) run_on(cpus.front());
  }
  ~CpuCache() override {
    cpu_set_t all;
    CPU_ZERO(&all);
    for (const auto cpu : cpus) CPU_SET(cpu, &all);
    ::sched_setaffinity(0, sizeof all, &all);
  }
  static cpu_cache_options options(std::uint64_t block) {
    return {.block = block, .cpus = 0, .exclusive = GetParam()};
  }
  // One share for everybody.
  cpu_cache_options narrow(std::uint64_t block) const {
    return {.block = block, .cpus = GetParam() ? 1 : cpus.front() + 1, .exclusive = GetParam()};
  }

  const std::vector<unsigned> cpus = usable_cpus();
};
INSTANTIATE_TEST_SUITE_P(Modes, CpuCache, testing::Bool(), [](const auto& of) {
  return of.param ? "Exclusive" : "AsItCan";
});

// Every number below the source's position is issued once, or lost, or held.
void expect_complete(std::vector<bool>& seen, const std::vector<std::vector<sequence>>& all) {
  for (const auto& mine : all) {
    for (const auto number : mine) {
      ASSERT_LT(number, seen.size());
      ASSERT_FALSE(seen[number]) << "issued twice: " << number;
      seen[number] = true;
    }
  }
}

template <class Cache>
void expect_accounted(Cache& cache, const std::vector<std::vector<sequence>>& all) {
  cache.stop();
  std::vector<bool> seen(cache.source().peek());
  expect_complete(seen, all);
  sequence lost = 0;
  for (const auto& hole : cache.holes()) {
    EXPECT_TRUE(hole.certain);
    lost += hole.lost;
    for (auto s = hole.numbers.first; s != hole.numbers.last; ++s) {
      ASSERT_FALSE(seen[s]) << "issued, and called a hole: " << s;
      seen[s] = true;
    }
  }
  EXPECT_LE(lost, cache.held_bound());
  for (sequence s = 0; s != seen.size(); ++s) ASSERT_TRUE(seen[s]) << "neither issued nor lost";
}

TEST_P(CpuCache, HandsOutABlockThenTheNext) {
  memory_cache cache(options(3));
  for (sequence s = 0; s < 10; ++s) EXPECT_EQ(*cache.next(), s);
  EXPECT_EQ(cache.source().peek(), 12u);
}

TEST_P(CpuCache, WithoutMemoryWhereAPageIsToLieItAnswersUnavailable) {
  auto how = options(3);
  how.node_of_cpu = {1000};  // there is no such node
  memory_cache nowhere(how);
  EXPECT_EQ(nowhere.next().code(), errc::unavailable);
  EXPECT_EQ(nowhere.held_bound(), 0u);
  EXPECT_TRUE(nowhere.holes().empty());
  nowhere.stop();
}

TEST_P(CpuCache, InstancesShareNothing) {
  memory_cache one(options(4));
  memory_cache two(options(4));
  for (sequence s = 0; s < 6; ++s) {
    EXPECT_EQ(*one.next(), s);
    EXPECT_EQ(*two.next(), s);
  }
}

TEST_P(CpuCache, SaysHowMuchItMayHold) {
  memory_cache cache({.block = 100, .cpus = 3, .exclusive = GetParam()});
  EXPECT_EQ(cache.cpus(), 3u);
  const auto alone = cache.mode() == cpu_mode::restartable ? 1u : 0u;
  EXPECT_EQ(cache.held_bound(), 300u + alone);
  EXPECT_EQ(memory_cache({.block = 1}).cpus(), sequencer::detail::possible_cpus());
}

TEST_P(CpuCache, PassesFailuresOnAndRecovers) {
  std::deque<result<block>> answers{errc::unavailable, errc::timeout, block{{7, 8}},
                                    block{{3, 5}}};
  std::vector<block_request> asked;
  cpu_cache<scripted_source> cache(options(1), &answers, &asked);
  EXPECT_EQ(cache.next().code(), errc::unavailable);
  EXPECT_EQ(cache.next().code(), errc::timeout);
  EXPECT_EQ(*cache.next(), 7u);
  EXPECT_EQ(*cache.next(), 3u) << "a lower block is as good as any";
  EXPECT_EQ(*cache.next(), 4u);
  EXPECT_EQ(cache.next().code(), errc::exhausted);
}

TEST_P(CpuCache, HandsDeadlinesToTheSource) {
  std::deque<result<block>> answers;
  std::vector<block_request> asked;
  cpu_cache<scripted_source> cache(options(9), &answers, &asked);
  const auto until = wait::in(std::chrono::hours(1));
  EXPECT_FALSE(cache.next());
  EXPECT_FALSE(cache.try_next());
  EXPECT_FALSE(cache.next_for(until));
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(asked[0].until, wait::never);
  EXPECT_EQ(asked[1].until, wait::at_once);
  EXPECT_EQ(asked[2].until, until);
  EXPECT_EQ(asked[0].want, 9u);
}

TEST_P(CpuCache, StopRefusesAndGivesBackWhatIsOnTop) {
  memory_cache cache(options(10));
  EXPECT_EQ(*cache.next(), 0u);
  EXPECT_EQ(*cache.next(), 1u);
  cache.stop();
  EXPECT_EQ(cache.next().code(), errc::closed);
  EXPECT_EQ(cache.try_next().code(), errc::closed);
  EXPECT_EQ(cache.source().peek(), 2u);
  EXPECT_TRUE(cache.holes().empty());
  cache.stop();
  EXPECT_EQ(cache.source().peek(), 2u);
}

TEST_P(CpuCache, WhatIsNotOnTopIsAHole) {
  memory_cache cache(options(10));
  EXPECT_EQ(*cache.next(), 0u);
  EXPECT_TRUE(cache.source().acquire({5, 5}));
  cache.stop();
  const auto holes = cache.holes();
  ASSERT_EQ(holes.size(), 1u);
  EXPECT_EQ(holes[0].numbers, (range{1, 10}));
  EXPECT_EQ(holes[0].lost, 9u);
  EXPECT_EQ(holes[0].why, loss::closed);
  EXPECT_TRUE(holes[0].certain);
}

TEST_P(CpuCache, OneRefillAtATimeIsWaitedFor) {
  cpu_cache<gated_source> cache(narrow(4));
  cache.source().open = false;
  std::thread first([&] { EXPECT_TRUE(cache.next()); });
  while (cache.source().inside.load() == 0) std::this_thread::yield();
  EXPECT_EQ(cache.try_next().code(), errc::unavailable);
  EXPECT_EQ(cache.next_for(wait::in(std::chrono::nanoseconds(1))).code(), errc::timeout);
  EXPECT_EQ(cache.source().inside, 1) << "the others waited for it and asked for no block";
  std::thread second([&] { EXPECT_TRUE(cache.next()); });
  cache.source().open = true;
  first.join();
  second.join();
  EXPECT_EQ(cache.source().peek(), 4u);
}

TEST_P(CpuCache, AStopDuringARefillLosesNothing) {
  cpu_cache<gated_source> cache(narrow(4));
  std::vector<std::vector<sequence>> all(1);
  cache.source().open = false;
  std::thread first([&] {
    const auto got = cache.next();
    if (got) {
      all[0].push_back(*got);
    } else {
      EXPECT_EQ(got.code(), errc::closed);
    }
  });
  while (cache.source().inside.load() == 0) std::this_thread::yield();
  cache.stop();
  EXPECT_EQ(cache.next().code(), errc::closed);
  cache.source().open = true;
  first.join();
  expect_accounted(cache, all);
}

TEST_P(CpuCache, ManyThreadsTakeEveryNumberOnce) {
  memory_cache cache(options(16));
  std::vector<std::vector<sequence>> all(9);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < all.size(); ++i) {
    threads.emplace_back([&, i] {
      run_on(cpus[i % cpus.size()]);
      for (int n = 0; n < 5'000; ++n) all[i].push_back(*cache.next());
    });
  }
  for (auto& each : threads) each.join();
  expect_accounted(cache, all);
}

TEST_P(CpuCache, AChildOfForkIsRefusedAndTheParentGoesOn) {
  if (emulated) GTEST_SKIP() << without_wipe_on_fork;
  memory_cache cache(options(100));
  EXPECT_EQ(*cache.next(), 0u);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool refused = cache.next().code() == errc::closed && cache.holes().empty() &&
                         cache.held_bound() == 0;
    cache.stop();
    ::_exit(refused && cache.next().code() == errc::closed ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*cache.next(), 1u);
}

TEST(CpuCacheDeathTest, RefusesSenselessSizes) {
  EXPECT_DEATH(memory_cache({.block = 0}), "1 <= block <= 2\\^32");
  EXPECT_DEATH(memory_cache({.block = 1, .cpus = (1u << 20) + 1}), "at most 2\\^20 CPUs");
}

// ---- where there are restartable sequences

class RestartableCpuCache : public CpuCache {};
INSTANTIATE_TEST_SUITE_P(Modes, RestartableCpuCache, testing::Values(false));

TEST_P(RestartableCpuCache, EachCpuHasABlockOfItsOwn) {
  memory_cache cache(options(4));
  if (cache.mode() != cpu_mode::restartable) GTEST_SKIP() << without_sections;
  if (cpus.size() < 2) GTEST_SKIP() << without_cpus;
  EXPECT_EQ(*cache.next(), 0u);
  ASSERT_TRUE(run_on(cpus[1]));
  EXPECT_EQ(*cache.next(), 4u);
  std::thread([&] {
    ASSERT_TRUE(run_on(cpus[0]));
    EXPECT_EQ(*cache.next(), 1u) << "any thread on that CPU goes on with its block";
  }).join();
  EXPECT_EQ(*cache.next(), 5u);
}

TEST_P(RestartableCpuCache, ACpuBeyondThoseThatHaveABlockAsksForEachNumber) {
  if (cpus.size() < 2) GTEST_SKIP() << without_cpus;
  ASSERT_TRUE(run_on(cpus[1]));
  std::deque<result<block>> answers{block{{0, 1}}, block{{1, 2}}};
  std::vector<block_request> asked;
  cpu_cache<scripted_source> cache({.block = 8, .cpus = cpus[1]}, &answers, &asked);
  if (cache.mode() != cpu_mode::restartable) GTEST_SKIP() << without_sections;
  EXPECT_EQ(*cache.next(), 0u);
  EXPECT_EQ(*cache.next(), 1u);
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0].want, 1u);
  EXPECT_EQ(asked[1].want, 1u);
}

#if defined(__x86_64__) && __has_include(<sys/rseq.h>)
TEST_P(RestartableCpuCache, AThreadThatIsNotRegisteredAsksForEachNumber) {
  memory_cache cache(options(8));
  if (cache.mode() != cpu_mode::restartable) GTEST_SKIP() << without_sections;
  EXPECT_EQ(*cache.next(), 0u);
  std::thread([&] {
    auto* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
    ASSERT_EQ(::syscall(SYS_rseq, area, 32, 1 /* unregister */, RSEQ_SIG), 0);
    EXPECT_EQ(*cache.next(), 8u);
    EXPECT_EQ(*cache.next(), 9u);
  }).join();
  EXPECT_EQ(*cache.next(), 1u);
}
#endif

// ---- where there are none

TEST(CpuCacheMode, IsWhatTheProcessHas) {
  const auto mode = memory_cache({.block = 1}).mode();
  EXPECT_EQ(memory_cache({.block = 1, .exclusive = true}).mode(), cpu_mode::exclusive);
  const char* tunables = std::getenv("GLIBC_TUNABLES");
  const bool off = tunables != nullptr && std::strstr(tunables, "glibc.pthread.rseq=0") != nullptr;
  if (off || sequencer::detail::cpu_section::hidden) {
    EXPECT_EQ(mode, cpu_mode::exclusive);
  }
  std::cout << "restartable sequences: " << name(mode) << '\n';
}

// All of the above once more, in a process whose threads glibc does not register.
TEST(CpuCacheMode, WithoutRegistrationEverythingHoldsExclusive) {
  if (emulated) GTEST_SKIP() << "skipped: qemu-user has no restartable sequences to begin with";
  if (std::getenv("GLIBC_TUNABLES") != nullptr) GTEST_SKIP() << "skipped: this is that process";
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
    ::unsetenv("GTEST_OUTPUT");
    ::execl("/proc/self/exe", "cpu_cache_test", "--gtest_filter=*CpuCache*-*DeathTest*",
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(PossibleCpus, AreReadFromTheEndOfTheList) {
  using sequencer::detail::end_of_cpus;
  EXPECT_EQ(end_of_cpus("0\n"), 1u);
  EXPECT_EQ(end_of_cpus("0-127\n"), 128u);
  EXPECT_EQ(end_of_cpus("0,2-5,17"), 18u);
  EXPECT_EQ(end_of_cpus(""), 0u);
  EXPECT_EQ(end_of_cpus("none\n"), 0u);
  EXPECT_EQ(end_of_cpus("0-99999999999\n"), 0u);
  EXPECT_GE(sequencer::detail::possible_cpus(), usable_cpus().size());
}

}  // namespace
