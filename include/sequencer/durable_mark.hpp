// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/mark_store.hpp>
#include <sequencer/result.hpp>

namespace sequencer {

namespace detail {
class checkpoint_state;
struct open_mark;
}  // namespace detail

struct mark_options {
  bool create = false;      // make it where missing
  std::uint64_t start = 0;  // what load() finds in one that was just made
};

// One number of a checkpoint that can be set, also to a lower one: a mark_store. It is written to
// both copies of its page before store() returns, so that no single copy that rots brings back
// another number. A handle; copies name the same mark. It may outlive the checkpoint object.
class durable_mark {
 public:
  // The number of the last store() that succeeded, or that the file had.
  // Threads: any; in a forked child what it was at the fork. Progress: wait-free.
  // Order: sees what store() was called after.
  std::uint64_t load() const noexcept {
    // order: durable-mark-seen <- durable-mark-stored: what its writer did before
    return number_->load(detail::acquire);
  }

  // Returns when the number is on stable storage, twice. After a failure the file may have either.
  // Threads: any, one after another. Progress: two syncs.
  // Fails: invalid above top; closed (also in a forked child); io and fenced after the file failed
  // or was replaced.
  result<std::uint64_t> store(std::uint64_t number) noexcept;

 private:
  friend class detail::checkpoint_state;

  durable_mark() = default;

  std::shared_ptr<detail::checkpoint_state> state_;
  detail::open_mark* mark_ = nullptr;
  const detail::atomic<std::uint64_t>* number_ = nullptr;
};

static_assert(mark_store<durable_mark>);

}  // namespace sequencer
