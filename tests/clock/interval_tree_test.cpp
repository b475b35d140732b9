// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/clock/interval_tree.hpp>

#include <gtest/gtest.h>

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "wire_checks.hpp"

namespace sequencer {
namespace {

using clock::interval_tree;
using clock::relation;

static_assert(!std::is_copy_constructible_v<interval_tree>);
static_assert(!std::is_copy_assignable_v<interval_tree>);

interval_tree halved(interval_tree& of) { return *of.fork(); }

interval_tree of(const std::string& bytes) { return *decoded<interval_tree>(from_hex(bytes)); }

// The run that the paper draws (its figure 3), each stamp as it stands there.
TEST(IntervalTree, DoesWhatThePaperDraws) {
  auto a = interval_tree::seed();
  EXPECT_EQ(a, of("81 40 00 00")) << "(1, 0)";
  auto b = halved(a);
  EXPECT_EQ(a, of("81 a0 00 00")) << "((1, 0), 0)";
  EXPECT_EQ(b, of("81 88 00 00")) << "((0, 1), 0)";
  ASSERT_TRUE(a.event());
  ASSERT_TRUE(b.event());
  EXPECT_EQ(a, of("81 a0 80 00 01 00")) << "((1, 0), (0, 1, 0))";
  EXPECT_EQ(b, of("81 88 80 00 00 01")) << "((0, 1), (0, 0, 1))";
  auto c = halved(a);
  EXPECT_EQ(a, of("81 d0 80 00 01 00")) << "(((1, 0), 0), (0, 1, 0))";
  EXPECT_EQ(c, of("81 c4 80 00 01 00")) << "(((0, 1), 0), (0, 1, 0))";
  ASSERT_TRUE(a.event());
  EXPECT_EQ(a, of("81 d0 c0 00 01 01 00 00")) << "(((1, 0), 0), (0, (1, 1, 0), 0))";
  ASSERT_TRUE(b.event());
  EXPECT_EQ(b, of("81 88 80 00 00 02")) << "((0, 1), (0, 0, 2))";
  ASSERT_TRUE(c.join(std::move(b)));
  EXPECT_EQ(c, of("81 c5 80 01 00 01")) << "(((0, 1), 1), (1, 0, 1))";
  auto d = halved(c);
  EXPECT_EQ(c, of("81 c4 80 01 00 01")) << "(((0, 1), 0), (1, 0, 1))";
  EXPECT_EQ(d, of("81 88 80 01 00 01")) << "((0, 1), (1, 0, 1))";
  ASSERT_TRUE(a.join(std::move(c)));
  EXPECT_EQ(a, of("81 a0 c0 01 00 01 00 01")) << "((1, 0), (1, (0, 1, 0), 1))";
  ASSERT_TRUE(a.event());
  EXPECT_EQ(a, of("81 a0 00 02")) << "((1, 0), 2)";
}

TEST(IntervalTree, AnEventFillsWhatItOwnsBeforeItGrows) {
  auto left = interval_tree::seed();
  auto right = halved(left);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(right.event());
  ASSERT_TRUE(left.observe(right));
  EXPECT_EQ(left, of("81 a0 00 03")) << "((1, 0), 3): the left half went up to the right one";
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(left.event());
  ASSERT_TRUE(right.observe(left));
  EXPECT_EQ(right, of("81 88 00 06")) << "((0, 1), 6)";
  auto one = interval_tree::seed();
  auto other = halved(one);
  ASSERT_TRUE(one.event());
  ASSERT_TRUE(one.join(std::move(other)));
  EXPECT_EQ(one, of("81 40 80 00 01 00")) << "(1, (0, 1, 0))";
  ASSERT_TRUE(one.event());
  EXPECT_EQ(one, of("81 40 00 01")) << "(1, 1)";
}

// Of two parts that it owns it takes the one that is there already, and of those the nearer one.
TEST(IntervalTree, GrowsWhereItCostsLeast) {
  auto deep = of("81 d8 80 00 00");  // ((1, (0, 1)), 0): owns two parts, one of them deeper
  ASSERT_TRUE(deep.event());
  EXPECT_EQ(deep, of("81 d8 80 c0 00 00 01 00 00")) << "(0, (0, 1, 0), 0)";
}

TEST(IntervalTree, FindsAllFourRelations) {
  auto a = interval_tree::seed();
  auto b = halved(a);
  EXPECT_EQ(compare(a, b), relation::equal);
  ASSERT_TRUE(a.event());
  EXPECT_EQ(compare(a, b), relation::after);
  EXPECT_EQ(compare(b, a.peek()), relation::before);
  ASSERT_TRUE(b.event());
  EXPECT_EQ(compare(a, b), relation::concurrent);
  ASSERT_TRUE(b.observe(a));
  EXPECT_EQ(compare(a, b), relation::before);
}

TEST(IntervalTree, WhoOwnsNothingHearsAndCountsNothing) {
  auto here = interval_tree::seed();
  ASSERT_TRUE(here.event());
  auto copy = here.peek();
  EXPECT_TRUE(copy.owns_nothing());
  EXPECT_EQ(compare(copy, here), relation::equal);
  EXPECT_EQ(copy.event().code(), errc::invalid);
  EXPECT_EQ(copy.observe(here).code(), errc::invalid);
  auto half = copy.fork();
  ASSERT_TRUE(half);
  EXPECT_TRUE(half->owns_nothing());
  interval_tree heard;
  ASSERT_TRUE(heard.join(std::move(copy)));
  EXPECT_EQ(compare(heard, here), relation::equal);
}

TEST(IntervalTree, WhatWasJoinedOrMovedOwnsNothing) {
  auto a = interval_tree::seed();
  auto b = halved(a);
  ASSERT_TRUE(b.event());
  ASSERT_TRUE(a.join(std::move(b)));
  EXPECT_EQ(b, interval_tree());  // NOLINT: what it is left as
  EXPECT_EQ(hex(encoded(a)), "81 40 80 00 00 01");
  auto c = std::move(a);
  EXPECT_EQ(a, interval_tree());  // NOLINT
  EXPECT_EQ(hex(encoded(c)), "81 40 80 00 00 01");
}

TEST(IntervalTree, RefusesASecondOwnerOfOnePart) {
  auto here = interval_tree::seed();
  auto there = halved(here);
  auto copy = *decoded<interval_tree>(encoded(here));
  ASSERT_TRUE(copy.event());
  EXPECT_EQ(here.join(std::move(copy)).code(), errc::invalid);
  EXPECT_EQ(hex(encoded(here)), "81 a0 00 00");
  EXPECT_FALSE(copy.owns_nothing());  // NOLINT: a refused one keeps what it has
}

TEST(IntervalTree, IsExhaustedAtTopAndDoesNotChange) {
  auto here = of("81 40 00 ff ff ff ff ff ff ff ff 7f");
  EXPECT_EQ(here.event().code(), errc::exhausted);
  auto other = interval_tree::seed();
  EXPECT_EQ(other.observe(here).code(), errc::exhausted);
  EXPECT_EQ(hex(encoded(other)), "81 40 00 00");
}

TEST(IntervalTree, CannotBeForkedWithoutEnd) {
  auto here = interval_tree::seed();
  std::vector<interval_tree> parts;
  for (unsigned i = 0; i < detail::max_interval_depth; ++i) {
    if (i % 64 == 0) {
      ASSERT_TRUE(here.event());
    }
    parts.push_back(halved(here));
  }
  const auto refused = here.fork();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.code(), errc::exhausted);
  const auto bytes = encoded(here);
  EXPECT_EQ(*decoded<interval_tree>(bytes), here) << "the deepest one can still be sent";
  for (auto& each : parts) ASSERT_TRUE(here.join(std::move(each)));
  ASSERT_TRUE(here.event());
  EXPECT_EQ(hex(encoded(here)).substr(0, 8), "81 40 00") << "whole again, and filled";
}

TEST(IntervalTree, RefusesBytesThatAreNoClock) {
  EXPECT_EQ(refusal<interval_tree>("81 a8 00 00"), errc::corrupt) << "(1, 1)";
  EXPECT_EQ(refusal<interval_tree>("81 80 00 00"), errc::corrupt) << "(0, 0)";
  EXPECT_EQ(refusal<interval_tree>("81 41 00 00"), errc::corrupt) << "bits behind the identity";
  EXPECT_EQ(refusal<interval_tree>("81 40 40 00"), errc::corrupt) << "bits behind the events";
  EXPECT_EQ(refusal<interval_tree>("81 40 80 00 01 01"), errc::corrupt) << "(0, 1, 1)";
  EXPECT_EQ(refusal<interval_tree>("81 40 80 00 01 02"), errc::corrupt) << "(0, 1, 2)";
  EXPECT_EQ(refusal<interval_tree>("81 40 80 01 00 00"), errc::corrupt) << "(1, 0, 0)";
  EXPECT_EQ(refusal<interval_tree>("81 40 80 ff ff ff ff ff ff ff ff 7f 01 00"), errc::corrupt)
      << "a height above top";
  auto deep = from_hex("81");
  deep.resize(10'000, std::byte{0xff});
  EXPECT_EQ(decoded<interval_tree>(deep).code(), errc::corrupt) << "deeper than any clock";
  EXPECT_NE(decoded<interval_tree>(deep).text().find("a tree that is too deep"),
            std::string_view::npos);
}

// With a leaf for each left child it would be deep: this one is as wide as it can be.
TEST(IntervalTree, RefusesATreeThatTakesFarMoreRoomThanItsBytes) {
  std::vector<bool> bits;
  const auto grow = [&](const auto& self, unsigned depth, bool owned) -> void {
    bits.push_back(depth != 0);
    if (depth == 0) return bits.push_back(owned);
    self(self, depth - 1, false);
    self(self, depth - 1, true);
  };
  grow(grow, 20, true);  // 2^21 - 1 nodes
  auto wide = from_hex("81");
  wide.resize(1 + (bits.size() + 7) / 8);
  for (std::size_t i = 0; i != bits.size(); ++i) {
    if (bits[i]) wide[1 + i / 8] |= std::byte{0x80} >> (i % 8);
  }
  EXPECT_EQ(decoded<interval_tree>(wide).code(), errc::corrupt);
  EXPECT_NE(decoded<interval_tree>(wide).text().find("more than a million nodes"),
            std::string_view::npos);
}

TEST(IntervalTree, HasAnAnswerToAnyBytes) {
  check_wire<interval_tree>(encoded(of("81 40 00 00")));
  check_wire<interval_tree>(encoded(of("81 c5 80 01 00 01")));
  check_wire<interval_tree>(encoded(of("81 a0 c0 01 00 01 00 01")));
}

}  // namespace
}  // namespace sequencer
