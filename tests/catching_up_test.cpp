// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/catching_up.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include <sequencer/cpu.hpp>

namespace {

using sequencer::detail::catching_up;

constexpr std::uint64_t large = 65'536;
constexpr std::uint64_t stride = 512;  // of a large ring

// A producer that publishes so many events at a step; after each step of a wait, and before the
// first, the consumer asks for a stride.
struct producing {
  std::uint64_t come = 0;
  std::uint64_t each = 0;
  int steps = -1;
  int asked = 0;
  std::uint64_t last = 0;  // question

  bool operator()(std::uint64_t n) {
    ++asked;
    last = n;
    if (n == stride && ++steps > 0) come += each;
    return n <= come;
  }
};

producing walk_a_stride(producing producer) {
  catching_up pace(large);
  pace.walked_a_stride([&](std::uint64_t n) { return producer(n); });
  return producer;
}

void look_often(catching_up& pace, int times, std::uint64_t events) {
  for (; times != 0; --times) pace.saw_all(events);
}

// Whether the look waits while so many come between two questions.
bool waits(catching_up& pace, std::uint64_t each) {
  producing producer{0, each};
  pace.before_look([&](std::uint64_t n) { return producer(n); });
  return producer.asked != 0;
}
constexpr std::uint64_t nothing = 0;
constexpr std::uint64_t plenty = stride / 4;

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
  EXPECT_EQ(walk_a_stride({stride}).asked, 1);
}

TEST(CatchingUp, WaitsUntilAStrideIsThere) {
  EXPECT_EQ(walk_a_stride({0, stride / 8}).steps, 8);
  EXPECT_EQ(walk_a_stride({100, stride}).steps, 1);
}

TEST(CatchingUp, WhereNothingComesAStepIsTheWaitWhateverIsThere) {
  for (std::uint64_t there = 0; there < stride - 8; ++there) {
    const auto producer = walk_a_stride({there});
    EXPECT_EQ(producer.steps, 1) << there;
    EXPECT_EQ(producer.last, there / 8 * 8 + 8);
  }
}

TEST(CatchingUp, WhoIsAtTheHeelsAsksForOneLineMore) {
  EXPECT_EQ(walk_a_stride({0}).asked, 4);  // a stride, eight events, and after the step both again
}

TEST(CatchingUp, FewerThanEightAStepEndTheWait) {
  EXPECT_EQ(walk_a_stride({0, 8}).steps, 15);
  EXPECT_EQ(walk_a_stride({3, 7}).steps, 4);  // 3 + 4 * 7 < 4 * 8
}

TEST(CatchingUp, AStepTakesItsTime) {
  const auto step = sequencer::cpu::rough_ticks(100);
  const auto from = sequencer::cpu::ticks();
  EXPECT_EQ(walk_a_stride({0, 8}).steps, 15);
  EXPECT_GE(sequencer::cpu::ticks() - from, 15 * step);
}

TEST(CatchingUp, IsAheadAfterNineLooksThatSawFew) {
  catching_up pace(large);
  look_often(pace, 8, stride - 1);
  EXPECT_FALSE(pace.is_ahead());
  EXPECT_FALSE(waits(pace, plenty));
  look_often(pace, 9, stride);
  EXPECT_FALSE(pace.is_ahead());
  pace.saw_all(stride - 1);
  EXPECT_TRUE(pace.is_ahead());
  EXPECT_TRUE(waits(pace, plenty));
}

TEST(CatchingUp, StaysAheadWhileSomethingComes) {
  catching_up pace(large);
  look_often(pace, 9, 1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(waits(pace, plenty));
    EXPECT_FALSE(pace.is_ahead()) << "a look at the same events waits again";
    pace.saw_all(i % 2 == 0 ? 16 : 1'000);
    EXPECT_TRUE(pace.is_ahead());
  }
}

TEST(CatchingUp, OnceSomethingCameFourWaitsForNothingAreTheLast) {
  catching_up pace(large);
  look_often(pace, 9, 16);
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_TRUE(waits(pace, plenty));
    pace.saw_all(16);
    for (int i = 0; i < 4; ++i) {
      EXPECT_TRUE(waits(pace, nothing));
      pace.saw_all(16);
    }
    EXPECT_FALSE(waits(pace, nothing));
    look_often(pace, 15, 16);
    EXPECT_FALSE(pace.is_ahead());
    pace.saw_all(16);
  }
}

// One thread that publishes a few, and polls, and so on.
TEST(CatchingUp, WhoBeginsInVainBeginsLessAndLessOften) {
  catching_up pace(large);
  std::vector<int> looks;  // before each wait
  int since = 0;
  for (int i = 0; i < 5'000; ++i) {
    if (waits(pace, nothing)) looks.push_back(std::exchange(since, 0));
    pace.saw_all(16);
    ++since;
  }
  EXPECT_EQ(looks, (std::vector<int>{9, 17, 33, 65, 129, 257, 513, 1025, 1025, 1025}));
  while (!pace.is_ahead()) pace.saw_all(16);
  EXPECT_TRUE(waits(pace, plenty));
  pace.saw_all(16);
  EXPECT_TRUE(waits(pace, plenty)) << "what comes is as good as ever";
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
