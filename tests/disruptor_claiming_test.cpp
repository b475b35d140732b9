// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What the Disruptor's tests say of sequencers and rings, see docs/conformance.md.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <sequencer/ring.hpp>

#include "asleep.hpp"
#include "shapes.hpp"

namespace {

using namespace sequencer;
using namespace sequencer::shapes;

template <class Engine>
struct claiming : testing::Test {};
TYPED_TEST_SUITE(claiming, engines, engine_name);

TYPED_TEST(claiming, BeforeTheFirstClaimNothingIsClaimed) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    EXPECT_EQ(of.claimed(), start);
    auto in = *of.join();
    EXPECT_EQ(in.position(), start);
    EXPECT_EQ(look(in), polled::idle);
    EXPECT_EQ(in.await(wait::at_once), polled::idle);
  });
}

TYPED_TEST(claiming, AClaimOfManyIsConsecutiveAndLeavesOffWhereTheNextBegins) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    auto next = start;
    for (const std::uint64_t n : {std::uint64_t{1}, of.capacity(), of.capacity() / 2 + 1,
                                  of.capacity(), std::uint64_t{1}}) {
      auto mine = out.claim(n);
      EXPECT_EQ(mine.positions(), (range{next, next + n}));
      EXPECT_EQ(mine.size(), n);
      std::move(mine).publish();
      next += n;
      EXPECT_EQ(take(in).size(), n);
    }
  });
}

TYPED_TEST(claiming, SaysHowMuchIsMissingThroughAFillAndARead) {
  for_each_ring<TypeParam>([](auto& of, sequence) {
    auto in = *of.join();
    auto out = *of.make_producer();
    const auto step = std::max<std::size_t>(1, of.capacity() / 8);
    for (std::size_t used = 0; used < of.capacity(); used += step) {
      if (used != 0) {
        EXPECT_EQ(out.try_claim(of.capacity()).missing(), used);
      }
      EXPECT_TRUE(out.publish(step, [](quote&, std::uint64_t) {}));
    }
    EXPECT_EQ(out.try_claim().missing(), 1u) << "full";
    for (auto left = of.capacity(); left != 0; left -= step) {
      EXPECT_EQ(out.try_claim(of.capacity()).missing(), left);
      EXPECT_EQ(take(in, step).size(), step);
    }
    EXPECT_TRUE(out.try_claim(of.capacity())) << "empty";
  });
}

// Whichever of them joined first.
TYPED_TEST(claiming, AClaimOnAFullRingWaitsForTheSlowest) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto first = *of.join();
    auto second = *of.join();
    const bool first_is_slow = start % 2 == 0;
    auto& quick = first_is_slow ? second : first;
    auto& slow = first_is_slow ? first : second;
    std::atomic<bool> full{false}, moves{false};
    sleepy_thread source([&] {
      auto out = *of.template make_producer<wait::park>();
      fill(out, of.capacity());
      full = true;
      auto mine = out.claim();
      EXPECT_TRUE(moves.load()) << "a claim before the slowest had moved";
      EXPECT_EQ(mine.positions().first, start + of.capacity());
    });
    while (!full.load()) std::this_thread::yield();
    EXPECT_EQ(take(quick).size(), of.capacity());
    source.await_sleep();
    moves = true;
    EXPECT_EQ(take(slow, 1), std::vector{start});
    source.join();
  });
}

TYPED_TEST(claiming, ARefusedClaimChangesNothing) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    fill(out, of.capacity() - 1);
    auto open = out.claim();
    const auto before = of.claimed();
    EXPECT_FALSE(out.try_claim());
    EXPECT_FALSE(out.try_claim(of.capacity()));
    EXPECT_FALSE(out.try_claim_up_to(of.capacity()));
    EXPECT_EQ(out.claim_until(1, wait::in(std::chrono::nanoseconds(1))).code(), errc::timeout);
    EXPECT_LE(of.claimed() - before, of.capacity()) << "of one producer a hint, up to a lap old";
    EXPECT_EQ(take(in).size(), of.capacity() - 1) << "what is not published became visible";
    EXPECT_EQ(look(in), polled::idle);
    std::move(open).publish();
    EXPECT_EQ(take(in), std::vector{start + of.capacity() - 1});
    EXPECT_EQ(out.claim().positions().first, start + of.capacity());
  });
}

// Of a ring with `claimed` positions claimed and `read` of them read.
template <class Engine>
std::uint64_t free_slots(std::size_t capacity, sequence start, std::uint64_t claimed,
                         std::uint64_t read) {
  ring<quote, Engine> of(capacity, start);
  auto in = *of.join();
  auto out = *of.make_producer();
  std::uint64_t made = 0, seen = 0;
  while (made < claimed) {
    if (made - seen == capacity) seen += take(in, read - seen).size();
    const auto n = std::min(claimed - made, capacity - (made - seen));
    out.claim(n).publish();
    made += n;
  }
  while (seen < read) seen += take(in, read - seen).size();
  const auto rest = out.try_claim_up_to(capacity);
  EXPECT_TRUE(rest || rest.missing() == 1);
  return rest.size();
}

TYPED_TEST(claiming, FreeSlotsAreRightOverTwoLaps) {
  for_each([](std::size_t capacity, sequence start) {
    // All of the small ones, the edges of the large.
    const auto step = std::max<std::size_t>(1, capacity / 8);
    for (std::uint64_t claimed = 0; claimed <= 2 * capacity; claimed += step) {
      const auto least = claimed > capacity ? claimed - capacity : 0;
      for (auto read = least; read <= claimed; read += 3 * step) {
        EXPECT_EQ(free_slots<TypeParam>(capacity, start, claimed, read),
                  capacity - (claimed - read))
            << claimed << " claimed, " << read << " read";
      }
      if (capacity > 64) claimed += capacity / 2;
    }
  });
}

TYPED_TEST(claiming, WhatIsFreeCountsDownWithClaimsAndUpWithReads) {
  for_each_ring<TypeParam>([](auto& of, sequence) {
    auto in = *of.join();
    auto out = *of.make_producer();
    const auto step = std::max<std::size_t>(1, of.capacity() / 16);
    using claim_type = decltype(out.claim());
    std::vector<claim_type> open;
    // Of one producer an onlooker knows up to what it has published, or asked for in vain.
    for (std::size_t used = 0; used < of.capacity(); used += step) {
      open.push_back(out.claim(step));
      EXPECT_LE(of.free_slots(), of.capacity());
      EXPECT_GE(of.free_slots(), of.capacity() - used - step);
      EXPECT_EQ(out.try_claim(of.capacity()).missing(), used + step);
      EXPECT_EQ(of.free_slots(), of.capacity() - used - step);
    }
    for (auto& each : open) std::move(each).publish();
    EXPECT_EQ(of.free_slots(), 0u);
    EXPECT_EQ(out.try_claim(of.capacity()).missing(), of.capacity()) << "publishing frees nothing";
    std::uint64_t read = 0;
    while (read < of.capacity()) {
      read += take(in, step).size();
      const auto mine = out.try_claim_up_to(of.capacity());
      EXPECT_EQ(mine.size(), step) << "dropped, and so a skip of the next lap";
      EXPECT_LE(of.free_slots(), step);
    }
  });
}

TYPED_TEST(claiming, AClaimedSlotIsNotReadableUntilItIsPublished) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    for (std::uint64_t lap = 0; lap < 3; ++lap) {
      const auto at = start + lap * of.capacity();
      auto all = out.claim(of.capacity());
      for (std::uint64_t i = 0; i < all.size(); ++i) all[i].price = at + i;
      EXPECT_EQ(look(in), polled::idle);
      EXPECT_EQ(in.await(wait::at_once), polled::idle);
      std::move(all).publish();
      EXPECT_EQ(take(in, 1), std::vector{at});
      EXPECT_EQ(take(in).size(), of.capacity() - 1);
      EXPECT_EQ(in.position(), at + of.capacity());
    }
  });
}

TYPED_TEST(claiming, EveryWayToPublishWakesWhoSleeps) {
  const auto publish = [](auto& out, int way) {
    switch (way) {
      case 0: return void(put(out, 1));
      case 1: return void(out.publish(1, [](quote&, std::uint64_t) {}));
      case 2: return out.claim().publish();
      case 3: return out.try_claim().publish();
      case 4: return out.claim_until(1, wait::never).publish();
      case 5: return out.claim().abort();
      case 6: return void(out.publish([](quote&) { return false; }));
      default: return static_cast<void>(out.claim());
    }
  };
  for_each_ring<TypeParam>([&](auto& of, sequence start) {
    for (int way = 0; way < 8; ++way) {
      SCOPED_TRACE(way);
      sleepy_thread reader([way, start, in = *of.join()]() mutable {
        EXPECT_EQ(in.template await<wait::park>(), polled::batch);
        EXPECT_EQ(in.position(), start + static_cast<sequence>(way));
      });
      reader.await_sleep();
      auto out = *of.make_producer();
      publish(out, way);
      reader.join();
    }
  });
}

TYPED_TEST(claiming, AWaiterIsReleasedByItsOwnPositionOnly) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    if (of.capacity() == 1) return;
    auto out = *of.make_producer();
    auto first = out.claim();
    auto later = out.claim();
    auto in = *of.join();
    std::atomic<bool> published{false};
    sleepy_thread reader([&] {
      EXPECT_EQ(in.template await<wait::park>(), polled::batch);
      EXPECT_TRUE(published.load()) << "woken by a position that it does not wait for";
      EXPECT_EQ(take(in), (std::vector{start, start + 1}));
    });
    reader.await_sleep();
    std::move(later).publish();
    reader.await_sleep();
    published = true;
    std::move(first).publish();
    reader.join();
  });
}

TYPED_TEST(claiming, ClaimsOfNoneOrTooManyAreRefused) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto out = *of.make_producer();
    const auto capacity = std::uint64_t{of.capacity()};
    for (const auto n : {std::uint64_t{0}, capacity + 1, 2 * capacity + 1, ~std::uint64_t{0}}) {
      SCOPED_TRACE(n);
      EXPECT_EQ(out.claim(n).code(), errc::invalid);
      EXPECT_EQ(out.try_claim(n).code(), errc::invalid);
      EXPECT_EQ(out.claim_until(n, wait::in(std::chrono::hours(1))).code(), errc::invalid);
    }
    EXPECT_EQ(out.try_claim_up_to(0).code(), errc::invalid);
    EXPECT_EQ(put(out, 1), start) << "a refused claim left a position behind";
  });
}

TYPED_TEST(claiming, ARunThatDoesNotFitPublishesNothing) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    const auto capacity = std::uint64_t{of.capacity()};
    std::uint64_t fills = 0;
    for (const auto n : {std::uint64_t{0}, capacity + 1, ~std::uint64_t{0}}) {
      EXPECT_EQ(out.publish(n, [&](quote&, std::uint64_t) { ++fills; }).code(), errc::invalid);
    }
    EXPECT_EQ(fills, 0u);
    EXPECT_EQ(look(in), polled::idle);
    EXPECT_EQ(out.publish(capacity, [&](quote&, std::uint64_t i) { fills += i == fills; })->first,
              start);
    EXPECT_EQ(fills, capacity);
    EXPECT_EQ(take(in).size(), capacity);
  });
}

// 3 and 5 of six: of a smaller ring, the second of two and the last.
TYPED_TEST(claiming, PublishingSomeShowsExactlyThose) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    if (of.capacity() < 4) return;
    auto in = *of.join();
    auto one = *of.make_producer();
    using claim_type = decltype(one.claim());
    std::vector<claim_type> open;
    for (int i = 0; i < 4; ++i) open.push_back(one.claim());
    std::move(open[1]).publish();
    std::move(open[3]).publish();
    EXPECT_TRUE(take(in).empty());
    std::move(open[0]).publish();
    EXPECT_EQ(take(in), (std::vector{start, start + 1}));
    EXPECT_EQ(look(in), polled::idle);
    std::move(open[2]).publish();
    EXPECT_EQ(take(in), (std::vector{start + 2, start + 3}));
  });
}

TYPED_TEST(claiming, AProducerNeverOvertakesTheSlowest) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    std::atomic<sequence> let_go{start};
    const auto until = start + 2 * of.capacity() + 1;
    std::thread source([&] {
      auto out = *of.make_producer();
      bool ahead = false;
      for (auto at = start; at != until; ++at) {
        auto mine = out.claim();
        mine[0].price = at;
        ahead = ahead || at >= let_go.load() + of.capacity();
        std::move(mine).publish();
      }
      EXPECT_FALSE(ahead);
    });
    bool sound = true;
    while (in.position() != until) {
      // Before the look: what it lets go of may be claimed at once.
      let_go = std::min(until, in.position() + 7);
      in.poll([&](const quote& q, sequence s, bool) { sound = sound && q.price == s; }, 7);
    }
    EXPECT_TRUE(sound);
    source.join();
  });
}

// Nobody gates. A newcomer begins where everything is settled, so the slots are looked at
// themselves.
TYPED_TEST(claiming, WithoutConsumersTheRingWrapsAndHoldsTheLastLap) {
  for_each([](std::size_t capacity, sequence start) {
    using memory = slots<quote>;
    const auto bytes = memory::bytes_for(capacity);
    const auto room = std::make_unique<std::byte[]>(bytes + memory::alignment);
    void* first = room.get();
    auto space = bytes + memory::alignment;
    ASSERT_NE(std::align(memory::alignment, bytes, first, space), nullptr);
    const auto* at = static_cast<const slot<quote>*>(first);
    ring<quote, TypeParam> of(memory(capacity, {static_cast<std::byte*>(first), bytes}), start);
    auto out = *of.make_producer();
    const auto end = start + capacity + capacity / 2 + 1;
    while (put_next(out) + 1 != end) {
    }
    for (auto s = end - capacity; s != end; ++s) {
      ASSERT_EQ(at[s & (capacity - 1)].event.price, s);
    }
    EXPECT_EQ((*of.join()).position(), end);
  });
}

#ifdef __cpp_exceptions
TYPED_TEST(claiming, AFillerThatThrowsLeavesASkipAndTheRingEnds) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    auto in = *of.join();
    auto out = *of.make_producer();
    EXPECT_THROW(static_cast<void>(out.publish([](quote&) { throw std::runtime_error("no"); })),
                 std::runtime_error);
    EXPECT_TRUE(take(in).empty());
    EXPECT_EQ(in.position(), start + 1) << "stepped over";
    put_next(out);
    EXPECT_EQ(take(in), std::vector{start + 1});
    const auto stumble = [](quote&, std::uint64_t) { throw std::runtime_error("no"); };
    EXPECT_THROW(static_cast<void>(out.publish(of.capacity(), stumble)), std::runtime_error);
    of.close();
    std::uint64_t seen = 0;
    in.run([&](const quote&, sequence, bool) { ++seen; });
    EXPECT_EQ(seen, 0u);
    EXPECT_EQ(in.position(), start + 2 + of.capacity());
    EXPECT_EQ(look(in), polled::closed);
  });
}
#endif

TYPED_TEST(claiming, WhatAnotherThreadPublishesComesInItsOrder) {
  for_each_ring<TypeParam>([](auto& of, sequence start) {
    const auto count = 2 * of.capacity() + 10;
    auto in = *of.join();
    std::thread source([&] {
      {
        auto out = *of.make_producer();
        fill(out, count);
      }
      of.close();
    });
    auto expected = start;
    bool sound = true;
    in.run([&](const quote& q, sequence s, bool) {
      sound = sound && s == expected && q.price == s;
      ++expected;
    });
    EXPECT_TRUE(sound);
    EXPECT_EQ(expected, start + count);
    source.join();
  });
}

}  // namespace
