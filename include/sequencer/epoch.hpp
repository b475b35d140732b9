// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/mark_store.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// The epoch of an owner: a number that grows at each change of owner and is durable before it is
// used, so that no two owners ever have the same one. Its number is the owner's fencing token (see
// fence.hpp) and the upper half of what he issues (see epoch_sequence.hpp).
//
// The mark belongs to one process at a time, as a checkpoint does; who may begin an epoch is
// decided elsewhere (a lock, an election).
template <mark_store Mark>
class epoch {
 public:
  explicit epoch(Mark& mark) noexcept : mark_(&mark) {}
  epoch(const epoch&) = delete;
  epoch& operator=(const epoch&) = delete;

  // Begins an epoch above every earlier one, and above `seen`, one that was heard of elsewhere. It
  // is durable when it is returned. One that could not be stored is skipped: nobody uses it.
  // Threads: one at a time. Progress: as the mark's store().
  // Order: greater than whatever any earlier owner of the mark began.
  // Fails: exhausted, there is none above `seen` or the mark; fenced, the mark went back below an
  // epoch begun here, it is an older copy; else what the store failed with. Then the epoch of
  // before is still the current one.
  result<sequence> begin(std::uint64_t seen = 0) noexcept {
    const std::uint64_t found = mark_->load();
    // relaxed: written by this call only
    if (found < current_.load(detail::relaxed)) return errc::fenced;
    const auto below = std::max({found, seen, tried_});
    if (below >= top) return errc::exhausted;
    tried_ = below + 1;
    if (const auto stored = mark_->store(tried_); !stored) return stored.code();
    // order: epoch-begun -> epoch-seen: that it is durable
    current_.store(tried_, detail::release);
    return tried_;
  }

  // The epoch that was begun last; 0 before the first.
  // Threads: any. Progress: wait-free. Order: who sees it sees what was done before it was begun.
  // A child of fork inherits the epoch without the right to it: it must not write under it.
  std::uint64_t current() const noexcept {
    // order: epoch-seen <- epoch-begun: that it is durable
    return current_.load(detail::acquire);
  }

 private:
  Mark* mark_;
  std::uint64_t tried_ = 0;
  detail::atomic<std::uint64_t> current_{0};
};

}  // namespace sequencer
