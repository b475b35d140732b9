// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/fan_in.hpp>
#include <sequencer/ring.hpp>

#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

#include <sequencer/cpu.hpp>
#include <sequencer/graph.hpp>
#include <sequencer/guarded.hpp>

#include "costs.hpp"
#include "sanitized.hpp"

namespace {

using namespace sequencer;

struct quote {
  std::uint64_t price = 0;
};

// A deadline for whose sake nobody looks at a clock that may be a system call.
constexpr auto far_off = wait::never - std::chrono::hours(1);

// Every way to publish and to consume, more than a lap of each.
template <class Producers, class How>
std::uint64_t pass_many(ring<quote, Producers>& of, producer<ring<quote, Producers>, How>& out,
                        poller<ring<quote, Producers>>& in) {
  std::uint64_t seen = 0;
  const auto count = [&](const quote&, sequence, bool) { ++seen; };
  for (std::uint64_t i = 0; i < 3 * of.capacity(); ++i) {
    static_cast<void>(out.publish([&](quote& q) { q.price = i; }));
    static_cast<void>(out.publish(2, [&](quote& q, std::uint64_t n) { q.price = n; }));
    auto one = out.claim();
    one[0].price = i;
    std::move(one).publish();
    static_cast<void>(out.try_claim(3));
    auto some = out.try_claim_up_to(4);
    std::move(some).publish();
    static_cast<void>(out.try_claim(of.capacity()));  // not granted
    out.claim_until(1, far_off).abort();
    static_cast<void>(out.publish([](quote&) { return false; }));
    static_cast<void>(out.publish(2, [](quote&, std::uint64_t n) { return n == 1; }));
    if (in.template await<How>(wait::at_once) == polled::batch) in.poll(count);
    in.poll(count);
  }
  return seen;
}

template <class Producers, class How>
void expect_nothing_spent() {
  ring<quote, Producers> of(64);
  auto in = *of.join();
  auto out = *of.template make_producer<How>();
  const auto before = costs::so_far;
  EXPECT_GT((pass_many<Producers, How>(of, out, in)), 0u);
  EXPECT_EQ(costs::so_far, before);
}

TEST(RingCosts, NoAllocationAndNoException) {
  expect_nothing_spent<producers::one, wait::spin>();
  expect_nothing_spent<producers::one, wait::park>();
  expect_nothing_spent<producers::many, wait::backoff>();
  expect_nothing_spent<producers::many, wait::park>();
}

TEST(RingCosts, TheCounterOfAllocationsCounts) {
  const auto before = costs::so_far.allocations;
  const ring<quote> of(1);
  const auto in = const_cast<ring<quote>&>(of).join();
  EXPECT_GT(costs::so_far.allocations, before);
}

#ifdef __cpp_exceptions
TEST(RingCosts, TheCounterOfExceptionsCounts) {
  const auto before = costs::so_far.exceptions;
  EXPECT_THROW(throw quote{}, quote);
  EXPECT_EQ(costs::so_far.exceptions, before + 1);
  EXPECT_THROW(static_cast<void>(std::vector<int>().at(0)), std::out_of_range);
  EXPECT_EQ(costs::so_far.exceptions, before + 2) << "thrown by the library";
}
#endif

template <class Producers, class How>
struct passing {
  ring<quote, Producers> of{64};
  std::optional<poller<ring<quote, Producers>>> in;
  std::optional<producer<ring<quote, Producers>, How>> out;

  void prepare() {
    in.emplace(*of.join());
    out.emplace(*of.template make_producer<How>());
  }
  bool run() { return pass_many<Producers, How>(of, *out, *in) > 0; }
};

// A consumer of two rings, until something is there.
struct passing_two {
  ring<quote> left{8};
  ring<quote, producers::many> right{64};
  std::optional<fan_in<poller<ring<quote>>, poller<ring<quote, producers::many>>>> both;
  std::optional<producer<ring<quote>, wait::park>> left_out;
  std::optional<producer<ring<quote, producers::many>, wait::park>> right_out;

  void prepare() {
    both.emplace(*left.join(), *right.join());
    left_out.emplace(*left.make_producer<wait::park>());
    right_out.emplace(*right.make_producer<wait::park>());
  }
  bool run() {
    std::uint64_t seen = 0;
    for (std::uint64_t i = 0; i < 200; ++i) {
      static_cast<void>(left_out->publish([&](quote& q) { q.price = i; }));
      static_cast<void>(right_out->publish([&](quote& q) { q.price = i; }));
      if (both->await<wait::park>() != polled::batch) return false;
      both->poll([&](const quote&, sequence, bool) { ++seen; });
      both->poll([&](const quote&, sequence, bool) { ++seen; });
      static_cast<void>(both->await<wait::monitor>(wait::at_once));
    }
    return seen == 400;
  }
};

TEST(RingCosts, NothingSpentByAConsumerOfTwo) {
  passing_two work;
  work.prepare();
  const auto before = costs::so_far;
  EXPECT_TRUE(work.run());
  EXPECT_EQ(costs::so_far, before);
}

struct sleeping {
  void prepare() {}
  bool run() {
    ring<quote> of(1);
    auto in = *of.join();
    return in.await<wait::yield>(wait::in(std::chrono::milliseconds(1))) == polled::idle;
  }
};

TEST(RingCosts, NoSystemCall) {
  if (sanitized) GTEST_SKIP() << "the sanitizer makes calls of its own";
  using costs::without_system_calls;
  const int first = without_system_calls<passing<producers::one, wait::spin>>();
  if (first == costs::cannot_forbid) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(first, 0);
  EXPECT_EQ((without_system_calls<passing<producers::one, wait::park>>()), 0);
  EXPECT_EQ((without_system_calls<passing<producers::many, wait::backoff>>()), 0);
  EXPECT_EQ((without_system_calls<passing<producers::many, wait::park>>()), 0);
  EXPECT_EQ(without_system_calls<passing_two>(), 0);
  EXPECT_EQ(without_system_calls<sleeping>(), -SIGSYS) << "the guard against calls must bite";
}

// ---- stages at work

// Between the stages of a graph and who watches them.
struct post {
  std::atomic<bool> follower_has_begun{false};
  std::atomic<bool> go{false};
  std::atomic<bool> follower_goes{false};
  std::atomic<int> watched{0};  // stages that are
  std::atomic<int> over{0};     // of them, those that came to the end
  std::atomic<bool> for_nothing{true};
};

// A handler that neither spends nor calls anything from position `from` to `to`, where it stands
// still for ever: what comes then is the end of its thread. Others are let go on before `from` when
// the follower is awake, so that nobody has to be woken later.
struct watched_handler {
  post* at;
  std::atomic<bool>* go;
  sequence from;
  sequence to;
  bool watched = false;
  costs::spent before{};

  void operator()(quote&, sequence s, bool) noexcept { see(s); }
  void see(sequence s) noexcept {
    if (from == 0) at->follower_has_begun = true;
    if (s >= from / 2) await(at->follower_has_begun);
    if (s >= from && !watched) begin();
    if (s >= to) end();
  }
  void begin() noexcept {
    watched = true;
    ++at->watched;
    await(*go);
    if (!costs::forbid_system_calls()) at->for_nothing = false;
    before = costs::so_far;
  }
  void end() noexcept {
    if (costs::so_far != before) at->for_nothing = false;
    ++at->over;
    for (;;) cpu::relax();
  }
  static void await(const std::atomic<bool>& what) noexcept {
    while (!what.load()) std::this_thread::yield();
  }
};

// With hooks, which are inside of what is watched.
struct watched_batches : watched_handler {
  std::uint64_t begun = 0;
  std::uint64_t ended = 0;
  void on_batch_start(std::uint64_t, std::uint64_t) noexcept { ++begun; }
  void operator()(const batch<quote>& all) noexcept {
    for (const auto& [q, s] : all) see(s);
  }
  void on_batch_end() noexcept { ++ended; }
};

// Begins each event again.
struct watched_twice : watched_handler {
  bool again = false;
  handled operator()(quote&, sequence s, bool) noexcept {
    again = !again;
    if (again) return handled::rewind;
    see(s);
    return handled::next;
  }
};

// As one that might throw.
auto careful(watched_twice handler) {
#ifdef __cpp_exceptions
  return guarded(handler, [](const thrown&, quote&) { return verdict::halt; });
#else
  return handler;
#endif
}

// An event stage, a batch stage with hooks and two workers who begin everything again, and a stage
// that follows the first two, by a barrier that is laid out by the compiler or not. With
// `Together` it works while they do, and everybody spins as long as it takes. Else nobody may have
// to wait, who could fall asleep: the ring holds everything, which is there before they go on, and
// the follower has its turn when they are at the end.
template <class Producers, class How, std::size_t Capacity, bool Together>
struct graph_at_work {
  static constexpr sequence from = 32, to = 600;
  static constexpr stage_options how{.max_batch = from / 2};
  ring<quote, Producers> of{Capacity};
  post at;
  std::optional<flow<ring<quote, Producers>>> work;
  std::optional<producer<ring<quote, Producers>, How>> out;
  std::uint64_t published = 0;

  void prepare() {
    const watched_handler leads{&at, &at.go, from, to};
    graph plan{of};
    auto events = plan.template add<How>("events", leads, {}, how);
    auto batches = plan.template add<How>("batches", watched_batches{leads}, {}, how);
    const watched_twice repeats{leads};
    plan.template add_workers<How>("crew", 2, [&](std::size_t) { return careful(repeats); });
    const watched_handler follows{&at, &at.follower_goes, 0, to - from};
    if constexpr (Together) {
      plan.template add<How>("follower", follows, std::array{events, batches}, how);
    } else {
      plan.template add<How>("follower", follows, {events, batches}, how);
    }
    work.emplace(*std::move(plan).start());
    out.emplace(*work->template producer<How>());
    publish_up_to(from + 2);  // one for each worker
    while (at.watched.load() != 5) std::this_thread::yield();
    publish_up_to(from + 4);  // whoever was about to sleep has left word that he be woken
  }
  bool run() {
    at.follower_goes = Together;
    if (!Together) publish_up_to(to + 2);
    at.go = true;
    publish_up_to(to + 2);
    while (at.over.load() < 4) cpu::relax();
    at.follower_goes = true;
    while (at.over.load() < 5) cpu::relax();
    return at.for_nothing.load();
  }
  void publish_up_to(std::uint64_t end) {
    for (; published != end; ++published) {
      static_cast<void>(out->publish([](quote& q) { ++q.price; }));
    }
  }
};

// As one that parks, but it always spins long enough.
using awake = wait::hybrid<~std::uint64_t{0}, wait::park>;

TEST(RingCosts, NothingSpentByStagesAtWork) {
  if (sanitized) GTEST_SKIP() << "the sanitizer makes calls of its own";
  using costs::without_system_calls;
  const int first = without_system_calls<graph_at_work<producers::one, wait::park, 1024, false>>();
  if (first == costs::cannot_forbid) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(first, 0);
  EXPECT_EQ((without_system_calls<graph_at_work<producers::many, awake, 256, true>>()), 0);
}

// A poller behind a stage.
struct following {
  ring<quote, producers::many> of{64};
  std::optional<flow<ring<quote, producers::many>>> work;
  std::optional<follower<ring<quote, producers::many>>> in;
  std::optional<producer<ring<quote, producers::many>, wait::spin>> out;

  void prepare() {
    graph plan{of};
    plan.add<wait::spin>("first", [](quote& q, sequence, bool) noexcept { ++q.price; });
    work.emplace(*std::move(plan).start());
    in.emplace(*work->join({"first"}));
    out.emplace(*work->producer<wait::spin>());
  }
  bool run() {
    std::uint64_t seen = 0;
    bool right = true;
    const auto see = [&](const quote& q, sequence s, bool) {
      right = right && q.price == s + 1;
      ++seen;
    };
    for (std::uint64_t i = 0; i < 200; ++i) {
      static_cast<void>(out->publish([&](quote& q) { q.price = i; }));
      while (in->poll(see) != polled::batch) static_cast<void>(in->await<awake>());
    }
    return right && seen == 200;
  }
};

TEST(RingCosts, NothingSpentBehindAStage) {
  {
    following work;
    work.prepare();
    const auto before = costs::so_far;
    EXPECT_TRUE(work.run());
    EXPECT_EQ(costs::so_far, before);
  }
  if (sanitized) GTEST_SKIP() << "the sanitizer makes calls of its own";
  const int calls = costs::without_system_calls<following>();
  if (calls == costs::cannot_forbid) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(calls, 0);
}

}  // namespace
