// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/group.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "failing_mark.hpp"

namespace sequencer {
namespace {

using assignment::rule;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using marked = group<failing_mark>;
using fails = failing_mark::fails;

// A log of four partitions with ten offsets each, of which eight may be read, and its marks.
class Group : public testing::Test {
 protected:
  Group() {
    for (std::uint32_t p = 0; p != log.count(); ++p) {
      EXPECT_TRUE(log.append(p, 10));
      EXPECT_TRUE(log.raise_high_water(p, 8));
    }
  }

  marked open(rule by = rule::cooperative, offset_reset reset = offset_reset::earliest) {
    return {log, offsets, generation, {.rule = by, .reset = reset}};
  }
  static std::vector<std::uint32_t> assigned(const marked& of, membership who) {
    return of.assigned(who).value();
  }

  partitioned log{4};
  std::vector<failing_mark> offsets = std::vector<failing_mark>(4);
  failing_mark generation;
};

// ---- reading and committing

TEST_F(Group, HandsOutWhatMayBeReadOnceAndInOrder) {
  auto readers = open();
  const auto who = readers.join("a").value();
  EXPECT_EQ(readers.take(who, 0, 3).value(), (range{0, 3}));
  EXPECT_EQ(readers.take(who, 0, 100).value(), (range{3, 8}));
  EXPECT_EQ(readers.take(who, 0, 1).code(), errc::unavailable);
  ASSERT_TRUE(log.raise_high_water(0, 9));
  EXPECT_EQ(readers.take(who, 0, ~std::uint64_t{0}).value(), (range{8, 9}));
  EXPECT_EQ(readers.position(who, 0).value(), 9U);
  EXPECT_EQ(readers.position(who, 1).value(), 0U);
}

TEST_F(Group, ACommittedOffsetIsTheNextToReadAndLagIsWhatIsLeft) {
  auto readers = open();
  const auto who = readers.join("a").value();
  EXPECT_EQ(readers.committed(2).code(), errc::unavailable);
  EXPECT_EQ(readers.lag(2).code(), errc::unavailable);
  EXPECT_EQ(readers.commit(who, 2, 0).value(), 0U);
  EXPECT_EQ(readers.committed(2).value(), 0U);
  EXPECT_EQ(readers.lag(2).value(), 8U);
  EXPECT_EQ(readers.commit(who, 2, 5).value(), 5U);
  EXPECT_EQ(readers.lag(2).value(), 3U);
  EXPECT_EQ(readers.commit(who, 2, 4).value(), 4U);
  EXPECT_EQ(readers.committed(2).value(), 4U);
  EXPECT_EQ(readers.commit(who, 2, 10).value(), 10U);
  EXPECT_EQ(readers.lag(2).value(), 0U);  // more than may be read
  EXPECT_EQ(offsets[2].load(), 11U);
}

TEST_F(Group, CommitsBeyondTheLogsEndAreRefusedAndLeaveTheOldOne) {
  auto readers = open();
  const auto who = readers.join("a").value();
  ASSERT_TRUE(readers.commit(who, 1, 7));
  EXPECT_EQ(readers.commit(who, 1, 11).code(), errc::invalid);
  EXPECT_EQ(readers.commit(who, 1, ~std::uint64_t{0}).code(), errc::invalid);
  EXPECT_EQ(readers.committed(1).value(), 7U);
}

TEST_F(Group, TheVeryLastOffsetHasNoCommit) {
  ASSERT_TRUE(log.restore(1, {0, top, top}));
  auto readers = open();
  const auto who = readers.join("a").value();
  EXPECT_EQ(readers.commit(who, 1, top).code(), errc::exhausted);
  EXPECT_EQ(readers.commit(who, 1, top - 1).value(), top - 1);
  EXPECT_EQ(readers.lag(1).value(), 1U);
}

TEST_F(Group, SeekReadsAgainOrSkips) {
  auto readers = open();
  const auto who = readers.join("a").value();
  EXPECT_EQ(readers.seek(who, 0, 6).value(), 6U);
  EXPECT_EQ(readers.take(who, 0, 9).value(), (range{6, 8}));
  EXPECT_EQ(readers.seek(who, 0, 1).value(), 1U);
  EXPECT_EQ(readers.take(who, 0, 2).value(), (range{1, 3}));
  EXPECT_EQ(readers.seek(who, 0, 10).value(), 10U);
  EXPECT_EQ(readers.take(who, 0, 2).code(), errc::unavailable);
  EXPECT_EQ(readers.seek(who, 0, 11).code(), errc::invalid);
  EXPECT_EQ(readers.position(who, 0).value(), 10U);
}

TEST_F(Group, WhereNothingWasCommittedTheResetDecides) {
  ASSERT_TRUE(log.raise_log_start(0, 3));
  auto first = open(rule::range, offset_reset::earliest);
  EXPECT_EQ(first.take(first.join("a").value(), 0, 1).value(), (range{3, 4}));
  auto last = open(rule::range, offset_reset::latest);
  const auto late = last.join("a").value();
  EXPECT_EQ(last.take(late, 0, 1).code(), errc::unavailable);
  EXPECT_EQ(last.position(late, 0).value(), 8U);
  auto none = open(rule::range, offset_reset::refuse);
  const auto lost = none.join("a").value();
  EXPECT_EQ(none.take(lost, 0, 1).code(), errc::invalid);
  EXPECT_EQ(none.position(lost, 0).code(), errc::invalid);
  EXPECT_EQ(none.seek(lost, 0, 5).value(), 5U);
  EXPECT_EQ(none.take(lost, 0, 1).value(), (range{5, 6}));
  ASSERT_TRUE(log.raise_log_start(0, 7));
  EXPECT_EQ(none.take(lost, 0, 1).code(), errc::invalid);
  EXPECT_EQ(none.take(lost, 0, 1).code(), errc::invalid) << "until somebody says where";
}

TEST_F(Group, BelowTheLogsStartTheResetDecides) {
  for (const auto& [reset, begins] :
       {std::pair{offset_reset::earliest, 4U}, std::pair{offset_reset::latest, 8U}}) {
    partitioned trimmed(1);
    ASSERT_TRUE(trimmed.restore(0, {0, 8, 10}));
    failing_mark offset(2 + 1);
    marked readers(trimmed, {&offset, 1}, generation, {.reset = reset});
    const auto who = readers.join("a").value();
    EXPECT_EQ(readers.position(who, 0).value(), 2U);
    ASSERT_TRUE(trimmed.raise_log_start(0, 4));
    EXPECT_EQ(readers.position(who, 0).value(), begins);
    EXPECT_EQ(readers.committed(0).value(), 2U);
    EXPECT_EQ(readers.seek(who, 0, 1).value(), 1U);
    EXPECT_EQ(readers.position(who, 0).value(), begins);
  }
}

TEST_F(Group, BeyondALogThatBeganAnewTheResetDecides) {
  ASSERT_TRUE(offsets[3].store(50 + 1));
  auto readers = open();
  const auto who = readers.join("a").value();
  EXPECT_EQ(readers.committed(3).value(), 50U);
  EXPECT_EQ(readers.lag(3).value(), 0U);
  EXPECT_EQ(readers.take(who, 3, 2).value(), (range{0, 2}));
}

// ---- members

TEST_F(Group, SharesByItsRule) {
  for (const auto& [by, first, second] :
       {std::tuple{rule::range, std::vector{0U, 1U}, std::vector{2U, 3U}},
        std::tuple{rule::round_robin, std::vector{0U, 2U}, std::vector{1U, 3U}},
        std::tuple{rule::sticky, std::vector{2U, 3U}, std::vector{0U, 1U}}}) {
    auto readers = open(by);
    auto b = readers.join("b").value();
    EXPECT_THAT(assigned(readers, b), ElementsAre(0, 1, 2, 3));
    const auto a = readers.join("a").value();
    b = readers.renew(b).value();
    EXPECT_EQ(assigned(readers, a), first);
    EXPECT_EQ(assigned(readers, b), second);
    EXPECT_THAT(readers.members(), ElementsAre("a", "b"));
  }
}

TEST_F(Group, ALateCommitIsFencedByTheNewGeneration) {
  auto readers = open(rule::sticky);
  const auto a = readers.join("a").value();
  ASSERT_TRUE(readers.take(a, 3, 5));
  ASSERT_TRUE(readers.commit(a, 3, 2));
  const auto b = readers.join("b").value();
  EXPECT_GT(b.generation, a.generation);
  EXPECT_EQ(readers.generation(), b.generation);
  EXPECT_EQ(readers.commit(a, 3, 5).code(), errc::fenced);  // b's now
  EXPECT_EQ(readers.commit(a, 0, 5).code(), errc::fenced);  // its own, but of an older generation
  EXPECT_EQ(readers.take(a, 0, 5).code(), errc::fenced);
  EXPECT_EQ(readers.seek(a, 0, 5).code(), errc::fenced);
  EXPECT_EQ(readers.assigned(a).code(), errc::fenced);
  EXPECT_EQ(readers.committed(3).value(), 2U);
  EXPECT_EQ(readers.take(b, 3, 9).value(), (range{2, 8}));  // what was not committed comes again
  const auto renewed = readers.renew(a).value();
  EXPECT_EQ(renewed.id, a.id);
  EXPECT_EQ(readers.commit(renewed, 0, 5).value(), 5U);
  EXPECT_EQ(readers.commit(renewed, 3, 5).code(), errc::fenced);
}

TEST_F(Group, WhatALeaverHadIsOthers) {
  auto readers = open(rule::round_robin);
  const auto a = readers.join("a").value();
  auto b = readers.join("b").value();
  EXPECT_TRUE(readers.leave(a));  // with an old generation, too
  b = readers.renew(b).value();
  EXPECT_THAT(assigned(readers, b), ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(readers.leave(a).code(), errc::fenced);
  EXPECT_EQ(readers.renew(a).code(), errc::fenced);
  EXPECT_THAT(readers.renew(a).text(), HasSubstr("join anew"));
  EXPECT_TRUE(readers.leave(b));
  EXPECT_THAT(readers.members(), IsEmpty());
  const auto again = readers.join("a").value();
  EXPECT_NE(again.id, a.id);
  EXPECT_THAT(assigned(readers, again), ElementsAre(0, 1, 2, 3));
}

TEST_F(Group, ASilentMemberIsExpelledByItsName) {
  auto readers = open();
  const auto a = readers.join("a").value();
  EXPECT_EQ(readers.join("a").code(), errc::locked);
  EXPECT_THAT(readers.join("a").text(), HasSubstr("a member a; expel it"));
  EXPECT_EQ(readers.expel("b").code(), errc::invalid);
  EXPECT_TRUE(readers.expel("a"));
  EXPECT_EQ(readers.commit(a, 0, 1).code(), errc::fenced);
  EXPECT_TRUE(readers.join("a"));
}

TEST_F(Group, UnknownMembersPartitionsAndNamesAreRefused) {
  auto readers = open();
  const auto a = readers.join("a").value();
  for (const membership stranger :
       {membership{}, membership{0, a.generation}, membership{a.id + 1, a.generation},
        membership{~std::uint64_t{0}, a.generation}}) {
    EXPECT_EQ(readers.commit(stranger, 0, 1).code(), errc::invalid);
    EXPECT_EQ(readers.take(stranger, 0, 1).code(), errc::invalid);
    EXPECT_EQ(readers.seek(stranger, 0, 1).code(), errc::invalid);
    EXPECT_EQ(readers.position(stranger, 0).code(), errc::invalid);
    EXPECT_EQ(readers.release(stranger, 0).code(), errc::invalid);
    EXPECT_EQ(readers.leave(stranger).code(), errc::invalid);
    EXPECT_EQ(readers.renew(stranger).code(), errc::invalid);
    EXPECT_EQ(readers.assigned(stranger).code(), errc::invalid);
    EXPECT_EQ(readers.leaving(stranger).code(), errc::invalid);
  }
  const membership forged{a.id, a.generation + 1};
  EXPECT_EQ(readers.commit(forged, 0, 1).code(), errc::fenced);
  EXPECT_EQ(readers.assigned(forged).code(), errc::fenced);
  EXPECT_EQ(readers.commit(a, 4, 1).code(), errc::invalid);
  EXPECT_EQ(readers.take(a, 4, 1).code(), errc::invalid);
  EXPECT_EQ(readers.take(a, 0, 0).code(), errc::invalid);
  EXPECT_EQ(readers.seek(a, 4, 1).code(), errc::invalid);
  EXPECT_EQ(readers.position(a, 4).code(), errc::invalid);
  EXPECT_EQ(readers.release(a, 4).code(), errc::invalid);
  EXPECT_EQ(readers.release(a, 0).code(), errc::invalid);  // not leaving
  EXPECT_EQ(readers.committed(4).code(), errc::invalid);
  EXPECT_EQ(readers.lag(4).code(), errc::invalid);
  EXPECT_EQ(readers.set_committed(4, 0).code(), errc::invalid);
  EXPECT_EQ(readers.join("").code(), errc::invalid);
  EXPECT_EQ(readers.join(std::string(256, 'x')).code(), errc::invalid);
  EXPECT_TRUE(readers.join(std::string(255, 'x')));
}

TEST_F(Group, MoreMembersThanPartitionsLeaveSomeIdle) {
  auto readers = open(rule::range);
  std::vector<membership> all;
  for (const auto* each : {"a", "b", "c", "d", "e"}) all.push_back(readers.join(each).value());
  EXPECT_THAT(assigned(readers, all[4]), IsEmpty());
  EXPECT_TRUE(readers.expel("a"));
  EXPECT_THAT(assigned(readers, readers.renew(all[4]).value()), ElementsAre(3));
}

// ---- cooperative groups

TEST_F(Group, ACooperativeOneMovesAPartitionOnlyWhenItsOwnerHasReleasedIt) {
  auto readers = open();
  auto a = readers.join("a").value();
  ASSERT_TRUE(readers.take(a, 3, 5));
  ASSERT_TRUE(readers.take(a, 0, 5));
  auto b = readers.join("b").value();
  EXPECT_THAT(assigned(readers, b), IsEmpty());
  a = readers.renew(a).value();
  EXPECT_THAT(assigned(readers, a), ElementsAre(0, 1));
  EXPECT_THAT(readers.leaving(a).value(), ElementsAre(2, 3));
  EXPECT_EQ(readers.take(a, 3, 1).code(), errc::closed);
  EXPECT_EQ(readers.seek(a, 3, 1).code(), errc::closed);
  EXPECT_EQ(readers.take(a, 0, 2).value(), (range{5, 7}));  // what stays goes on
  EXPECT_EQ(readers.commit(a, 3, 5).value(), 5U);           // what goes is finished
  EXPECT_EQ(readers.release(a, 3).value(), a.generation);
  EXPECT_EQ(readers.commit(a, 3, 5).code(), errc::fenced);
  EXPECT_THAT(assigned(readers, b), IsEmpty());
  const auto next = readers.release(a, 2).value();
  EXPECT_EQ(next, a.generation + 1);
  b = readers.renew(b).value();
  EXPECT_EQ(b.generation, next);
  EXPECT_THAT(assigned(readers, b), ElementsAre(2, 3));
  EXPECT_EQ(readers.take(b, 3, 9).value(), (range{5, 8}));
  a = readers.renew(a).value();
  EXPECT_EQ(readers.take(a, 0, 9).value(), (range{7, 8}));
  EXPECT_THAT(readers.leaving(a).value(), IsEmpty());
}

TEST_F(Group, AnOwnerThatLeavesInsteadOfReleasingHoldsNothingUp) {
  auto readers = open();
  ASSERT_TRUE(readers.join("a"));
  auto b = readers.join("b").value();
  EXPECT_TRUE(readers.expel("a"));
  b = readers.renew(b).value();
  EXPECT_THAT(assigned(readers, b), ElementsAre(0, 1, 2, 3));
}

TEST_F(Group, ANewcomerThatLeavesAgainTakesNothingAway) {
  auto readers = open();
  auto a = readers.join("a").value();
  ASSERT_TRUE(readers.take(a, 3, 5));
  ASSERT_TRUE(readers.join("b"));
  ASSERT_TRUE(readers.expel("b"));
  a = readers.renew(a).value();
  EXPECT_THAT(readers.leaving(a).value(), IsEmpty());
  EXPECT_EQ(readers.take(a, 3, 9).value(), (range{5, 8}));
}

// ---- durability

TEST_F(Group, AfterARestartItGoesOnWhereItCommittedAndFencesWhoWasThere) {
  membership old;
  {
    auto readers = open();
    old = readers.join("a").value();
    ASSERT_TRUE(readers.take(old, 1, 6));
    ASSERT_TRUE(readers.commit(old, 1, 4));
  }
  auto readers = open();
  EXPECT_EQ(readers.generation(), old.generation);
  EXPECT_EQ(readers.committed(1).value(), 4U);
  EXPECT_EQ(readers.committed(0).code(), errc::unavailable);
  const auto who = readers.join("a").value();
  EXPECT_GT(who.generation, old.generation);
  EXPECT_EQ(readers.commit(old, 1, 6).code(), errc::fenced);
  EXPECT_EQ(readers.take(who, 1, 1).value(), (range{4, 5}));
}

TEST_F(Group, WhoWasThereBeforeARestartIsNobodyElseAfterIt) {
  membership old;
  {
    auto readers = open();
    old = readers.join("a").value();
  }
  auto readers = open();
  EXPECT_EQ(readers.renew(old).code(), errc::fenced) << "nobody is there yet";
  const auto other = readers.join("b").value();
  EXPECT_NE(other.id, old.id);
  ASSERT_TRUE(readers.take(other, 0, 5));
  EXPECT_EQ(readers.renew(old).code(), errc::fenced);
  EXPECT_EQ(readers.leave(old).code(), errc::fenced);
  EXPECT_EQ(readers.assigned(old).code(), errc::fenced);
  EXPECT_EQ(readers.take(old, 0, 1).code(), errc::fenced);
  EXPECT_EQ(readers.commit({old.id, other.generation}, 0, 8).code(), errc::fenced);
  EXPECT_THAT(readers.members(), ElementsAre("b"));
}

TEST_F(Group, AGenerationThatCouldNotBeKeptChangesNothingAndIsNeverUsed) {
  for (const auto how : {fails::before, fails::after}) {
    auto readers = open();
    const auto a = readers.join("a").value();
    generation.fail(how);
    const auto b = readers.join("b");
    EXPECT_EQ(b.code(), errc::io);
    EXPECT_THAT(b.text(), HasSubstr("join: generation " + std::to_string(a.generation + 1)));
    EXPECT_EQ(readers.leave(a).code(), errc::io);
    EXPECT_EQ(readers.expel("a").code(), errc::io);
    EXPECT_EQ(readers.generation(), a.generation);
    EXPECT_THAT(readers.members(), ElementsAre("a"));
    EXPECT_EQ(readers.commit(a, 0, 1).value(), 1U);
    generation.fail(fails::never);
    EXPECT_EQ(readers.join("b")->generation, a.generation + 4);
  }
}

TEST_F(Group, AReleaseThatCouldNotBeKeptIsTriedAgain) {
  auto readers = open();
  auto a = readers.join("a").value();
  auto b = readers.join("b").value();
  a = readers.renew(a).value();
  ASSERT_TRUE(readers.release(a, 2));
  generation.fail(fails::after);
  EXPECT_EQ(readers.release(a, 3).code(), errc::io);
  EXPECT_THAT(readers.leaving(a).value(), ElementsAre(3));
  generation.fail(fails::never);
  EXPECT_TRUE(readers.release(a, 3));
  b = readers.renew(b).value();
  EXPECT_THAT(assigned(readers, b), ElementsAre(2, 3));
}

TEST_F(Group, ACommitThatCouldNotBeKeptLeavesTheOldOne) {
  auto readers = open();
  const auto a = readers.join("a").value();
  ASSERT_TRUE(readers.commit(a, 0, 2));
  offsets[0].fail(fails::before);
  EXPECT_EQ(readers.commit(a, 0, 5).code(), errc::io);
  EXPECT_EQ(readers.committed(0).value(), 2U);
  offsets[0].fail(fails::never);
  EXPECT_EQ(readers.commit(a, 0, 5).value(), 5U);
}

TEST_F(Group, ARefusedCommitTouchesNoMark) {
  auto readers = open();
  const auto a = readers.join("a").value();
  EXPECT_FALSE(readers.commit(a, 0, 11));
  EXPECT_FALSE(readers.commit({a.id, a.generation + 1}, 0, 1));
  EXPECT_EQ(offsets[0].stores(), 0);
}

TEST_F(Group, TheLastGenerationIsTheLast) {
  ASSERT_TRUE(generation.store(top - 1));
  auto readers = open();
  EXPECT_EQ(readers.join("a")->generation, top);
  EXPECT_EQ(readers.join("b").code(), errc::exhausted);
  EXPECT_EQ(readers.expel("a").code(), errc::exhausted);
}

TEST_F(Group, AnEmptyGroupCanBeMovedAndOneWithMembersCannot) {
  auto readers = open();
  EXPECT_EQ(readers.set_committed(0, 6).value(), 6U);
  EXPECT_EQ(readers.set_committed(0, 11).code(), errc::invalid);
  const auto a = readers.join("a").value();
  EXPECT_EQ(readers.take(a, 0, 9).value(), (range{6, 8}));
  EXPECT_EQ(readers.set_committed(0, 1).code(), errc::locked);
  ASSERT_TRUE(readers.leave(a));
  EXPECT_EQ(readers.set_committed(0, log.log_start(0)).value(), 0U);
}

TEST_F(Group, GroupsOfOneLogKnowNothingOfEachOther) {
  auto readers = open();
  std::vector<memory_mark> other_offsets(4);
  memory_mark other_generation;
  group<memory_mark> others(log, other_offsets, other_generation);
  const auto a = readers.join("a").value();
  const auto b = others.join("a").value();
  EXPECT_EQ(readers.take(a, 0, 4).value(), (range{0, 4}));
  EXPECT_EQ(others.take(b, 0, 6).value(), (range{0, 6}));
  ASSERT_TRUE(others.commit(b, 0, 6));
  EXPECT_EQ(readers.committed(0).code(), errc::unavailable);
  EXPECT_EQ(others.lag(0).value(), 2U);
}

using GroupDeathTest = Group;

TEST_F(GroupDeathTest, AnotherNumberOfMarksThanPartitionsStopsTheProcess) {
  offsets = std::vector<failing_mark>(3);
  EXPECT_DEATH(open(), "a group has one mark for each partition");
}

}  // namespace
}  // namespace sequencer
