// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/membership.hpp>
#include <sequencer/partitioned.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// Where a member begins in a partition that has no committed offset, or one that is no longer (or
// not yet) in the log: Kafka's auto.offset.reset.
enum class offset_reset : std::uint8_t { earliest, latest, refuse };

namespace detail {

// One partition of a group. owner, generation and leaving change under the group's lock and this
// one, so either is enough to read them; the rest is under this one, but `committed`.
struct alignas(interference_size) group_share {
  mutex guard;
  std::uint64_t owner = 0;  // a member's id; 0: nobody
  std::uint64_t generation = 0;
  bool leaving = false;  // its owner is to give it up
  bool placed = false;   // position says where its owner goes on
  sequence position = 0;
  atomic<std::uint64_t> committed{0};  // plus 1; 0: nothing is

  // What was committed, and none is 0.
  std::uint64_t kept() const noexcept {
    // order: offset-seen <- offset-committed: what was done before the commit
    return committed.load(acquire);
  }
  void keep(std::uint64_t word) noexcept {
    // order: offset-committed -> offset-seen: what was done before the commit
    committed.store(word, release);
  }

  bool belongs_to(membership who) const noexcept {
    return who.id != 0 && owner == who.id && generation == who.generation;
  }

  // Settles where the owner goes on; false where nobody says.
  bool place(const partition_marks& marks, offset_reset reset) noexcept {
    if (!placed && kept() != 0) {
      position = kept() - 1;
      placed = true;
    }
    if (placed && position >= marks.log_start && position <= marks.log_end) return true;
    if (reset == offset_reset::refuse) return false;
    position = reset == offset_reset::latest ? marks.high_water : marks.log_start;
    return placed = true;
  }

  // The next offsets that may be read, at most so many; the owner is placed.
  range advance(sequence high_water, std::uint64_t most) noexcept {
    const auto first = position;
    if (position < high_water) position += std::min(most, high_water - position);
    return {first, position};
  }

  // Nobody's, until a generation gives it to somebody.
  void free() noexcept {
    owner = 0;
    leaving = false;
  }
};
static_assert(sizeof(group_share) == interference_size);

}  // namespace detail

}  // namespace sequencer
