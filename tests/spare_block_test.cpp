// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/spare_block.hpp>

#include <gtest/gtest.h>

#include <thread>

namespace {

using sequencer::block;
using sequencer::block_request;
using sequencer::errc;
using sequencer::range;
using sequencer::result;
using sequencer::sequence;
using sequencer::detail::spare_block;

result<block> grant(const block_request& asked) { return block{{asked.floor, asked.floor + 4}}; }

TEST(SpareBlock, GoesFromAskedToTaken) {
  spare_block spare;
  EXPECT_TRUE(spare.idle());
  EXPECT_FALSE(spare.serve(grant)) << "nothing was asked for";
  spare.ask({1, 4, 100});
  EXPECT_FALSE(spare.idle());
  EXPECT_FALSE(spare.ready_to_take());
  EXPECT_TRUE(spare.serve(grant));
  EXPECT_FALSE(spare.serve(grant)) << "answered twice";
  ASSERT_TRUE(spare.ready_to_take());
  EXPECT_EQ(spare.take()->numbers, (range{100, 104}));
  EXPECT_TRUE(spare.idle());
}

TEST(SpareBlock, CanBeWithdrawnUntilSomebodyFetches) {
  spare_block spare;
  spare.ask({1, 4, 0});
  EXPECT_TRUE(spare.withdraw());
  EXPECT_FALSE(spare.serve(grant));
  spare.ask({1, 4, 0});
  EXPECT_TRUE(spare.serve(grant));
  EXPECT_FALSE(spare.withdraw());
}

TEST(SpareBlock, HandsARefusalOver) {
  spare_block spare;
  spare.ask({1, 4, 0});
  EXPECT_TRUE(spare.serve([](const block_request&) { return result<block>(errc::exhausted); }));
  EXPECT_EQ(spare.take().code(), errc::exhausted);
}

TEST(SpareBlock, EachRequestIsAnsweredOnceAcrossThreads) {
  spare_block spare;
  constexpr sequence rounds = 20'000;
  std::atomic<bool> done{false};
  sequence served = 0;
  std::thread fetcher([&] {
    while (!done.load()) {
      if (spare.serve(grant)) {
        ++served;
      } else {
        std::this_thread::yield();
      }
    }
  });
  sequence withdrawn = 0;
  for (sequence s = 0; s < rounds; ++s) {
    spare.ask({1, 4, s});
    if (s % 3 == 0 && spare.withdraw()) {
      ++withdrawn;
      continue;
    }
    while (!spare.ready_to_take()) std::this_thread::yield();
    ASSERT_EQ(spare.take()->numbers.first, s);
  }
  done = true;
  fetcher.join();
  EXPECT_EQ(served + withdrawn, rounds);
}

}  // namespace
