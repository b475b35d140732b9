// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <sequencer/cpu.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer::detail {

// Asks for the lines that a run of events will be written to, before their stores come to them.
// Stores leave in order, and the store buffer holds those of some ten larger events; where lines
// are far that is too few on their way. Where they are near it does harm: consumers have them back
// by then. Smaller events need no help; of larger ones it was not tried.
template <class Places>
class asking_ahead {
 public:
  static constexpr std::size_t slot_bytes =
      sizeof(std::remove_reference_t<decltype(std::declval<const Places&>()[sequence{}])>);
  static constexpr bool helps = slot_bytes > 32 && slot_bytes <= 128;
  // Slots: 1,280 bytes. With half of that little is gained, with twice as many no more.
  static constexpr std::uint64_t distance = std::max<std::uint64_t>(1, 1280 / slot_bytes);

  // Slots below `free` are the producer's to write; 0, it asks for nothing.
  asking_ahead(const Places& at, sequence free) noexcept : at_(at), free_(free) {}

  // Of a part of a run within a lap. Returns up to where to publish before this is called again.
  sequence before(range part) const noexcept {
    if (!helps || free_ == 0) return part.last;
    const auto stop = std::min(part.last, part.first + distance);
    for (auto s = part.first + distance; s != stop + distance && s < free_; ++s) {
      const auto* slot = reinterpret_cast<const std::byte*>(&at_[s]);
      cpu::prefetch_for_write(slot);
      if constexpr (slot_bytes > 64) cpu::prefetch_for_write(slot + slot_bytes - 1);
    }
    return stop;
  }

 private:
  const Places& at_;
  const sequence free_;
};

}  // namespace sequencer::detail
