// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Lamport and hybrid clocks on random programs of processes that send each other messages.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <sequencer/clock/hybrid.hpp>
#include <sequencer/clock/lamport.hpp>

#include "causal.hpp"

namespace sequencer {
namespace {

using clock::relation;

constexpr unsigned processes = 4;

template <class Stamp>
struct known_event {
  Stamp stamp;
  unsigned node;
  causal::history past;  // with the event itself
};

// Runs a program: 0 is an event, 1 a sent message, 2 one that is received; any message may come
// late, twice, or never. `tick(process)` and `observe(process, stamp)` return stamps.
template <class Stamp, class Tick, class Observe>
std::vector<known_event<Stamp>> run(const causal::program& steps, Tick tick, Observe observe) {
  std::array<causal::history, processes> pasts;
  std::vector<known_event<Stamp>> all;
  std::vector<std::size_t> messages;
  causal::events events;
  for (const auto& each : steps) {
    if (!events.any_left()) break;
    auto& past = pasts[each.who];
    Stamp stamp;
    if (each.what == 2 && !messages.empty()) {
      const auto& message = all[messages[each.with % messages.size()]];
      stamp = observe(each.who, message.stamp);
      past |= message.past;
    } else {
      stamp = tick(each.who);
    }
    events.happen(past);
    if (each.what == 1) messages.push_back(all.size());
    all.push_back({stamp, each.who, past});
  }
  return all;
}

template <class Stamp>
void check_order(const std::vector<known_event<Stamp>>& all) {
  for (const auto& a : all) {
    for (const auto& b : all) {
      if (causal::relation_of(a.past, b.past) != relation::before) continue;
      RC_ASSERT(a.stamp < b.stamp);
      RC_ASSERT(std::pair(a.stamp, a.node) < std::pair(b.stamp, b.node));
    }
  }
  std::set<std::pair<Stamp, unsigned>> different;
  for (const auto& each : all) different.insert({each.stamp, each.node});
  RC_ASSERT(different.size() == all.size());
}

TEST(LamportLaws, WhatHappenedBeforeHasTheSmallerTimeAndTheTotalOrderAgrees) {
  EXPECT_TRUE(rc::check([] {
    const auto steps = *causal::programs(3, processes);
    std::array<clock::lamport, processes> clocks;
    const auto all = run<sequence>(
        steps, [&](unsigned who) { return *clocks[who].tick(); },
        [&](unsigned who, sequence seen) { return *clocks[who].observe(seen); });
    check_order(all);
  }));
}

// The least clock that keeps the rules: an event's time is the longest chain that leads to it.
TEST(LamportLaws, TheTimeIsTheLengthOfTheLongestChain) {
  EXPECT_TRUE(rc::check([] {
    const auto steps = *causal::programs(3, processes);
    std::array<clock::lamport, processes> clocks;
    const auto all = run<sequence>(
        steps, [&](unsigned who) { return *clocks[who].tick(); },
        [&](unsigned who, sequence seen) { return *clocks[who].observe(seen); });
    for (const auto& b : all) {
      sequence longest = 0;
      for (const auto& a : all) {
        if (causal::relation_of(a.past, b.past) == relation::before) {
          longest = std::max(longest, a.stamp);
        }
      }
      RC_ASSERT(b.stamp == longest + 1);
    }
  }));
}

// ---- hybrid clocks

// A clock that differs from the true time by no more than half of `skew`, and wanders.
template <class Stamp>
struct wandering_time {
  std::uint64_t* now;  // in the unit of the stamp's wall time
  std::uint64_t operator()() const noexcept { return Stamp::begins(*now); }
};
using wandering = wandering_time<clock::hybrid_stamp>;

// The rules word for word as the paper has them.
struct papers_clock {
  std::uint64_t l = 0, c = 0;

  std::pair<std::uint64_t, std::uint64_t> send(std::uint64_t pt) {
    const auto before = l;
    l = std::max(before, pt);
    c = l == before ? c + 1 : 0;
    return {l, c};
  }
  std::pair<std::uint64_t, std::uint64_t> receive(std::uint64_t ml, std::uint64_t mc,
                                                  std::uint64_t pt) {
    const auto before = l;
    l = std::max({before, ml, pt});
    if (l == before && l == ml) {
      c = std::max(c, mc) + 1;
    } else if (l == before) {
      c = c + 1;
    } else if (l == ml) {
      c = mc + 1;
    } else {
      c = 0;
    }
    return {l, c};
  }
};

template <class Clock, class Stamp>
void check_hybrid() {
  constexpr std::uint64_t skew = 20;
  const auto steps = *causal::programs(3, processes);
  const auto seed = *rc::gen::arbitrary<std::uint32_t>();
  std::uint64_t random = seed, truth = 1'000'000;
  std::array<std::uint64_t, processes> walls;
  walls.fill(truth);
  std::array<Clock, processes> clocks = {Clock({}, {&walls[0]}), Clock({}, {&walls[1]}),
                                         Clock({}, {&walls[2]}), Clock({}, {&walls[3]})};
  std::array<papers_clock, processes> papers;
  const auto pass_time = [&](unsigned who) {
    random = random * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    truth += random >> 62;
    walls[who] = truth - skew / 2 + (random >> 40) % (skew + 1);
  };
  const auto check = [&](unsigned who, Stamp stamp, auto paper) {
    RC_ASSERT(stamp.wall() == paper.first);
    RC_ASSERT(stamp.logical() == paper.second);
    RC_ASSERT(stamp.wall() >= walls[who]);
    RC_ASSERT(stamp.wall() - walls[who] <= skew);
    return stamp;
  };
  const auto all = run<Stamp>(
      steps,
      [&](unsigned who) {
        pass_time(who);
        return check(who, *clocks[who].tick(), papers[who].send(walls[who]));
      },
      [&](unsigned who, Stamp seen) {
        pass_time(who);
        return check(who, *clocks[who].observe(seen),
                     papers[who].receive(seen.wall(), seen.logical(), walls[who]));
      });
  check_order(all);
}

TEST(HybridLaws, AreThePapersRulesAndStayWithinTheSkew) {
  using narrow = clock::hybrid<clock::hybrid_stamp, wandering>;
  EXPECT_TRUE(rc::check([] { check_hybrid<narrow, clock::hybrid_stamp>(); }));
}

TEST(HybridLaws, OfTheWideLayoutToo) {
  using wide = clock::hybrid<clock::wide_hybrid_stamp, wandering_time<clock::wide_hybrid_stamp>>;
  EXPECT_TRUE(rc::check([] { check_hybrid<wide, clock::wide_hybrid_stamp>(); }));
}

TEST(HybridLaws, OfTheSharedClockToo) {
  using shared = clock::shared_hybrid<wandering>;
  EXPECT_TRUE(rc::check([] { check_hybrid<shared, clock::hybrid_stamp>(); }));
}

// ---- over restarts

// A program of one clock: 0 is an event, 1 a restart, 2 sets the wall clock anywhere, 3 tends.
template <class Make>
void check_restarts(Make make) {
  const auto steps = *causal::programs(4, 1);
  memory_mark mark;
  std::uint64_t wall = 1'000'000;
  auto now = make(mark, wall);
  auto last = now->peek();
  for (const auto& each : steps) {
    if (each.what == 1) now = make(mark, wall);
    if (each.what == 2) wall = 500'000 + 1'000 * each.with;
    if (each.what == 3) RC_ASSERT(now->tend());
    const auto stamp = now->tick();
    RC_ASSERT(stamp);
    RC_ASSERT(*stamp > last);
    RC_ASSERT(stamp->wall() < mark.load());
    last = *stamp;
  }
}

TEST(HybridLaws, NoRestartGoesBackWhateverTheWallClockDoes) {
  using kept = clock::hybrid<clock::hybrid_stamp, wandering, memory_mark>;
  EXPECT_TRUE(rc::check([] {
    check_restarts([](memory_mark& mark, std::uint64_t& wall) {
      return std::make_unique<kept>(mark, clock::hybrid_options{}, wandering{&wall});
    });
  }));
  using shared = clock::shared_hybrid<wandering, memory_mark>;
  EXPECT_TRUE(rc::check([] {
    check_restarts([](memory_mark& mark, std::uint64_t& wall) {
      return std::make_unique<shared>(mark, clock::hybrid_options{}, wandering{&wall});
    });
  }));
}

TEST(LamportLaws, NoRestartGoesBack) {
  EXPECT_TRUE(rc::check([] {
    const auto steps = *causal::programs(4, 1);
    memory_mark mark;
    auto now = std::make_unique<clock::durable_lamport<memory_mark>>(mark, 5);
    sequence last = 0;
    for (const auto& each : steps) {
      if (each.what == 1) now = std::make_unique<clock::durable_lamport<memory_mark>>(mark, 5);
      if (each.what == 3) RC_ASSERT(now->tend());
      const auto time = each.what == 2 ? now->observe(each.with) : now->tick();
      RC_ASSERT(*time > last);
      RC_ASSERT(*time < mark.load());
      last = *time;
    }
  }));
}

}  // namespace
}  // namespace sequencer
