// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/counter.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "taken.hpp"

namespace {

using sequencer::counter;
using sequencer::errc;
using sequencer::sequence;
using sequencer::taken_at_once;
using sequencer::top;

TEST(Counter, StartsAtZeroOrWhereAsked) {
  counter from_zero;
  EXPECT_EQ(*from_zero.next(), 0u);
  EXPECT_EQ(*from_zero.next(), 1u);
  counter from_far((sequence{1} << 32) - 3);
  for (sequence s = (sequence{1} << 32) - 3; s < (sequence{1} << 32) + 3; ++s) {
    EXPECT_EQ(*from_far.next(), s);
  }
}

TEST(Counter, PeekTakesNothing) {
  counter numbers(41);
  EXPECT_EQ(numbers.peek(), 41u);
  EXPECT_EQ(numbers.peek(), 41u);
  EXPECT_EQ(*numbers.next(), 41u);
  EXPECT_EQ(numbers.peek(), 42u);
}

TEST(Counter, TakesRunsOfConsecutiveNumbers) {
  counter numbers(10);
  const auto run = numbers.next(5);
  ASSERT_TRUE(run);
  EXPECT_EQ(run->first, 10u);
  EXPECT_EQ(run->last, 15u);
  EXPECT_EQ(*numbers.next(), 15u);
  EXPECT_EQ(numbers.next(1)->first, 16u);
}

TEST(Counter, RefusesRunsOutOfBounds) {
  counter numbers;
  EXPECT_EQ(numbers.next(0).code(), errc::invalid);
  EXPECT_EQ(numbers.next(counter::max_request + 1).code(), errc::invalid);
  EXPECT_EQ(numbers.peek(), 0u);
  EXPECT_EQ(numbers.next(counter::max_request)->size(), counter::max_request);
}

TEST(Counter, IssuesTopOnceThenIsExhaustedForEver) {
  counter numbers(top - 1);
  EXPECT_EQ(*numbers.next(), top - 1);
  EXPECT_EQ(*numbers.next(), top);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(numbers.next().code(), errc::exhausted);
  EXPECT_EQ(numbers.next(3).code(), errc::exhausted);
  EXPECT_GT(numbers.peek(), top);
}

TEST(Counter, ARefusedRunAtTheTopTakesNothing) {
  counter numbers(top - 2);
  EXPECT_EQ(numbers.next(4).code(), errc::exhausted);
  EXPECT_EQ(numbers.next(counter::max_request).code(), errc::exhausted);
  const auto rest = numbers.next(3);
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->last, top + 1);
  EXPECT_EQ(numbers.next(1).code(), errc::exhausted);
}

TEST(CounterDeathTest, RefusesAStartAboveTop) {
  EXPECT_DEATH(counter(top + 1), "2\\^63 - 1 or below");
}

TEST(Counter, RacersAtTheTopIssueEachNumberOnceAndNeverWrap) {
  constexpr sequence left = 1000;
  counter numbers(top - left + 1);
  const auto all = taken_at_once(4, [&](std::vector<sequence>& mine) {
    for (int i = 0; i < 1000; ++i) {
      if (const auto number = numbers.next()) mine.push_back(*number);
      if (const auto run = numbers.next(2)) {
        mine.push_back(run->first);
        mine.push_back(run->first + 1);
      }
    }
  });
  EXPECT_TRUE(std::adjacent_find(all.begin(), all.end()) == all.end());
  EXPECT_GE(all.front(), top - left + 1);
  EXPECT_LE(all.back(), top);
  EXPECT_GE(all.size(), left - 1);  // two racing runs may leave the very last number
}

TEST(Counter, ManyThreadsTakeADenseRange) {
  counter numbers;
  constexpr std::size_t each_takes = 20'000;
  const auto all = taken_at_once(4, [&](std::vector<sequence>& mine) {
    for (std::size_t i = 0; i < each_takes; ++i) mine.push_back(*numbers.next());
  });
  ASSERT_EQ(all.size(), 4 * each_takes);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i);
}

}  // namespace
