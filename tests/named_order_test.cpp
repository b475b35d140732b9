// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The arithmetic of named sequences against one that counts step by step.

#include <src/checkpoint/named_order.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <random>

namespace sequencer::detail {
namespace {

using limits = std::numeric_limits<std::int64_t>;

// Where it stands after one more number; nothing at the end.
std::optional<named_state> stepped(const named_rules& rules, named_state from) {
  if (!from.called) return named_state{from.last, true, from.epoch, from.cycles};
  const bool last = rules.ascends() ? from.last > rules.maximum - rules.increment
                                    : from.last < rules.minimum - rules.increment;
  if (!last) return named_state{from.last + rules.increment, true, from.epoch, from.cycles};
  if (!rules.cycle) return std::nullopt;
  return named_state{rules.ascends() ? rules.minimum : rules.maximum, true, from.epoch + 1,
                     from.cycles + 1};
}

bool same(const named_state& a, const named_state& b) {
  return a.last == b.last && a.called == b.called && a.epoch == b.epoch && a.cycles == b.cycles;
}

TEST(NamedOrder, CountsAsOneThatGoesStepByStep) {
  std::mt19937_64 random(7);
  const auto between = [&](std::int64_t least, std::int64_t most) {
    const auto numbers = static_cast<std::uint64_t>(most - least + 1);
    return least + static_cast<std::int64_t>(random() % numbers);
  };
  for (int round = 0; round < 3000; ++round) {
    named_rules rules;
    rules.minimum = between(-9, 5);
    rules.maximum = between(rules.minimum + 1, 9);
    rules.increment = between(1, 5) * (random() % 2 == 0 ? 1 : -1);
    rules.cycle = random() % 2 == 0;
    const named_state anchor{between(rules.minimum, rules.maximum), random() % 2 == 0,
                             random() % 3, random() % 3};
    auto at = anchor;
    for (std::uint64_t ahead = 0; ahead < 40; ++ahead) {
      const auto next = stepped(rules, at);
      const auto run = run_behind(rules, anchor, ahead);
      ASSERT_EQ(run.has_value(), next.has_value()) << round << " " << ahead;
      if (!next) break;
      ASSERT_TRUE(same(state_behind(rules, anchor, ahead), at)) << round << " " << ahead;
      ASSERT_EQ(run->number, next->last);
      ASSERT_EQ(run->epoch, next->epoch);
      ASSERT_EQ(run->cycles, next->cycles);
      // So many follow in one epoch, and then no more.
      auto last = *next;
      for (std::uint64_t more = 1; more < run->left; ++more) last = *stepped(rules, last);
      ASSERT_EQ(last.epoch, run->epoch);
      const auto beyond = stepped(rules, last);
      ASSERT_TRUE(!beyond || beyond->epoch == run->epoch + 1) << round << " " << ahead;
      at = *next;
    }
  }
}

TEST(NamedOrder, HoldsAtTheEndsOfItsNumbers) {
  named_rules all{limits::min(), 1, limits::min(), limits::max(), 1, true};
  const named_state start{limits::min(), false, 0, 0};
  EXPECT_EQ(run_behind(all, start, 0)->left, top + 1);
  EXPECT_EQ(run_behind(all, start, top)->number, -1);
  const named_state end{limits::max(), true, 0, 0};
  EXPECT_EQ(run_behind(all, end, 0)->number, limits::min());
  EXPECT_EQ(run_behind(all, end, top)->number, -1);
  EXPECT_EQ(run_behind(all, end, top)->epoch, 1u);
  all.increment = limits::min();
  EXPECT_EQ(run_behind(all, end, 0)->number, -1);
  EXPECT_EQ(run_behind(all, end, 1)->number, limits::max());
  // Epochs that are used up end it, and do not begin again at 0.
  const named_state old{limits::max(), true, ~std::uint64_t{0}, 0};
  all.increment = 1;
  EXPECT_FALSE(run_behind(all, old, 0));
}

// Ordinals that a crash skipped may lie behind the end. The state there must let no move back.
TEST(NamedOrder, StandsInTheLastEpochOnceTheyAreUsedUp) {
  constexpr auto last = ~std::uint64_t{0};
  named_rules round{1, 1, 1, 3, 1, true};
  const named_state anchor{3, true, last - 1, 7};
  EXPECT_TRUE(same(state_behind(round, anchor, 3), {3, true, last, 8}));
  EXPECT_FALSE(run_behind(round, anchor, 3));
  for (const std::uint64_t beyond : {std::uint64_t{4}, std::uint64_t{1} << 40, top}) {
    const auto ended = state_behind(round, anchor, beyond);
    EXPECT_EQ(ended.epoch, last) << beyond;
    EXPECT_EQ(ended.last, 3);
    EXPECT_TRUE(ended.called);
    EXPECT_FALSE(run_behind(round, ended, 0)) << beyond;
  }
  round.cycle = false;  // its epochs are not used up, its numbers are
  EXPECT_TRUE(same(state_behind(round, anchor, 4), anchor));
}

TEST(NamedOrder, IsRaisedToAFloorOnItsOwnGrid) {
  const named_rules rules{1, 10, 1, 95, 1, false};
  const named_state at{21, true, 0, 0};
  EXPECT_TRUE(same(raised_to(rules, at, 0), at));
  EXPECT_TRUE(same(raised_to(rules, at, 21), at));
  EXPECT_TRUE(same(raised_to(rules, at, 22), {31, false, 0, 0}));
  EXPECT_TRUE(same(raised_to(rules, at, 91), {91, false, 0, 0}));
  EXPECT_TRUE(same(raised_to(rules, at, 92), {91, true, 0, 0})) << "nothing is left";
  const named_rules down{1, -10, 1, 95, 1, false};
  EXPECT_TRUE(same(raised_to(down, at, 92), at));
}

}  // namespace
}  // namespace sequencer::detail
