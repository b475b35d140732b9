// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

// Clocks that threads share, under more threads than there are cores; written for the thread
// sanitizer, useful without. SEQUENCER_SEED repeats what is random in a round.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include <sequencer/clock/hybrid.hpp>
#include <sequencer/clock/lamport.hpp>

#include "rounds.hpp"

namespace {

using sequencer::memory_mark;
using sequencer::sequence;
using sequencer::clock::durable_lamport;
using sequencer::clock::hybrid_options;
using sequencer::clock::hybrid_stamp;
using sequencer::clock::lamport;
using sequencer::clock::shared_hybrid;

constexpr int cases = 4;
constexpr int turns = 3'000;

unsigned crowd() { return 2 * std::max(2u, std::thread::hardware_concurrency()) + 1; }

// A wall clock that threads push on, and set back, in the unit of a stamp's wall time.
struct shaken_time {
  std::atomic<std::uint64_t>* at;
  std::uint64_t operator()() const noexcept {
    return hybrid_stamp::begins(at->fetch_add(1, std::memory_order_relaxed));
  }
};

// Each thread ticks and observes what it finds in the boxes, and puts its stamps there. What is in
// a box was written before: whoever takes it must get a later stamp, also without observing it,
// since all use one clock.
template <class Tick, class Observe>
std::vector<std::vector<std::uint64_t>> shake(std::uint64_t seed, Tick tick, Observe observe) {
  std::array<std::atomic<std::uint64_t>, 8> boxes{};
  std::vector<std::vector<std::uint64_t>> all(crowd());
  std::vector<std::thread> threads;
  std::atomic<unsigned> ready{0};
  for (unsigned i = 0; i != crowd(); ++i) {
    threads.emplace_back([&, i] {
      std::mt19937_64 random(seed + i);
      ready.fetch_add(1);
      while (ready.load() != crowd()) std::this_thread::yield();
      for (int turn = 0; turn < turns; ++turn) {
        auto& box = boxes[random() % boxes.size()];
        const auto seen = box.load(std::memory_order_acquire);
        const auto mine = random() % 2 == 0 ? tick() : observe(seen);
        if (mine <= seen) ADD_FAILURE() << mine << " came after " << seen;
        all[i].push_back(mine);
        if (random() % 2 == 0) box.store(mine, std::memory_order_release);
      }
    });
  }
  for (auto& each : threads) each.join();
  return all;
}

void expect_unique_and_increasing(const std::vector<std::vector<std::uint64_t>>& all) {
  std::vector<std::uint64_t> every;
  for (const auto& mine : all) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end(), std::less_equal<>())) << "went back";
    every.insert(every.end(), mine.begin(), mine.end());
  }
  std::sort(every.begin(), every.end());
  EXPECT_EQ(std::adjacent_find(every.begin(), every.end()), every.end()) << "given out twice";
}

TEST(ClockStress, LamportTimesAreUniqueAndFollowEveryHandOver) {
  sequencer::stress::in_rounds(cases, [](std::uint64_t seed) {
    lamport here;
    expect_unique_and_increasing(shake(
        seed, [&] { return *here.tick(); }, [&](sequence seen) { return *here.observe(seen); }));
  });
}

TEST(ClockStress, ADurableLamportLeavesNothingAboveItsMark) {
  sequencer::stress::in_rounds(cases, [](std::uint64_t seed) {
    memory_mark mark;
    durable_lamport here(mark, 64);
    const auto below = [&](sequence time) {
      if (time >= mark.load()) ADD_FAILURE() << time << " is not below the mark";
      return time;
    };
    expect_unique_and_increasing(shake(
        seed, [&] { return below(*here.tick()); },
        [&](sequence seen) { return (void)here.tend(), below(*here.observe(seen)); }));
  });
}

TEST(ClockStress, HybridStampsAreUniqueAndFollowEveryHandOver) {
  sequencer::stress::in_rounds(cases, [](std::uint64_t seed) {
    std::atomic<std::uint64_t> wall{1'000'000};
    shared_hybrid<shaken_time> here({}, {&wall});
    const auto set_back = [&] {
      auto now = wall.load(std::memory_order_relaxed);
      if (now % 64 == 0) wall.store(now - 40, std::memory_order_relaxed);
    };
    expect_unique_and_increasing(shake(
        seed, [&] { return set_back(), here.tick()->bits; },
        [&](std::uint64_t seen) { return here.observe(hybrid_stamp{seen})->bits; }));
  });
}

TEST(ClockStress, ADurableHybridLeavesNothingAboveItsMark) {
  sequencer::stress::in_rounds(cases, [](std::uint64_t seed) {
    memory_mark mark;
    std::atomic<std::uint64_t> wall{1'000'000};
    // A window of a few thousand units of 1/65,536 s: some writes in a round.
    shared_hybrid<shaken_time, memory_mark> here(
        mark, {.window = std::chrono::milliseconds(50)}, {&wall});
    const auto below = [&](hybrid_stamp stamp) {
      if (stamp.wall() >= mark.load()) ADD_FAILURE() << "a stamp is not below the mark";
      return stamp.bits;
    };
    expect_unique_and_increasing(shake(
        seed, [&] { return below(*here.tick()); },
        [&](std::uint64_t seen) {
          return (void)here.tend(), below(*here.observe(hybrid_stamp{seen}));
        }));
  });
}

}  // namespace
