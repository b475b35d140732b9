// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace sequencer::detail {

// The word beside a block sequence's counter that says which hand-over is under way: a block moves
// between counter and holder line by several stores, and a kill between them must not lose it.
// Zero: none. The range is stored before the word is set.
struct block_intent {
  enum kind_of : std::uint64_t { none = 0, take = 1, give_back = 2 };

  kind_of kind = none;
  std::size_t holder = 0;  // index of the holder line

  constexpr bool under_way() const noexcept { return kind != none; }
  constexpr std::uint64_t encode() const noexcept { return holder << 2 | kind; }
  static constexpr block_intent decode(std::uint64_t word) noexcept {
    return {static_cast<kind_of>(word & 3), static_cast<std::size_t>(word >> 2)};
  }
};

}  // namespace sequencer::detail
