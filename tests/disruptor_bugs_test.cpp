// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Faults that implementations of the Disruptor had or have, each as a test: in docs/conformance.md
// with what else shows them.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <sequencer/graph.hpp>
#include <sequencer/ring.hpp>

#include "asleep.hpp"
#include "shapes.hpp"

namespace {

using namespace sequencer;
using namespace sequencer::shapes;

template <class Engine>
struct bugs : testing::Test {};
TYPED_TEST_SUITE(bugs, engines, engine_name);

std::mt19937_64 seeded() {
  const char* asked = std::getenv("SEQUENCER_SEED");
  const auto seed = asked ? std::strtoull(asked, nullptr, 10) : std::random_device{}();
  std::cout << "SEQUENCER_SEED=" << seed << std::endl;
  return std::mt19937_64(seed);
}

// 1. LMAX #477, Disruptor-net, SkynetNext, peiking88; Disruptor-cpp and opencmw in next() only. The
// second claim goes by what was scanned, and once more where it must scan.
TYPED_TEST(bugs, ASecondClaimShowsNothingOfTheFirst) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    if (of.capacity() < 4) return;
    auto in = *of.join();
    auto out = *of.make_producer();
    fill(out, of.capacity());
    EXPECT_EQ(take(in, of.capacity() / 2).size(), of.capacity() / 2);
    auto first = out.claim();
    auto second = out.claim();
    EXPECT_EQ(take(in).size(), of.capacity() / 2);
    EXPECT_FALSE(out.try_claim(of.capacity())) << "two slots are in work";
    EXPECT_EQ(look(in), polled::idle) << "a claim showed what is not published";
    std::move(second).publish();
    EXPECT_EQ(look(in), polled::idle);
    std::move(first).publish();
    EXPECT_EQ(take(in), (std::vector{start + of.capacity(), start + of.capacity() + 1}));
  });
}

// 2. LMAX up to 3.3.6, Disruptor-net.
TYPED_TEST(bugs, AskingForRoomShowsNothing) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    for (std::uint64_t lap = 0; lap < 3; ++lap) {
      auto open = out.claim(of.capacity());
      EXPECT_EQ(out.try_claim(of.capacity()).missing(), of.capacity());
      EXPECT_FALSE(out.try_claim_up_to(1));
      static_cast<void>(of.claimed());
      EXPECT_EQ(look(in), polled::idle);
      std::move(open).publish();
      EXPECT_EQ(take(in).size(), of.capacity());
      EXPECT_EQ(in.position(), start + (lap + 1) * of.capacity());
    }
  });
}

// 3. LMAX 4 and Disruptor-cpp, LiteTimeoutBlockingWaitStrategy: who waits with a deadline sleeps
// until then, though the event was published before he slept.
TYPED_TEST(bugs, AWaitWithADeadlineEndsWithThePublish) {
  ring<quote, TypeParam> of(2);
  auto in = *of.join();
  auto out = *of.make_producer();
  for (int round = 0; round < 200; ++round) {
    sleepy_thread reader([&] {
      EXPECT_EQ(in.template await<wait::park>(wait::in(std::chrono::hours(1))), polled::batch);
      EXPECT_EQ(take(in).size(), 1u);
    });
    if (round % 2 == 0) reader.await_sleep();
    put_next(out);
    reader.join();
  }
}

// 4. LMAX 4, seen in sofa-jraft #410: a failure outside of the handler moved the consumer on. Here
// hooks do not throw, by type; and a wait that ends without an event moves nobody.
struct hook_that_may_throw {
  void operator()(quote&, sequence, bool) noexcept {}
  void on_batch_start(std::uint64_t, std::uint64_t) {}
};
static_assert(!hooks::are_noexcept<hook_that_may_throw, quote>());

TYPED_TEST(bugs, AWaitThatEndsInVainSkipsNoEvent) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    for_each_strategy([&]<class How>() {
      EXPECT_EQ(in.template await<How>(wait::in(std::chrono::nanoseconds(1))), polled::idle);
    });
    EXPECT_EQ(look(in), polled::idle);
    EXPECT_EQ(in.position(), start);
    auto out = *of.make_producer();
    put_next(out);
    EXPECT_EQ(take(in), std::vector{start});
  });
}

// 5. peiking88: what a thread knew of one ring's consumers was used for another one.
TYPED_TEST(bugs, ARingDoesNotGoByTheConsumersOfAnother) {
  ring<quote, TypeParam> quick(64), stuck(4);
  auto reader = *quick.join();
  auto waiting_one = *stuck.join();
  auto out = *quick.make_producer();
  auto other = *stuck.make_producer();
  std::uint64_t granted = 0;
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 60; ++j) put_next(out);
    take(reader);
    auto mine = other.try_claim();
    if (!mine) continue;
    ++granted;
    std::move(mine).publish();
  }
  EXPECT_EQ(granted, 4u);
  EXPECT_EQ(take(waiting_one).size(), 4u);
}

// 6. opencmw: the least of the consumers was looked up, and then read again. Consumers move while
// the producer looks; what nobody has seen is not replaced.
TYPED_TEST(bugs, TheLeastOfMovingConsumersIsNotReadTwice) {
  auto random = seeded();
  for (const std::size_t capacity : {2u, 4u, 64u}) {
    ring<quote, TypeParam> of(capacity);
    constexpr sequence count = 20'000;
    std::vector<decltype(of.join())> ins;
    for (int i = 0; i < 3; ++i) ins.push_back(of.join());
    std::vector<std::thread> readers;
    std::atomic<int> wrong{0};
    for (auto& in : ins) {
      readers.emplace_back([&, mine = std::mt19937_64(random())]() mutable {
        while (in->position() != count) {
          in->poll([&](const quote& q, sequence s, bool) { wrong += q.price != s; },
                   1 + mine() % capacity);
          if (mine() % 8 == 0) std::this_thread::yield();
        }
      });
    }
    auto out = *of.template make_producer<wait::yield>();
    fill(out, count);
    for (auto& each : readers) each.join();
    EXPECT_EQ(wrong.load(), 0);
  }
}

// 7. Disruptor-cpp: a consumer that was removed went on holding producers back, unless it was the
// last of the list.
TYPED_TEST(bugs, WhicheverConsumerLeavesHoldsNobodyBack) {
  for_each([](std::size_t capacity, sequence start) {
    for (std::size_t leaver = 0; leaver < 3; ++leaver) {
      ring<quote, TypeParam> of(capacity, start);
      std::deque<decltype(of.join())> ins;
      for (int i = 0; i < 3; ++i) ins.push_back(of.join());
      std::deque<std::optional<std::decay_t<decltype(*ins[0])>>> at;
      for (auto& in : ins) at.emplace_back(std::in_place, *std::move(in));
      auto out = *of.make_producer();
      fill(out, capacity);
      for (std::size_t i = 0; i < 3; ++i) {
        if (i != leaver) take(*at[i]);
      }
      EXPECT_FALSE(out.try_claim());
      at[leaver].reset();
      EXPECT_EQ(put_next(out), start + capacity);
      EXPECT_EQ(out.try_claim(capacity).missing(), 1u) << "the others hold on";
    }
  });
}

// 8. LMAX up to 3.4.0 (#111), its WorkProcessor (#308), Disruptor-cpp: a halt before the thread
// runs is lost.
TYPED_TEST(bugs, AHaltBeforeAThreadRunsIsNotLost) {
  for (int round = 0; round < 300; ++round) {
    ring<quote, TypeParam> of(2);
    graph plan{of};
    const auto nothing = [](quote&, sequence, bool) noexcept {};
    auto crew = plan.template add_workers<wait::park>("crew", 2, [&](std::size_t) {
      return nothing;
    });
    plan.template add<wait::park>("after", nothing, {crew});
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    work->halt();
    EXPECT_EQ(work->drain().code(), errc::closed);
  }
}

// 9. Disruptor-cpp #19, Disruptor-net #77 and #78, opencmw, peiking88: what says that a slot is
// published came without the event. On machines of strong order only a model sees it: ring_model,
// one_over_laps and many_over_laps, and each order weakened by tests/model/mutate.
TYPED_TEST(bugs, WhatIsPublishedComesWithItsEvent) {
  struct wide {
    std::array<std::uint64_t, 7> words{};
  };
  ring<wide, TypeParam> of(4);
  auto in = *of.join();
  std::thread source([&] {
    auto out = *of.template make_producer<wait::yield>();
    for (std::uint64_t i = 0; i < 20'000; ++i) {
      ASSERT_TRUE(out.publish([&](wide& w) { w.words.fill(i); }));
    }
    of.close();
  });
  std::uint64_t torn = 0;
  in.template run<wait::yield>([&](const wide& w, sequence s, bool) {
    torn += static_cast<std::uint64_t>(std::count(w.words.begin(), w.words.end(), s) != 7);
  });
  EXPECT_EQ(torn, 0u);
  source.join();
}

// 10. LMAX 3.0.0: the last slot of a range was not published, or one too many.
TYPED_TEST(bugs, ARangeIsPublishedFromItsFirstToItsLast) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    auto next = start;
    for (const std::uint64_t n : {std::uint64_t{1}, (of.capacity() + 1) / 2}) {
      auto mine = out.claim(n);
      auto rest = out.try_claim();
      std::move(mine).publish();
      EXPECT_EQ(take(in).size(), n);
      next += n;
      EXPECT_EQ(in.position(), next);
      EXPECT_EQ(look(in), polled::idle);
      if (!rest) continue;
      std::move(rest).publish();
      EXPECT_EQ(take(in), std::vector{next++});
    }
  });
}

// 10. LMAX 3.1.0 and up to 3.3.5 (#155, #172): workers ahead of who publishes, and workers that did
// not hold producers back. Suite workers of stage_model.
TYPED_TEST(bugs, AWorkerIsNotAheadOfWhatIsPublishedAndHoldsWhatItHas) {
  ring<quote, TypeParam> of(4);
  graph plan{of};
  std::atomic<bool> published{false}, go{false};
  std::atomic<std::uint64_t> begun{0}, early{0};
  plan.template add_workers<wait::park>("crew", 2, [&](std::size_t) {
    return [&](const quote&, sequence, bool) noexcept {
      ++begun;
      if (!published.load()) ++early;
      while (!go.load()) std::this_thread::yield();
    };
  });
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  auto all = out.claim(4);
  published = true;
  std::move(all).publish();
  while (begun.load() != 2) std::this_thread::yield();
  EXPECT_EQ(out.try_claim().missing(), 1u);
  go = true;
  EXPECT_TRUE(work->drain());
  EXPECT_EQ(early.load(), 0u);
  EXPECT_EQ(begun.load(), 4u);
}

// 11. LMAX PR #236, Disruptor-cpp #10 and #18, disruptor--: such a claim waited for ever.
TYPED_TEST(bugs, AClaimLargerThanTheRingIsRefusedAtOnce) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto out = *of.make_producer();
    EXPECT_EQ(out.claim(of.capacity() + 1).code(), errc::invalid);
    EXPECT_EQ(out.publish(of.capacity() + 1, [](quote&, std::uint64_t) {}).code(), errc::invalid);
    EXPECT_EQ(put_next(out), start);
  });
}

// 12. peiking88, BatchPublisher: a hundred claimed and some of them published.
TYPED_TEST(bugs, WhatIsLeftOfABatchIsNoHole) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    const auto filled = (of.capacity() + 1) / 2;
    ASSERT_TRUE(out.publish(of.capacity(), [&](quote&, std::uint64_t i) { return i < filled; }));
    EXPECT_EQ(take(in).size(), filled);
    EXPECT_EQ(in.position(), start + of.capacity());
    { auto dropped = out.claim(of.capacity()); }
    EXPECT_TRUE(take(in).empty());
    EXPECT_EQ(put_next(out), start + 2 * of.capacity());
    EXPECT_EQ(take(in), std::vector{start + 2 * of.capacity()});
  });
}

// 13. disruptor-- #36 and #46: the consumer slept at an object that nobody rang. Here a waiter
// sleeps at its ring's own bell; a strategy of one's own is refused by the compiler
// (tests/contract/must_not_compile/wait_where_nobody_rings.cpp).
TYPED_TEST(bugs, EachSideSleepsWhereTheOtherRings) {
  ring<quote, TypeParam> of(1);
  auto in = *of.join();
  sleepy_thread reader([&] {
    EXPECT_EQ(in.template await<wait::park>(), polled::batch);
  });
  reader.await_sleep();
  auto out = *of.template make_producer<wait::park>();
  put_next(out);
  reader.join();
  std::atomic<bool> woken{false};
  sleepy_thread source([&, out = std::move(out)]() mutable {
    EXPECT_EQ(put_next(out), 1u);
    woken = true;
    EXPECT_FALSE(out.publish([](quote&) {}));
  });
  source.await_sleep();
  EXPECT_EQ(take(in).size(), 1u);
  while (!woken.load()) std::this_thread::yield();
  source.await_sleep();
  of.halt();
  source.join();
}

// 14. SkynetNext: producers looked at a list of consumers that was freed. Under the address
// sanitizer.
TYPED_TEST(bugs, AConsumerThatLeavesIsNotLookedAtWhenItIsGone) {
  ring<quote, TypeParam> of(2);
  std::atomic<bool> over{false};
  std::thread source([&] {
    auto out = *of.template make_producer<wait::park>();
    while (!over.load()) ASSERT_TRUE(out.publish([](quote&) {}));
  });
  std::vector<std::thread> guests;
  for (int g = 0; g < 2; ++g) {
    guests.emplace_back([&] {
      for (int visit = 0; visit < 500; ++visit) {
        auto in = *of.join();
        static_cast<void>(look(in));
      }
    });
  }
  for (auto& each : guests) each.join();
  over = true;
  source.join();
}

// 15. SkynetNext, after LMAX 4bc202de: who announces that it sleeps, and then looks once more, may
// look before it has announced. In the model: ring_model, parks_one and parks_many; between every
// two steps: bells.AWakeUpBetweenAnyTwoStepsIsNotLost; by the hundred million: tests/stress.
TYPED_TEST(bugs, NoWakeUpIsLostBetweenTheLookAndTheSleep) {
  ring<quote, TypeParam> of(1);
  auto in = *of.join();
  std::thread source([&] {
    {
      auto out = *of.template make_producer<wait::park>();
      fill(out, 5'000);
    }
    of.close();
  });
  sequence seen = 0;
  in.template run<wait::park>([&](const quote&, sequence, bool) { ++seen; });
  EXPECT_EQ(seen, 5'000u);
  source.join();
}

// 16. peiking88: wake-ups were lost, and hidden by looking every 50 us. Here who parks sleeps until
// he is rung for, so a lost one is a test that does not end.
TYPED_TEST(bugs, WhoSleepsIsWoken) {
  ring<quote, TypeParam> of(1);
  auto in = *of.join();
  auto out = *of.make_producer();
  for (int round = 0; round < 100; ++round) {
    sleepy_thread reader([&] {
      EXPECT_EQ(in.template await<wait::park>(), polled::batch);
      take(in);
    });
    reader.await_sleep();
    put_next(out);
    reader.join();
  }
}

// Between two looks that are 5 ms apart; at the first there may be a last step to the sleep. Who
// looks for himself less often than that is not found out.
bool stays_asleep(const sleepy_thread& one) {
  ring<quote> nothing(1);
  auto in = *nothing.join();
  for (int tries = 0; tries < 20; ++tries) {
    one.await_sleep();
    const auto before = times_asleep(one.id());
    EXPECT_GT(before, 0u) << "the kernel does not say";
    EXPECT_EQ(in.await<wait::park>(wait::in(std::chrono::milliseconds(5))), polled::idle);
    if (times_asleep(one.id()) == before && is_asleep(one.id())) return true;
  }
  return false;
}

TYPED_TEST(bugs, WhoSleepsStaysAsleep) {
  ring<quote, TypeParam> of(1);
  auto in = *of.join();
  auto out = *of.template make_producer<wait::park>();
  sleepy_thread reader([&] {
    EXPECT_EQ(in.template await<wait::park>(), polled::batch);
  });
  EXPECT_TRUE(stays_asleep(reader));
  put_next(out);
  reader.join();
  sleepy_thread writer([&, mine = std::move(out)]() mutable { put_next(mine); });
  EXPECT_TRUE(stays_asleep(writer));
  take(in);
  writer.join();
}

// 17. gnuradio4 #275, PR #272, #373 and #380: consumers read up to what was claimed.
TYPED_TEST(bugs, WhatIsClaimedIsNotReadable) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    if (of.capacity() < 2) return;
    auto in = *of.join();
    auto out = *of.make_producer();
    auto early = out.claim();
    auto late = out.claim();
    std::move(late).publish();
    EXPECT_EQ(look(in), polled::idle);
    EXPECT_EQ(in.position(), start);
    std::move(early).publish();
    EXPECT_EQ(take(in).size(), 2u);
  });
}

TEST(bugs_of_many, FiftyProducersPublishEverything) {
  ring<quote, producers::many> of(16);
  auto in = *of.join();
  constexpr std::uint64_t each = 200;
  std::vector<std::thread> sources;
  for (std::uint64_t w = 0; w < 50; ++w) {
    sources.emplace_back([&, w] {
      auto out = *of.make_producer<wait::park>();
      for (std::uint64_t i = 0; i < each; ++i) put(out, i << 8 | w);
    });
  }
  std::vector<std::uint64_t> next(50);
  std::uint64_t misses = 0;
  for (std::uint64_t seen = 0; seen < 50 * each;) {
    static_cast<void>(in.await<wait::park>());
    in.poll([&](const quote& q, sequence, bool) {
      misses += q.price >> 8 != next[q.price & 255]++;
      ++seen;
    });
  }
  for (auto& source : sources) source.join();
  EXPECT_EQ(misses, 0u);
}

// 18. LMAX #84: a poll of a ring that is exactly full found nothing.
TYPED_TEST(bugs, AnExactlyFullRingIsReadWhole) {
  for_each_ring<TypeParam>([](auto& of, sequence) {
    auto in = *of.join();
    auto out = *of.make_producer();
    for (int lap = 0; lap < 3; ++lap) {
      fill(out, of.capacity());
      EXPECT_EQ(in.await(wait::at_once), polled::batch);
      EXPECT_EQ(take(in).size(), of.capacity());
    }
  });
}

// 19. disruptor-rs 75be329: what is free was added to what was free before.
TYPED_TEST(bugs, ClaimsOfAnyLengthAreGrantedWhenTheyFitAndNotElse) {
  auto random = seeded();
  for_each_ring<TypeParam>([&](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    auto claimed = start, read = start;
    constexpr std::uint64_t enough = 10 * 65'536;  // before positions end
    for (int step = 0; step < 500 && claimed - start < enough; ++step) {
      const auto n = 1 + random() % of.capacity();
      const auto used = claimed - read;
      auto mine = out.try_claim(n);
      ASSERT_EQ(static_cast<bool>(mine), used + n <= of.capacity())
          << step << ": " << used << " used, " << n;
      claimed += mine.size();
      std::move(mine).publish();
      if (random() % 2 == 0) read += take(in, 1 + random() % of.capacity()).size();
      ASSERT_EQ(in.position(), read);
    }
  });
}

// 20. disruptor-rs 0920eb5: events that were held after they had been released. Here a poll gives
// none away, and a batch stays where it is; while a handler has an event its slot is not granted.
static_assert(!std::is_copy_constructible_v<batch<quote>>);
static_assert(!std::is_move_constructible_v<batch<quote>>);

TYPED_TEST(bugs, AnEventIsNotReplacedWhileItsHandlerHasIt) {
  for_each_ring<TypeParam>([](auto& of, sequence) {
    auto in = *of.join();
    auto out = *of.make_producer();
    fill(out, of.capacity());
    std::uint64_t wrong = 0;
    const auto most = std::min<std::uint64_t>(of.capacity(), 64);
    in.poll([&](const quote& q, sequence s, bool) {
      auto more = out.try_claim_up_to(of.capacity());
      for (std::uint64_t i = 0; i < more.size(); ++i) {
        more[i].price = more.positions().first + i;
        wrong += more.positions().first + i >= s + of.capacity();
      }
      wrong += q.price != s;
      std::move(more).publish();
    }, most);
    EXPECT_EQ(wrong, 0u);
  });
}

// 21. disruptor4cpp #1: the flag of a lap was computed wrongly for some capacities.
TYPED_TEST(bugs, TheStampOfALapIsNoOtherLaps) {
  for (std::size_t capacity = 1; capacity <= 65'536; capacity *= 2) {
    for (const auto start : starts) {
      ring<quote, TypeParam> of(capacity, start);
      auto in = *of.join();
      auto out = *of.make_producer();
      for (std::uint64_t lap = 0; lap < 3; ++lap) {
        fill(out, capacity);
        EXPECT_EQ(take(in).size(), capacity);
        EXPECT_EQ(look(in), polled::idle) << "each slot still says the lap before";
      }
    }
  }
}

// 22. LMAX 75d1f7cc: batches of none, where something was claimed and nothing published.
TYPED_TEST(bugs, NoBatchIsEmpty) {
  struct watching {
    std::atomic<std::uint64_t>*least, *batches;
    void operator()(quote&, sequence, bool) noexcept {}
    void on_batch_start(std::uint64_t size, std::uint64_t depth) noexcept {
      least->store(std::min({least->load(), size, depth}));
      ++*batches;
    }
  };
  for_each([](std::size_t capacity, sequence start) {
    ring<quote, TypeParam> of(capacity, start);
    std::atomic<std::uint64_t> least{~0ull}, batches{0};
    graph plan{of};
    plan.add("stage", watching{&least, &batches});
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    auto in = *of.join();
    auto out = *work->producer();
    auto open = out.claim();
    std::uint64_t calls = 0;
    EXPECT_EQ(in.poll([&](const quote&, sequence, bool) { ++calls; }), polled::idle);
    EXPECT_EQ(calls, 0u);
    EXPECT_EQ(batches.load(), 0u);
    std::move(open).publish();
    EXPECT_TRUE(work->drain());
    EXPECT_EQ(batches.load(), 1u);
    EXPECT_EQ(least.load(), 1u);
  });
}

// 23. LMAX 4 (#511), Disruptor-net 7, SkynetNext: producers that wait on a full ring of 8 have
// moved the cursor on, so that less than nothing is free, and a newcomer begins after events that
// nobody has published yet.
TEST(bugs_of_many, WhoWaitsOnAFullRingMovesNoNewcomerOn) {
  for (const auto start : starts) {
    ring<quote, producers::many> of(8, start);
    auto in = *of.join();
    auto out = *of.make_producer();
    fill(out, 8);
    std::deque<sleepy_thread> blocked;
    for (int i = 0; i < 3; ++i) {
      blocked.emplace_back([&] {
        auto mine = *of.make_producer<wait::park>();
        put_next(mine);
      });
    }
    for (auto& each : blocked) each.await_sleep();
    EXPECT_LE(out.try_claim(8).missing(), 8u);
    EXPECT_EQ(out.try_claim_up_to(8).size(), 0u);
    auto late = *of.join();
    const auto from = late.position();
    EXPECT_LE(from, start + 8);
    std::vector<sequence> seen, seen_late;
    while (in.position() != start + 11) {
      for (const auto s : take(in)) seen.push_back(s);
      for (const auto s : take(late)) seen_late.push_back(s);
    }
    for (const auto s : take(late)) seen_late.push_back(s);
    for (auto& each : blocked) each.join();
    EXPECT_EQ(seen.size(), 11u);
    EXPECT_EQ(seen_late.size(), start + 11 - from) << "a gap";
  }
}

// 24. Disruptor-net 2898301, 34d9701, eec9b76, 5a35cae: memory of the caller's that was laid out,
// aligned or cleared wrongly. Files are the checkpoint's, see tests/golden; too small or not
// aligned: SlotsDeathTest.
TEST(bugs_of_memory, MemoryOfTheCallersIsLaidOutExactly) {
  struct odd {
    std::array<char, 13> content{};
  };
  using memory = slots<odd>;
  for (const std::size_t capacity : {1u, 2u, 64u}) {
    const auto bytes = memory::bytes_for(capacity);
    std::vector<std::byte> room(bytes + memory::alignment + 1, std::byte{0xa5});
    void* at = room.data();
    auto space = room.size() - 1;
    ASSERT_NE(std::align(memory::alignment, bytes, at, space), nullptr);
    auto* const first = static_cast<std::byte*>(at);
    {
      ring<odd> of(memory(capacity, {first, bytes}), 7);
      auto in = *of.join();
      EXPECT_EQ(in.await(wait::at_once), polled::idle) << "what lay there is no event";
      auto out = *of.make_producer();
      for (std::size_t i = 0; i < 3 * capacity; ++i) {
        ASSERT_TRUE(out.publish([](odd& o) { o.content.fill('x'); }));
        EXPECT_EQ(in.poll([](const odd& o, sequence, bool) { EXPECT_EQ(o.content[12], 'x'); }),
                  polled::batch);
      }
    }
    EXPECT_EQ(first[bytes], std::byte{0xa5}) << "written beyond its end";
    static_assert(sizeof(slot<odd>) % alignof(slot<odd>) == 0);
  }
}

// 25. disruptor-rs, with many producers: a filler that panics after the claim stops every consumer,
// and the end.
#ifdef __cpp_exceptions
TYPED_TEST(bugs, AFillerThatThrowsStopsNobody) {
  for_each([](std::size_t capacity, sequence start) {
    ring<quote, TypeParam> of(capacity, start);
    std::atomic<std::uint64_t> seen{0};
    graph plan{of};
    plan.template add<wait::park>("stage", [&](const quote&, sequence, bool) noexcept { ++seen; });
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    auto out = *work->producer();
    for (int i = 0; i < 9; ++i) {
      try {
        static_cast<void>(out.publish([&](quote&) {
          if (i % 3 == 2) throw std::runtime_error("no");
        }));
      } catch (const std::runtime_error&) {
        EXPECT_EQ(i % 3, 2);
      }
    }
    EXPECT_TRUE(work->drain());
    EXPECT_EQ(seen.load(), 6u);
    EXPECT_EQ(work->stages()[0].position, start + 9);
  });
}
#endif

// 26. LMAX #291 and #505 say why there is a fence, Disruptor-cpp 3faf3ff dropped it: a producer
// that has read the list of consumers laps one that has just joined. In the model: comes_and_goes
// and vouches of ring_model.
TYPED_TEST(bugs, ANewcomerIsNotLapped) {
  for (const std::size_t capacity : {1u, 2u, 8u}) {
    ring<quote, TypeParam> of(capacity);
    std::atomic<bool> over{false};
    std::thread source([&] {
      auto out = *of.template make_producer<wait::yield>();
      while (!over.load()) put_next(out);
    });
    std::uint64_t wrong = 0;
    for (int visit = 0; visit < 2'000; ++visit) {
      auto in = *of.join();
      auto expected = in.position();
      for (int looks = 0; looks < 3; ++looks) {
        in.poll([&](const quote& q, sequence s, bool) {
          wrong += q.price != s || s != expected;
          expected = s + 1;
        });
      }
    }
    EXPECT_EQ(wrong, 0u);
    over = true;
    source.join();
  }
}

}  // namespace
