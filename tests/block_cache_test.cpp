// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/block_cache.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include <tests/emulated.hpp>

#include "scripted_source.hpp"

namespace {

using sequencer::block;
using sequencer::block_cache;
using sequencer::block_options;
using sequencer::block_request;
using sequencer::emulated;
using sequencer::errc;
using sequencer::loss;
using sequencer::memory_source;
using sequencer::range;
using sequencer::result;
using sequencer::scripted_source;
using sequencer::sequence;
using sequencer::without_wipe_on_fork;

using memory_cache = block_cache<memory_source>;

// A memory source that claims to be slow and counts its calls, which may come from every handle.
struct slow_source : memory_source {
  static constexpr bool slow = true;
  using memory_source::memory_source;
  std::atomic<int> acquired{0};
  result<block> acquire(const block_request& r) noexcept {
    acquired.fetch_add(1);
    return memory_source::acquire(r);
  }
};

TEST(BlockCache, HandsOutABlockThenTheNext) {
  memory_cache cache({.block = 3});
  auto mine = cache.local();
  for (sequence s = 0; s < 10; ++s) EXPECT_EQ(*mine.next(), s);
  EXPECT_EQ(mine.remaining(), 2u);
}

TEST(BlockCache, HandlesHaveBlocksOfTheirOwn) {
  memory_cache cache({.block = 4});
  auto one = cache.local();
  auto two = cache.local();
  EXPECT_EQ(*one.next(), 0u);
  EXPECT_EQ(*two.next(), 4u);
  EXPECT_EQ(*one.next(), 1u);
  EXPECT_EQ(cache.held_bound(), 8u);
}

TEST(BlockCache, InstancesShareNothing) {
  memory_cache one({.block = 4});
  memory_cache two({.block = 4});
  auto of_one = one.local();
  auto of_two = two.local();
  for (sequence s = 0; s < 6; ++s) {
    EXPECT_EQ(*of_one.next(), s);
    EXPECT_EQ(*of_two.next(), s);
  }
}

TEST(BlockCache, ATailOnTopGoesBack) {
  memory_cache cache({.block = 10});
  {
    auto mine = cache.local();
    EXPECT_EQ(*mine.next(), 0u);
    EXPECT_EQ(*mine.next(), 1u);
  }
  EXPECT_TRUE(cache.holes().empty());
  EXPECT_EQ(*cache.local().next(), 2u);
}

TEST(BlockCache, ATailBelowIsListedAsAHole) {
  memory_cache cache({.block = 10});
  std::optional<memory_cache::handle> low(cache.local());
  EXPECT_EQ(*low->next(), 0u);
  auto high = cache.local();
  EXPECT_EQ(*high.next(), 10u);
  low.reset();
  const auto holes = cache.holes();
  ASSERT_EQ(holes.size(), 1u);
  EXPECT_EQ(holes[0].numbers, (range{1, 10}));
  EXPECT_EQ(holes[0].lost, 9u);
  EXPECT_EQ(holes[0].why, loss::handle_ended);
  EXPECT_TRUE(holes[0].certain);
}

TEST(BlockCache, AHandleMayOutliveTheCache) {
  std::optional<memory_cache::handle> mine;
  {
    memory_cache cache({.block = 2});
    mine.emplace(cache.local());
    EXPECT_EQ(*mine->next(), 0u);
  }
  for (sequence s = 1; s < 9; ++s) EXPECT_EQ(*mine->next(), s);
}

TEST(BlockCache, MovingAHandleMovesItsNumbers) {
  memory_cache cache({.block = 8});
  auto one = cache.local();
  EXPECT_EQ(*one.next(), 0u);
  auto two = std::move(one);
  EXPECT_EQ(*two.next(), 1u);
  auto three = cache.local();
  three = std::move(two);
  EXPECT_EQ(*three.next(), 2u);
}

TEST(BlockCache, SlotsAreReusedByManyShortHandles) {
  memory_cache cache({.block = 4});
  sequence last = 0;
  for (int i = 0; i < 1000; ++i) {
    auto mine = cache.local();
    const auto number = *mine.next();
    EXPECT_TRUE(i == 0 || number == last + 1);  // every tail was on top
    last = number;
  }
  EXPECT_EQ(cache.held_bound(), 0u);
}

TEST(BlockCache, AHandleThatCannotLieWhereItIsToAnswersUnavailable) {
  memory_cache cache({.block = 4});
  auto nowhere = cache.local(sequencer::any_domain, 1000);  // there is no such node
  EXPECT_EQ(nowhere.next().code(), errc::unavailable);
  EXPECT_EQ(cache.held_bound(), 0u);
  auto here = cache.local();
  EXPECT_EQ(*here.next(), 0u);
  EXPECT_NE(here.place(), nullptr);
  EXPECT_EQ(nowhere.place(), nullptr);
  cache.stop();
  EXPECT_EQ(nowhere.next().code(), errc::closed);
}

TEST(BlockCache, DiscardsABlockBelowItsLastNumber) {
  std::deque<result<block>> answers{block{{100, 102}}, block{{50, 60}}, block{{200, 202}}};
  std::vector<block_request> asked;
  block_cache<scripted_source> cache({.block = 2}, &answers, &asked);
  auto mine = cache.local();
  EXPECT_EQ(*mine.next(), 100u);
  EXPECT_EQ(*mine.next(), 101u);
  EXPECT_EQ(*mine.next(), 200u);
  EXPECT_EQ(asked[1].floor, 102u);
  const auto holes = cache.holes();
  ASSERT_EQ(holes.size(), 1u);
  EXPECT_EQ(holes[0].numbers, (range{50, 60}));
}

TEST(BlockCache, PassesFailuresOnAndRecovers) {
  std::deque<result<block>> answers{errc::unavailable, errc::timeout, block{{7, 8}}};
  std::vector<block_request> asked;
  block_cache<scripted_source> cache({.block = 1}, &answers, &asked);
  auto mine = cache.local();
  EXPECT_EQ(mine.next().code(), errc::unavailable);
  EXPECT_EQ(mine.next().code(), errc::timeout);
  EXPECT_EQ(*mine.next(), 7u);
  EXPECT_EQ(mine.next().code(), errc::exhausted);
}

TEST(BlockCache, HandsDeadlinesToTheSource) {
  std::deque<result<block>> answers;
  std::vector<block_request> asked;
  block_cache<scripted_source> cache({.block = 1}, &answers, &asked);
  auto mine = cache.local();
  const auto until = sequencer::wait::in(std::chrono::seconds(1));
  EXPECT_FALSE(mine.next());
  EXPECT_FALSE(mine.try_next());
  EXPECT_FALSE(mine.next_for(until));
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(asked[0].until, sequencer::wait::never);
  EXPECT_EQ(asked[1].until, sequencer::wait::at_once);
  EXPECT_EQ(asked[2].until, until);
}

std::vector<std::uint64_t> block_sizes(block_options options, int blocks) {
  std::deque<result<block>> answers;
  std::vector<block_request> asked;
  sequence next = 0;
  for (int i = 0; i < blocks; ++i) {
    answers.push_back(block{{next, next + 1}});
    ++next;
  }
  block_cache<scripted_source> cache(options, &answers, &asked);
  auto mine = cache.local();
  for (int i = 0; i < blocks; ++i) EXPECT_TRUE(mine.next());
  std::vector<std::uint64_t> sizes;
  for (const auto& each : asked) sizes.push_back(each.want);
  return sizes;
}

TEST(BlockCache, BlocksUsedUpQuicklyGrowToTheLargest) {
  const auto sizes =
      block_sizes({.block = 4, .max_block = 20, .quick = std::chrono::hours(1)}, 6);
  EXPECT_EQ(sizes, (std::vector<std::uint64_t>{4, 8, 16, 20, 20, 20}));
}

TEST(BlockCache, BlocksThatLastShrinkToTheFirstSize) {
  const auto sizes = block_sizes({.block = 4,
                                  .max_block = 20,
                                  .quick = std::chrono::nanoseconds(0),
                                  .slow = std::chrono::nanoseconds(0)},
                                 4);
  EXPECT_EQ(sizes, (std::vector<std::uint64_t>{4, 4, 4, 4}));
}

TEST(BlockCache, AFixedSizeStaysFixed) {
  const auto sizes = block_sizes({.block = 4, .quick = std::chrono::hours(1)}, 4);
  EXPECT_EQ(sizes, (std::vector<std::uint64_t>{4, 4, 4, 4}));
}

TEST(BlockCacheDeathTest, RefusesSenselessSizes) {
  EXPECT_DEATH(memory_cache({.block = 0}), "1 <= block <= max_block");
  EXPECT_DEATH(memory_cache({.block = 8, .max_block = 4}), "1 <= block <= max_block");
}

TEST(BlockCache, StopRefusesEveryHandle) {
  memory_cache cache({.block = 100});
  auto mine = cache.local();
  EXPECT_EQ(*mine.next(), 0u);
  cache.stop();
  EXPECT_EQ(mine.next().code(), errc::closed);
  EXPECT_EQ(mine.next().code(), errc::closed);
}

TEST(BlockCache, TendFetchesAheadOfNeed) {
  block_cache<slow_source> cache({.block = 8});
  auto mine = cache.local();
  EXPECT_FALSE(cache.tend());
  for (sequence s = 0; s < 4; ++s) EXPECT_EQ(*mine.next(), s);
  EXPECT_FALSE(cache.tend()) << "asked before the low mark";
  EXPECT_EQ(*mine.next(), 4u);
  EXPECT_TRUE(cache.tend());
  EXPECT_FALSE(cache.tend());
  EXPECT_EQ(cache.source().acquired, 2);
  for (sequence s = 5; s < 12; ++s) EXPECT_EQ(*mine.next(), s);
  EXPECT_EQ(cache.source().acquired, 2) << "the handle used the fetched block";
}

TEST(BlockCache, ADryHandleFetchesForItself) {
  block_cache<slow_source> cache({.block = 4});
  auto mine = cache.local();
  for (sequence s = 0; s < 20; ++s) EXPECT_EQ(*mine.next(), s);
}

TEST(BlockCache, AFetchedBlockThatNobodyUsesIsAccountedFor) {
  block_cache<slow_source> cache({.block = 4});
  {
    auto mine = cache.local();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(mine.next());
    EXPECT_TRUE(cache.tend());
  }
  // The spare block was on top and went back; the tail below it went back after.
  EXPECT_TRUE(cache.holes().empty());
  EXPECT_EQ(*cache.local().next(), 3u);
}

TEST(BlockCache, ThreadsAndATenderTakeEveryNumberOnce) {
  block_cache<slow_source> cache({.block = 16, .max_block = 64});
  std::atomic<bool> done{false};
  std::vector<std::vector<sequence>> got(3);
  std::thread tender([&] {
    while (!done.load()) {
      cache.tend();
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> threads;
  for (auto& mine : got) {
    threads.emplace_back([&] {
      for (int life = 0; life < 20; ++life) {
        auto handle = cache.local();
        for (int i = 0; i < 300; ++i) mine.push_back(*handle.next());
      }
    });
  }
  for (auto& each : threads) each.join();
  done = true;
  tender.join();
  std::set<sequence> all;
  for (const auto& mine : got) {
    for (const auto number : mine) EXPECT_TRUE(all.insert(number).second) << number;
  }
  for (const auto& hole : cache.holes()) {
    if (!hole.certain) continue;
    EXPECT_TRUE(all.lower_bound(hole.numbers.first) == all.lower_bound(hole.numbers.last));
  }
}

// What a child of fork answers, as its exit status.
template <class Try>
errc in_child(Try attempt) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto outcome = attempt();
    ::_exit(outcome ? 0 : static_cast<int>(outcome.code()));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  return static_cast<errc>(WEXITSTATUS(status));
}

TEST(BlockCache, AChildOfForkIsRefusedAndTheParentGoesOn) {
  if (emulated) GTEST_SKIP() << without_wipe_on_fork;
  memory_cache cache({.block = 100});
  auto mine = cache.local();
  EXPECT_EQ(*mine.next(), 0u);
  EXPECT_EQ(in_child([&] { return mine.next(); }), errc::closed);
  EXPECT_EQ(in_child([&] { return cache.local().next(); }), errc::closed);
  EXPECT_EQ(*mine.next(), 1u);
}

}  // namespace
