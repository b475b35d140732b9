// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/clock/dotted.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "wire_checks.hpp"

namespace sequencer {
namespace {

using clock::dot;
using clock::next_actor;
using clock::relation;
using clock::vector;
using values = clock::siblings<std::string>;

std::vector<std::string> shown(const values& of) {
  std::vector<std::string> found;
  for (const auto& each : of.values()) found.push_back(each.value);
  return found;
}
using words = std::vector<std::string>;

TEST(Siblings, AWriteTakesThePlaceOfWhatItsClientHadRead) {
  values here;
  EXPECT_EQ(here.put(1, {}, "a").value(), 1u);
  const auto read = here.context();
  EXPECT_EQ(here.put(1, read, "b").value(), 2u);
  EXPECT_EQ(shown(here), words{"b"});
  EXPECT_EQ(here.values()[0].written, (dot{1, 2}));
}

TEST(Siblings, WritesThatKnewNothingOfEachOtherStayBesideEachOther) {
  values here;
  ASSERT_TRUE(here.put(1, {}, "a"));
  ASSERT_TRUE(here.put(1, {}, "b"));
  EXPECT_EQ(shown(here), (words{"a", "b"}));
  ASSERT_TRUE(here.put(1, here.context(), "both"));
  EXPECT_EQ(shown(here), words{"both"});
}

// With one entry for the replica and no dots, each answer of a slow client would bring back its own
// earlier writes: the siblings would grow with every turn.
TEST(Siblings, TwoClientsWhoTakeTurnsDoNotMakeThemGrow) {
  values here;
  vector first, second;
  for (int turn = 0; turn < 50; ++turn) {
    ASSERT_TRUE(here.put(1, first, "first " + std::to_string(turn)));
    const auto read = here.context();
    ASSERT_TRUE(here.put(1, second, "second " + std::to_string(turn)));
    first = read;
    second = here.context();
    ASSERT_LE(here.values().size(), 3u);
  }
}

TEST(Siblings, ReplicasThatSyncHaveTheSame) {
  values here, there;
  ASSERT_TRUE(here.put(1, {}, "here"));
  ASSERT_TRUE(there.put(2, {}, "there"));
  EXPECT_EQ(compare(here, there), relation::concurrent);
  ASSERT_TRUE(here.sync(there));
  EXPECT_EQ(shown(here), (words{"here", "there"}));
  EXPECT_EQ(compare(there, here), relation::before);
  ASSERT_TRUE(there.put(2, here.context(), "read both"));
  ASSERT_TRUE(here.sync(there));
  EXPECT_EQ(shown(here), words{"read both"});
  EXPECT_EQ(here, there);
}

TEST(Siblings, WhatWasDeletedIsNotBroughtBack) {
  values here;
  ASSERT_TRUE(here.put(1, {}, "a"));
  auto there = here;
  ASSERT_TRUE(here.forget(here.context()));
  EXPECT_TRUE(here.values().empty());
  EXPECT_EQ(compare(there, here), relation::before);
  ASSERT_TRUE(here.sync(there));
  EXPECT_TRUE(here.values().empty());
  ASSERT_TRUE(there.sync(here));
  EXPECT_EQ(here, there);
}

// Riak's "counter amnesia": without the refusal, the write would get a number that stands for
// another write elsewhere, and be thrown away as overwritten.
TEST(Siblings, AReplicaThatHasLostItsWritesMustBeginAnew) {
  values here;
  ASSERT_TRUE(here.put(1, {}, "a"));
  ASSERT_TRUE(here.put(1, here.context(), "b"));
  auto there = here;
  const auto read = there.context();
  values restored;
  EXPECT_EQ(restored.put(1, read, "c").code(), errc::fenced);
  EXPECT_TRUE(restored.values().empty());
  EXPECT_EQ(restored.put(17, read, "c").value(), 1u) << "another actor may";
  ASSERT_TRUE(there.sync(restored));
  EXPECT_EQ(shown(there), words{"c"});
}

TEST(Siblings, ARefusedWriteChangesNothing) {
  vector full;
  ASSERT_TRUE(full.advance(1, top));
  values here;
  ASSERT_TRUE(here.forget(full));
  const auto before = here;
  EXPECT_EQ(here.put(1, {}, "a").code(), errc::exhausted);
  clock::retirements list;
  ASSERT_TRUE(list.retire(9, 0));
  vector pruned;
  ASSERT_TRUE(pruned.prune(list));
  EXPECT_EQ(here.put(2, pruned, "a").code(), errc::unavailable);
  EXPECT_EQ(here.forget(pruned).code(), errc::unavailable);
  EXPECT_EQ(here, before);
}

TEST(NextActor, IsAnotherOneInEachLife) {
  memory_mark lives;
  EXPECT_EQ(next_actor(5, lives).value(), std::uint64_t{5} << 32 | 1);
  EXPECT_EQ(next_actor(5, lives).value(), std::uint64_t{5} << 32 | 2);
  EXPECT_EQ(next_actor(std::uint64_t{1} << 31, lives).code(), errc::invalid);
  ASSERT_TRUE(lives.store(0xffff'ffff));
  EXPECT_EQ(next_actor(5, lives).code(), errc::exhausted);
}

struct broken_mark {
  static std::uint64_t load() noexcept { return 0; }
  static result<std::uint64_t> store(std::uint64_t) noexcept { return errc::io; }
};

TEST(NextActor, IsNobodyWhereTheMarkWasNotKept) {
  broken_mark lives;
  EXPECT_EQ(next_actor(5, lives).code(), errc::io);
}

TEST(Siblings, HaveTheseBytesAndNoOthers) {
  values here;
  ASSERT_TRUE(here.put(3, {}, "a"));
  ASSERT_TRUE(here.put(1, {}, "bc"));
  EXPECT_EQ(hex(encoded(here)), "71 00 02 01 01 01 01 02 01 01 02 62 63 03 01 01 61");
  EXPECT_EQ(decoded<values>(encoded(here)).value(), here);
  EXPECT_EQ(refusal<values>("71 00 01 01 01 01 01 02 01 61"), errc::corrupt)
      << "a value that its context has not heard of";
  EXPECT_EQ(refusal<values>("71 00 01 01 01 01 01 00 01 61"), errc::corrupt) << "a dot of nothing";
  EXPECT_EQ(refusal<values>("71 00 01 01 02 02 01 02 00 01 01 00"), errc::corrupt)
      << "values out of order";
  EXPECT_EQ(refusal<values>("71 00 01 01 02 02 01 01 00 01 01 00"), errc::corrupt) << "one twice";
  EXPECT_EQ(refusal<values>("71 00 01 01 01 01 01 01 ff ff ff ff 0f 61"), errc::corrupt)
      << "a value that is longer than all that follows";
  check_wire<values>(encoded(here));
}

}  // namespace
}  // namespace sequencer
