// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/catching_up.hpp>

#include <gtest/gtest.h>

namespace {

using sequencer::detail::catching_up;

constexpr std::uint64_t large = 65'536;
constexpr std::uint64_t stride = 512;  // of a large ring

// A producer that publishes so many events from one question to the next.
class producing {
 public:
  explicit producing(std::uint64_t each) : each_(each) {}
  bool operator()(std::uint64_t n) {
    ++asked;
    come += each_;
    return n <= come;
  }

  int asked = 0;
  std::uint64_t come = 0;

 private:
  std::uint64_t each_;
};

int questions_of_a_stride(catching_up& pace, std::uint64_t each) {
  producing producer(each);
  pace.walked_a_stride([&](std::uint64_t n) { return producer(n); });
  return producer.asked;
}

void look_often(catching_up& pace, int times, std::uint64_t events) {
  for (; times != 0; --times) pace.saw_all(events);
}

bool waits(catching_up& pace) {
  bool asked = false;
  pace.before_look([&](std::uint64_t) { return asked = true; });
  return asked;
}

TEST(CatchingUp, AStrideIsASixteenthOfTheRing) {
  EXPECT_EQ(catching_up(1024).stride(), 64u);
  EXPECT_EQ(catching_up(4096).stride(), 256u);
  EXPECT_EQ(catching_up(large).stride(), stride);
  EXPECT_EQ(catching_up(16 * large).stride(), stride);
}

TEST(CatchingUp, InASmallRingNobodyWaits) {
  catching_up pace(512);
  EXPECT_GT(pace.stride(), std::uint64_t{1} << 62);
  look_often(pace, 1'000, 0);
  EXPECT_FALSE(pace.is_ahead());
}

TEST(CatchingUp, AStrideThatIsThereIsAskedForOnce) {
  catching_up pace(large);
  EXPECT_EQ(questions_of_a_stride(pace, stride), 1);
}

TEST(CatchingUp, WaitsUntilAStrideIsThere) {
  catching_up pace(large);
  producing producer(stride / 4);
  pace.walked_a_stride([&](std::uint64_t n) { return producer(n); });
  EXPECT_GE(producer.come, stride);
  EXPECT_LE(producer.come, 2 * stride);
}

TEST(CatchingUp, WaitsNoLongerThanEventsCome) {
  catching_up pace(large);
  EXPECT_EQ(questions_of_a_stride(pace, 0), 3);  // for a stride, and at the first step
  // Enough for two steps, and then they are too slow.
  producing producer(0);
  producer.come = 17;
  pace.walked_a_stride([&](std::uint64_t n) { return producer(n); });
  EXPECT_EQ(producer.asked, 1 + 2 * 3);
}

TEST(CatchingUp, WaitsForSoLongAndNoLonger) {
  catching_up pace(large);
  int asked = 0;
  pace.walked_a_stride([&](std::uint64_t n) { return ++asked, n < stride; });
  EXPECT_EQ(asked, 1 + 2 * 15);
}

TEST(CatchingUp, IsAheadAfterNineLooksThatSawFew) {
  catching_up pace(large);
  look_often(pace, 8, stride - 1);
  EXPECT_FALSE(pace.is_ahead());
  EXPECT_FALSE(waits(pace));
  pace.saw_all(stride - 1);
  EXPECT_TRUE(pace.is_ahead());
  EXPECT_TRUE(waits(pace));
}

TEST(CatchingUp, StaysAheadWhileItsWaitsArePaid) {
  catching_up pace(large);
  look_often(pace, 100, 16);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(waits(pace));
    EXPECT_FALSE(pace.is_ahead()) << "a look at the same events waits again";
    pace.saw_all(i % 2 == 0 ? 16 : 1'000);
    EXPECT_TRUE(pace.is_ahead());
  }
}

TEST(CatchingUp, FourWaitsThatBroughtNextToNothingAreTheLast) {
  catching_up pace(large);
  look_often(pace, 100, 16);
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(waits(pace));
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

}  // namespace
