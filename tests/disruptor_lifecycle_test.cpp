// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What the Disruptor's tests say of graphs, their begin and their end, see docs/conformance.md.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
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
struct lifecycle : testing::Test {};
TYPED_TEST_SUITE(lifecycle, engines, engine_name);

// Sees each position once, in order.
struct witness {
  explicit witness(sequence start) : next(start) {}
  void see(const quote& q, sequence s) noexcept {
    sound = sound && q.price == s && s == next.load();
    next = s + 1;
  }
  std::atomic<sequence> next;
  bool sound = true;
};

TYPED_TEST(lifecycle, TheEndOfADiamondSeesNothingBeforeItsSides) {
  for_each([](std::size_t capacity, sequence start) {
    ring<quote, TypeParam> of(capacity, start);
    graph plan{of};
    witness left(start), right(start), end(start);
    bool in_turn = true;
    const auto see = [](witness& by) {
      return [&by](const quote& q, sequence s, bool) noexcept { by.see(q, s); };
    };
    auto a = plan.template add<wait::park>("left", see(left));
    auto b = plan.template add<wait::yield>("right", see(right));
    plan.template add<wait::park>("end", [&](const quote& q, sequence s, bool) noexcept {
      in_turn = in_turn && left.next.load() > s && right.next.load() > s;
      end.see(q, s);
    }, {a, b});
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    auto out = *work->template producer<wait::park>();
    const auto count = std::min<std::uint64_t>(2 * capacity + 1, 300);
    fill(out, count);
    EXPECT_TRUE(work->drain());
    EXPECT_TRUE(in_turn);
    for (const auto* each : {&left, &right, &end}) {
      EXPECT_TRUE(each->sound);
      EXPECT_EQ(each->next.load(), start + count);
    }
  });
}

TYPED_TEST(lifecycle, TheLastStageAndABranchHoldProducersBack) {
  for_each([](std::size_t capacity, sequence start) {
    ring<quote, TypeParam> of(capacity, start);
    graph plan{of};
    std::atomic<sequence> passed{start};
    std::atomic<bool> go{false};
    const auto pass = [&](const quote&, sequence s, bool) noexcept { passed = s + 1; };
    auto first = plan.add("first", pass);
    plan.add("last", [&](const batch<quote>&) noexcept {
      while (!go.load()) std::this_thread::yield();
    }, {first}, {.max_batch = capacity});
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    auto branch = *of.join();
    auto out = *work->producer();
    fill(out, capacity);
    while (passed.load() != start + capacity) std::this_thread::yield();
    EXPECT_EQ(take(branch).size(), capacity);
    EXPECT_EQ(out.try_claim().missing(), 1u) << "the last stage has not moved";
    go = true;
    EXPECT_EQ(put_next(out), start + capacity);
    while (passed.load() != start + capacity + 1) std::this_thread::yield();
    if (capacity == 1) {
      EXPECT_EQ(out.try_claim().missing(), 1u) << "the branch has not moved";
    }
    EXPECT_EQ(take(branch).size(), 1u);
    EXPECT_TRUE(work->drain());
  });
}

// Whoever begins sees what is published from then on; what a poller or an open claim held from
// before is theirs.
TYPED_TEST(lifecycle, AGraphBeginsWhereItIsStarted) {
  for_each([](std::size_t capacity, sequence start) {
    ring<quote, TypeParam> of(capacity, start);
    auto out = *of.make_producer();
    fill(out, 2 * capacity + 1);
    const auto from = start + 2 * capacity + 1;
    auto open = out.claim();  // published after the start
    witness seen(from);
    graph plan{of};
    plan.template add<wait::park>("a", [&](const quote& q, sequence s, bool) noexcept {
      seen.see(q, s);
    });
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    open[0].price = from;
    std::move(open).publish();
    fill(out, 3);
    EXPECT_TRUE(work->drain());
    EXPECT_TRUE(seen.sound);
    EXPECT_EQ(seen.next.load(), from + 4);
  });
}

TYPED_TEST(lifecycle, WhatWasPublishedBeforeItsThreadsRanIsDelivered) {
  for_each([](std::size_t capacity, sequence start) {
    for (int round = 0; round < 10; ++round) {
      ring<quote, TypeParam> of(capacity, start);
      witness first(start), second(start);
      graph plan{of};
      auto a = plan.template add<wait::park>("a", [&](const quote& q, sequence s, bool) noexcept {
        first.see(q, s);
      });
      plan.template add<wait::park>("b", [&](const quote& q, sequence s, bool) noexcept {
        second.see(q, s);
      }, {a});
      auto work = std::move(plan).start();
      ASSERT_TRUE(work) << work.text();
      auto out = *work->producer();
      const auto count = std::min<std::uint64_t>(capacity, static_cast<std::uint64_t>(round));
      fill(out, count);
      EXPECT_TRUE(work->drain());
      EXPECT_TRUE(first.sound && second.sound);
      EXPECT_EQ(second.next.load(), start + count);
    }
  });
}

TYPED_TEST(lifecycle, ADrainReleasesAProducerThatWaitsAndLosesNothing) {
  for_each([](std::size_t capacity, sequence start) {
    ring<quote, TypeParam> of(capacity, start);
    std::atomic<bool> go{false};
    std::atomic<std::uint64_t> published{0}, seen{0};
    graph plan{of};
    plan.template add<wait::park>("slow", [&](const quote&, sequence, bool) noexcept {
      while (!go.load()) std::this_thread::yield();
      ++seen;
    });
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    sleepy_thread source([&] {
      auto out = *of.template make_producer<wait::park>();
      while (out.publish([](quote&) {})) ++published;
    });
    while (published.load() != capacity) std::this_thread::yield();
    source.await_sleep();
    const auto late = work->drain_for(std::chrono::nanoseconds(1));
    EXPECT_EQ(late.code(), errc::timeout);
    EXPECT_NE(late.text().find("stage 'slow' stands at " + std::to_string(start) + ", " +
                               std::to_string(capacity) + " behind"), std::string::npos)
        << late.text();
    go = true;
    EXPECT_TRUE(work->drain());
    source.join();
    EXPECT_EQ(seen.load(), published.load());
  });
}

// A second start does not compile where the plan is kept, and says so where it was moved.
TYPED_TEST(lifecycle, APlanIsStartedOnce) {
  for_each([](std::size_t capacity, sequence start) {
    ring<quote, TypeParam> of(capacity, start);
    const auto nothing = [](const quote&, sequence, bool) noexcept {};
    graph plan{of}, other{of};
    auto theirs = other.add("theirs", nothing);
    plan.add("mine", nothing);
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    EXPECT_EQ(std::move(plan).start().text(), "this graph was started before");
    graph third{of};
    third.add("stray", nothing, {theirs});
    EXPECT_EQ(std::move(third).start().text(), "stage 'stray' follows a stage of another graph");
    EXPECT_TRUE(work->drain());
    EXPECT_EQ(std::move(other).start().code(), errc::closed);
  });
}

// Producers that are more than the cores, and consumers beside them: every event once to each of
// them, and each producer's in its order.
TYPED_TEST(lifecycle, EveryEventReachesEveryStageOnce) {
  constexpr std::uint64_t each = 200;
  const std::uint64_t writers = std::is_same_v<TypeParam, producers::one> ? 1 : 6;
  for_each_ring<TypeParam>([&](auto& of, sequence) {
    graph plan{of};
    std::atomic<std::uint64_t> handled_ones{0}, misses{0};
    for (int c = 0; c < 4; ++c) {
      plan.template add<wait::park>(
          "consumer " + std::to_string(c),
          [&, next = std::vector<std::uint64_t>(writers)](const quote& q, sequence, bool) mutable
          noexcept {
            if (q.price >> 8 != next[q.price & 255]++) ++misses;
            ++handled_ones;
          });
    }
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    std::vector<std::thread> sources;
    for (std::uint64_t w = 0; w < writers; ++w) {
      sources.emplace_back([&, w] {
        auto out = *of.template make_producer<wait::park>();
        for (std::uint64_t i = 0; i < each; ++i) {
          put(out, i << 8 | w);
          if ((i * (w + 3)) % 32 == 0) std::this_thread::yield();
        }
      });
    }
    for (auto& source : sources) source.join();
    EXPECT_TRUE(work->drain());
    EXPECT_EQ(misses.load(), 0u);
    EXPECT_EQ(handled_ones.load(), 4 * each * writers);
  });
}

}  // namespace
