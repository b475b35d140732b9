// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/reservation.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace wait = sequencer::wait;
using sequencer::errc;
using sequencer::sequence;
using sequencer::top;
using sequencer::detail::limit_line;
using sequencer::detail::mark_keeper;
using sequencer::detail::reservation;
using sequencer::detail::ticket_line;

// A keeper whose disk is a variable: serves when told, or at once.
class desk_keeper : public mark_keeper {
 public:
  explicit desk_keeper(sequence window) : window_(window) {}

  void request(reservation& from) noexcept override {
    requests.fetch_add(1);
    if (eager) serve(from);
  }
  void serve_now(reservation& from) noexcept override {
    ++leads;
    serve(from);
  }
  void serve(reservation& from) {
    const std::lock_guard held(one_at_a_time_);
    const auto need = from.demand();
    if (need > from.durable() || need + window_ > from.durable()) {
      durable_mark = std::min(std::max(durable_mark, need + window_), from.beyond());
      from.raise(durable_mark, durable_mark - window_ / 2);
    }
    from.wake();
  }

  bool eager = false;
  sequence durable_mark = 0;
  std::atomic<int> requests{0};  // serve() unasked lets a second one in beside the first
  int leads = 0;

 private:
  sequence window_;
  std::mutex one_at_a_time_;
};

struct desk {
  explicit desk(sequence window, sequence beyond = top + 1, bool each = false)
      : keeper(window), numbers(tickets, limits, keeper, beyond, each) {
    numbers.open();
  }
  ticket_line tickets;
  limit_line limits;
  desk_keeper keeper;
  reservation numbers;
};

TEST(Reservation, IssuesBelowTheDurableMarkOnly) {
  desk d(10);
  d.keeper.serve(d.numbers);
  for (sequence s = 0; s < 10; ++s) EXPECT_EQ(*d.numbers.next(), s);
  EXPECT_EQ(d.numbers.durable(), 10u);
  EXPECT_EQ(d.numbers.next_for(1, wait::at_once).code(), errc::unavailable);
  EXPECT_EQ(d.numbers.position(), 10u);
}

TEST(Reservation, AsksOnceWhenTheSoftMarkIsCrossed) {
  desk d(10);
  d.keeper.serve(d.numbers);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(d.numbers.next());
  EXPECT_EQ(d.keeper.requests, 0);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(d.numbers.next());
  EXPECT_EQ(d.keeper.requests, 1);
  d.keeper.serve(d.numbers);
  EXPECT_EQ(d.numbers.durable(), 20u);
  EXPECT_EQ(*d.numbers.next(), 10u);
}

// Were the new soft mark lost, nobody would ask before the hard one, and callers would wait.
TEST(Reservation, AKeeperWhoAnswersAtOnceIsAskedAgainAtItsNewSoftMark) {
  desk d(10);
  d.keeper.eager = true;
  d.keeper.serve(d.numbers);
  for (int asked = 1; asked <= 4; ++asked) {
    while (d.keeper.requests < asked) ASSERT_TRUE(d.numbers.next());
    const auto durable = d.numbers.durable();
    EXPECT_EQ(d.numbers.position() + 10, durable) << "served while the caller was asking";
    while (d.numbers.position() < durable - 5) ASSERT_TRUE(d.numbers.next());
    EXPECT_EQ(d.keeper.requests, asked);
    ASSERT_TRUE(d.numbers.next());
    EXPECT_EQ(d.keeper.requests, asked + 1);
  }
  EXPECT_EQ(d.numbers.waits(), 0u);
}

TEST(Reservation, ATimeoutTakesNothing) {
  desk d(4);
  d.keeper.serve(d.numbers);
  EXPECT_EQ(d.numbers.next_for(5, wait::in(std::chrono::milliseconds(2))).code(), errc::timeout);
  EXPECT_EQ(d.numbers.position(), 0u);
  EXPECT_EQ(d.numbers.next_for(4, wait::at_once)->first, 0u);
}

TEST(Reservation, AskingForMoreThanTheWindowIsServed) {
  desk d(4);
  d.keeper.eager = true;
  d.keeper.serve(d.numbers);
  const auto run = d.numbers.next_for(100, wait::never);
  ASSERT_TRUE(run);
  EXPECT_EQ(run->size(), 100u);
  EXPECT_GE(d.keeper.durable_mark, run->last);
}

TEST(Reservation, ParksUntilTheKeeperCatchesUp) {
  desk d(2);
  d.keeper.serve(d.numbers);
  std::vector<std::vector<sequence>> got(3);
  std::vector<std::thread> threads;
  for (auto& mine : got) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) mine.push_back(*d.numbers.next());
    });
  }
  while (d.numbers.waits() == 0) std::this_thread::yield();  // two numbers, and three who ask
  while (d.numbers.position() < 1500) {
    d.keeper.serve(d.numbers);
    std::this_thread::yield();
  }
  for (auto& each : threads) each.join();
  std::vector<sequence> all;
  for (const auto& mine : got) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end());
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], i);
}

TEST(Reservation, EndsAtItsMaximum) {
  desk d(100, 7);
  d.keeper.eager = true;
  d.keeper.serve(d.numbers);
  for (sequence s = 0; s < 7; ++s) EXPECT_EQ(*d.numbers.next(), s);
  EXPECT_EQ(d.numbers.next().code(), errc::exhausted);
  EXPECT_EQ(d.numbers.next_for(1, wait::never).code(), errc::exhausted);
  EXPECT_EQ(d.numbers.position(), 7u);
}

TEST(Reservation, EachMakesItsOwnNumberDurable) {
  desk d(0, top + 1, true);
  d.keeper.serve(d.numbers);
  for (sequence s = 0; s < 5; ++s) {
    EXPECT_EQ(*d.numbers.next(), s);
    EXPECT_EQ(d.keeper.durable_mark, s + 1);
  }
  EXPECT_EQ(d.keeper.leads, 5);
  EXPECT_EQ(d.keeper.requests, 0);
  EXPECT_EQ(d.numbers.next_for(3, wait::at_once)->size(), 3u);
  EXPECT_EQ(d.keeper.durable_mark, 8u);
}

TEST(Reservation, AStopIsLearntByWhoeverWaits) {
  desk d(1);
  d.keeper.serve(d.numbers);
  EXPECT_EQ(*d.numbers.next(), 0u);
  errc seen{};
  std::thread waiter([&] { seen = d.numbers.next().code(); });
  while (d.numbers.waits() == 0) std::this_thread::yield();
  d.numbers.stop(errc::io);
  waiter.join();
  EXPECT_EQ(seen, errc::io);
  EXPECT_EQ(d.numbers.next_for(1, wait::never).code(), errc::io);
}

TEST(Reservation, WhatWasDurableBeforeAStopStillLeaves) {
  desk d(10);
  d.keeper.serve(d.numbers);
  d.numbers.stop(errc::io);
  for (sequence s = 0; s < 10; ++s) EXPECT_EQ(*d.numbers.next(), s);
  EXPECT_EQ(d.numbers.next().code(), errc::io);
}

TEST(Reservation, CloseTakesTheExactPositionAndRefusesLateCallers) {
  desk d(10);
  d.keeper.serve(d.numbers);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(d.numbers.next());
  EXPECT_EQ(d.numbers.close(), 4u);
  EXPECT_EQ(d.numbers.next().code(), errc::closed);
  // A caller who looked at `alive` before the close meets the counter itself.
  d.limits.alive.store(1);
  EXPECT_EQ(d.numbers.next().code(), errc::closed);
  EXPECT_EQ(d.numbers.next_for(1, wait::never).code(), errc::closed);
  EXPECT_EQ(ticket_line::exact(d.tickets.next.load(), d.tickets.limit.load(), 4), 4u);
}

TEST(Reservation, WipedMemoryMeansClosed) {
  desk d(10);
  d.keeper.serve(d.numbers);
  EXPECT_TRUE(d.numbers.next());
  d.limits.alive.store(0);  // what a forked child finds
  EXPECT_EQ(d.numbers.next().code(), errc::closed);
  EXPECT_EQ(d.numbers.next_for(1, wait::at_once).code(), errc::closed);
  EXPECT_EQ(d.tickets.next.load(), 1u) << "shared memory was touched";
}

TEST(Reservation, TheLiveLimitIsNeverBelowWhatLeft) {
  desk d(8);
  d.keeper.eager = true;
  d.keeper.serve(d.numbers);
  for (int i = 0; i < 100; ++i) {
    const auto number = *d.numbers.next();
    EXPECT_GT(d.tickets.limit.load(), number);
  }
}

TEST(Reservation, ADemandNeverPassesTheMaximum) {
  desk d(0, 5);
  d.keeper.serve(d.numbers);
  d.tickets.next.store(9);  // refused callers count on
  EXPECT_EQ(d.numbers.demand(), 5u);
}

TEST(Reservation, AtOnceLearnsWhyItWasStopped) {
  desk d(2);
  d.keeper.serve(d.numbers);
  EXPECT_EQ(d.numbers.next_for(3, wait::at_once).code(), errc::unavailable);
  d.numbers.stop(errc::io);
  EXPECT_EQ(d.numbers.next_for(3, wait::at_once).code(), errc::io);
  EXPECT_EQ(d.numbers.next_for(3, wait::in(std::chrono::hours(1))).code(), errc::io);
  EXPECT_EQ(d.numbers.next_for(2, wait::at_once)->size(), 2u) << "they were durable";
}

// In `each` nobody but the callers themselves could notice that there is nothing to wait for.
TEST(Reservation, InEachAStopEndsEveryCaller) {
  desk d(0, top + 1, true);
  d.keeper.serve(d.numbers);
  EXPECT_EQ(*d.numbers.next(), 0u);
  d.numbers.stop(errc::io);
  EXPECT_EQ(d.numbers.next().code(), errc::io);
  EXPECT_EQ(d.numbers.next_for(1, wait::never).code(), errc::io);
  EXPECT_EQ(d.numbers.next_for(1, wait::at_once).code(), errc::io);
  EXPECT_EQ(d.keeper.leads, 1);
}

// A keeper whose sync lasts until the test lets it end.
class slow_keeper : public mark_keeper {
 public:
  void request(reservation&) noexcept override {}
  void serve_now(reservation& from) noexcept override {
    leads.fetch_add(1);
    while (!finish.load()) std::this_thread::yield();
    const auto mark = from.demand();
    from.raise(mark, mark);
    from.wake();
  }

  std::atomic<int> leads{0};
  std::atomic<bool> finish{false};
};

constexpr int sharers = 4;

// Four callers and one sync that ends when all have come. Returns how often somebody led.
int leads_of_one_round() {
  ticket_line tickets;
  limit_line limits;
  slow_keeper keeper;
  reservation numbers(tickets, limits, keeper, top + 1, true);
  numbers.open();

  std::vector<sequence> got(sharers);
  std::vector<std::thread> threads;
  for (auto& mine : got) threads.emplace_back([&] { mine = *numbers.next(); });
  while (tickets.next.load() != sharers || keeper.leads.load() == 0) std::this_thread::yield();
  EXPECT_EQ(numbers.next_for(1, wait::at_once).code(), errc::unavailable) << "another one leads";
  EXPECT_EQ(numbers.next_for(1, wait::in(std::chrono::nanoseconds(1))).code(), errc::timeout);
  EXPECT_EQ(tickets.next.load(), sharers) << "a refused call took a number";
  keeper.finish.store(true);
  for (auto& each : threads) each.join();

  std::sort(got.begin(), got.end());
  for (sequence s = 0; s < sharers; ++s) EXPECT_EQ(got[s], s);
  EXPECT_GE(numbers.durable(), sequence{sharers});
  return keeper.leads.load();
}

TEST(Reservation, InEachThoseWhoWaitShareOneSync) {
  constexpr int rounds = 20;
  int leads = 0;
  for (int i = 0; i < rounds; ++i) leads += leads_of_one_round();
  EXPECT_LT(leads, rounds * sharers) << "everybody synced for itself, every time";
}

// Any mix of calls and marks against a model that keeps two numbers.
TEST(Reservation, AnyMixOfCallsAndMarksKeepsTheOrder) {
  const char* asked = std::getenv("SEQUENCER_SEED");
  const auto seed = asked == nullptr ? std::random_device{}() : std::strtoull(asked, nullptr, 10);
  SCOPED_TRACE("SEQUENCER_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  desk d(0);
  sequence next = 0;
  sequence hard = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto n = 1 + random() % 5;
    if (random() % 3 == 0) {
      hard += random() % 8;
      d.numbers.demand();
      d.numbers.raise(hard, random() % (hard + 2));
    } else if (random() % 2 == 0 && next < hard) {
      ASSERT_EQ(*d.numbers.next(), next++);
    } else {
      const auto got = d.numbers.next_for(n, wait::at_once);
      ASSERT_EQ(static_cast<bool>(got), next + n <= hard);
      if (!got) continue;
      ASSERT_EQ(got->first, next);
      next += n;
      ASSERT_EQ(got->last, next);
    }
    ASSERT_EQ(d.numbers.position(), next);
    ASSERT_EQ(d.tickets.limit.load(), hard);
  }
  EXPECT_EQ(d.numbers.close(), next);
}

}  // namespace
