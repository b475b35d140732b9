// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/fence.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "unsure_mark.hpp"

namespace sequencer {
namespace {

TEST(Fence, LetsInTheHighestTokenAndRefusesWhoIsLate) {
  fence before;
  EXPECT_EQ(*before.admit(3), 3u);
  EXPECT_EQ(*before.admit(3), 3u);
  EXPECT_EQ(before.admit(2).code(), errc::fenced);
  EXPECT_EQ(*before.admit(7), 7u);
  EXPECT_EQ(before.admit(3).code(), errc::fenced);
  EXPECT_EQ(before.admit(6).code(), errc::fenced);
  EXPECT_EQ(*before.admit(7), 7u);
  EXPECT_EQ(before.highest(), 7u);
}

TEST(Fence, ARefusedTokenChangesNothing) {
  fence before{5};
  EXPECT_EQ(before.admit(4).code(), errc::fenced);
  EXPECT_EQ(before.admit(top + 1).code(), errc::invalid);
  EXPECT_EQ(before.admit(~std::uint64_t{0}).code(), errc::invalid);
  EXPECT_EQ(before.highest(), 5u);
  EXPECT_EQ(*before.admit(5), 5u);
  EXPECT_EQ(*before.admit(top), top);
  EXPECT_EQ(before.admit(5).code(), errc::fenced);
}

TEST(FenceDeathTest, StopsAtATokenAboveTheTop) {
  EXPECT_DEATH(fence{top + 1}, "2\\^63 - 1 or below");
  unsure_mark mark{top + 1};
  EXPECT_DEATH(durable_fence{mark}, "2\\^63 - 1 or below");
}

TEST(DurableFence, TheTokenIsDurableBeforeItsFirstWriteIsLetIn) {
  unsure_mark mark{3};
  durable_fence before{mark};
  EXPECT_EQ(before.highest(), 3u);
  EXPECT_EQ(before.admit(2).code(), errc::fenced);
  EXPECT_EQ(*before.admit(8), 8u);
  EXPECT_EQ(mark.durable(), 8u);
  EXPECT_EQ(before.admit(3).code(), errc::fenced);
  EXPECT_EQ(before.highest(), 8u);
}

TEST(DurableFence, TheOwnersFurtherWritesStoreNothing) {
  unsure_mark mark;
  durable_fence before{mark};
  for (int i = 0; i < 10; ++i) EXPECT_EQ(*before.admit(8), 8u);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(before.admit(7).code(), errc::fenced);
  EXPECT_EQ(mark.stores(), 1);
}

// The mark that is found may never have been synced.
TEST(DurableFence, WritesWhatItFoundOnceMoreBeforeItLetsAnythingIn) {
  unsure_mark mark{3};
  mark.fail(true);
  ASSERT_FALSE(mark.store(8));
  ASSERT_EQ(mark.load(), 8u);
  ASSERT_EQ(mark.durable(), 3u);
  mark.mend();
  durable_fence before{mark};
  EXPECT_EQ(before.admit(7).code(), errc::fenced);
  EXPECT_EQ(mark.durable(), 3u);
  EXPECT_EQ(*before.admit(8), 8u);
  EXPECT_EQ(mark.durable(), 8u);
}

TEST(DurableFence, WhatCouldNotBeStoredIsNotLetInAndTheOldOwnerGoesOn) {
  for (const bool seen : {false, true}) {
    unsure_mark mark;
    durable_fence before{mark};
    ASSERT_EQ(*before.admit(4), 4u);
    mark.fail(seen);
    EXPECT_EQ(before.admit(5).code(), errc::io);
    EXPECT_EQ(before.highest(), 4u);
    EXPECT_EQ(*before.admit(4), 4u);
    mark.mend();
    EXPECT_EQ(*before.admit(5), 5u);
    EXPECT_EQ(before.admit(4).code(), errc::fenced);
    EXPECT_EQ(mark.durable(), 5u);
  }
}

TEST(DurableFence, ARestartDoesNotLowerIt) {
  unsure_mark mark;
  {
    durable_fence before{mark};
    ASSERT_TRUE(before.admit(4));
    ASSERT_TRUE(before.admit(9));
  }
  mark.crash(false);
  durable_fence before{mark};
  EXPECT_EQ(before.admit(4).code(), errc::fenced);
  EXPECT_EQ(before.admit(top + 1).code(), errc::invalid);
  EXPECT_EQ(*before.admit(9), 9u);
}

// Owners after each other, each with more than one thread, all at once: once a token was let in no
// lower one is, and the mark is never behind.
template <class Fence, class Durable>
void race(Fence& before, Durable durable) {
  constexpr sequence owners = 200;
  std::atomic<sequence> highest{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (sequence token = 1; token <= owners; ++token) {
        const auto mine = i % 2 == 0 ? token : owners + 1 - token;
        const auto let_in_before = highest.load();
        const auto answer = before.admit(mine);
        if (answer && (mine < let_in_before || durable() < mine)) ++wrong;
        if (!answer && answer.code() != errc::fenced) ++wrong;
        if (!answer && mine >= before.highest()) ++wrong;
        for (auto seen = highest.load(); answer && seen < mine;) {
          if (highest.compare_exchange_weak(seen, mine)) break;
        }
      }
    });
  }
  for (auto& each : threads) each.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(before.highest(), owners);
}

TEST(Fence, ManyThreadsNeverLetALateOwnerIn) {
  for (int round = 0; round < 20; ++round) {
    fence before;
    race(before, [] { return top; });
  }
}

TEST(DurableFence, ManyThreadsNeverLetALateOwnerIn) {
  for (int round = 0; round < 20; ++round) {
    unsure_mark mark;
    durable_fence before{mark};
    race(before, [&] { return mark.durable(); });
  }
}

}  // namespace
}  // namespace sequencer
