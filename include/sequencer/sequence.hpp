// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace sequencer {

// A position in a total order. Positions run from 0 to `top`; the bit above `top` never belongs
// to a number, which lets the hot paths carry "not a number" in the same register.
using sequence = std::uint64_t;

inline constexpr sequence top = (sequence{1} << 63) - 1;

// Half-open run of positions [first, last); empty when both are equal.
struct range {
  sequence first = 0;
  sequence last = 0;

  constexpr bool empty() const noexcept { return first == last; }
  constexpr std::uint64_t size() const noexcept { return last - first; }
  constexpr bool contains(sequence s) const noexcept { return first <= s && s < last; }
  friend constexpr bool operator==(const range&, const range&) = default;
};

}  // namespace sequencer
