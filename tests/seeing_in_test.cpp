// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <sequencer/graph.hpp>
#include <sequencer/ring.hpp>

#include "asleep.hpp"

// What a ring and a flow tell about themselves while they run, and what is done about the dead.
namespace {

using namespace sequencer;

struct quote {
  std::uint64_t price = 0;
};

template <class Producers>
struct seen_ring : testing::Test {
  using quotes = ring<quote, Producers>;
};
using engines = testing::Types<producers::one, producers::many, producers::traced>;
TYPED_TEST_SUITE(seen_ring, engines);

template <class Out>
void put(Out& out, std::uint64_t n = 1) {
  for (std::uint64_t i = 0; i < n; ++i) {
    ASSERT_TRUE(out.publish([&](quote& q) { q.price = i; }));
  }
}

template <class In>
std::vector<sequence> drain(In& in, std::uint64_t most = ~std::uint64_t{0}) {
  std::vector<sequence> seen;
  in.poll([&](const quote&, sequence s, bool) { seen.push_back(s); }, most);
  return seen;
}

TYPED_TEST(seen_ring, PositionsAndRoomOverLaps) {
  for (const std::size_t capacity : {1u, 2u, 4u, 64u}) {
    for (const sequence start : {sequence{0}, sequence{5}, (sequence{1} << 63) - (1u << 20)}) {
      typename TestFixture::quotes of(capacity, start);
      auto in = *of.join();
      auto out = *of.make_producer();
      EXPECT_EQ(of.published(), start);
      EXPECT_EQ(of.claimed(), start);
      EXPECT_EQ(of.free_slots(), capacity);
      for (std::uint64_t lap = 0; lap < 3; ++lap) {
        const auto first = start + lap * capacity;
        for (std::uint64_t i = 0; i < capacity; ++i) {
          put(out);
          EXPECT_EQ(of.published(), first + i + 1);
          EXPECT_EQ(of.claimed(), first + i + 1);
          EXPECT_EQ(of.free_slots(), capacity - i - 1);
        }
        EXPECT_FALSE(out.try_claim());
        EXPECT_EQ(drain(in).size(), capacity);
        EXPECT_EQ(of.free_slots(), capacity);
      }
      EXPECT_EQ(of.full_stalls(), 3u);
    }
  }
}

TYPED_TEST(seen_ring, AnOpenClaimIsTheOldest) {
  typename TestFixture::quotes of(8);
  auto in = *of.join();
  auto out = *of.make_producer();
  put(out, 3);
  EXPECT_FALSE(of.oldest_claim());
  auto open = out.claim(2);
  EXPECT_EQ(of.published(), 3u);
  if constexpr (!TypeParam::single) {
    EXPECT_EQ(of.claimed(), 5u);
  }
  const auto oldest = of.oldest_claim();
  ASSERT_TRUE(oldest);
  EXPECT_EQ(oldest->first, 3u);
  EXPECT_EQ(oldest->thread != 0, (std::is_same_v<TypeParam, producers::traced>));
  {
    auto later = out.claim(1);
    EXPECT_EQ(of.oldest_claim()->first, 3u);
    std::move(open).publish();
    EXPECT_EQ(of.oldest_claim()->first, 5u);
  }
  EXPECT_FALSE(of.oldest_claim());
  EXPECT_EQ(of.published(), 6u);
}

// Those who wait for room have claimed beyond it.
TEST(SeenRing, RoomIsNeverLessThanNothing) {
  ring<quote, producers::many> of(2);
  auto in = *of.join();
  auto first = *of.make_producer();
  put(first, 2);
  std::thread late([out = *of.make_producer()]() mutable { put(out); });
  while (of.full_stalls() == 0) std::this_thread::yield();
  EXPECT_EQ(of.claimed(), 3u);
  EXPECT_EQ(of.free_slots(), 0u);
  EXPECT_EQ(of.published(), 2u);
  EXPECT_EQ(drain(in).size(), 2u);
  late.join();
  EXPECT_EQ(of.free_slots(), 1u);
  EXPECT_EQ(of.full_stalls(), 1u);
}

// While producers wait, consumers come and go, and the ring is closed.
TYPED_TEST(seen_ring, RoomStaysWithinBoundsWhateverMoves) {
  constexpr std::size_t capacity = 2;
  for (int round = 0; round < 5; ++round) {
    typename TestFixture::quotes of(capacity);
    std::atomic<bool> over{false};
    std::thread onlooker([&] {
      std::uint64_t most = 0;
      for (; !over.load(); std::this_thread::yield()) most = std::max(most, of.free_slots());
      EXPECT_LE(most, capacity);
    });
    std::vector<std::thread> others;
    for (int w = 0; w < (TypeParam::single ? 1 : 3); ++w) {
      others.emplace_back([out = *of.template make_producer<wait::yield>()]() mutable {
        while (out.publish([](quote&) {})) {
        }
      });
    }
    others.emplace_back([&] {
      while (auto in = of.join()) {
        drain(*in, 1);
        std::this_thread::yield();
      }
    });
    auto in = *of.join();
    while (in.position() < 100) {
      in.template await<wait::yield>();
      drain(in);
    }
    of.close();
    in.template run<wait::yield>([](const quote&, sequence, bool) {});
    for (auto& each : others) each.join();
    over = true;
    onlooker.join();
  }
}

TYPED_TEST(seen_ring, WaitsAreCounted) {
  typename TestFixture::quotes of(4);
  auto in = *of.join();
  EXPECT_EQ(in.await(wait::at_once), polled::idle);
  EXPECT_EQ(in.await(wait::at_once), polled::idle);
  EXPECT_EQ(in.waits(), 2u);
  graph plan{of};
  plan.template add<wait::yield>("a", [](const quote&, sequence, bool) noexcept {});
  auto flow = *std::move(plan).start();
  while (flow.stages()[0].waits == 0) std::this_thread::yield();
  auto out = *flow.producer();
  put(out);
  EXPECT_EQ(in.await(wait::at_once), polled::batch);
  EXPECT_EQ(in.waits(), 2u) << "there was something";
  drain(in);
  while (flow.stages()[0].waits < 2) std::this_thread::yield();
  EXPECT_TRUE(flow.drain());
}

// ---- the dead

using traced = ring<quote, producers::traced>;
using traced_producer = producer<traced, wait::backoff>;

// Something that nothing destroys, as the dead leave it.
template <class T>
class abandoned {
 public:
  template <class Make>
  explicit abandoned(Make make) : at_(new (bytes_) T(make())) {}
  T* operator->() const { return at_; }

 private:
  alignas(T) std::byte bytes_[sizeof(T)];
  T* at_;
};

// A thread that ended with a claim in hand.
class late_owner {
 public:
  late_owner(traced& of, std::uint64_t n) {
    long id = 0;
    std::thread([&] {
      id = ::syscall(SYS_gettid);
      out_.emplace([&] { return *of.make_producer(); });
      open_.emplace([&] { return (*out_)->claim(n); });
    }).join();
    await_end(id);
  }

 private:
  std::optional<abandoned<traced_producer>> out_;
  std::optional<abandoned<claim<traced>>> open_;
};

TEST(TracedRing, TheClaimsOfTheDeadAreSkipped) {
  traced of(8);
  auto in = *of.join();
  auto out = *of.make_producer();
  put(out, 2);
  const late_owner dead(of, 3);
  put(out, 1);
  EXPECT_EQ(drain(in), (std::vector<sequence>{0, 1}));
  const auto oldest = of.oldest_claim();
  ASSERT_TRUE(oldest);
  EXPECT_EQ(oldest->first, 2u);
  EXPECT_NE(oldest->thread, 0);
  EXPECT_FALSE(oldest->alive);
  EXPECT_EQ(of.unblock(5).code(), errc::invalid) << "published";
  EXPECT_EQ(of.unblock(6).code(), errc::invalid) << "not claimed";
  EXPECT_EQ(of.unblock(1).code(), errc::invalid) << "consumed";
  EXPECT_EQ(of.unblock(3).value(), 3u) << "the whole claim";
  EXPECT_EQ(of.unblock(3).code(), errc::invalid) << "it is done";
  EXPECT_EQ(drain(in), std::vector<sequence>{5});
  EXPECT_FALSE(of.oldest_claim());
}

TEST(TracedRing, TheLivingAreNotPassedOver) {
  traced of(8);
  auto in = *of.join();
  auto out = *of.make_producer();
  auto open = out.claim(2);
  EXPECT_EQ(of.unblock(0).code(), errc::locked);
  auto second = out.claim();
  EXPECT_EQ(of.unblock(0).code(), errc::unavailable) << "of several only the last is known";
  EXPECT_EQ(of.unblock(2).code(), errc::locked);
  std::move(open).publish();
  std::move(second).publish();
  EXPECT_EQ(drain(in).size(), 3u);
}

// A producer that was moved is its new thread's, though the old one is dead.
TEST(TracedRing, AProducerThatMovedIsItsNewThreads) {
  traced of(8);
  std::optional<traced_producer> kept;
  std::thread([&] {
    auto out = *of.make_producer();
    put(out);
    kept.emplace(std::move(out));
  }).join();
  auto mine = std::move(*kept);
  const auto open = mine.claim();
  EXPECT_TRUE(of.oldest_claim()->alive);
  EXPECT_EQ(of.unblock(1).code(), errc::locked);
}

// Who waits for room that the dead hold goes on.
TEST(TracedRing, UnblockingWakesWhoWaits) {
  traced of(2);
  auto in = *of.join();
  const late_owner dead(of, 2);
  std::thread late([out = *of.make_producer<wait::park>()]() mutable { put(out, 3); });
  std::thread reader([&] {
    std::uint64_t seen = 0;
    while (seen < 3 && in.await<wait::park>() == polled::batch) seen += drain(in).size();
    EXPECT_EQ(seen, 3u);
  });
  while (of.claimed() < 3) std::this_thread::yield();
  EXPECT_EQ(of.unblock(0).value(), 2u);
  late.join();
  reader.join();
}

}  // namespace
