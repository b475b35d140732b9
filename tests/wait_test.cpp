// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/wait.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace {

namespace wait = sequencer::wait;
using std::chrono::milliseconds;

template <class S>
class EveryStrategy : public testing::Test {
 protected:
  S how;
};

using strategies = testing::Types<wait::spin, wait::yield, wait::backoff, wait::park,
                                  wait::monitor, wait::hybrid<20'000>,
                                  wait::hybrid<1'000, wait::yield>>;
TYPED_TEST_SUITE(EveryStrategy, strategies);

constexpr auto no = [] { return false; };
constexpr auto yes = [] { return true; };

TYPED_TEST(EveryStrategy, AConditionThatHoldsIsNeverMissed) {
  EXPECT_EQ(wait::await(this->how, yes, yes, wait::at_once), wait::outcome::ready);
  EXPECT_EQ(wait::await(this->how, yes, no, wait::in(milliseconds(-1))), wait::outcome::ready);
}

TYPED_TEST(EveryStrategy, StoppingComesBeforeTheDeadline) {
  EXPECT_EQ(wait::await(this->how, no, yes, wait::at_once), wait::outcome::stopped);
}

TYPED_TEST(EveryStrategy, AtOnceLooksAndLeaves) {
  int looks = 0;
  EXPECT_EQ(wait::await(this->how, [&] { return ++looks > 1; }, no, wait::at_once),
            wait::outcome::timeout);
  EXPECT_EQ(looks, 1);
}

TYPED_TEST(EveryStrategy, TheDeadlineEndsTheWait) {
  const auto until = wait::in(milliseconds(5));
  EXPECT_EQ(wait::await(this->how, no, no, until), wait::outcome::timeout);
  EXPECT_GE(std::chrono::steady_clock::now(), until);
}

TYPED_TEST(EveryStrategy, IsWokenByWhoeverMakesItTrue) {
  for (int round = 0; round < 200; ++round) {
    std::atomic<bool> ready{false};
    std::thread waker([&] {
      ready.store(true);
      this->how.wake();
    });
    EXPECT_EQ(wait::await(this->how, [&] { return ready.load(); }, no), wait::outcome::ready);
    waker.join();
  }
}

TYPED_TEST(EveryStrategy, IsStoppedByWhoeverWakesIt) {
  std::atomic<bool> stop{false};
  std::thread waker([&] {
    stop.store(true);
    this->how.wake();
  });
  EXPECT_EQ(wait::await(this->how, no, [&] { return stop.load(); }), wait::outcome::stopped);
  waker.join();
}

TEST(Park, WakesEverybody) {
  wait::park how;
  std::atomic<bool> ready{false};
  std::atomic<int> woken{0};
  std::vector<std::thread> sleepers;
  for (int i = 0; i < 6; ++i) {
    sleepers.emplace_back([&] {
      wait::await(how, [&] { return ready.load(); }, no);
      ++woken;
    });
  }
  ready.store(true);
  how.wake();
  for (auto& each : sleepers) each.join();
  EXPECT_EQ(woken, 6);
}

// Two threads hand a turn to and fro; a lost wake-up would end in a hang.
TEST(Park, LosesNoWakeUpInPingPong) {
  wait::park how;
  std::atomic<int> turn{0};
  constexpr int rounds = 5'000;
  const auto play = [&](int mine) {
    for (int i = 0; i < rounds; ++i) {
      wait::await(how, [&] { return turn.load() % 2 == mine; }, no);
      ++turn;
      how.wake();
    }
  };
  std::thread other(play, 1);
  play(0);
  other.join();
  EXPECT_EQ(turn, 2 * rounds);
}

}  // namespace
