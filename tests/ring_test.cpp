// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/ring.hpp>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sequencer/cpu.hpp>

namespace {

using namespace sequencer;

struct quote {
  std::uint64_t price = 0;
};

template <class Producers>
using quotes = ring<quote, Producers>;

template <class Producers>
struct any_ring : testing::Test {
  static constexpr std::array<std::size_t, 4> capacities{1, 2, 4, 64};
  static constexpr std::array<sequence, 4> starts{0, (1ull << 31) - 3, (1ull << 32) - 3,
                                                  (1ull << 63) - (1ull << 20)};

  template <class Look>
  static void for_each_shape(Look look) {
    for (const auto capacity : capacities) {
      for (const auto start : starts) {
        SCOPED_TRACE("capacity " + std::to_string(capacity) + ", start " + std::to_string(start));
        look(capacity, start);
      }
    }
  }
};

using engines = testing::Types<producers::one, producers::many>;
TYPED_TEST_SUITE(any_ring, engines);

template <class Out>
sequence put(Out& out, std::uint64_t price) {
  return out.publish([&](quote& q) { q.price = price; }).value();
}

template <class In>
std::vector<std::uint64_t> drain(In& in, std::uint64_t most = ~std::uint64_t{0}) {
  std::vector<std::uint64_t> seen;
  in.poll([&](const quote& q, sequence, bool) { seen.push_back(q.price); }, most);
  return seen;
}

TYPED_TEST(any_ring, EventsComeInOrderOverManyLaps) {
  TestFixture::for_each_shape([](std::size_t capacity, sequence start) {
    quotes<TypeParam> of(capacity, start);
    auto in = *of.join();
    auto out = *of.make_producer();
    for (std::uint64_t i = 0; i < 3 * capacity + 1; ++i) {
      EXPECT_EQ(put(out, i), start + i);
      EXPECT_EQ(in.position(), start + i);
      EXPECT_EQ(drain(in), std::vector{i});
    }
    EXPECT_TRUE(drain(in).empty());
  });
}

TYPED_TEST(any_ring, AClaimIsNotSeenBeforeItIsPublished) {
  quotes<TypeParam> of(4);
  auto in = *of.join();
  auto out = *of.make_producer();
  auto first = out.claim();
  first[0].price = 1;
  auto second = out.claim();
  second[0].price = 2;
  std::move(second).publish();
  EXPECT_TRUE(drain(in).empty()) << "a later claim showed an earlier one";
  std::move(first).publish();
  EXPECT_EQ(drain(in), (std::vector<std::uint64_t>{1, 2}));
}

TYPED_TEST(any_ring, AFullRingRefusesAndSaysHowManySlotsAreMissing) {
  TestFixture::for_each_shape([](std::size_t capacity, sequence start) {
    quotes<TypeParam> of(capacity, start);
    auto in = *of.join();
    auto out = *of.make_producer();
    for (std::uint64_t i = 0; i < capacity; ++i) put(out, i);
    const auto full = out.try_claim();
    EXPECT_FALSE(full);
    EXPECT_EQ(full.code(), errc::unavailable);
    EXPECT_EQ(full.missing(), 1u);
    EXPECT_EQ(out.try_claim(capacity).missing(), capacity);
    EXPECT_EQ(out.claim_until(1, wait::in(std::chrono::microseconds(1))).code(), errc::timeout);
    EXPECT_EQ(drain(in, 1).size(), 1u);
    auto granted = out.try_claim();
    ASSERT_TRUE(granted) << "a refused claim left a sequence behind";
    EXPECT_EQ(granted.positions().first, start + capacity);
  });
}

TYPED_TEST(any_ring, ClaimsOfNoneOrMoreThanThereIsAreInvalid) {
  quotes<TypeParam> of(4);
  auto out = *of.make_producer();
  EXPECT_EQ(out.claim(0).code(), errc::invalid);
  EXPECT_EQ(out.claim(5).code(), errc::invalid);
  EXPECT_EQ(out.try_claim(0).code(), errc::invalid);
  EXPECT_EQ(put(out, 1), 0u) << "a refused claim left a sequence behind";
}

TYPED_TEST(any_ring, BatchesAreClaimedAndSeenWhole) {
  quotes<TypeParam> of(8);
  auto in = *of.join();
  auto out = *of.make_producer();
  for (int round = 0; round < 5; ++round) {
    auto batch = out.claim(5);
    ASSERT_EQ(batch.size(), 5u);
    for (std::uint64_t i = 0; i < 5; ++i) batch[i].price = i;
    std::move(batch).publish();
    std::vector<bool> lasts;
    EXPECT_EQ(in.poll([&](const quote& q, sequence, bool last) {
                EXPECT_EQ(q.price, lasts.size());
                lasts.push_back(last);
              }),
              polled::batch);
    EXPECT_EQ(lasts, (std::vector<bool>{false, false, false, false, true}));
  }
}

TYPED_TEST(any_ring, PublishesManyInOneGo) {
  TestFixture::for_each_shape([](std::size_t capacity, sequence start) {
    quotes<TypeParam> of(capacity, start);
    auto in = *of.join();
    auto out = *of.make_producer();
    EXPECT_EQ(out.publish(0, [](quote&, std::uint64_t) {}).code(), errc::invalid);
    EXPECT_EQ(out.publish(capacity + 1, [](quote&, std::uint64_t) {}).code(), errc::invalid);
    for (std::uint64_t round = 0; round < 3; ++round) {
      const auto run = out.publish(capacity, [](quote& q, std::uint64_t i) {
        q.price = i;
        return i % 2 == 0;  // every other one is a skip
      });
      ASSERT_TRUE(run);
      EXPECT_EQ(run->first, start + round * capacity);
      EXPECT_EQ(run->size(), capacity);
      const auto seen = drain(in);
      ASSERT_EQ(seen.size(), (capacity + 1) / 2);
      for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], 2 * i);
      EXPECT_EQ(in.position(), run->last);
    }
#ifdef __cpp_exceptions
    const auto stumbles = [](quote&, std::uint64_t) { throw std::runtime_error("no"); };
    EXPECT_THROW(static_cast<void>(out.publish(capacity, stumbles)), std::runtime_error);
    EXPECT_EQ(drain(in).size(), 0u);
    EXPECT_EQ(in.position(), start + 4 * capacity) << "what was not filled is stepped over";
#endif
  });
}

TYPED_TEST(any_ring, ClaimsAsManyAsAreFree) {
  quotes<TypeParam> of(8);
  auto in = *of.join();
  auto out = *of.make_producer();
  for (int i = 0; i < 5; ++i) put(out, 0);
  EXPECT_EQ(out.try_claim_up_to(2).size(), 2u);
  EXPECT_EQ(out.try_claim_up_to(8).size(), 1u);
  EXPECT_FALSE(out.try_claim_up_to(8));
}

TYPED_TEST(any_ring, WhatIsDroppedOrFailsIsSteppedOver) {
  quotes<TypeParam> of(8);
  auto in = *of.join();
  auto out = *of.make_producer();
  { auto dropped = out.claim(2); }
  EXPECT_EQ(*out.publish([](quote&) { return false; }), 2u);
#ifdef __cpp_exceptions
  EXPECT_THROW(static_cast<void>(out.publish([](quote&) { throw std::runtime_error("no"); })),
               std::runtime_error);
#else
  EXPECT_TRUE(out.publish([](quote&) { return false; }));
#endif
  put(out, 7);
  auto aborted = out.claim();
  aborted.abort();
  std::vector<sequence> seen;
  EXPECT_EQ(in.poll([&](const quote& q, sequence s, bool) {
              EXPECT_EQ(q.price, 7u);
              seen.push_back(s);
            }),
            polled::batch);
  EXPECT_EQ(seen, std::vector<sequence>{4});
  EXPECT_EQ(in.position(), 6u);
}

TYPED_TEST(any_ring, TheLastEventIsToldAndSkipsBehindItAreStillToBeSeenWhereItEndsTheBatch) {
  quotes<TypeParam> of(64);
  auto in = *of.join();
  auto out = *of.make_producer();
  const auto put_two_and_three_skips = [&] {
    for (int i = 0; i < 5; ++i) static_cast<void>(out.publish([&](quote&) { return i < 2; }));
  };
  std::vector<std::pair<sequence, bool>> seen;
  const auto note = [&](const quote&, sequence s, bool last) { seen.emplace_back(s, last); };
  put_two_and_three_skips();
  in.poll(note);
  EXPECT_EQ(seen, (std::vector<std::pair<sequence, bool>>{{0, false}, {1, true}}));
  EXPECT_EQ(in.position(), 5u);
  put_two_and_three_skips();
  in.poll([](const quote&, sequence s, bool) { return s != 6; });
  EXPECT_EQ(in.position(), 7u);
  EXPECT_EQ(in.poll(note), polled::batch);
  EXPECT_EQ(in.position(), 10u);
  EXPECT_EQ(seen.size(), 2u);
}

// Within an eighth of a large ring a consumer also minds its distance, and lets go of nothing.
TYPED_TEST(any_ring, LetsGoOfEveryEighthBehindItsEvents) {
  for (const std::size_t capacity : {64u, 1024u}) {
    const auto eighth = capacity / 8;
    for (const auto skipped : {eighth, eighth - 1, std::size_t{0}, eighth / 2}) {  // eighth: none
      quotes<TypeParam> of(capacity);
      auto in = *of.join();
      auto out = *of.make_producer();
      for (sequence s = 0; s < capacity; ++s) {
        static_cast<void>(out.publish([&](quote&) { return s % eighth != skipped; }));
      }
      std::uint64_t events = 0;
      in.poll([&](const quote&, sequence s, bool last) {
        ++events;
        EXPECT_EQ(last, s + 1 + (skipped == eighth - 1) == capacity) << s;
        // Which is let go of with the eighth.
        const bool behind_a_skip = skipped == 0 && s > eighth;
        EXPECT_EQ(of.free_slots(), s - s % eighth + behind_a_skip) << s << ", skipped " << skipped;
      });
      EXPECT_EQ(events, capacity - (skipped == eighth ? 0 : 8));
      EXPECT_EQ(of.free_slots(), capacity);
    }
  }
}

// Such as a step of waiting, where nothing comes any more: catching_up_test.cpp.
TYPED_TEST(any_ring, InALargeRingALookKeepsOffTheProducersAfterAStride) {
  constexpr std::uint64_t stride = 64;
  quotes<TypeParam> of(16 * stride);
  auto in = *of.join();
  auto out = *of.make_producer();
  for (std::uint64_t i = 0; i < stride + 3; ++i) put(out, i);
  std::uint64_t before = 0, waited = 0;
  in.poll([&](const quote&, sequence s, bool last) {
    const auto now = cpu::ticks();
    if (s == stride) waited = now - before;
    before = now;
    EXPECT_EQ(last, s == stride + 2);
  });
  EXPECT_GE(waited, cpu::rough_ticks(100));
}

// A producer finds slots by the lap that it is in, and a claim may begin in one and end in another.
TYPED_TEST(any_ring, EveryWayOfPublishingMixesWithEveryOther) {
  const auto mix = [](std::size_t capacity, sequence start) {
    quotes<TypeParam> of(capacity, start);
    auto in = *of.join();
    auto out = *of.make_producer();
    std::minstd_rand chance(static_cast<unsigned>(capacity));
    const auto below = [&](std::uint64_t n) { return n == 0 ? 0 : chance() % n; };
    std::vector<sequence> expected, seen;
    const auto look = [&](std::uint64_t most) {
      in.poll([&](const quote& q, sequence s, bool) {
        EXPECT_EQ(q.price, s);
        seen.push_back(s);
      }, most);
    };
    auto next = start;
    const auto make = [&](quote& q) {
      q.price = next;
      const bool event = below(8) != 0;
      if (event) expected.push_back(next);
      ++next;
      return event;
    };
    for (int turn = 0; turn < 2'000; ++turn) {
      const auto free = of.free_slots();
      const auto n = 1 + below(free);
      switch (free == 0 ? 6 : below(6)) {
        case 0: {
          const auto at = *out.publish(make);
          EXPECT_EQ(at + 1, next);
          break;
        }
        case 1: {
          const auto all = *out.publish(n, [&](quote& q, std::uint64_t) { return make(q); });
          EXPECT_EQ(all.last, next);
          break;
        }
        case 2: {
          auto mine = out.claim(n);
          for (std::uint64_t i = 0; i < n; ++i) expected.push_back(mine[i].price = next++);
          std::move(mine).publish();
          break;
        }
        case 3: {
          auto mine = out.try_claim_up_to(capacity + 1);
          ASSERT_EQ(mine.size(), free);
          next += free;
          break;
        }
        case 4: {
          const auto mine = out.try_claim(capacity);
          EXPECT_EQ(mine.missing(), capacity - free);
          next += mine.size();
          break;
        }
        default: look(1 + below(capacity));
      }
    }
    look(capacity);
    EXPECT_EQ(in.position(), next);
    EXPECT_EQ(seen, expected);
  };
  TestFixture::for_each_shape(mix);
  mix(1024, 0);  // where consumers walk in strides
}

TYPED_TEST(any_ring, APollerStopsInMidBatchAndKeepsItsPosition) {
  quotes<TypeParam> of(8);
  auto in = *of.join();
  auto out = *of.make_producer();
  for (std::uint64_t i = 0; i < 8; ++i) put(out, i);
  in.poll([](const quote& q, sequence, bool) { return q.price != 2; });
  EXPECT_EQ(in.position(), 3u);
  EXPECT_EQ(drain(in, 2), (std::vector<std::uint64_t>{3, 4}));
  EXPECT_EQ(drain(in).size(), 3u);
}

TYPED_TEST(any_ring, ALeaverStopsGatingAndANewcomerSeesAGapFreeSuffix) {
  quotes<TypeParam> of(4);
  auto out = *of.make_producer();
  for (std::uint64_t i = 0; i < 10; ++i) put(out, i);  // nobody gates
  auto late = *of.join();
  auto leaver = std::make_unique<poller<ring<quote, TypeParam>>>(*of.join());
  const auto from = late.position();
  EXPECT_LE(from, 10u);
  for (std::uint64_t i = 10;; ++i) {
    auto more = out.try_claim();
    if (!more) break;
    more[0].price = i;
    std::move(more).publish();
  }
  auto seen = drain(late);
  ASSERT_FALSE(seen.empty());
  for (std::size_t i = 0; i < seen.size(); ++i) EXPECT_EQ(seen[i], from + i);
  EXPECT_FALSE(out.try_claim()) << "the other one still gates";
  leaver.reset();
  EXPECT_TRUE(out.try_claim());
}

TYPED_TEST(any_ring, ClosingLetsPollersSeeEverythingAndThenSaysSo) {
  quotes<TypeParam> of(8);
  auto in = *of.join();
  {
    auto out = *of.make_producer();
    put(out, 1);
    auto open = out.claim();
    of.close();
    EXPECT_EQ(out.claim().code(), errc::closed);
    EXPECT_EQ(out.publish([](quote&) {}).code(), errc::closed);
    EXPECT_EQ(drain(in).size(), 1u);
    EXPECT_EQ(in.poll([](const quote&, sequence, bool) {}), polled::idle) << "a claim is open";
    open[0].price = 2;
    std::move(open).publish();
  }
  EXPECT_EQ(drain(in), std::vector<std::uint64_t>{2});
  EXPECT_EQ(in.poll([](const quote&, sequence, bool) {}), polled::closed);
  EXPECT_EQ(of.make_producer().code(), errc::closed);
  EXPECT_EQ(of.join().code(), errc::closed);
}

TYPED_TEST(any_ring, AProducerThatWaitsIsReleasedByAHalt) {
  for (int round = 0; round < 100; ++round) {
    quotes<TypeParam> of(2);
    auto in = *of.join();
    std::atomic<int> published{0};
    std::thread blocked([&] {
      auto out = of.make_producer();
      while (out && out->publish([](quote&) {})) ++published;
    });
    if (round % 2 == 0) {
      while (published.load() < 2) std::this_thread::yield();
    }
    of.halt();
    blocked.join();
    EXPECT_LE(published.load(), 2);
  }
}

TYPED_TEST(any_ring, EndsAtTheTop) {
  for (const auto capacity : TestFixture::capacities) {
    SCOPED_TRACE(capacity);
    quotes<TypeParam> of(capacity, detail::beyond_ring - 3);
    auto in = *of.join();
    auto out = *of.make_producer();
    for (int i = 0; i < 3; ++i) {
      put(out, 1);
      EXPECT_EQ(drain(in, 1).size(), 1u);
      EXPECT_TRUE(drain(in).empty()) << "an event that was never published";
    }
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(out.publish([](quote&) {}).code(), errc::exhausted);
      EXPECT_FALSE(out.try_claim());
    }
    EXPECT_EQ(in.poll([](const quote&, sequence, bool) {}), polled::closed);
    EXPECT_EQ(in.position(), detail::beyond_ring);
  }
}

// The claim's slot is nobody else's until it is published, consumers or not.
TYPED_TEST(any_ring, AnOpenClaimIsNotLapped) {
  quotes<TypeParam> of(4);
  auto out = *of.make_producer();
  auto open = out.claim();
  for (std::uint64_t i = 1; i < 4; ++i) EXPECT_EQ(put(out, i), i);
  const auto refused = out.try_claim();
  EXPECT_EQ(refused.code(), errc::unavailable);
  EXPECT_EQ(refused.missing(), 1u);
  auto in = *of.join();
  EXPECT_EQ(in.position(), 0u) << "a newcomer begins no later than an open claim";
  EXPECT_FALSE(out.try_claim());
  open[0].price = 0;
  std::move(open).publish();
  EXPECT_EQ(drain(in), (std::vector<std::uint64_t>{0, 1, 2, 3}));
  EXPECT_EQ(put(out, 4), 4u);
  EXPECT_EQ(drain(in), std::vector<std::uint64_t>{4});
}

// Also where the claim outlives the producer that made it.
TYPED_TEST(any_ring, AProducerParkedBehindAnothersClaimIsWokenByIt) {
  quotes<TypeParam> of(1);
  auto first = std::make_optional(*of.make_producer());
  auto open = first->claim();
  first.reset();
  std::atomic<bool> refused{false};
  std::thread other([&] {
    auto second = *of.template make_producer<wait::park>();
    EXPECT_FALSE(second.claim_until(1, wait::in(std::chrono::milliseconds(1))));
    refused = true;
    EXPECT_EQ(put(second, 1), 1u);
  });
  while (!refused.load()) std::this_thread::yield();
  std::move(open).publish();
  other.join();
}

// Whoever closes needs nothing from a producer that is idle, or in the middle of a claim.
TYPED_TEST(any_ring, IsClosedOverAnIdleProducer) {
  quotes<TypeParam> of(4);
  auto in = *of.join();
  auto out = *of.make_producer();
  put(out, 0);
  auto open = out.claim();
  put(out, 2);
  of.close();
  EXPECT_EQ(drain(in), std::vector<std::uint64_t>{0});
  EXPECT_EQ(in.poll([](const quote&, sequence, bool) {}), polled::idle) << "a claim is open";
  std::move(open).publish();
  EXPECT_EQ(drain(in).size(), 2u);
  EXPECT_EQ(in.poll([](const quote&, sequence, bool) {}), polled::closed);
  EXPECT_EQ(out.publish([](quote&) {}).code(), errc::closed);
}

TYPED_TEST(any_ring, IsClosedWhileRunsOfEventsAreWritten) {
  for (int round = 0; round < 300; ++round) {
    quotes<TypeParam> of(8);
    auto in = *of.join();
    std::atomic<std::uint64_t> granted{0};
    std::thread source([&, out = *of.make_producer()]() mutable {
      for (std::uint64_t n = 1;; n = n % 4 + 1) {
        const auto got = n == 2 ? [&] {
          const auto at = out.publish([](quote&) {});
          return at ? result<range>(range{*at, *at + 1}) : result<range>(at.code());
        }() : out.publish(n, [](quote&, std::uint64_t) {});
        if (!got) return;
        granted.fetch_add(got->size());
        if (granted.load() > static_cast<std::uint64_t>(round)) std::this_thread::yield();
      }
    });
    std::uint64_t seen = 0;
    const auto count = [&](const quote&, sequence, bool) { ++seen; };
    while (seen < static_cast<std::uint64_t>(round % 64)) in.poll(count);
    of.close();
    in.run(count);
    source.join();
    EXPECT_EQ(seen, granted.load());
  }
}

// A filler that publishes, too: the end is after the outer run.
TYPED_TEST(any_ring, IsClosedWhileRunsAreNested) {
  quotes<TypeParam> of(16);
  auto in = *of.join();
  auto out = *of.make_producer();
  const auto outer = out.publish(4, [&](quote&, std::uint64_t i) {
    if (i == 1) static_cast<void>(out.publish(2, [](quote&, std::uint64_t) {}));
    if (i == 2) of.close();
  });
  ASSERT_TRUE(outer);
  EXPECT_EQ(drain(in).size(), 6u);
  EXPECT_EQ(in.poll([](const quote&, sequence, bool) {}), polled::closed);
}

// The inner run waits for room that a consumer has yet to make, who sleeps over the outer one.
TYPED_TEST(any_ring, ARunInARunWakesWhoMakesRoom) {
  quotes<TypeParam> of(4);
  std::thread reader([in = *of.join()]() mutable {
    in.template run<wait::park>([](const quote&, sequence, bool) {});
  });
  {
    auto out = *of.template make_producer<wait::park>();
    for (int round = 0; round < 200; ++round) {
      EXPECT_TRUE(out.publish(2, [&](quote&, std::uint64_t i) {
        EXPECT_TRUE(i != 1 || out.publish(3, [](quote&, std::uint64_t) {}));
      }));
      if (round % 8 == 0) std::this_thread::yield();
    }
  }
  of.close();
  reader.join();
}

TYPED_TEST(any_ring, RefusesForEverAfterTheEnd) {
  for (const sequence start : {sequence{10}, detail::beyond_ring - 3}) {
    quotes<TypeParam> of(64, start);
    auto out = *of.make_producer();
    put(out, 1);
    of.close();
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(out.publish(64, [](quote&, std::uint64_t) {}));
    EXPECT_FALSE(out.try_claim());
    EXPECT_FALSE(out.try_claim_up_to(3));
    EXPECT_EQ(of.join().code(), errc::closed);
  }
}

TYPED_TEST(any_ring, WithoutConsumersNobodyWaits) {
  quotes<TypeParam> of(4, 7);
  auto out = *of.make_producer();
  for (std::uint64_t i = 0; i < 40; ++i) EXPECT_EQ(put(out, i), 7 + i);
  auto in = *of.join();
  EXPECT_EQ(in.position(), 47u);
  put(out, 99);
  EXPECT_EQ(drain(in), std::vector<std::uint64_t>{99});
}

TEST(RingOfMany, AfterTheEndItsClaimsStandStill) {
  ring<quote, producers::many> of(4, 10);
  auto out = *of.make_producer();
  put(out, 1);
  of.close();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(out.publish([](quote&) {}).code(), errc::closed);
  EXPECT_FALSE(out.claim(2));
  EXPECT_EQ(of.claimed(), 11u);
}

// Both sides wait by every pair of means, over a ring that is always full or empty.
template <class Producers, class Out, class In>
void pass_by_turns() {
  constexpr std::uint64_t count = 3'000;
  quotes<Producers> of(2);
  auto in = *of.join();
  std::thread source([&] {
    auto out = *of.template make_producer<Out>();
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i % 64 == 0) std::this_thread::yield();
      put(out, i);
    }
    of.close();
  });
  std::uint64_t expected = 0;
  in.template run<In>([&](const quote& q, sequence, bool) {
    EXPECT_EQ(q.price, expected++);
    if (expected % 100 == 0) std::this_thread::yield();
  });
  EXPECT_EQ(expected, count);
  EXPECT_EQ(in.poll([](const quote&, sequence, bool) {}), polled::closed);
  source.join();
}

template <class Producers, class Out>
void pass_to_each() {
  pass_by_turns<Producers, Out, wait::yield>();
  pass_by_turns<Producers, Out, wait::backoff>();
  pass_by_turns<Producers, Out, wait::park>();
  pass_by_turns<Producers, Out, wait::hybrid<1'000>>();
}

TYPED_TEST(any_ring, EveryPairOfStrategiesPassesEverything) {
  pass_to_each<TypeParam, wait::yield>();
  pass_to_each<TypeParam, wait::backoff>();
  pass_to_each<TypeParam, wait::park>();
  pass_to_each<TypeParam, wait::hybrid<1'000, wait::yield>>();
}

TYPED_TEST(any_ring, AWaitEndsByItsDeadlineOrTheEnd) {
  quotes<TypeParam> of(2);
  auto in = *of.join();
  EXPECT_EQ(in.await(wait::at_once), polled::idle);
  EXPECT_EQ(in.template await<wait::park>(wait::in(std::chrono::microseconds(50))), polled::idle);
  std::thread ends([&] { of.close(); });
  EXPECT_EQ(in.template await<wait::park>(), polled::closed);
  ends.join();
}

TYPED_TEST(any_ring, ARunEndsWhereItsHandlerSaysSo) {
  quotes<TypeParam> of(8);
  auto in = *of.join();
  auto out = *of.make_producer();
  for (std::uint64_t i = 0; i < 5; ++i) put(out, i);
  in.run([](const quote& q, sequence, bool) { return q.price != 2; });
  EXPECT_EQ(in.position(), 3u);
}

TYPED_TEST(any_ring, AParkedProducerIsReleasedByALeaver) {
  quotes<TypeParam> of(2);
  auto stays_away = std::make_unique<poller<ring<quote, TypeParam>>>(*of.join());
  std::atomic<int> published{0};
  std::thread source([&] {
    auto out = *of.template make_producer<wait::park>();
    for (int i = 0; i < 10; ++i) {
      put(out, 0);
      ++published;
    }
  });
  while (published.load() < 2) std::this_thread::yield();
  stays_away.reset();
  source.join();
  EXPECT_EQ(published.load(), 10);
}

#ifndef NDEBUG
TEST(PollerDeathTest, DoesNotPollItselfFromItsHandler) {
  ring<quote> of(2);
  auto in = *of.join();
  auto out = *of.make_producer();
  put(out, 1);
  EXPECT_DEATH(in.poll([&](const quote&, sequence, bool) {
    in.poll([](const quote&, sequence, bool) {});
  }), "its own poller");
}

TEST(RingOfOneDeathTest, ASecondThreadOnItsProducerIsCaught) {
  quotes<producers::one> of(4);
  auto out = *of.make_producer();
  put(out, 1);
  const auto* why = "a second thread uses the producer";
  const auto fill = [](quote&, std::uint64_t) {};
  EXPECT_DEATH(std::thread([&] { put(out, 2); }).join(), why);
  EXPECT_DEATH(std::thread([&] { static_cast<void>(out.publish(2, fill)); }).join(), why);
  EXPECT_DEATH(std::thread([&] { static_cast<void>(out.claim()); }).join(), why);
  EXPECT_DEATH(std::thread([&] { static_cast<void>(out.try_claim(2)); }).join(), why);
  auto moved = std::move(out);
  std::thread([&] { put(moved, 2); }).join();
}
#endif

TEST(RingOfOne, HasOneProducerAtATimeAndTheNextOneGoesOn) {
  quotes<producers::one> of(4);
  auto in = *of.join();
  {
    auto out = *of.make_producer();
    EXPECT_EQ(of.make_producer().code(), errc::locked);
    put(out, 1);
  }
  auto next = *of.make_producer();
  EXPECT_EQ(put(next, 2), 1u);
  EXPECT_EQ(drain(in).size(), 2u);
}

TEST(Ring, TakesEventsThatOnlyMoveAndEmptyOnes) {
  ring<std::unique_ptr<int>> of(2);
  auto in = *of.join();
  auto out = *of.make_producer();
  ASSERT_TRUE(out.publish([](std::unique_ptr<int>& p) { p = std::make_unique<int>(3); }));
  in.poll([](const std::unique_ptr<int>& p, sequence, bool) { EXPECT_EQ(*p, 3); });
  struct nothing {};
  static_assert(sizeof(slot<nothing>) == 8 && sizeof(slot<quote>) == 16);
  ring<nothing> empty(2);
  auto ticks = *empty.make_producer();
  EXPECT_TRUE(ticks.publish([](nothing&) {}));
}

TEST(Slots, SuitEventsOfAnyAlignment) {
  struct alignas(64) line {
    std::array<char, 64> content;
  };
  struct alignas(256) wide {
    char content;
  };
  static_assert(alignof(slot<line>) == 64 && alignof(slot<wide>) == 256);
  slots<wide> made(2);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&made[1].event) % 256, 0u);
}

TYPED_TEST(any_ring, AClaimThatWasNotGrantedPublishesNothing) {
  quotes<TypeParam> of(1);
  auto in = *of.join();
  auto out = *of.make_producer();
  put(out, 1);
  out.try_claim().publish();
  EXPECT_EQ(drain(in).size(), 1u);
}

TEST(Slots, LieInTheCallersMemory) {
  alignas(slots<quote>::alignment) std::array<std::byte, slots<quote>::bytes_for(4)> memory;
  int made = 0;
  slots<quote> mine(4, memory, [&] {
    ++made;
    return quote{42};
  });
  EXPECT_EQ(made, 4);
  EXPECT_EQ(static_cast<void*>(&mine[0]), memory.data());
  EXPECT_EQ(&mine[4], &mine[0]);
  EXPECT_EQ(mine[3].event.price, 42u);
}

#ifdef __cpp_exceptions
TEST(Slots, DestroyWhatWasMadeBeforeAThrow) {
  struct counted {
    explicit counted(int& to) : alive(&to) { ++*alive; }
    counted(counted&& other) noexcept : alive(other.alive) { ++*alive; }
    ~counted() { --*alive; }
    int* alive;
  };
  int alive = 0;
  int made = 0;
  EXPECT_THROW(slots<counted>(8, [&]() -> counted {
    if (++made == 4) throw std::runtime_error("no more");
    return counted(alive);
  }), std::runtime_error);
  EXPECT_EQ(alive, 0);
}
#endif

TEST(SlotsDeathTest, RefuseSenselessShapes) {
  EXPECT_DEATH(slots<quote>(0), "power of two");
  EXPECT_DEATH(slots<quote>(3), "power of two");
  alignas(slots<quote>::alignment) std::array<std::byte, 8> small;
  EXPECT_DEATH(slots<quote>(4, small), "bytes_for");
  EXPECT_DEATH(slots<quote>(std::size_t{1} << 62), "larger than any memory");
  EXPECT_DEATH(ring<quote>(4, top), "2\\^63");
  slots<quote> taken(4);
  const ring<quote> owner(std::move(taken));
  EXPECT_DEATH(ring<quote>(std::move(taken)), "took over");
  using of_eight = ring<quote, producers::one, 8>;
  EXPECT_DEATH(of_eight(slots<quote>(4)), "exactly as many");
}

TEST(RingOfConstantCapacity, IsLikeAnyOther) {
  ring<quote, producers::many, 4> of(7);
  static_assert(sizeof(decltype(of)::places) == sizeof(void*), "nothing to ask");
  ASSERT_EQ(of.capacity(), 4u);
  auto in = *of.join();
  auto out = *of.make_producer();
  for (std::uint64_t lap = 0; lap < 3; ++lap) {
    for (std::uint64_t i = 0; i < 4; ++i) EXPECT_EQ(put(out, i), 7 + 4 * lap + i);
    EXPECT_EQ(out.try_claim(2).missing(), 2u);
    EXPECT_EQ(drain(in), (std::vector<std::uint64_t>{0, 1, 2, 3}));
  }
  ring<quote, producers::one, 4> with_slots(slots<quote>(4), 3);
  EXPECT_EQ(with_slots.join()->position(), 3u);
}

// No lot without a price; counts those that live.
struct lot {
  lot(std::uint64_t price_of, int& alive_of) : price(price_of), alive(&alive_of) { ++*alive; }
  lot(const lot&) = delete;
  lot& operator=(const lot&) = delete;
  ~lot() { --*alive; }
  std::uint64_t price;
  int* alive;
};

TEST(Ring, EventsMayBeMadePerUse) {
  int alive = 0;
  {
    ring<std::optional<lot>> of(2);
    auto in = *of.join();
    auto out = *of.make_producer();
    std::vector<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < 5; ++i) {
      ASSERT_TRUE(out.publish([&](std::optional<lot>& made) { made.emplace(i, alive); }));
      in.poll([&](const std::optional<lot>& made, sequence, bool) { seen.push_back(made->price); });
      EXPECT_EQ(alive, i == 0 ? 1 : 2) << "until its slot is used again";
    }
    EXPECT_EQ(seen, (std::vector<std::uint64_t>{0, 1, 2, 3, 4}));
  }
  EXPECT_EQ(alive, 0);
}

// Every consumer sees every number of every producer once, in its producer's order.
TYPED_TEST(any_ring, EveryEventReachesEveryConsumerOnceAndInOrder) {
  constexpr std::uint64_t each = 20'000;
  const int writers = std::is_same_v<TypeParam, producers::one> ? 1 : 3;
  for (const std::size_t capacity : {1u, 4u, 64u}) {
    quotes<TypeParam> of(capacity, 5);
    std::vector<poller<ring<quote, TypeParam>>> readers;
    for (int i = 0; i < 2; ++i) readers.push_back(*of.join());
    std::vector<std::thread> threads;
    for (auto& in : readers) {
      threads.emplace_back([&] {
        std::vector<std::uint64_t> next(static_cast<std::size_t>(writers), 0);
        sequence expected = 5;
        while (in.poll([&](const quote& q, sequence s, bool) {
                 EXPECT_EQ(s, expected++);
                 EXPECT_EQ(q.price >> 8, next[q.price & 255]++);
               }) != polled::closed) {
          std::this_thread::yield();
        }
        EXPECT_EQ(expected, 5 + each * static_cast<std::uint64_t>(writers));
      });
    }
    std::vector<std::thread> sources;
    for (int w = 0; w < writers; ++w) {
      sources.emplace_back([&, w] {
        auto out = *of.template make_producer<wait::yield>();
        for (std::uint64_t i = 0; i < each; ++i) put(out, i << 8 | static_cast<std::uint64_t>(w));
      });
    }
    for (auto& source : sources) source.join();
    of.close();
    for (auto& thread : threads) thread.join();
  }
}

// Consumers come and go at full rate; what each sees is gap-free from where it began.
TYPED_TEST(any_ring, ConsumersComeAndGoWhileProducersRun) {
  quotes<TypeParam> of(16);
  std::atomic<bool> done{false};
  std::thread source([&] {
    auto out = *of.make_producer();
    while (!done.load()) {
      auto mine = out.claim();
      mine[0].price = mine.positions().first;
      std::move(mine).publish();
    }
  });
  std::vector<std::thread> guests;
  for (int g = 0; g < 3; ++g) {
    guests.emplace_back([&] {
      for (int visit = 0; visit < 40; ++visit) {
        auto in = *of.join();
        auto expected = in.position();
        const auto until = expected + 50;
        while (expected < until) {
          in.poll([&](const quote& q, sequence s, bool) {
            EXPECT_EQ(s, expected);
            EXPECT_EQ(q.price, s);
            ++expected;
          });
        }
      }
    });
  }
  for (auto& guest : guests) guest.join();
  done = true;
  source.join();
}

}  // namespace
