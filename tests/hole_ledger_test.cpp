// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/hole_ledger.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace {

using sequencer::hole;
using sequencer::loss;
using sequencer::range;
using sequencer::detail::hole_ledger;

hole lost(sequencer::sequence first, sequencer::sequence last, loss why = loss::killed) {
  return {{first, last}, last - first, 1, why, true, false};
}

TEST(HoleLedger, KeepsHolesInOrderOfTheirNumbers) {
  hole_ledger ledger(8);
  ledger.add(lost(50, 60));
  ledger.add(lost(10, 20));
  ledger.add(lost(30, 31));
  ASSERT_EQ(ledger.holes().size(), 3u);
  EXPECT_EQ(ledger.holes()[0].numbers, (range{10, 20}));
  EXPECT_EQ(ledger.holes()[1].numbers, (range{30, 31}));
  EXPECT_EQ(ledger.holes()[2].numbers, (range{50, 60}));
}

TEST(HoleLedger, IgnoresNothingAndWhatItKnows) {
  hole_ledger ledger(8);
  ledger.add(lost(10, 10));
  EXPECT_TRUE(ledger.holes().empty());
  ledger.add(lost(10, 20));
  ledger.add(lost(10, 20));
  ledger.add(lost(12, 15, loss::closed));
  ASSERT_EQ(ledger.holes().size(), 1u);
  EXPECT_EQ(ledger.holes()[0].lost, 10u);
}

hole guess(sequencer::sequence first, sequencer::sequence last, loss why = loss::crashed) {
  return {{first, last}, last - first, 1, why, false, false};
}

// An opening without the live region lists everything unsettled as lost, over tails that are known
// to be; the next one finds the region, and forgets the guess.
TEST(HoleLedger, WhatIsKnownInsideAGuessOutlivesIt) {
  for (const bool guess_first : {true, false}) {
    for (const auto why : {loss::crashed, loss::rotten_copy}) {
      SCOPED_TRACE(guess_first);
      hole_ledger ledger(8);
      if (guess_first) ledger.add(guess(10, 100, why));
      ledger.add(lost(10, 14, loss::handle_ended));
      ledger.add(lost(40, 45, loss::handle_ended));
      ledger.add(lost(96, 100, loss::handle_ended));
      if (!guess_first) ledger.add(guess(10, 100, why));
      const auto before = ledger.holes();
      for (const auto& each : before) ledger.add(each);  // a second reading of the same file
      EXPECT_EQ(ledger.holes().size(), before.size());
      EXPECT_TRUE(ledger.forget_guesses(10));
      ASSERT_EQ(ledger.holes().size(), 3u);
      EXPECT_EQ(ledger.holes()[0].numbers, (range{10, 14}));
      EXPECT_EQ(ledger.holes()[1].numbers, (range{40, 45}));
      EXPECT_EQ(ledger.holes()[2].numbers, (range{96, 100}));
    }
  }
}

TEST(HoleLedger, AGuessInsideAGuessOrInsideWhatIsKnownIsIgnored) {
  hole_ledger ledger(8);
  ledger.add(guess(10, 100));
  ledger.add(guess(20, 100, loss::rotten_copy));
  EXPECT_EQ(ledger.holes().size(), 1u);
  ledger.add(lost(200, 300));
  ledger.add(guess(200, 290));
  EXPECT_EQ(ledger.holes().size(), 2u);
}

TEST(HoleLedger, AMergedGuessIsKeptAndCountsNoMoreThanItSpans) {
  hole_ledger ledger(1);
  ledger.add(guess(10, 20));
  ledger.add(lost(12, 19, loss::handle_ended));
  ASSERT_EQ(ledger.holes().size(), 1u);
  EXPECT_EQ(ledger.holes()[0].numbers, (range{10, 20}));
  EXPECT_EQ(ledger.holes()[0].lost, 10u);
  EXPECT_FALSE(ledger.forget_guesses(0));
}

TEST(HoleLedger, JoinsTouchingHolesOfOneKindOnly) {
  hole_ledger ledger(8);
  ledger.add(lost(10, 20));
  ledger.add(lost(30, 40));
  ledger.add(lost(20, 30));
  ASSERT_EQ(ledger.holes().size(), 1u);
  EXPECT_EQ(ledger.holes()[0].numbers, (range{10, 40}));
  EXPECT_EQ(ledger.holes()[0].lost, 30u);
  EXPECT_TRUE(ledger.holes()[0].certain);
  EXPECT_FALSE(ledger.holes()[0].merged);
  ledger.add(lost(40, 50, loss::closed));
  EXPECT_EQ(ledger.holes().size(), 2u);
}

TEST(HoleLedger, MergesTheNearestNeighboursWhenFull) {
  hole_ledger ledger(2);
  ledger.add(lost(0, 10));
  ledger.add(lost(1000, 1010));
  ledger.add(lost(1020, 1030));
  ASSERT_EQ(ledger.holes().size(), 2u);
  const auto& merged = ledger.holes()[1];
  EXPECT_EQ(merged.numbers, (range{1000, 1030}));
  EXPECT_EQ(merged.lost, 20u);
  EXPECT_TRUE(merged.merged);
  EXPECT_FALSE(merged.certain);
}

TEST(HoleLedger, ShrinksToOneAndNoFurther) {
  hole_ledger ledger(4);
  EXPECT_FALSE(ledger.shrink());
  ledger.add(lost(0, 10));
  EXPECT_FALSE(ledger.shrink());
  ledger.add(lost(20, 30));
  EXPECT_TRUE(ledger.shrink());
  EXPECT_EQ(ledger.holes().size(), 1u);
}

// Whatever is added, every lost number stays covered and none is counted twice.
TEST(HoleLedger, CoversAndCountsEverything) {
  const char* given = std::getenv("SEQUENCER_SEED");
  const auto seed = given != nullptr ? std::stoull(given) : std::random_device()();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("SEQUENCER_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    hole_ledger ledger(1 + random() % 12);
    std::vector<range> added;
    sequencer::sequence next = 0;
    for (int i = 0; i < 40; ++i) {
      next += random() % 5;
      const auto size = 1 + random() % 9;
      added.push_back({next, next + size});
      next += size;
    }
    std::shuffle(added.begin(), added.end(), random);
    std::uint64_t total = 0;
    for (const auto& each : added) {
      ledger.add(lost(each.first, each.last, random() % 2 ? loss::killed : loss::closed));
      total += each.size();
    }
    std::uint64_t counted = 0;
    for (const auto& each : ledger.holes()) {
      counted += each.lost;
      EXPECT_LE(each.lost, each.numbers.size());
      EXPECT_TRUE(each.lost == each.numbers.size() || each.merged);
    }
    for (const auto& each : added) {
      const auto covers = [&](const hole& known) {
        return known.numbers.first <= each.first && each.last <= known.numbers.last;
      };
      EXPECT_TRUE(std::any_of(ledger.holes().begin(), ledger.holes().end(), covers));
    }
    EXPECT_EQ(counted, total);
  }
}

}  // namespace
