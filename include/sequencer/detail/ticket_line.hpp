// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer::detail {

// The counter of a strict sequence. Where it lives decides what survives: in a live region it is
// shared memory that outlives the process.
//
// `next` is where the next number comes from; bit 63 set means closed, or counted past `top`.
// `limit` repeats the mark under which numbers may have left, so that the lesser of the two is the
// exact next number after the process died at any instruction: numbers at or above the limit were
// taken but never left.
struct alignas(interference_size) ticket_line {
  atomic<sequence> next{0};
  alignas(interference_size) atomic<sequence> limit{0};
  // Beside the limit, on the keeper's line: figures for onlookers, and block mode's note of the
  // block that is being handed over (see src/checkpoint/block_intent.hpp).
  atomic<std::uint64_t> id{0};      // of the record that this line belongs to; stored last
  atomic<std::uint64_t> waits{0};   // callers that found the keeper late
  atomic<std::uint64_t> rate{0};    // numbers a second over the last reservation
  atomic<std::uint64_t> window{0};  // reservation in force
  atomic<std::uint64_t> intent{0};
  atomic<sequence> intent_first{0};
  atomic<sequence> intent_last{0};
  atomic<sequence> since{0};  // the line was first used for its id at this number

  // The exact next number from both words. `known`: some position that was reached for certain; a
  // closed counter is not below it, one that was counted past `top` by refused calls is.
  static constexpr sequence exact(sequence next, sequence limit, sequence known) noexcept {
    const auto bare = next & top;
    if (next > top && bare < known) return limit;
    return bare < limit ? bare : limit;
  }
};

// What callers read before they touch the counter: lives in memory that is zero in a forked child.
struct alignas(interference_size) limit_line {
  atomic<std::uint64_t> alive{0};  // 0: forked child, or closed
  atomic<sequence> soft{0};        // below: leave at once. At most `hard`
  atomic<sequence> hard{0};        // below: durable
};

static_assert(sizeof(ticket_line) == 2 * interference_size);
static_assert(sizeof(limit_line) == interference_size);

}  // namespace sequencer::detail
