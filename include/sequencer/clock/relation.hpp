// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sequencer/detail/counts.hpp>

namespace sequencer::clock {

// How the left one of two clocks, or of the events that they stand for, lies to the right one.
// concurrent: neither had heard of the other; also where a pruned clock cannot tell.
// The low bit says that the right one has something that the left one has not, the high bit the
// reverse: an answer is put together without a branch.
enum class relation : std::uint8_t { equal = 0, before = 1, after = 2, concurrent = 3 };

constexpr relation reversed(relation of) noexcept {
  if (of == relation::before) return relation::after;
  return of == relation::after ? relation::before : of;
}

// Of two clocks that are partially ordered by a <= b, from both answers.
constexpr relation relation_of(bool at_most, bool at_least) noexcept {
  return static_cast<relation>((at_most ? 0 : 2) | (at_least ? 0 : 1));
}

constexpr relation relation_of(detail::excess found) noexcept {
  return static_cast<relation>(found.left >> 63 << 1 | found.right >> 63);
}

}  // namespace sequencer::clock
