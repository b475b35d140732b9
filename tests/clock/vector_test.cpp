// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/clock/vector.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <random>

#include "wire_checks.hpp"

namespace sequencer {
namespace {

using clock::fixed_vector;
using clock::relation;
using clock::retirements;
using clock::vector;

// The members and counts of a clock of members that come and go.
vector counting(std::initializer_list<std::pair<std::uint64_t, sequence>> counts) {
  vector made;
  for (const auto& [member, count] : counts) EXPECT_TRUE(made.advance(member, count));
  return made;
}

TEST(FixedVector, CountsEventsOfEachMember) {
  fixed_vector<3> here;
  EXPECT_EQ(here.tick(1).value(), 1u);
  EXPECT_EQ(here.tick(1).value(), 2u);
  EXPECT_EQ(here[1], 2u);
  EXPECT_EQ(here[0], 0u);
  EXPECT_EQ(here.tick(3).code(), errc::invalid);
}

TEST(FixedVector, FindsAllFourRelations) {
  fixed_vector<2> a, b;
  EXPECT_EQ(compare(a, b), relation::equal);
  ASSERT_TRUE(a.tick(0));
  EXPECT_EQ(compare(a, b), relation::after);
  EXPECT_EQ(compare(b, a), relation::before);
  ASSERT_TRUE(b.tick(1));
  EXPECT_EQ(compare(a, b), relation::concurrent);
  ASSERT_TRUE(b.observe(1, a));
  EXPECT_EQ(compare(a, b), relation::before);
}

TEST(FixedVector, KnowsItsOwnEventsBest) {
  fixed_vector<2> own, stranger;
  ASSERT_TRUE(own.tick(0));
  ASSERT_TRUE(stranger.observe(1, own));
  fixed_vector<2> restored;
  const auto before = restored;
  EXPECT_EQ(restored.observe(0, stranger).code(), errc::fenced) << "it has lost its first event";
  EXPECT_EQ(restored, before);
}

TEST(FixedVectorDeathTest, StopsAtAMemberOutsideOfIt) {
  fixed_vector<2> here;
  EXPECT_DEATH(static_cast<void>(here[2]), "a member outside of this vector clock");
}

// Counts at both ends of what is allowed, in every place: the loops have no branch that would see.
TEST(FixedVector, ComparesAndMergesCountsOfAnySize) {
  std::mt19937_64 random(crash::seed());
  for (int round = 0; round < 2'000; ++round) {
    std::string one = "41 10", other = one, larger = one;
    bool below = false, above = false;
    for (int i = 0; i < 16; ++i) {
      const std::string least = " 00", most = " ff ff ff ff ff ff ff ff 7f";
      const auto which = random() % 8;
      one += which == 0 ? most : least;
      other += which == 1 ? most : least;
      larger += which <= 1 ? most : least;
      above = above || which == 0;
      below = below || which == 1;
    }
    using many = fixed_vector<16>;
    auto a = decoded<many>(from_hex(one)).value();
    const auto b = decoded<many>(from_hex(other)).value();
    EXPECT_EQ(compare(a, b), clock::relation_of(!above, !below));
    a.merge(b);
    EXPECT_EQ(hex(encoded(a)), larger);
  }
}

TEST(FixedVector, IsExhaustedAtTopAndDoesNotChange) {
  auto here = decoded<fixed_vector<2>>(from_hex("41 02 ff ff ff ff ff ff ff ff 7f 05")).value();
  const auto before = here;
  EXPECT_EQ(here.tick(0).code(), errc::exhausted);
  fixed_vector<2> seen;
  EXPECT_EQ(here.observe(0, seen).code(), errc::exhausted);
  EXPECT_EQ(here, before);
  EXPECT_EQ(here.tick(1).value(), 6u);
}

TEST(FixedVector, HasTheseBytesAndNoOthers) {
  fixed_vector<3> here;
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(here.tick(1));
  ASSERT_TRUE(here.tick(2));
  EXPECT_EQ(hex(encoded(here)), "41 03 00 c8 01 01");
  EXPECT_EQ(refusal<fixed_vector<3>>("41 02 00 01"), errc::corrupt) << "of another group";
  EXPECT_EQ(refusal<fixed_vector<3>>("41 03 00 00 ff ff ff ff ff ff ff ff ff 01"), errc::corrupt)
      << "a count above top";
  check_wire<fixed_vector<3>>(encoded(here));
}

// ---- members that come and go

TEST(Vector, AMemberThatWasNeverHeardOfCountsNothing) {
  vector here;
  EXPECT_EQ(here[77], 0u);
  EXPECT_EQ(here.tick(77).value(), 1u);
  EXPECT_EQ(here.tick(5).value(), 1u);
  EXPECT_EQ(compare(here, counting({{5, 1}, {77, 1}})), relation::equal);
  EXPECT_EQ(compare(here, counting({{77, 1}})), relation::after);
  EXPECT_EQ(compare(here, counting({{6, 1}})), relation::concurrent);
}

TEST(Vector, TakesNumbersThatAreHigherAndNoOthers) {
  vector here;
  EXPECT_EQ(here.advance(1, 100).value(), 100u);
  EXPECT_EQ(here.advance(1, 100).code(), errc::invalid);
  EXPECT_EQ(here.advance(1, 99).code(), errc::invalid);
  EXPECT_EQ(here.advance(2, 0).code(), errc::invalid);
  EXPECT_EQ(here.advance(2, top + 1).code(), errc::invalid);
  EXPECT_EQ(here.tick(1).value(), 101u);
  EXPECT_EQ(here, counting({{1, 101}}));
}

TEST(Vector, KnowsItsOwnEventsBest) {
  auto restored = counting({{1, 3}});
  EXPECT_EQ(restored.observe(1, counting({{1, 4}, {2, 1}})).code(), errc::fenced);
  EXPECT_EQ(restored, counting({{1, 3}}));
  EXPECT_EQ(restored.observe(1, counting({{1, 3}, {2, 1}})).value(), 4u);
  EXPECT_EQ(restored, counting({{1, 4}, {2, 1}}));
}

TEST(Vector, IsExhaustedAtTopAndDoesNotChange) {
  auto here = counting({{1, top}});
  EXPECT_EQ(here.tick(1).code(), errc::exhausted);
  EXPECT_EQ(here.observe(1, counting({{2, 1}})).code(), errc::exhausted);
  EXPECT_EQ(here, counting({{1, top}}));
}

// What dropping the oldest entries does to two writes that knew nothing of each other.
TEST(Vector, WouldMakeUpAnOrderIfEntriesWereJustDropped) {
  EXPECT_EQ(compare(counting({{1, 1}, {2, 5}}), counting({{1, 2}})), relation::concurrent);
  EXPECT_EQ(compare(counting({{1, 1}}), counting({{1, 2}})), relation::before);
}

TEST(Vector, ForgetsAMemberOfWhichItHasHeardEverything) {
  retirements list;
  ASSERT_TRUE(list.retire(2, 5));
  auto whole = counting({{1, 1}, {2, 5}});
  auto behind = counting({{1, 3}, {2, 4}});
  EXPECT_EQ(behind.prune(list).value(), 0u) << "it has not heard of the fifth event";
  EXPECT_EQ(behind, counting({{1, 3}, {2, 4}}));
  const auto unpruned = whole;
  EXPECT_EQ(whole.prune(list).value(), 1u);
  EXPECT_EQ(whole.members().size(), 1u);
  // Exactly with the list, never wrongly without.
  EXPECT_EQ(compare(whole, unpruned, list), relation::equal);
  EXPECT_EQ(compare(whole, behind, list), relation::concurrent);
  EXPECT_EQ(compare(whole, counting({{1, 1}, {2, 3}}), list), relation::after);
  EXPECT_EQ(compare(counting({{1, 1}, {2, 3}}), whole, list), relation::before);
  EXPECT_EQ(compare(whole, counting({{1, 1}, {2, 3}})), relation::concurrent);
  // Merging needs the list, and gives what unpruned clocks would.
  EXPECT_EQ(behind.merge(whole).code(), errc::unavailable);
  EXPECT_EQ(behind.observe(1, whole).code(), errc::unavailable);
  EXPECT_EQ(behind, counting({{1, 3}, {2, 4}}));
  EXPECT_EQ(behind.merge(whole, list).value(), 1u);
  EXPECT_EQ(behind.members().size(), 1u);
  EXPECT_EQ(behind[1], 3u);
}

TEST(Vector, RefusesToForgetAMemberThatWentOn) {
  retirements list;
  ASSERT_TRUE(list.retire(2, 5));
  auto ahead = counting({{2, 6}});
  EXPECT_EQ(ahead.prune(list).code(), errc::corrupt);
  EXPECT_EQ(ahead, counting({{2, 6}}));
  auto reborn = counting({{2, 5}});
  ASSERT_TRUE(reborn.prune(list));
  ASSERT_TRUE(reborn.tick(2));
  EXPECT_EQ(reborn.prune(list).code(), errc::corrupt);
}

TEST(Vector, MergesNothingThatWentOnAfterItWasRetired) {
  retirements list;
  ASSERT_TRUE(list.retire(1, 5));
  auto full = counting({{1, 5}});
  ASSERT_TRUE(full.prune(list));
  const auto before = full;
  auto beyond = counting({{1, 7}});
  EXPECT_EQ(full.merge(beyond, list).code(), errc::corrupt);
  EXPECT_EQ(full, before);
  EXPECT_EQ(beyond.merge(full, list).code(), errc::corrupt);
  EXPECT_EQ(beyond, counting({{1, 7}}));
}

TEST(Retirements, AreOneListOfWhichOthersHaveTheBeginning) {
  retirements first, other;
  EXPECT_EQ(first.retire(7, 3).value(), 1u);
  EXPECT_EQ(first.retire(7, 4).code(), errc::invalid) << "twice";
  EXPECT_EQ(first.retire(8, top + 1).code(), errc::invalid);
  EXPECT_EQ(other.follow(first).value(), 1u);
  EXPECT_EQ(first.retire(8, 0).value(), 2u);
  EXPECT_EQ(other.follow(first).value(), 2u);
  EXPECT_EQ(first.follow(retirements{}).value(), 2u) << "an older list adds nothing";
  retirements fork;
  ASSERT_TRUE(fork.retire(9, 1));
  EXPECT_EQ(other.follow(fork).code(), errc::fenced);
  EXPECT_EQ(other, first);
}

TEST(Retirements, HaveTheseBytesAndNoOthers) {
  retirements list;
  ASSERT_TRUE(list.retire(300, 5));
  ASSERT_TRUE(list.retire(1, 0));
  EXPECT_EQ(hex(encoded(list)), "61 02 ac 02 05 01 00");
  EXPECT_EQ(refusal<retirements>("61 02 01 05 01 06"), errc::corrupt) << "one member twice";
  EXPECT_EQ(refusal<retirements>("61 ff ff ff ff ff ff ff ff 7f 01 05"), errc::corrupt)
      << "a size that no bytes follow";
  check_wire<retirements>(encoded(list));
}

TEST(Vector, HasTheseBytesAndNoOthers) {
  EXPECT_EQ(hex(encoded(vector{})), "51 00 00");
  const auto here = counting({{3, 200}, {5, 1}, {~std::uint64_t{0}, 7}});
  EXPECT_EQ(hex(encoded(here)), "51 00 03 03 c8 01 01 01 f9 ff ff ff ff ff ff ff ff 01 07");
  EXPECT_EQ(decoded<vector>(encoded(here)).value(), here);
  EXPECT_EQ(refusal<vector>("51 00 01 03 00"), errc::corrupt) << "a count of nothing";
  EXPECT_EQ(refusal<vector>("51 00 02 03 01 fc ff ff ff ff ff ff ff ff 01 01"), errc::corrupt)
      << "a member above 2^64 - 1";
  EXPECT_EQ(refusal<vector>("51 00 ff ff ff ff ff ff ff ff 7f 01 01"), errc::corrupt);
  check_wire<vector>(encoded(here));
}

TEST(Vector, SaysInItsBytesWhatItHasForgotten) {
  retirements list;
  ASSERT_TRUE(list.retire(2, 5));
  auto here = counting({{1, 1}, {2, 5}});
  ASSERT_TRUE(here.prune(list));
  EXPECT_EQ(hex(encoded(here)), "51 01 01 01 01");
  const auto again = decoded<vector>(encoded(here)).value();
  EXPECT_EQ(again.pruned(), 1u);
  EXPECT_EQ(compare(again, counting({{1, 1}, {2, 5}}), list), relation::equal);
}

}  // namespace
}  // namespace sequencer
