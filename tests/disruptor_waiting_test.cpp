// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What the Disruptor's tests say of barriers, wait strategies and pollers, see
// docs/conformance.md.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <sequencer/counter.hpp>
#include <sequencer/cursor.hpp>
#include <sequencer/graph.hpp>
#include <sequencer/ring.hpp>

#include "asleep.hpp"
#include "shapes.hpp"

namespace {

using namespace sequencer;
using namespace sequencer::shapes;

template <class Engine>
struct waiting : testing::Test {};
TYPED_TEST_SUITE(waiting, engines, engine_name);

TYPED_TEST(waiting, AWaitOfWhoIsBehindSeesEverythingAtOnce) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    fill(out, of.capacity());
    for_each_strategy([&]<class How>() {
      EXPECT_EQ(in.template await<How>(), polled::batch);
      EXPECT_EQ(in.template await<How>(wait::at_once), polled::batch);
    });
    EXPECT_EQ(in.position(), start) << "looking is not reading";
    EXPECT_EQ(take(in).size(), of.capacity());
    EXPECT_EQ(in.await(wait::at_once), polled::idle);
  });
}

TYPED_TEST(waiting, AWaitOfWhoIsAheadEndsWithWhatIsPublished) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    auto expected = start;
    for_each_strategy([&]<class How>() {
      std::atomic<bool> published{false};
      sleepy_thread reader([&] {
        EXPECT_EQ(in.template await<How>(), polled::batch);
        EXPECT_TRUE(published.load());
        EXPECT_EQ(take(in), std::vector{expected});
      });
      published = true;
      put_next(out);
      reader.join();
      ++expected;
    });
  });
}

TYPED_TEST(waiting, AHaltReleasesWhoWaitsHoweverHeDoes) {
  for_each_strategy([]<class How>() {
    bool late = false;
    for_each_ring<TypeParam>([&](auto& of, sequence) {
      late = !late;
      auto in = *of.join();
      std::atomic<bool> begun{false};
      std::thread reader([&] {
        begun = true;
        EXPECT_EQ(in.template await<How>(), polled::closed);
        EXPECT_EQ(in.template await<How>(), polled::closed) << "and whoever asks again";
      });
      while (late && !begun.load()) std::this_thread::yield();
      of.halt();
      reader.join();
    });
  });
}

TYPED_TEST(waiting, AHaltReleasesAProducerHoweverItWaits) {
  for_each_strategy([]<class How>() {
    for_each_ring<TypeParam>([](auto& of, sequence) {
      auto in = *of.join();
      std::atomic<bool> filled{false};
      std::thread source([&] {
        auto out = *of.template make_producer<How>();
        out.claim(of.capacity()).publish();
        filled = true;
        EXPECT_EQ(out.publish([](quote&) {}).code(), errc::closed);
        EXPECT_EQ(out.claim().code(), errc::closed) << "and who asks again";
      });
      while (!filled.load()) std::this_thread::yield();
      of.halt();
      source.join();
    });
  });
}

// Theirs can be put back; ours is for good, and what ends one wait is a deadline.
TYPED_TEST(waiting, WaitingGoesOnAfterADeadlineAndNotAfterAHalt) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    for_each_strategy([&]<class How>() {
      EXPECT_EQ(in.template await<How>(wait::in(std::chrono::microseconds(1))), polled::idle);
    });
    put_next(out);
    EXPECT_EQ(in.await(), polled::batch);
    EXPECT_EQ(take(in), std::vector{start});
    if (of.capacity() > 1) put_next(out);
    of.halt();
    EXPECT_EQ(in.await(), polled::closed) << "at once, whatever is published";
    EXPECT_EQ(look(in), polled::closed);
    EXPECT_EQ(in.position(), start + 1);
    EXPECT_EQ(of.join().code(), errc::closed);
  });
}

TYPED_TEST(waiting, ManyWaitForOnePosition) {
  for_each_strategy([]<class How>() {
    for_each_ring<TypeParam>([](auto& of, sequence start) {
      std::atomic<bool> published{false};
      std::deque<sleepy_thread> readers;
      std::vector<decltype(of.join())> ins;
      for (int i = 0; i < 6; ++i) ins.push_back(of.join());
      for (auto& in : ins) {
        readers.emplace_back([&] {
          EXPECT_EQ(in->template await<How>(), polled::batch);
          EXPECT_TRUE(published.load());
          EXPECT_EQ(take(*in), std::vector{start});
        });
      }
      auto out = *of.make_producer();
      published = true;
      put_next(out);
      for (auto& each : readers) each.join();
    });
  });
}

TYPED_TEST(waiting, AChainIsReleasedInItsOrder) {
  for_each_strategy([]<class How>() {
    for_each_ring<TypeParam>([](auto& of, sequence start) {
      graph plan{of};
      constexpr std::uint64_t count = 8;
      std::array<std::atomic<std::uint64_t>, 4> done{};
      std::atomic<bool> in_turn{true};
      auto before = plan.template add<How>("0", [&](quote&, sequence, bool) noexcept {
        ++done[0];
      });
      for (std::size_t i = 1; i < done.size(); ++i) {
        const auto follow = [&, i](quote&, sequence s, bool) noexcept {
          if (done[i - 1].load() <= s - start) in_turn = false;
          ++done[i];
        };
        before = plan.template add<How>(std::to_string(i), follow, {before});
      }
      auto work = std::move(plan).start();
      ASSERT_TRUE(work) << work.text();
      auto out = *work->producer();
      fill(out, count);
      EXPECT_TRUE(work->drain());
      EXPECT_TRUE(in_turn.load());
      for (auto& each : done) EXPECT_EQ(each.load(), count);
    });
  });
}

TYPED_TEST(waiting, AWaitTimesOutNoEarlierThanItsDeadline) {
  constexpr std::chrono::microseconds span(100);
  for_each_strategy([&]<class How>() {
    for_each_ring<TypeParam>([&](auto& of, sequence) {
      auto in = *of.join();
      auto out = *of.template make_producer<How>();
      const auto until = wait::in(span);
      EXPECT_EQ(in.template await<How>(until), polled::idle);
      EXPECT_GE(std::chrono::steady_clock::now(), until);
      out.claim(of.capacity()).publish();
      EXPECT_EQ(in.template await<How>(until), polled::batch)
          << "what is published is no timeout, however late";
      const auto later = wait::in(span);
      EXPECT_EQ(out.claim_until(1, later).code(), errc::timeout);
      EXPECT_GE(std::chrono::steady_clock::now(), later);
      take(in);
      EXPECT_TRUE(out.claim_until(1, later));
    });
  });
}

// ---- a wake-up between any two steps of who goes to sleep

// A bell at which something happens before the n-th step of who goes to sleep there. What he does
// while he spins is no step: how often he looks then is a matter of time.
class stepped_bell : public detail::bell {
 public:
  stepped_bell(int at, std::function<void(detail::bell&)> what)
      : left_(at), what_(std::move(what)) {}

  ticket listen() {
    step();
    const auto heard = detail::bell::listen();
    listens_ = true;
    step();
    return heard;
  }
  template <class Look>
  bool look(Look look) {
    const bool counts = listens_ || looks_++ == 0;
    if (counts) step();
    const bool seen = look();
    if (counts) step();
    return seen;
  }
  bool happened() const { return left_ < 0; }

 private:
  void step() {
    if (left_-- == 0) what_(*this);
  }

  int left_;
  std::function<void(detail::bell&)> what_;
  bool listens_ = false;
  int looks_ = 0;
};

struct stepped_park {
  explicit stepped_park(stepped_bell& at) : at(at) {}
  auto enter() noexcept { return wait::sleeper<stepped_bell>(at); }
  void wake() noexcept {}
  stepped_bell& at;
};

// The bell is the only means of the library to leave a waiter asleep. The steps of a wait by it:
// the first look, the announcement, the look that follows; then he sleeps.
TEST(bells, AWakeUpBetweenAnyTwoStepsIsNotLost) {
  const auto soon = wait::in(std::chrono::minutes(2));  // passes where one is lost only
  for (int at = 0; at < 6; ++at) {
    SCOPED_TRACE("before step " + std::to_string(at));
    bool published = false;
    stepped_bell bell(at, [&](detail::bell& rung) {
      published = true;
      rung.ring();
    });
    stepped_park how(bell);
    const auto ready = [&] { return bell.look([&] { return published; }); };
    EXPECT_EQ(wait::await(how, ready, [] { return false; }, soon), wait::outcome::ready);
    ASSERT_LT(std::chrono::steady_clock::now(), soon) << "slept past what was published";
    EXPECT_TRUE(bell.happened());
  }
}

// ---- pollers

TYPED_TEST(waiting, APollerIsIdleThenBusyThenClosed) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    EXPECT_EQ(look(in), polled::idle);
    auto out = *of.make_producer();
    auto open = out.claim(of.capacity());
    EXPECT_EQ(look(in), polled::idle) << "claimed is not published";
    std::move(open).publish();
    EXPECT_TRUE(take(in, 0).empty());
    of.close();
    for (auto s = start; s != start + of.capacity(); ++s) {
      EXPECT_EQ(in.await(wait::at_once), polled::batch) << "closed before the last event";
      take(in, 1);
      EXPECT_EQ(in.position(), s + 1);
    }
    EXPECT_EQ(look(in), polled::closed);
  });
}

TYPED_TEST(waiting, APollOfAFullRingSeesAllOfIt) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    for (std::uint64_t lap = 0; lap < 3; ++lap) {
      fill(out, of.capacity());
      std::uint64_t lasts = 0;
      auto expected = start + lap * of.capacity();
      EXPECT_EQ(in.poll([&](const quote& q, sequence s, bool last) {
        EXPECT_EQ(s, expected);
        EXPECT_EQ(q.price, expected++);
        lasts += last;
      }), polled::batch);
      EXPECT_EQ(in.position(), start + (lap + 1) * of.capacity());
      EXPECT_EQ(lasts, 1u);
    }
  });
}

TYPED_TEST(waiting, APollerKeepsToItsLimitAndItsPlace) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    if (of.capacity() < 4) return;
    auto in = *of.join();
    auto out = *of.make_producer();
    fill(out, of.capacity());
    EXPECT_EQ(take(in, 1), std::vector{start});
    in.poll([&](const quote&, sequence s, bool) { return s != start + 2; });
    EXPECT_EQ(in.position(), start + 3) << "the event that ended it was seen";
    EXPECT_EQ(out.try_claim(of.capacity()).missing(), of.capacity() - 3);
    EXPECT_EQ(take(in).size(), of.capacity() - 3);
  });
}

// ---- memory order, as far as a test can see

TEST(counters, LoseNothingAndNeverRunBackwards) {
  counter numbers;
  cursor position;
  std::atomic<bool> over{false};
  constexpr std::uint64_t each = 50'000;
  std::thread onlooker([&] {
    sequence at = 0, count = 0;
    bool forward = true;
    while (!over.load()) {
      const auto now = position.position();
      const auto peeked = numbers.peek();
      forward = forward && now >= at && peeked >= count;
      at = now;
      count = peeked;
    }
    EXPECT_TRUE(forward);
  });
  std::vector<std::thread> writers;
  for (int w = 0; w < 3; ++w) {
    writers.emplace_back([&] {
      for (std::uint64_t i = 0; i < each; ++i) static_cast<void>(numbers.next());
    });
  }
  for (sequence s = 1; s <= each; ++s) position.advance_to(s);
  for (auto& each_writer : writers) each_writer.join();
  over = true;
  onlooker.join();
  EXPECT_EQ(numbers.peek(), 3 * each);
  EXPECT_EQ(position.position(), each);
}

// Who sees the second of two positions has seen the first, and what both carry.
TYPED_TEST(waiting, WhatIsSeenComesWithAllBeforeIt) {
  struct wide {
    std::array<std::uint64_t, 4> words{};
  };
  for_each([](std::size_t capacity, sequence start) {
    if (capacity < 2) return;
    ring<wide, TypeParam> of(capacity, start);
    graph plan{of};
    std::atomic<bool> sound{true};
    plan.template add<wait::yield>("a", [&](const wide& w, sequence s, bool) noexcept {
      for (const auto word : w.words) {
        if (word != s) sound = false;
      }
    });
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    std::atomic<bool> over{false};
    std::thread onlooker([&] {
      sequence at = 0, claimed = 0;
      while (!over.load()) {
        const auto now = work->stages()[0].position;
        const auto ahead = of.claimed();
        if (now < at || ahead < claimed) sound = false;
        at = now;
        claimed = ahead;
        std::this_thread::yield();
      }
    });
    std::vector<std::thread> sources;
    for (int w = 0; w < (std::is_same_v<TypeParam, producers::one> ? 1 : 3); ++w) {
      sources.emplace_back([&] {
        auto out = *of.template make_producer<wait::yield>();
        for (int i = 0; i < 200; ++i) {
          auto mine = out.claim(2);
          for (std::uint64_t j = 0; j < 2; ++j) mine[j].words.fill(mine.positions().first + j);
          std::move(mine).publish();
        }
      });
    }
    for (auto& each : sources) each.join();
    EXPECT_TRUE(work->drain());
    over = true;
    onlooker.join();
    EXPECT_TRUE(sound.load());
  });
}

}  // namespace
