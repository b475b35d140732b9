// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "named_order.hpp"

#include <algorithm>
#include <limits>

namespace sequencer::detail {

namespace {

using limits = std::numeric_limits<std::int64_t>;

constexpr auto all_ones = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t most_left = top + 1;
constexpr std::uint64_t largest_cache = std::uint64_t{1} << 32;

std::uint64_t bits(std::int64_t number) { return static_cast<std::uint64_t>(number); }

// `steps` increments from `from`, which the bounds allow; differences wrap, so no sum overflows.
std::int64_t number_at(const named_rules& rules, std::int64_t from, std::uint64_t steps) {
  return static_cast<std::int64_t>(bits(from) + steps * bits(rules.increment));
}

// How many increments fit between `from` and the bound.
std::uint64_t room_behind(const named_rules& rules, std::int64_t from) {
  const auto way = rules.ascends() ? bits(rules.maximum) - bits(from)
                                   : bits(from) - bits(rules.minimum);
  return way / rules.step();
}

std::uint64_t left_of(std::uint64_t room, std::uint64_t at) {
  return std::min(room - at, most_left - 1) + 1;
}

// One time round behind another: `ahead` numbers after the bound was reached.
std::optional<named_run> run_of_cycle(const named_rules& rules, const named_state& anchor,
                                      std::uint64_t ahead) {
  const auto from = rules.ascends() ? rules.minimum : rules.maximum;
  const auto room = room_behind(rules, from);
  const bool once = room == all_ones;  // a round has 2^64 numbers
  const auto rounds = 1 + (once ? 0 : ahead / (room + 1));
  const auto at = once ? ahead : ahead % (room + 1);
  if (rounds > all_ones - anchor.epoch) return std::nullopt;
  return named_run{number_at(rules, from, at), left_of(room, at), anchor.epoch + rounds,
                   anchor.cycles + rounds};
}

}  // namespace

std::optional<named_run> run_behind(const named_rules& rules, const named_state& anchor,
                                    std::uint64_t ahead) noexcept {
  const auto room = room_behind(rules, anchor.last);
  const std::uint64_t passed = anchor.called ? 1 : 0;
  const bool before_bound = anchor.called ? ahead < room : ahead <= room;
  if (before_bound) {
    const auto at = ahead + passed;
    return named_run{number_at(rules, anchor.last, at), left_of(room, at), anchor.epoch,
                     anchor.cycles};
  }
  if (!rules.cycle) return std::nullopt;
  return run_of_cycle(rules, anchor, anchor.called ? ahead - room : ahead - room - 1);
}

named_state state_behind(const named_rules& rules, const named_state& anchor,
                         std::uint64_t taken) noexcept {
  if (taken == 0) return anchor;
  if (const auto last = run_behind(rules, anchor, taken - 1)) {
    return {last->number, true, last->epoch, last->cycles};
  }
  auto ended = anchor;
  ended.last = number_at(rules, anchor.last, room_behind(rules, anchor.last));
  ended.called = true;
  if (rules.cycle) ended.epoch = ~std::uint64_t{0};  // they are used up, and no move may go back
  return ended;
}

bool goes_back(const named_rules& rules, const named_state& from, const named_rules& next,
               const named_state& to) noexcept {
  if (rules.ascends() != next.ascends()) return true;
  if (to.last == from.last) return from.called && !to.called;
  return (to.last < from.last) == rules.ascends();
}

named_state raised_to(const named_rules& rules, named_state from, sequence floor) noexcept {
  const bool above = from.last >= static_cast<std::int64_t>(floor);
  if (floor == 0 || !rules.ascends() || above) return from;
  const auto way = floor - bits(from.last);
  const auto steps = way / rules.step() + (way % rules.step() == 0 ? 0 : 1);
  const auto room = room_behind(rules, from.last);
  from.called = steps > room;
  from.last = number_at(rules, from.last, std::min(steps, room));
  return from;
}

namespace {

std::string text(std::int64_t number) { return std::to_string(number); }

// As PostgreSQL's: what is named, else what is there, else the default of the direction.
void apply_bounds(const named_options& asked, bool creates, named_rules& to) {
  if (asked.maximum) {
    to.maximum = *asked.maximum;
  } else if (creates || asked.no_maximum) {
    to.maximum = to.ascends() ? limits::max() : -1;
  }
  if (asked.minimum) {
    to.minimum = *asked.minimum;
  } else if (creates || asked.no_minimum) {
    to.minimum = to.ascends() ? 1 : limits::min();
  }
}

std::string fault_of(const named_rules& rules) {
  if (rules.minimum >= rules.maximum) {
    return "minimum " + text(rules.minimum) + " is not below maximum " + text(rules.maximum);
  }
  if (rules.start < rules.minimum || rules.start > rules.maximum) {
    return "start " + text(rules.start) + " is not within " + text(rules.minimum) + " .. " +
           text(rules.maximum);
  }
  if (rules.cache == 0 || rules.cache > largest_cache) {
    return "cache " + std::to_string(rules.cache) + " is not within 1 .. 2^32";
  }
  return "";
}

}  // namespace

std::string apply(const named_options& asked, const named_rules* there, named_rules& to) {
  const bool creates = there == nullptr;
  to = creates ? named_rules{} : *there;
  if ((asked.minimum && asked.no_minimum) || (asked.maximum && asked.no_maximum)) {
    return "a bound is named and refused at once; leave one of the two";
  }
  if (asked.increment) to.increment = *asked.increment;
  if (to.increment == 0) return "increment 0 would repeat one number for ever; choose another";
  if (asked.cycle) to.cycle = *asked.cycle;
  apply_bounds(asked, creates, to);
  if (asked.start) {
    to.start = *asked.start;
  } else if (creates) {
    to.start = to.ascends() ? to.minimum : to.maximum;
  }
  if (asked.cache) to.cache = *asked.cache;
  return fault_of(to);
}

std::string fault_of(const named_rules& rules, const named_state& at) {
  if (at.last >= rules.minimum && at.last <= rules.maximum) return "";
  return "its number " + text(at.last) + " is not within " + text(rules.minimum) + " .. " +
         text(rules.maximum) + "; restart it at one that is";
}

}  // namespace sequencer::detail
