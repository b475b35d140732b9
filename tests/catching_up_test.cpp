// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/catching_up.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include <sequencer/cpu.hpp>

namespace {

// Time that passes when it is asked for, one tick a pause, and as long as a question takes.
struct told_time {
  static inline std::uint64_t ticks = 0;
  static std::uint64_t now() noexcept { return ticks; }
  static std::uint64_t ordered_now() noexcept { return ticks; }
  static void pass() noexcept { ++ticks; }
};
std::uint64_t ns(std::uint64_t time) { return sequencer::cpu::rough_ticks(time); }

using catching_up = sequencer::detail::catching_up<told_time>;

constexpr std::uint64_t large = 65'536;
constexpr std::uint64_t small_event = 16;  // bytes, with its stamp
constexpr std::uint64_t large_event = 72;
constexpr std::uint64_t stride = 512;  // of a large ring

// A producer that publishes so many events at a step; after each step of a wait, and before the
// first, the consumer asks for a stride.
struct producing {
  std::uint64_t come = 0;
  std::uint64_t each = 0;
  std::uint64_t distance = 20;  // ns that a question takes
  std::uint64_t stride = ::stride;
  int steps = -1;
  int asked = 0;
  std::uint64_t last = 0;  // question

  bool operator()(std::uint64_t n) {
    told_time::ticks += ns(distance);
    ++asked;
    last = n;
    if (n == stride && ++steps > 0) come += each;
    return n <= come;
  }
};

producing walk_a_stride(catching_up& pace, producing producer) {
  producer.stride = pace.stride();
  pace.walked_a_stride([&](std::uint64_t n) { return producer(n); });
  return producer;
}
producing walk_a_stride(producing producer) {
  catching_up pace(large, small_event, 0);
  return walk_a_stride(pace, producer);
}

void look_often(catching_up& pace, int times, std::uint64_t events) {
  for (; times != 0; --times) pace.saw_all(events);
}

// Whether the look waits while so many come between two questions.
bool waits(catching_up& pace, std::uint64_t each) {
  producing producer{0, each};
  producer.stride = pace.stride();
  pace.before_look([&](std::uint64_t n) { return producer(n); });
  return producer.asked != 0;
}
constexpr std::uint64_t nothing = 0;
constexpr std::uint64_t plenty = stride / 4;

constexpr std::uint64_t near_by = 50;
constexpr std::uint64_t far_away = 150;

// So many questions about lines that are so far.
void ask(catching_up& pace, int questions, std::uint64_t distance) {
  for (; questions != 0; --questions) {
    EXPECT_EQ(walk_a_stride(pace, {0, 0, distance}).steps, 1);
  }
}
catching_up of_far_lines(std::uint64_t slot_bytes = small_event) {
  catching_up pace(large, slot_bytes, 0);
  ask(pace, 4, far_away);
  EXPECT_TRUE(pace.finds_lines_far());
  return pace;
}

// A consumer that finds so many events, each after so long, and then nothing.
bool sees_and_then_nothing(catching_up& pace, std::uint64_t& position, std::uint64_t events,
                           std::uint64_t after_ns) {
  told_time::ticks += events * ns(after_ns);
  pace.saw_nothing_at(position += events);
  return pace.is_ahead();
}

TEST(CatchingUp, AStrideIsASixteenthOfTheRing) {
  EXPECT_EQ(catching_up(1024, small_event, 0).stride(), 64u);
  EXPECT_EQ(catching_up(4096, small_event, 0).stride(), 256u);
  EXPECT_EQ(catching_up(large, small_event, 0).stride(), stride);
  EXPECT_EQ(catching_up(16 * large, large_event, 0).stride(), stride);
}

TEST(CatchingUp, InASmallRingNobodyWaits) {
  catching_up pace(512, small_event, 0);
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
  const auto from = told_time::now();
  const auto producer = walk_a_stride({0, 8, 0});
  EXPECT_EQ(producer.steps, 15);
  EXPECT_EQ(told_time::now() - from, 15 * ns(100));
}

TEST(CatchingUp, IsAheadAfterNineLooksThatSawFew) {
  catching_up pace(large, small_event, 0);
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
  catching_up pace(large, small_event, 0);
  look_often(pace, 9, 1);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(waits(pace, plenty));
    EXPECT_FALSE(pace.is_ahead()) << "a look at the same events waits again";
    pace.saw_all(i % 2 == 0 ? 16 : 1'000);
    EXPECT_TRUE(pace.is_ahead());
  }
}

TEST(CatchingUp, OnceSomethingCameFourWaitsForNothingAreTheLast) {
  catching_up pace(large, small_event, 0);
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
  catching_up pace(large, small_event, 0);
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
  catching_up pace(large, small_event, 0);
  for (int i = 0; i < 100; ++i) {
    look_often(pace, 8, 1);
    EXPECT_FALSE(pace.is_ahead());
    if (i % 2 == 0) pace.saw_nothing();
    if (i % 2 == 1) pace.saw_nothing_at(0);
  }
}

TEST(CatchingUp, LinesAreFarWhereQuestionsTakeLong) {
  catching_up pace(large, small_event, 0);
  ask(pace, 100, near_by);
  EXPECT_FALSE(pace.finds_lines_far());
  ask(pace, 1, far_away);
  EXPECT_FALSE(pace.finds_lines_far()) << "one may have been interrupted";
  ask(pace, 1, far_away);
  EXPECT_TRUE(pace.finds_lines_far());
  ask(pace, 1, near_by);
  EXPECT_FALSE(pace.finds_lines_far());
}

TEST(CatchingUp, OneOfFourThatTakesLongIsEnough) {
  auto pace = of_far_lines();
  for (int i = 0; i < 100; ++i) {
    ask(pace, 3, near_by);
    ask(pace, 1, far_away);
    EXPECT_TRUE(pace.finds_lines_far());
  }
  ask(pace, 8, near_by);
  EXPECT_TRUE(pace.finds_lines_far());
  ask(pace, 1, near_by);
  EXPECT_FALSE(pace.finds_lines_far());
}

TEST(CatchingUp, WhereLinesAreFarAStrideIsSixteenKibibytes) {
  EXPECT_EQ(of_far_lines(small_event).stride(), stride);
  EXPECT_EQ(of_far_lines(large_event).stride(), 128u);
  EXPECT_EQ(of_far_lines(1'008).stride(), 16u);
  EXPECT_EQ(of_far_lines(1 << 20).stride(), 16u);
  catching_up pace(1'024, small_event, 0);
  ask(pace, 4, far_away);
  EXPECT_EQ(pace.stride(), 64u) << "no more than where they are near";
}

TEST(CatchingUp, WhereLinesAreFarAStepIsLonger) {
  auto pace = of_far_lines();
  const auto from = told_time::now();
  EXPECT_EQ(walk_a_stride(pace, {0, 8, 0}).steps, 3);
  EXPECT_EQ(told_time::now() - from, 3 * ns(400));
}

TEST(CatchingUp, WhereLinesAreFarEachStepHasToBringEightMore) {
  auto pace = of_far_lines();
  EXPECT_EQ(walk_a_stride(pace, {0, 7, far_away}).steps, 1);
  EXPECT_EQ(walk_a_stride(pace, {100, 4, far_away}).steps, 2) << "104 is a line more than 96";
  producing at_once{0, 0, far_away};
  pace.walked_a_stride([&](std::uint64_t n) {
    const bool there = at_once(n);
    if (at_once.steps == 1) at_once.come = 200;
    return there;
  });
  EXPECT_EQ(at_once.steps, 2) << "what came in one step is no progress in the next";
}

TEST(CatchingUp, WhereLinesAreFarWhoSeesNothingAfterManyWaits) {
  auto pace = of_far_lines();
  std::uint64_t position = 0;
  EXPECT_FALSE(sees_and_then_nothing(pace, position, 16, 1'000));
  EXPECT_FALSE(sees_and_then_nothing(pace, position, 15, 50)) << "too few to tell";
  EXPECT_TRUE(sees_and_then_nothing(pace, position, 1, 50));
  EXPECT_TRUE(waits(pace, plenty));
}

TEST(CatchingUp, EventsThatComeOneByOneAreNotMany) {
  auto pace = of_far_lines();
  std::uint64_t position = 0;
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_FALSE(sees_and_then_nothing(pace, position, 1, 100)) << "ten million a second";
  }
  EXPECT_FALSE(sees_and_then_nothing(pace, position, 1, 1'000'000));
  for (int i = 0; i < 1'000; ++i) EXPECT_FALSE(sees_and_then_nothing(pace, position, 0, 0));
}

TEST(CatchingUp, WhereLinesAreNearWhoSeesNothingNeverWaits) {
  catching_up pace(large, small_event, 0);
  std::uint64_t position = 0;
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(sees_and_then_nothing(pace, position, 1'000, 1));
}

// Two threads that send each other so many events by turns, and so soon that they look dense: how
// many events lie between the waits.
std::vector<std::uint64_t> events_between_waits(std::uint64_t at_a_time, int waits) {
  auto pace = of_far_lines();
  std::vector<std::uint64_t> found;
  std::uint64_t position = 0, since = 0;
  while (waits != 0) {
    since += at_a_time;
    if (!sees_and_then_nothing(pace, position, at_a_time, 10)) continue;
    producing answer{0, 0, far_away};
    pace.before_look([&](std::uint64_t n) {
      const bool there = answer(n);
      if (answer.steps == 1) answer.come = at_a_time;
      return there;
    });
    found.push_back(std::exchange(since, 0));
    --waits;
  }
  return found;
}
TEST(CatchingUp, WhoAnswersWhatWasSentWaitsLessAndLessOften) {
  using events = std::vector<std::uint64_t>;
  EXPECT_EQ(events_between_waits(1, 10),
            (events{32, 32, 64, 128, 256, 512, 1'024, 2'048, 2'048, 2'048}));
  EXPECT_EQ(events_between_waits(64, 9),
            (events{128, 64, 64, 128, 256, 512, 1'024, 2'048, 2'048}));
}

TEST(CatchingUp, ARingThatBeginsLateIsNotDenseForThat) {
  constexpr std::uint64_t start = std::uint64_t{1} << 40;
  catching_up pace(large, small_event, start);
  ask(pace, 4, far_away);
  std::uint64_t position = start;
  EXPECT_FALSE(sees_and_then_nothing(pace, position, 16, 1'000));
}

}  // namespace
