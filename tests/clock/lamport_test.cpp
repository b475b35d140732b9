// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/clock/lamport.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <type_traits>

#include "wire_checks.hpp"

namespace sequencer {
namespace {

using clock::durable_lamport;
using clock::lamport;
using clock::lamport_stamp;

static_assert(!std::is_copy_constructible_v<lamport> && alignof(lamport) == 128);

TEST(Lamport, CountsEventsFromOne) {
  lamport here;
  EXPECT_EQ(here.peek(), 0u);
  EXPECT_EQ(here.tick().value(), 1u);
  EXPECT_EQ(here.tick().value(), 2u);
  EXPECT_EQ(here.peek(), 2u);
}

TEST(Lamport, IsAboveWhatItIsShownAndAboveItself) {
  lamport here;
  EXPECT_EQ(here.observe(7).value(), 8u);
  EXPECT_EQ(here.observe(3).value(), 9u) << "a message that came late";
  EXPECT_EQ(here.observe(9).value(), 10u) << "one from the same time";
  EXPECT_EQ(here.tick().value(), 11u);
}

TEST(Lamport, RefusesATimeFromTheFarFutureAndStaysWhereItIs) {
  lamport here(100, 50);
  EXPECT_EQ(here.observe(151).code(), errc::invalid);
  EXPECT_EQ(here.observe(top).code(), errc::invalid);
  EXPECT_EQ(here.peek(), 100u);
  EXPECT_EQ(here.observe(150).value(), 151u) << "the bound itself is allowed";
  EXPECT_EQ(here.catch_up(10'000).value(), 10'001u) << "whoever knows better may say so";
  EXPECT_EQ(here.catch_up(5).value(), 10'002u);
}

TEST(Lamport, RefusesWhatIsNoTime) {
  lamport here(5, top);
  EXPECT_EQ(here.observe(top + 1).code(), errc::invalid);
  EXPECT_EQ(here.catch_up(~std::uint64_t{0}).code(), errc::invalid);
  EXPECT_EQ(here.peek(), 5u);
}

TEST(Lamport, TheLastTimeIsTopAndNothingWraps) {
  lamport here(0, top);
  EXPECT_EQ(here.observe(top).code(), errc::exhausted) << "there is no time above it";
  EXPECT_EQ(here.peek(), 0u);
  EXPECT_EQ(here.observe(top - 2).value(), top - 1);
  EXPECT_EQ(here.tick().value(), top);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(here.tick().code(), errc::exhausted);
    EXPECT_EQ(here.observe(1).code(), errc::exhausted);
    EXPECT_EQ(here.catch_up(1).code(), errc::exhausted);
  }
}

TEST(LamportDeathTest, StopsAtAStartAboveTheTop) {
  EXPECT_DEATH(lamport{top + 1}, "a Lamport clock starts at 2\\^63 - 1 or below");
}

TEST(LamportStamp, IsOrderedByTimeAndThenByNode) {
  EXPECT_LT((lamport_stamp{1, 9}), (lamport_stamp{2, 1}));
  EXPECT_LT((lamport_stamp{2, 1}), (lamport_stamp{2, 9}));
  EXPECT_EQ((lamport_stamp{2, 1}), (lamport_stamp{2, 1}));
}

TEST(LamportStamp, HasTheseBytes) {
  EXPECT_EQ(hex(encoded(lamport_stamp{})), "11 00 00");
  EXPECT_EQ(hex(encoded(lamport_stamp{300, 5})), "11 ac 02 05");
  EXPECT_EQ(hex(encoded(lamport_stamp{top, ~std::uint64_t{0}})),
            "11 ff ff ff ff ff ff ff ff 7f ff ff ff ff ff ff ff ff ff 01");
  EXPECT_EQ(decoded<lamport_stamp>(from_hex("11 ac 02 05")).value(), (lamport_stamp{300, 5}));
}

TEST(LamportStamp, RefusesBytesOfAnythingElse) {
  EXPECT_EQ(refusal<lamport_stamp>(""), errc::corrupt);
  EXPECT_EQ(refusal<lamport_stamp>("21 00 00"), errc::corrupt) << "another form";
  EXPECT_EQ(refusal<lamport_stamp>("12 00 00"), errc::version) << "a later layout";
  EXPECT_EQ(refusal<lamport_stamp>("11 80 00 00"), errc::corrupt) << "0 in two bytes";
  EXPECT_EQ(refusal<lamport_stamp>("11 80 80 80 80 80 80 80 80 80 01 00"), errc::corrupt)
      << "a time above top";
  EXPECT_EQ(refusal<lamport_stamp>("11 00 ff ff ff ff ff ff ff ff ff 02"), errc::corrupt)
      << "a node of more than 64 bits";
  EXPECT_EQ(refusal<lamport_stamp>("11 00 ff ff ff ff ff ff ff ff ff ff 01"), errc::corrupt);
}

TEST(LamportStamp, SaysWhatIsWrongAndWhere) {
  const auto refused = decoded<lamport_stamp>(from_hex("11 80 00 00"));
  EXPECT_EQ(refused.text(), "a Lamport stamp, byte 3 of 4: found a number that is longer than need "
                            "be; ask its sender for it again");
}

TEST(LamportStamp, HasAnAnswerToAnyBytes) {
  check_wire<lamport_stamp>(encoded(lamport_stamp{123'456'789, 77'777}));
}

// ---- kept

// Answers from a script, then keeps what it is given; counts.
struct scripted_mark {
  std::deque<errc> answers = {};
  std::uint64_t kept = 0;
  int stores = 0;

  std::uint64_t load() const noexcept { return kept; }
  result<std::uint64_t> store(std::uint64_t number) noexcept {
    ++stores;
    if (!answers.empty()) {
      const auto next = answers.front();
      answers.pop_front();
      if (next != errc{}) return next;
    }
    return kept = number;
  }
};

TEST(DurableLamport, WritesAheadAndGoesOnAtTheMark) {
  scripted_mark mark;
  durable_lamport before(mark, 10);
  for (sequence time = 1; time <= 10; ++time) {
    EXPECT_EQ(before.tick().value(), time);
    EXPECT_GT(mark.kept, time);
  }
  EXPECT_EQ(mark.stores, 1);
  EXPECT_EQ(mark.kept, 11u);
  durable_lamport after(mark, 10);
  EXPECT_EQ(after.tick().value(), 11u);
  EXPECT_EQ(after.observe(1'000).value(), 1'001u);
  EXPECT_EQ(mark.kept, 1'011u);
}

TEST(DurableLamport, WhoTendsItKeepsWritingFromTheCallers) {
  scripted_mark mark;
  durable_lamport here(mark, 10);
  for (sequence time = 1; time <= 100; ++time) {
    ASSERT_TRUE(here.tend());
    const auto stores = mark.stores;
    EXPECT_EQ(here.tick().value(), time);
    EXPECT_EQ(mark.stores, stores) << "the caller had to write";
  }
  EXPECT_LE(mark.stores, 21);
}

TEST(DurableLamport, NoTimeLeavesThatTheStoreRefused) {
  scripted_mark mark{{errc::io}};
  durable_lamport here(mark, 10);
  EXPECT_EQ(here.tick().code(), errc::io);
  EXPECT_EQ(here.tick().code(), errc::io) << "a failed store is not tried again";
  EXPECT_EQ(here.tend().code(), errc::io);
  EXPECT_EQ(mark.stores, 1);
}

TEST(DurableLamport, TriesAgainWhereTheStoreSaysSo) {
  scripted_mark mark{{errc::unavailable, errc::timeout}};
  durable_lamport here(mark, 10);
  EXPECT_EQ(here.tick().code(), errc::unavailable);
  EXPECT_EQ(here.observe(4).code(), errc::timeout);
  EXPECT_EQ(here.tick().value(), 6u) << "the refused times are nobody's";
}

TEST(DurableLamport, IsExhaustedAtTop) {
  scripted_mark mark;
  mark.kept = top;
  durable_lamport here(mark, 10);
  EXPECT_EQ(here.tick().code(), errc::exhausted);
  mark.kept = top - 1;
  durable_lamport last(mark, 10);
  EXPECT_EQ(last.tick().value(), top - 1);
  EXPECT_EQ(mark.kept, top);
  EXPECT_EQ(last.tick().code(), errc::exhausted);
  EXPECT_EQ(last.tend().code(), errc::exhausted);
}

TEST(DurableLamportDeathTest, StopsAtAWindowOfNothing) {
  memory_mark mark;
  EXPECT_DEATH(durable_lamport(mark, 0), "a window is 1 to 2\\^62 - 1 numbers wide");
}

}  // namespace
}  // namespace sequencer
