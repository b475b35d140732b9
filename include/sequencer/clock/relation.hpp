// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sequencer/detail/counts.hpp>

namespace sequencer::clock {

// How the left one of two clocks, or of the events that they stand for, lies to the right one.
// concurrent: neither had heard of the other; also where a pruned clock cannot tell.
enum class relation : std::uint8_t { equal, before, after, concurrent };

constexpr relation reversed(relation of) noexcept {
  if (of == relation::before) return relation::after;
  return of == relation::after ? relation::before : of;
}

// Of two clocks that are partially ordered by a <= b, from both answers.
constexpr relation relation_of(bool at_most, bool at_least) noexcept {
  if (at_most) return at_least ? relation::equal : relation::before;
  return at_least ? relation::after : relation::concurrent;
}

constexpr relation relation_of(detail::excess found) noexcept {
  return relation_of(found.left >> 63 == 0, found.right >> 63 == 0);
}

}  // namespace sequencer::clock
