// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/sequence.hpp>

#include <gtest/gtest.h>

namespace {

using sequencer::range;

TEST(Range, IsHalfOpen) {
  constexpr range three{5, 8};
  EXPECT_EQ(three.size(), 3u);
  EXPECT_FALSE(three.empty());
  EXPECT_FALSE(three.contains(4));
  EXPECT_TRUE(three.contains(5));
  EXPECT_TRUE(three.contains(7));
  EXPECT_FALSE(three.contains(8));
}

TEST(Range, EqualEndsAreEmpty) {
  constexpr range none{5, 5};
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.size(), 0u);
  EXPECT_FALSE(none.contains(5));
}

TEST(Sequence, TopLeavesTheHighestBitFree) {
  EXPECT_EQ(sequencer::top, 9223372036854775807u);
  EXPECT_EQ((range{sequencer::top, sequencer::top + 1}).size(), 1u);
}

}  // namespace
