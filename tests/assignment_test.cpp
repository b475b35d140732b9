// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/assignment.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

#include "stress/rounds.hpp"

namespace sequencer::assignment {
namespace {

using owners = std::vector<std::uint32_t>;

std::vector<std::uint32_t> shares(const owners& of, std::uint32_t members) {
  std::vector<std::uint32_t> count(members, 0);
  for (const auto owner : of) {
    if (owner < members) ++count[owner];
  }
  return count;
}

// Every partition once, and nobody has two more than another.
void expect_even(const owners& of, std::uint32_t partitions, std::uint32_t members) {
  ASSERT_EQ(of.size(), partitions);
  const auto has = shares(of, members);
  EXPECT_EQ(std::accumulate(has.begin(), has.end(), 0U), partitions);
  const auto [least, most] = std::minmax_element(has.begin(), has.end());
  EXPECT_LE(*most - *least, 1U);
}

std::uint32_t kept(const owners& before, const owners& after) {
  std::uint32_t same = 0;
  for (std::size_t p = 0; p != before.size(); ++p) same += before[p] == after[p] ? 1u : 0u;
  return same;
}

// RangeAssignor's own example: two consumers, three partitions.
TEST(Range, TheFirstHaveOneMore) {
  EXPECT_EQ(by_range(3, 2), (owners{0, 0, 1}));
  EXPECT_EQ(by_range(7, 3), (owners{0, 0, 0, 1, 1, 2, 2}));
  EXPECT_EQ(by_range(2, 4), (owners{0, 1}));
}

// RoundRobinAssignor's own example, its first topic.
TEST(RoundRobin, GoesByTurns) {
  EXPECT_EQ(by_turns(3, 2), (owners{0, 1, 0}));
  EXPECT_EQ(by_turns(2, 4), (owners{0, 1}));
}

TEST(Assignment, WithNoMembersNobodyHasAnything) {
  const owners none(4, nobody);
  EXPECT_EQ(by_range(4, 0), none);
  EXPECT_EQ(by_turns(4, 0), none);
  EXPECT_EQ(sticky(owners{0, 1, 0, 1}, 0), none);
  EXPECT_TRUE(by_range(0, 3).empty());
  EXPECT_TRUE(by_turns(0, 3).empty());
  EXPECT_TRUE(sticky(owners{}, 3).empty());
}

TEST(Sticky, AtFirstItGoesByTurns) {
  EXPECT_EQ(sticky(owners(3, nobody), 2), (owners{0, 1, 0}));
  EXPECT_EQ(sticky(owners(5, nobody), 3), (owners{0, 1, 2, 0, 1}));
}

TEST(Sticky, AThirdMemberTakesAThirdAndNobodyElseMoves) {
  EXPECT_EQ(sticky(owners{0, 1, 0, 1, 0, 1}, 3), (owners{0, 1, 0, 1, 2, 2}));
}

TEST(Sticky, WhatALeaverHadIsSharedAndNothingElseMoves) {
  EXPECT_EQ(sticky(owners{0, nobody, 1, 0, nobody, 1}, 2), (owners{0, 0, 1, 0, 1, 1}));
}

TEST(Sticky, OwnersThatAreNoMembersAreNobody) {
  EXPECT_EQ(sticky(owners{9, 9, 1, 1}, 2), (owners{0, 0, 1, 1}));
}

// The most that any even assignment can leave where it is: each member keeps its least at most,
// and as many as there are larger shares keep one more.
std::uint32_t most_kept(const owners& had, std::uint32_t members) {
  const auto [least, extra] = quota_of(static_cast<std::uint32_t>(had.size()), members);
  std::uint32_t sum = 0;
  std::uint32_t over = 0;
  for (const auto has : shares(had, members)) {
    sum += std::min(has, least);
    over += has > least ? 1 : 0;
  }
  return sum + std::min(over, extra);
}

// The same by trying: every even assignment of a few partitions.
std::uint32_t most_kept_by_trying(const owners& had, std::uint32_t members) {
  owners trial(had.size(), 0);
  std::uint32_t best = 0;
  for (;;) {
    const auto has = shares(trial, members);
    const auto [least, most] = std::minmax_element(has.begin(), has.end());
    if (*most - *least <= 1) best = std::max(best, kept(had, trial));
    std::size_t at = 0;
    while (at != trial.size() && ++trial[at] == members) trial[at++] = 0;
    if (at == trial.size()) return best;
  }
}

TEST(Sticky, MovesTheFewestOfAllEvenAssignments) {
  std::mt19937_64 random(stress::seed_of_run());
  for (int round = 0; round != 200; ++round) {
    const auto members = static_cast<std::uint32_t>(1 + random() % 4);
    owners had(1 + random() % 6);
    for (auto& owner : had) {
      const auto any = static_cast<std::uint32_t>(random() % (members + 1));
      owner = any == members ? nobody : any;
    }
    const auto now = sticky(had, members);
    expect_even(now, static_cast<std::uint32_t>(had.size()), members);
    EXPECT_EQ(kept(had, now), most_kept_by_trying(had, members));
    EXPECT_EQ(kept(had, now), most_kept(had, members));
  }
}

TEST(Assignment, LargeOnesAreEvenAndStickyOnesMoveTheFewest) {
  std::mt19937_64 random(stress::seed_of_run());
  for (int round = 0; round != 60; ++round) {
    const auto partitions = static_cast<std::uint32_t>(1 + random() % 2'000);
    const auto members = static_cast<std::uint32_t>(1 + random() % 70);
    expect_even(by_range(partitions, members), partitions, members);
    expect_even(by_turns(partitions, members), partitions, members);
    EXPECT_TRUE(std::ranges::is_sorted(by_range(partitions, members)));
    owners had(partitions);
    for (auto& owner : had) {
      const auto any = static_cast<std::uint32_t>(random() % (2 * members));
      owner = any < members ? any / (1 + any % 3) : nobody;
    }
    const auto now = sticky(had, members);
    expect_even(now, partitions, members);
    EXPECT_EQ(kept(had, now), most_kept(had, members));
    EXPECT_EQ(sticky(now, members), now);
  }
}

}  // namespace
}  // namespace sequencer::assignment
