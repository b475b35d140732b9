// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/combining_counter.hpp>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <sequencer/detail/possible_cpus.hpp>

#include "emulated.hpp"
#include "taken.hpp"

namespace {

using sequencer::combining;
using sequencer::combining_counter;
using sequencer::combining_options;
using sequencer::emulated;
using sequencer::errc;
using sequencer::sequence;
using sequencer::taken_at_once;
using sequencer::top;
using sequencer::without_wipe_on_fork;

constexpr sequence look_every = 4096;  // numbers between two looks at how slow the word is
constexpr sequence leaders = 256;      // after which a lane is weighed

void take(combining_counter& from, sequence times) {
  for (sequence i = 0; i != times; ++i) ASSERT_TRUE(from.next());
}

// Whichever way numbers are taken, they are those of a counter.
class EveryCombining : public testing::TestWithParam<combining> {
 protected:
  static combining_options starting_at(sequence start) {
    return {.start = start, .when = GetParam(), .lane_of_cpu = {0, 1}};
  }
};

std::string name_of(const testing::TestParamInfo<combining>& of) {
  switch (of.param) {
    case combining::always: return "Always";
    case combining::never: return "Never";
    default: return "Measured";
  }
}

INSTANTIATE_TEST_SUITE_P(, EveryCombining,
                         testing::Values(combining::never, combining::always,
                                         combining::measured),
                         name_of);

TEST_P(EveryCombining, StartsWhereAskedAndIsDense) {
  combining_counter numbers(starting_at(41));
  EXPECT_EQ(numbers.peek(), 41u);
  for (sequence s = 41; s != 1000; ++s) EXPECT_EQ(*numbers.next(), s);
  EXPECT_EQ(numbers.peek(), 1000u);
  EXPECT_EQ(numbers.is_combining(), GetParam() == combining::always);
}

TEST_P(EveryCombining, TakesRunsOfConsecutiveNumbersBetween) {
  combining_counter numbers(starting_at(10));
  const auto run = numbers.next(5);
  ASSERT_TRUE(run);
  EXPECT_EQ(run->first, 10u);
  EXPECT_EQ(run->last, 15u);
  EXPECT_EQ(*numbers.next(), 15u);
  EXPECT_EQ(numbers.next(1)->first, 16u);
  EXPECT_EQ(numbers.next(0).code(), errc::invalid);
  EXPECT_EQ(numbers.next(combining_counter::max_request + 1).code(), errc::invalid);
  EXPECT_EQ(*numbers.next(), 17u);
}

TEST_P(EveryCombining, IssuesTopOnceThenIsExhaustedForEver) {
  combining_counter numbers(starting_at(top - 1));
  EXPECT_EQ(*numbers.next(), top - 1);
  EXPECT_EQ(numbers.next(2).code(), errc::exhausted);
  EXPECT_EQ(*numbers.next(), top);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(numbers.next().code(), errc::exhausted);
  EXPECT_EQ(numbers.next(1).code(), errc::exhausted);
}

TEST_P(EveryCombining, GivesManyThreadsADenseRange) {
  constexpr sequence each_takes = 3'000;
  combining_counter numbers(starting_at(0));
  const auto all = taken_at_once(4, [&](std::vector<sequence>& mine) {
    for (sequence i = 0; i != each_takes; ++i) mine.push_back(*numbers.next());
  });
  for (sequence s = 0; s != all.size(); ++s) ASSERT_EQ(all[s], s);
}

TEST_P(EveryCombining, RacersAtTheTopGetEachNumberOnceAndNeverWrap) {
  constexpr sequence left = 1000;
  combining_counter numbers(starting_at(top - left + 1));
  const auto all = taken_at_once(4, [&](std::vector<sequence>& mine) {
    for (int i = 0; i < 500; ++i) {
      if (const auto number = numbers.next()) mine.push_back(*number);
    }
  });
  ASSERT_EQ(all.size(), left);
  for (sequence i = 0; i != left; ++i) ASSERT_EQ(all[i], top - left + 1 + i);
}

// A thread that stood in a lane need not exist in the child: nobody waits there.
TEST_P(EveryCombining, AChildOfForkHasACounterOfItsOwnThatDoesNotCombine) {
  if (emulated) GTEST_SKIP() << without_wipe_on_fork;
  combining_counter numbers(starting_at(7));
  EXPECT_EQ(*numbers.next(), 7u);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool own = !numbers.is_combining() && *numbers.next() == 8 && *numbers.next() == 9;
    ::_exit(own ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*numbers.next(), 8u);
}

// The word is always slow. One lane for every CPU: a thread that moves would begin to be weighed
// anew in another.
combining_options slow_in_one_lane() {
  return {.lane_of_cpu = std::vector<std::uint32_t>(sequencer::detail::possible_cpus()),
          .slow = std::chrono::nanoseconds(0)};
}

TEST(CombiningCounter, GoesTogetherWhileTheWordIsSlowAndApartWithoutCompany) {
  combining_counter numbers(slow_in_one_lane());
  take(numbers, 2 * look_every);
  EXPECT_FALSE(numbers.is_combining());
  take(numbers, 1);  // the third look
  EXPECT_TRUE(numbers.is_combining());
  take(numbers, leaders - 1);
  EXPECT_TRUE(numbers.is_combining());
  take(numbers, 1);  // each of them led for himself
  EXPECT_FALSE(numbers.is_combining());
}

TEST(CombiningCounter, ThatWasInVainTwiceAsManyLooksGoBeforeTheNextTime) {
  combining_counter numbers(slow_in_one_lane());
  take(numbers, 2 * look_every + 1 + leaders);
  ASSERT_FALSE(numbers.is_combining());
  take(numbers, 6 * look_every - leaders - 1);
  EXPECT_FALSE(numbers.is_combining());
  take(numbers, 1);
  EXPECT_TRUE(numbers.is_combining());
}

TEST(CombiningCounter, StaysAloneWhereTheWordIsQuick) {
  combining_counter numbers({.slow = std::chrono::hours(1)});
  take(numbers, 100 * look_every);
  EXPECT_FALSE(numbers.is_combining());
}

// Its neighbours by number share a lane, beyond the table too.
TEST(CombiningCounter, HasALaneForEveryCpuWhateverTheTable) {
  for (const auto& table : {std::vector<std::uint32_t>{}, {9}, {0, 0, 0, 0, 0, 0, 0, 0, 0, 3}}) {
    combining_counter numbers({.when = combining::always, .lane_of_cpu = table});
    for (sequence s = 0; s != 100; ++s) EXPECT_EQ(*numbers.next(), s);
  }
}

TEST(CombiningCounter, NeverCombinesWithoutMemoryWhereItsLanesAreToLie) {
  combining_counter nowhere({.when = combining::always,
                             .lane_of_cpu = {0, 1},
                             .node_of_lane = {sequencer::unbound, 1000}});
  EXPECT_FALSE(nowhere.is_combining());
  EXPECT_EQ(nowhere.place_of_lane(9), nullptr);
  for (sequence s = 0; s != 10'000; ++s) EXPECT_EQ(*nowhere.next(), s);
  EXPECT_FALSE(nowhere.is_combining());
  combining_counter somewhere({.when = combining::always, .lane_of_cpu = {0, 1}});
  EXPECT_NE(somewhere.place_of_lane(1), nullptr);
}

TEST(CombiningCounterDeathTest, RefusesAStartAboveTop) {
  EXPECT_DEATH(combining_counter({.start = top + 1}), "2\\^63 - 1 or below");
}

}  // namespace
