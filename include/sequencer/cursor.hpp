// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// "Everything below me is done": one writer, any number of readers. Exclusive, starts at `start`
// (LMAX's cursor + 1).
//
// Invariant: never decreases. The writer's release store is read by an acquire load, so whatever
// the writer did before advance_to(s) is visible to a reader that saw s or more.
class alignas(interference_size) cursor {
 public:
  explicit cursor(sequence start = 0) noexcept : position_(start) {}
  cursor(const cursor&) = delete;
  cursor& operator=(const cursor&) = delete;

  // First position not yet done.
  // Threads: any. Progress: wait-free.
  sequence position() const noexcept {
    // order: cursor-seen <- cursor-advanced: all that was done below the position
    return position_.load(detail::acquire);
  }

  // Declares everything below `s` done; `s` is not below the current position.
  // Threads: the one writer. Progress: wait-free.
  void advance_to(sequence s) noexcept {
    // order: cursor-advanced -> cursor-seen: all that was done below the position
    position_.store(s, detail::release);
  }

 private:
  detail::atomic<sequence> position_;
};

static_assert(sizeof(cursor) == interference_size);

}  // namespace sequencer
