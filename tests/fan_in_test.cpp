// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/fan_in.hpp>
#include <sequencer/ring.hpp>

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace {

using namespace sequencer;

struct order {
  std::uint64_t number = 0;
};
struct quote {
  std::uint64_t price = 0;
  std::array<char, 40> text{};
};

template <class Out>
void put(Out& out, std::uint64_t what) {
  static_cast<void>(out.publish([&](auto& event) { event = {what}; }));
}

// What one consumer saw of each ring.
struct seen {
  std::vector<std::uint64_t> orders;
  std::vector<std::uint64_t> quotes;

  void operator()(const order& at, sequence, bool) { orders.push_back(at.number); }
  void operator()(const quote& at, sequence, bool) { quotes.push_back(at.price); }
};

using numbers = std::vector<std::uint64_t>;

struct FanIn : testing::Test {
  ring<order> orders{64};
  ring<quote, producers::many> quotes{16, 100};
  fan_in<poller<ring<order>>, poller<ring<quote, producers::many>>> both{
      *orders.join(), *quotes.join()};
  producer<ring<order>, wait::backoff> order_out = *orders.make_producer();
  producer<ring<quote, producers::many>, wait::backoff> quote_out = *quotes.make_producer();
  seen got;

  void put_orders(std::uint64_t from, std::uint64_t to) {
    for (auto i = from; i != to; ++i) put(order_out, i);
  }
  void put_quotes(std::uint64_t from, std::uint64_t to) {
    for (auto i = from; i != to; ++i) put(quote_out, i);
  }
};

TEST_F(FanIn, EachRingKeepsItsOrderAndHasItsHandler) {
  for (std::uint64_t round = 0; round != 200; ++round) {
    put_orders(2 * round, 2 * round + 2);
    if (round % 2 == 0) put_quotes(round / 2, round / 2 + 1);
    const auto on_order = [&](const order& at, sequence s, bool last) {
      EXPECT_EQ(at.number, s);
      EXPECT_EQ(last, s % 2 == 1);
      got.orders.push_back(s);
    };
    const auto on_quote = [&](const quote& at, sequence s, bool last) {
      EXPECT_EQ(at.price + 100, s);
      EXPECT_TRUE(last);
      got.quotes.push_back(s);
    };
    EXPECT_EQ(both.poll(on_order, on_quote), polled::batch);
    EXPECT_EQ(both.position<0>(), 2 * round + 2);
    EXPECT_EQ(both.position<1>(), 100 + round / 2 + 1);
  }
  EXPECT_EQ(got.orders.size(), 400u);
  EXPECT_EQ(got.quotes.size(), 100u);
  EXPECT_EQ(both.poll(got), polled::idle);
}

TEST_F(FanIn, OneHandlerMayTakeTheEventsOfAll) {
  put_orders(0, 3);
  put_quotes(7, 9);
  EXPECT_EQ(both.poll(got), polled::batch);
  EXPECT_EQ(got.orders, (numbers{0, 1, 2}));
  EXPECT_EQ(got.quotes, (numbers{7, 8}));
}

TEST_F(FanIn, AFullRingDoesNotStarveTheOther) {
  put_orders(0, 64);
  put_quotes(0, 16);
  both.poll(got);
  EXPECT_EQ(got.orders.size(), 8u) << "an eighth of its ring";
  EXPECT_EQ(got.quotes.size(), 2u);
  both.poll_at_most(3, got);
  EXPECT_EQ(got.orders.size(), 11u);
  EXPECT_EQ(got.quotes.size(), 5u);
  both.poll_at_most(0, got);
  EXPECT_EQ(got.orders.size(), 19u) << "none said is an eighth";
}

TEST_F(FanIn, WhoStopsInMidBatchKeepsBothPositionsAndTheOtherIsNext) {
  put_orders(0, 4);
  put_quotes(0, 4);
  const auto one = [&](const auto& at, sequence s, bool last) {
    got(at, s, last);
    return false;
  };
  for (std::uint64_t call = 1; call <= 8; ++call) {
    EXPECT_EQ(both.poll(one), polled::batch);
    EXPECT_EQ(got.orders.size(), (call + 1) / 2);
    EXPECT_EQ(got.quotes.size(), call / 2);
    EXPECT_EQ(both.position<0>(), (call + 1) / 2);
    EXPECT_EQ(both.position<1>(), 100 + call / 2);
  }
  EXPECT_EQ(both.poll(one), polled::idle);
  EXPECT_EQ(got.orders, (numbers{0, 1, 2, 3}));
  EXPECT_EQ(got.quotes, (numbers{0, 1, 2, 3}));
}

#ifdef __cpp_exceptions
TEST_F(FanIn, WhatWasThrownPassesAndItsEventCountsAsSeen) {
  put_orders(0, 2);
  put_quotes(5, 7);
  const auto stumble = [](const order&, sequence, bool) { throw std::runtime_error("no"); };
  EXPECT_THROW(both.poll(stumble, got), std::runtime_error);
  EXPECT_EQ(both.position<0>(), 1u);
  EXPECT_TRUE(got.quotes.empty());
  EXPECT_THROW(both.poll(stumble, got), std::runtime_error);
  EXPECT_EQ(got.quotes, (numbers{5, 6})) << "the call after begins with the other ring";
  EXPECT_EQ(both.poll(got), polled::idle);
}
#endif

TEST_F(FanIn, EndsWhenTheLastOfThemDoes) {
  put_orders(0, 2);
  orders.close();
  EXPECT_EQ(both.await(wait::at_once), polled::batch);
  both.poll(got);
  EXPECT_EQ(both.poll(got), polled::idle) << "quotes go on";
  EXPECT_EQ(both.await(wait::at_once), polled::idle);
  put_quotes(3, 4);
  EXPECT_EQ(both.poll(got), polled::batch);
  auto open = quote_out.claim();
  quotes.close();
  EXPECT_EQ(both.poll(got), polled::idle) << "a claim is open";
  open[0].price = 4;
  std::move(open).publish();
  EXPECT_EQ(both.await(wait::at_once), polled::batch);
  EXPECT_EQ(both.poll(got), polled::batch);
  EXPECT_EQ(both.await(), polled::closed);
  EXPECT_EQ(both.poll(got), polled::closed);
  EXPECT_EQ(got.quotes, (numbers{3, 4}));
}

TEST_F(FanIn, AHaltOfOneIsItsEndAlone) {
  put_orders(0, 2);
  put_quotes(0, 2);
  orders.halt();
  EXPECT_EQ(both.poll(got), polled::batch);
  EXPECT_TRUE(got.orders.empty());
  EXPECT_EQ(got.quotes, (numbers{0, 1}));
  EXPECT_EQ(both.await(wait::at_once), polled::idle);
  put_quotes(2, 3);
  quotes.halt();
  EXPECT_EQ(both.await(), polled::closed);
  EXPECT_EQ(both.poll(got), polled::closed);
  EXPECT_EQ(got.quotes.size(), 2u);
}

TEST_F(FanIn, WaitsAreCounted) {
  EXPECT_EQ(both.waits<0>(), 0u);
  EXPECT_EQ(both.await(wait::at_once), polled::idle);
  EXPECT_EQ(both.await(wait::at_once), polled::idle);
  EXPECT_EQ(both.waits<0>(), 2u);
  EXPECT_EQ(both.waits<1>(), 2u);
  put_quotes(0, 1);
  EXPECT_EQ(both.await(), polled::batch);
  EXPECT_EQ(both.waits<0>(), 2u) << "there was something, if not there";
  EXPECT_EQ(both.waits<1>(), 2u);
}

TEST_F(FanIn, AWaitEndsByItsDeadline) {
  const auto soon = [] { return wait::in(std::chrono::microseconds(100)); };
  EXPECT_EQ(both.await(soon()), polled::idle);
  EXPECT_EQ(both.await<wait::park>(soon()), polled::idle);
  EXPECT_EQ((both.await<wait::hybrid<1'000>>(soon())), polled::idle);
}

TEST_F(FanIn, ARunEndsWhereAHandlerSaysSo) {
  put_orders(0, 5);
  put_quotes(0, 5);
  both.run(got, [&](const quote& at, sequence s, bool last) {
    got(at, s, last);
    return at.price != 3;
  });
  EXPECT_EQ(got.quotes, (numbers{0, 1, 2, 3}));
  EXPECT_EQ(both.position<1>(), 104u);
}

TEST_F(FanIn, MovesWithItsPositions) {
  put_orders(0, 1);
  put_quotes(0, 1);
  both.poll(got);
  auto moved = std::move(both);
  EXPECT_EQ(moved.position<0>(), 1u);
  put_orders(1, 2);
  EXPECT_EQ(moved.poll(got), polled::batch);
  EXPECT_EQ(got.orders, (numbers{0, 1}));
}

TEST(FanInOfOne, IsAPollerOfSmallBatches) {
  ring<order> of(8);
  fan_in in{*of.join()};
  auto out = *of.make_producer();
  put(out, 1);
  put(out, 2);
  seen got;
  in.poll(got);
  EXPECT_EQ(got.orders, numbers{1});
  of.close();
  in.run<wait::park>(got);
  EXPECT_EQ(got.orders, (numbers{1, 2}));
}

TEST(FanInDeathTest, AHandlerThatWouldWaitForItselfInTheOtherRing) {
  ring<order> orders(4);
  ring<quote> quotes(1);
  fan_in both{*orders.join(), *quotes.join()};
  auto order_out = *orders.make_producer();
  auto quote_out = *quotes.make_producer();
  put(order_out, 1);
  put(quote_out, 1);
  const auto answer = [&](const order&, sequence, bool) { put(quote_out, 2); };
  const auto take = [](const quote&, sequence, bool) {};
  EXPECT_DEATH(both.poll(answer, take), "waits for room in the ring that it is consuming");
  both.poll([](const order&, sequence, bool) {}, take);
}

// A source that publishes to one ring or the other, when the last event was seen and a moment has
// passed: long enough to sleep, or just short of it. A lost wake-up ends in a hang.
template <class How, class Prepare>
void hand_over(std::uint64_t seed, Prepare prepare, bool only_the_second = false) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  constexpr std::uint64_t rounds = 2'000;
  ring<order> orders(4);
  ring<quote, producers::many> quotes(2);
  std::atomic<std::uint64_t> seen{0};
  std::thread consumer([&, both = fan_in{*orders.join(), *quotes.join()}]() mutable {
    if (!prepare()) return;
    both.template run<How>([&](const auto&, sequence, bool) { seen.fetch_add(1); });
  });
  std::mt19937_64 random(seed);
  auto order_out = *orders.make_producer();
  auto quote_out = *quotes.make_producer();
  for (std::uint64_t i = 0; i != rounds; ++i) {
    const auto from = cpu::ticks();
    const auto pause = random() % (4 * wait::spin_ticks);
    while (cpu::ticks() - from < pause) cpu::relax();
    if (only_the_second || random() % 2 == 0) {
      put(quote_out, i);
    } else {
      put(order_out, i);
    }
    while (seen.load() != i + 1) std::this_thread::yield();
  }
  if (random() % 2 == 0) {
    orders.close();
    quotes.close();
  } else {
    quotes.halt();
    orders.halt();
  }
  consumer.join();
  EXPECT_EQ(seen.load(), rounds);
}

constexpr auto nothing = [] { return true; };

TEST(FanInWaits, IsWokenByEither) {
  const auto seed = std::random_device{}();
  hand_over<wait::park>(seed, nothing);
  hand_over<wait::hybrid<1'000>>(seed + 1, nothing);
  hand_over<wait::backoff>(seed + 2, nothing);
  hand_over<wait::yield>(seed + 3, nothing);
}

// From here on this thread's call to sleep at several words fails.
bool forbid_waiting_at_many(int why) {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 449, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(why)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(rules)), rules};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

using word = detail::atomic<std::uint32_t>;

bool kernel_waits_at_many() {
  word any{1};
  return detail::futex_wait_any(std::array{detail::quiet_word{&any, 0}}, detail::never);
}

bool seccomp_works() {
  bool works = false;
  std::thread([&] { works = forbid_waiting_at_many(ENOSYS); }).join();
  return works;
}

TEST(FanInWaits, AlsoWhereTheKernelCannotSleepAtMany) {
  if (!seccomp_works()) GTEST_SKIP() << "no seccomp here";
  for (const int why : {ENOSYS, EPERM}) {
    hand_over<wait::park>(std::random_device{}(), [&] {
      EXPECT_TRUE(forbid_waiting_at_many(why));
      EXPECT_FALSE(kernel_waits_at_many());
      return true;
    }, true);
  }
}

// The kernel takes the words as they are given: it neither refuses them nor sleeps through a wake.
TEST(FutexWaitAny, IsWokenAtAnyOfItsWords) {
  if (!kernel_waits_at_many()) GTEST_SKIP() << "Linux 5.16 has the call";
  std::array<word, 3> words{};
  for (std::size_t round = 0; round != 600; ++round) {
    std::atomic<bool> asleep{false};
    auto& woken_at = words[round % words.size()];
    const auto before = woken_at.load();
    std::thread sleeper([&] {
      const std::array all{detail::quiet_word{&words[0], words[0].load()},
                           detail::quiet_word{&words[1], words[1].load()},
                           detail::quiet_word{&words[2], words[2].load()}};
      asleep = true;
      while (woken_at.load() == before) EXPECT_TRUE(detail::futex_wait_any(all, detail::never));
    });
    while (!asleep.load()) std::this_thread::yield();
    if (round % 2 == 0) std::this_thread::yield();
    woken_at.fetch_add(1);
    detail::futex_wake_all(woken_at);
    sleeper.join();
  }
}

TEST(FutexWaitAny, SleepsUntilItsDeadlineAndNotWhereAWordHasChanged) {
  if (!kernel_waits_at_many()) GTEST_SKIP() << "Linux 5.16 has the call";
  std::array<word, 2> words{};
  const auto until = wait::in(std::chrono::milliseconds(2));
  errno = 0;
  const auto look = [&](std::uint32_t expected, wait::deadline end) {
    return detail::futex_wait_any(
        std::array{detail::quiet_word{&words[0], 0}, detail::quiet_word{&words[1], expected}}, end);
  };
  EXPECT_TRUE(look(1, detail::never));
  while (detail::now() < until) EXPECT_TRUE(look(0, until));
  EXPECT_EQ(errno, 0);
}

}  // namespace
