// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/mark_store.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// What stands before a resource and refuses owners who are late: a lock alone cannot, because its
// holder may be paused past the end of his right and write when the next one has begun. Each owner
// has a token, greater than that of every owner before him (an epoch), and sends it with each
// write. (Burrows, "The Chubby lock service", 2006, where it is a sequencer; Kleppmann, "How to do
// distributed locking", 2016.)
//
// Equal tokens are taken for one owner: that no two owners share one is the duty of who gives them
// out. The check and the write are two steps: make both in the resource's own critical section, or
// on the one thread that writes; a check that is made earlier lets a newer owner write in between.
class alignas(interference_size) fence {
 public:
  // Refuses tokens below `highest`.
  explicit fence(sequence highest = 0) noexcept : highest_(highest) {
    if (highest > top) detail::stop("a token is 2^63 - 1 or below");
  }
  fence(const fence&) = delete;
  fence& operator=(const fence&) = delete;

  // Lets in a token that is the highest seen or above; the lower ones are refused from then on.
  // Threads: any. Progress: lock-free; one load, and an exchange where the token is new.
  // Order: linearizable. Whoever sees the token, let in or refused, sees what was done before it
  // was first shown.
  // Fails: fenced, a higher token was seen; invalid, above top.
  result<sequence> admit(sequence token) noexcept {
    if (token > top) return errc::invalid;
    // order: fence-seen <- fence-raised: what the newer owner did before
    auto highest = highest_.load(detail::acquire);
    if (highest == token) return token;
    while (highest < token) {
      // order: fence-raised <-> fence-seen, fence-raised: what both owners did before
      if (highest_.compare_exchange_weak(highest, token, detail::acq_rel, detail::acquire)) {
        return token;
      }
    }
    if (highest == token) return token;
    return errc::fenced;
  }

  // The highest token seen; it may be higher when it returns.
  // Threads: any. Progress: wait-free. Order: sees what was done before that token was shown.
  sequence highest() const noexcept {
    // order: fence-seen <- fence-raised: what the newer owner did before
    return highest_.load(detail::acquire);
  }

 private:
  detail::atomic<sequence> highest_;
};

static_assert(sizeof(fence) == interference_size);

// One process has the resource: what a child of fork lets in does not look at what its parent has
// refused since.
//
// A fence that a restart does not lower: a higher token is durable before its first write is let
// in. What was found in the mark is written once more before anything is let in under it: it may
// lie in the cache of a process that died before its sync.
template <mark_store Mark>
class alignas(interference_size) durable_fence {
 public:
  // Refuses tokens below what the mark holds. The mark belongs to this fence alone.
  explicit durable_fence(Mark& mark) noexcept : mark_(&mark), highest_(mark.load()) {
    if (highest_ > top) detail::stop("the mark of a fence is 2^63 - 1 or below");
  }
  durable_fence(const durable_fence&) = delete;
  durable_fence& operator=(const durable_fence&) = delete;

  // Lets in a token that is the highest seen or above; the lower ones are refused from then on,
  // also after a restart. While a higher one is being stored the present one is still let in.
  // Threads: any. Progress: wait-free, one load, for the owner's token once it was let in, and for
  // refusals below it; a new token waits for the mark's store(), one at a time.
  // Order: as fence::admit().
  // Fails: fenced, a higher token was let in; invalid, above top; else what the store failed with:
  // nothing is let in, and the token may be shown again.
  result<sequence> admit(sequence token) noexcept {
    if (token > top) return errc::invalid;
    // order: fence-open-seen <- fence-opened: that the token is durable, and what its owner did
    const auto open = open_.load(detail::acquire);
    if (open == token) return token;
    if (open != none && token < open) return errc::fenced;
    return raise(token);
  }

  // The highest token let in, or found in the mark.
  // Threads: any. Progress: blocks while a token is being stored.
  sequence highest() const noexcept {
    const std::lock_guard held(raising_);
    return highest_;
  }

 private:
  static constexpr std::uint64_t none = top + 1;

  result<sequence> raise(sequence token) noexcept {
    const std::lock_guard held(raising_);
    if (token < highest_) return errc::fenced;
    // relaxed: written under this lock only
    if (open_.load(detail::relaxed) == token) return token;
    if (const auto stored = mark_->store(token); !stored) return stored.code();
    highest_ = token;
    // order: fence-opened -> fence-open-seen: that the token is durable, and what its owner did
    open_.store(token, detail::release);
    return token;
  }

  Mark* mark_;
  detail::atomic<std::uint64_t> open_{none};  // the token that is let in, durable
  mutable detail::mutex raising_;
  sequence highest_;
};

}  // namespace sequencer
