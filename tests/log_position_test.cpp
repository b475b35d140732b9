// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/log_position.hpp>
#include <sequencer/term.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "unsure_mark.hpp"

namespace sequencer {
namespace {

struct terms_only {
  std::vector<std::uint64_t> terms;

  log_position last() const { return terms.empty() ? log_position{} : at(terms.size()); }
  std::uint64_t term_at(sequence index) const { return terms.at(index - 1); }
  log_position at(sequence index) const { return {term_at(index), index}; }
};

using terms = std::vector<std::uint64_t>;

// ---- positions

TEST(LogPosition, IsOrderedAsVotesAre) {
  EXPECT_LT((log_position{1, 100}), (log_position{2, 1}));  // a later term beats a longer log
  EXPECT_LT((log_position{2, 1}), (log_position{2, 2}));
  EXPECT_LT(log_position{}, (log_position{1, 1}));
}

TEST(LogPosition, HasTheseBytes) {
  const auto bytes = log_position{0x0102030405060708, 0x1112131415161718}.bytes();
  const unsigned char golden[] = {1, 2, 3, 4, 5, 6, 7, 8, 17, 18, 19, 20, 21, 22, 23, 24};
  EXPECT_EQ(std::memcmp(bytes.data(), golden, sizeof golden), 0);
  EXPECT_EQ(*log_position::parse(bytes), (log_position{0x0102030405060708, 0x1112131415161718}));
  EXPECT_EQ(*log_position::parse(log_position{}.bytes()), log_position{});
}

TEST(LogPosition, RefusesWhatNoLogHas) {
  const auto refused = [](std::span<const std::byte> bytes) {
    const auto read = log_position::parse(bytes);
    return !read && read.code() == errc::corrupt && !read.text().empty();
  };
  const auto good = log_position{top, top}.bytes();
  ASSERT_TRUE(log_position::parse(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(refused(std::span(good).first(size))) << size;
  }
  const std::vector<std::byte> longer(17);
  EXPECT_TRUE(refused(longer));
  EXPECT_TRUE(refused(log_position{0, 1}.bytes()));
  EXPECT_TRUE(refused(log_position{1, 0}.bytes()));
  EXPECT_TRUE(refused(log_position{top + 1, 1}.bytes()));
  EXPECT_TRUE(refused(log_position{1, top + 1}.bytes()));
}

// ---- the prefix rule; the logs of figure 7 of the paper

const terms leader{1, 1, 1, 4, 4, 5, 5, 6, 6, 6};

append_plan from_leader(const terms& follower, sequence before) {
  const terms_only own{follower};
  const log_position in_front{before == 0 ? 0 : leader[before - 1], before};
  return *plan_append(own, in_front, std::span(leader).subspan(before));
}

TEST(PrefixRule, AFollowerThatLacksEntriesSaysWhereItEnds) {
  const auto plan = from_leader({1, 1, 1, 4, 4, 5, 5, 6, 6}, 10);
  EXPECT_FALSE(plan.matches);
  EXPECT_EQ(plan.try_before, 9u);
  EXPECT_FALSE(from_leader({1, 1, 1, 4}, 9).matches);
  EXPECT_EQ(from_leader({1, 1, 1, 4}, 9).try_before, 4u);
  EXPECT_TRUE(from_leader({1, 1, 1, 4}, 4).matches);
}

TEST(PrefixRule, EntriesBeyondTheLeadersAreLeftUntilTheyContradict) {
  const auto longer = from_leader({1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6}, 10);
  EXPECT_TRUE(longer.matches);
  EXPECT_EQ(longer.keep, 11u);
  // The leader writes on: its next entry is of term 8.
  const terms_only own{{1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6}};
  const auto plan = *plan_append(own, {6, 10}, terms{8});
  EXPECT_TRUE(plan.matches);
  EXPECT_EQ(plan.keep, 10u);
  EXPECT_EQ(plan.known, 0u);
}

TEST(PrefixRule, AnotherTermIsLeftAsAWhole) {
  const terms follower{1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3};
  const auto plan = from_leader(follower, 10);
  EXPECT_FALSE(plan.matches);
  EXPECT_EQ(plan.try_before, 6u);  // before the first of term 3
  EXPECT_EQ(from_leader(follower, 6).try_before, 3u);
  const auto found = from_leader(follower, 3);
  EXPECT_TRUE(found.matches);
  EXPECT_EQ(found.keep, 3u);
  EXPECT_EQ(found.known, 0u);
}

TEST(PrefixRule, ALateMessageRemovesNothing) {
  const terms_only own{leader};
  const auto plan = *plan_append(own, {1, 3}, terms{4, 4});
  EXPECT_TRUE(plan.matches);
  EXPECT_EQ(plan.keep, 10u);
  EXPECT_EQ(plan.known, 2u);
  const auto empty = *plan_append(own, {4, 4}, terms{});
  EXPECT_TRUE(empty.matches);
  EXPECT_EQ(empty.keep, 10u);
}

TEST(PrefixRule, WhatIsCommittedIsNeverRemoved) {
  const terms_only own{{1, 1, 1, 2, 2}};
  EXPECT_TRUE(plan_append(own, {1, 3}, terms{4}, 3));
  EXPECT_EQ(plan_append(own, {1, 3}, terms{4}, 4).code(), errc::corrupt);
  EXPECT_EQ(plan_append(own, {4, 4}, terms{4}, 4).code(), errc::corrupt);
  EXPECT_FALSE(plan_append(own, {4, 4}, terms{4}, 3)->matches);
}

TEST(PrefixRule, RefusesEntriesThatNoLogHas) {
  const terms_only own{leader};
  EXPECT_EQ(plan_append(own, {1, 3}, terms{4, 3}).code(), errc::invalid);
  EXPECT_EQ(plan_append(own, {4, 4}, terms{3}).code(), errc::invalid);
  EXPECT_EQ(plan_append(own, {}, terms{0}).code(), errc::invalid);
  EXPECT_EQ(plan_append(own, {0, 3}, terms{4}).code(), errc::invalid);
  EXPECT_EQ(plan_append(own, {3, 0}, terms{4}).code(), errc::invalid);
  EXPECT_EQ(plan_append(own, {1, top}, terms{4}).code(), errc::invalid);
  EXPECT_EQ(plan_append(own, {1, 3}, terms{top + 1}).code(), errc::invalid);
}

// ---- terms and votes

TEST(Term, HearsOfHigherOnesAndKeepsThem) {
  unsure_mark mark;
  term mine{mark};
  EXPECT_EQ(mine.current(), 0u);
  EXPECT_EQ(*mine.hear(4), 4u);
  EXPECT_EQ(*mine.hear(4), 4u);
  EXPECT_EQ(mine.hear(3).code(), errc::fenced);
  EXPECT_EQ(mine.current(), 4u);
  EXPECT_EQ(mark.stores(), 1);
  mark.crash(false);
  EXPECT_EQ(term{mark}.current(), 4u);
}

TEST(Term, StandingIsAVoteForOneself) {
  unsure_mark mark;
  term mine{mark};
  EXPECT_EQ(*mine.stand(0), 1u);
  EXPECT_EQ(mine.vote(), 0u);
  EXPECT_EQ(mine.grant(1, 5, {9, 9}, {}).code(), errc::locked);
  EXPECT_EQ(*mine.hear(2), 2u);
  EXPECT_EQ(mine.vote(), std::nullopt);
}

TEST(Term, AVoteIsGivenOnceATermAlsoAcrossARestart) {
  unsure_mark mark;
  {
    term mine{mark};
    EXPECT_EQ(*mine.grant(3, 5, {1, 1}, {1, 1}), 3u);
    EXPECT_EQ(*mine.grant(3, 5, {1, 1}, {1, 1}), 3u);
    EXPECT_EQ(mine.grant(3, 6, {1, 1}, {1, 1}).code(), errc::locked);
    EXPECT_EQ(mark.stores(), 1);
  }
  mark.crash(false);
  term mine{mark};
  EXPECT_EQ(mine.vote(), 5u);
  EXPECT_EQ(mine.grant(3, 6, {1, 1}, {1, 1}).code(), errc::locked);
  EXPECT_EQ(mine.grant(2, 5, {1, 1}, {1, 1}).code(), errc::fenced);
  EXPECT_EQ(*mine.grant(4, 6, {1, 1}, {1, 1}), 4u);
}

TEST(Term, AVoteThatWasFoundIsStoredBeforeItIsGivenAgain) {
  unsure_mark mark;
  {
    term before{mark};
    mark.fail(true);  // the write fails, and is seen all the same
    EXPECT_FALSE(before.grant(5, 1, {}, {}));
    mark.mend();
  }
  term after{mark};
  EXPECT_EQ(after.vote(), 1u);
  const auto stores = mark.stores();
  EXPECT_EQ(*after.grant(5, 1, {}, {}), 5u);
  EXPECT_EQ(mark.stores(), stores + 1);
  mark.crash(false);
  term last{mark};
  EXPECT_EQ(last.grant(5, 2, {}, {}).code(), errc::locked) << "the vote was given";
}

TEST(Term, ALogThatLacksEntriesGetsNoVoteButIsHeard) {
  unsure_mark mark;
  term mine{mark};
  EXPECT_EQ(mine.grant(3, 5, {1, 100}, {2, 1}).code(), errc::unavailable);
  EXPECT_EQ(mine.current(), 3u);
  EXPECT_EQ(mine.vote(), std::nullopt);
  EXPECT_EQ(*mine.grant(3, 6, {2, 1}, {2, 1}), 3u);
}

TEST(Term, WhatCouldNotBeStoredDidNotHappen) {
  unsure_mark mark;
  term mine{mark};
  ASSERT_TRUE(mine.hear(3));
  mark.fail(true);
  EXPECT_EQ(mine.grant(3, 5, {}, {}).code(), errc::io);
  EXPECT_EQ(mine.grant(7, 5, {}, {1, 1}).code(), errc::io);
  EXPECT_EQ(mine.stand(1).code(), errc::io);
  EXPECT_EQ(mine.hear(9).code(), errc::io);
  EXPECT_EQ(mine.current(), 3u);
  EXPECT_EQ(mine.vote(), std::nullopt);
}

TEST(Term, RefusesWhatIsOutOfBounds) {
  using own = term<unsure_mark>;
  unsure_mark mark;
  own mine{mark};
  EXPECT_EQ(mine.hear(0).code(), errc::invalid);
  EXPECT_EQ(mine.hear(own::last + 1).code(), errc::invalid);
  EXPECT_EQ(mine.stand(own::last_node + 1).code(), errc::invalid);
  EXPECT_EQ(mine.grant(0, 1, {}, {}).code(), errc::invalid);
  EXPECT_EQ(mine.grant(own::last + 1, 1, {}, {}).code(), errc::invalid);
  EXPECT_EQ(mine.grant(1, own::last_node + 1, {}, {}).code(), errc::invalid);
  EXPECT_EQ(mine.grant(1, 1, {0, 1}, {}).code(), errc::invalid);
  EXPECT_EQ(mark.stores(), 0);
  EXPECT_EQ(*mine.grant(own::last, own::last_node, {}, {}), own::last);
  EXPECT_EQ(mine.vote(), own::last_node);
  EXPECT_LE(mark.durable(), top);
  EXPECT_EQ(mine.stand(1).code(), errc::exhausted);
}

}  // namespace
}  // namespace sequencer
