// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/homed.hpp>

#include <cstdint>
#include <set>

#include <gtest/gtest.h>

namespace sequencer::detail {
namespace {

constexpr std::uint32_t no_such_node = 1000;

struct alignas(128) line {
  explicit line(int given = 7) : number(given) {}
  ~line() { ++ended; }
  int number;
  static inline int ended = 0;
};

TEST(Homed, MakesObjectsThatStayWhereTheyAre) {
  homed<line> all;
  std::set<line*> places;
  for (int i = 0; i < 100; ++i) {
    auto* const made = all.make(unbound, i);
    ASSERT_NE(made, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(made) % alignof(line), 0u);
    places.insert(made);
  }
  EXPECT_EQ(places.size(), 100u);
  ASSERT_EQ(all.all().size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(all.all()[static_cast<std::size_t>(i)]->number, i);
}

TEST(Homed, EndsItsObjectsWithItself) {
  line::ended = 0;
  {
    homed<line> all;
    all.make(unbound);
    all.make(unbound);
  }
  EXPECT_EQ(line::ended, 2);
}

TEST(Homed, GivesOutAgainWhatCameBackTheLastFirst) {
  homed<line> all;
  auto* const one = all.take(unbound);
  auto* const two = all.take(unbound);
  EXPECT_EQ(one->number, 7);
  all.give_back(one, unbound);
  all.give_back(two, unbound);
  EXPECT_EQ(all.take(unbound), two);
  EXPECT_EQ(all.take(unbound), one);
  EXPECT_EQ(all.all().size(), 2u);
}

TEST(Homed, HasNothingOnANodeThatThereIsNot) {
  homed<line> all;
  EXPECT_EQ(all.make(no_such_node), nullptr);
  EXPECT_EQ(all.take(no_such_node), nullptr);
  EXPECT_TRUE(all.all().empty());
}

TEST(Homed, WhatCameBackOnOneNodeIsNotGivenOutOnAnother) {
  homed<line> all;
  auto* const one = all.take(unbound);
  all.give_back(one, unbound);
  EXPECT_EQ(all.take(no_such_node), nullptr);
  EXPECT_EQ(all.take(unbound), one);
}

// Which node a page is on is looked at where there are several, see tests/numa.
TEST(Homed, PagesOfTwoHomesAreApart) {
  homed<line> all;
  auto* const here = all.make(unbound);
  auto* const there = all.make(0);
  if (there == nullptr) GTEST_SKIP() << "this system lets nobody bind memory to node 0";
  const auto page = [](const line* at) { return reinterpret_cast<std::uintptr_t>(at) / 4096; };
  EXPECT_NE(page(here), page(there));
}

}  // namespace
}  // namespace sequencer::detail
