// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/catching_up.hpp>

#include <gtest/gtest.h>

namespace {

using sequencer::detail::catching_up;

constexpr std::uint64_t large = 65'536;  // few are less than 128

void look_often(catching_up& pace, int times, std::uint64_t events) {
  for (; times != 0; --times) pace.saw_all(events);
}

TEST(CatchingUp, IsAheadAfterNineLooksThatSawFew) {
  catching_up pace(large);
  look_often(pace, 8, 127);
  EXPECT_FALSE(pace.is_ahead());
  pace.saw_all(127);
  EXPECT_TRUE(pace.is_ahead());
}

TEST(CatchingUp, StaysAheadWhileItsWaitsArePaid) {
  catching_up pace(large);
  look_often(pace, 100, 16);
  for (int i = 0; i < 100; ++i) {
    pace.before_look();
    EXPECT_FALSE(pace.is_ahead()) << "a look at the same events waits again";
    pace.saw_all(i % 2 == 0 ? 16 : 1'000);
    EXPECT_TRUE(pace.is_ahead());
  }
}

TEST(CatchingUp, FourWaitsThatBroughtNextToNothingAreTheLast) {
  catching_up pace(large);
  look_often(pace, 100, 16);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(pace.is_ahead());
    pace.before_look();
    pace.saw_all(15);
  }
  EXPECT_FALSE(pace.is_ahead());
  pace.saw_nothing();
  look_often(pace, 8, 15);
  EXPECT_FALSE(pace.is_ahead());
}

TEST(CatchingUp, WhoSeesNothingNowAndThenNeverWaits) {
  catching_up pace(large);
  for (int i = 0; i < 100; ++i) {
    look_often(pace, 8, 1);
    EXPECT_FALSE(pace.is_ahead());
    pace.saw_nothing();
  }
}

TEST(CatchingUp, InASmallRingNobodyWaits) {
  catching_up pace(63);
  look_often(pace, 1'000, 0);
  EXPECT_FALSE(pace.is_ahead());
}

}  // namespace
