// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <sequencer/block_source.hpp>
#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/result.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

// Who refills a pool: one thread at a time, and the others wait for it. Also what is counted.
class alignas(interference_size) tier_desk {
 public:
  // True for the one who may refill, until end(). Threads: any. Progress: wait-free.
  bool begin() noexcept {
    // order: desk-taken <- desk-left: the pool as the last one left it
    return !busy() && !taken_.exchange(true, acquire);
  }

  void end() noexcept {
    // order: desk-left -> desk-taken: the pool as this one leaves it
    taken_.store(false, release);
    left_.wake();
  }

  // Waits until nobody refills: errc{}. Fails: unavailable when `until` is at_once, else timeout.
  errc await_end(wait::deadline until) noexcept {
    const auto how = wait::await(left_, [&] { return !busy(); }, [] { return false; }, until);
    if (how == wait::outcome::ready) return {};
    return until == wait::at_once ? errc::unavailable : errc::timeout;
  }

  // relaxed, all of these: figures, and a debt that decides only when a pool is given up.
  void count_refill() noexcept {
    refills_.fetch_add(1, relaxed);  // relaxed: as above
    passed_.store(0, relaxed);       // relaxed: as above
  }
  // Numbers that handles were given past the pool since it was refilled, these included.
  std::uint64_t count_pass(std::uint64_t n) noexcept {
    passes_.fetch_add(1, relaxed);             // relaxed: as above
    return passed_.fetch_add(n, relaxed) + n;  // relaxed: as above
  }
  void count_given_up(std::uint64_t n) noexcept {
    given_up_.fetch_add(n, relaxed);  // relaxed: as above
  }
  std::uint64_t refills() const noexcept {
    return refills_.load(relaxed);  // relaxed: as above
  }
  std::uint64_t passes() const noexcept {
    return passes_.load(relaxed);  // relaxed: as above
  }
  std::uint64_t given_up() const noexcept {
    return given_up_.load(relaxed);  // relaxed: as above
  }

 private:
  bool busy() const noexcept {
    // relaxed: the exchange decides; a waiter looks again after end() woke it.
    return taken_.load(relaxed);
  }

  atomic<bool> taken_{false};
  wait::park left_;
  atomic<std::uint64_t> refills_{0};
  atomic<std::uint64_t> passes_{0};
  atomic<std::uint64_t> passed_{0};
  atomic<std::uint64_t> given_up_{0};
};

// What a pool answers to who wants numbers.
struct tier_offer {
  enum class kind : std::uint8_t {
    granted,
    empty,  // to be refilled
    unfit,  // what it has lies below the floor, or is too little: go past it
  };
  kind how = kind::empty;
  block numbers{};
};

// One block that the threads of a domain, or the domains of a node, take their blocks from.
//
// Invariants. [next, last) belongs to the pool, and what is below `next` in the block was handed
// out. The blocks of one pool rise: fill() refuses one that begins below the end of any earlier
// one. So a value of `next` below `last` names its block for ever, and an exchange of `next` that
// succeeds proves that no refill came between what was read and the exchange: the end, the epoch
// and the lineage that were read are those of this block.
//
// Order, towards the taker: fill() stores `next` before `last`. Who reads the new `last` therefore
// finds the new `next` in its exchange, and fails with an old one; who reads an old `last` finds
// `next` at or above it and calls the pool empty. Towards the filler: a take releases, and
// drained() acquires, so what a taker read was read before the next block's words are written.
class alignas(interference_size) tier_pool {
 public:
  tier_pool(std::uint64_t size, std::uint32_t asks_as, tier_pool* above) noexcept
      : block(size), holder(asks_as), up(above) {}

  // Takes at most `want` numbers. Threads: any. Progress: lock-free.
  tier_offer take(const block_request& asked) noexcept {
    if (asked.min > block) return {tier_offer::kind::unfit};
    for (;;) {
      // relaxed: the exchange below decides.
      auto first = next_.load(relaxed);
      // order: pool-seen <- pool-filled: the block's first number, epoch and lineage
      const auto last = last_.load(acquire);
      if (first >= last) return {tier_offer::kind::empty};
      if (first < asked.floor || last - first < asked.min) return {tier_offer::kind::unfit};
      const auto beyond = first + std::min(asked.want, last - first);
      // relaxed, these: of the block that `first` names, if the exchange succeeds.
      const tier_offer made{tier_offer::kind::granted,
                            {{first, beyond}, epoch_.load(relaxed), lineage_.load(relaxed)}};
      // order: pool-taken -> pool-drained: that the words of its block were read
      if (next_.compare_exchange_weak(first, beyond, release, relaxed)) return made;
    }  // relaxed: tried again
  }

  // ---- by who has begun at the desk

  // Whether there is nothing left: then, and only then, it may be filled.
  bool drained() const noexcept {
    // order: pool-drained <- pool-taken: that the words of its block were read
    const auto next = next_.load(acquire);
    // relaxed: written at the desk only.
    return next >= last_.load(relaxed);
  }

  // The first `n` numbers of a block are the caller's, the rest is the pool's. False, with nothing
  // changed, for a block that lies below an earlier one.
  bool fill(const sequencer::block& granted, std::uint64_t n) noexcept {
    if (granted.numbers.first < beyond()) return false;
    first_ = granted.numbers.first;
    // relaxed, these: shown by the store of `last_`.
    next_.store(granted.numbers.first + n, relaxed);
    epoch_.store(granted.epoch, relaxed);      // relaxed: as above
    lineage_.store(granted.lineage, relaxed);  // relaxed: as above
    // order: pool-filled -> pool-seen: the block's first number, epoch and lineage
    last_.store(granted.numbers.last, release);
    return true;
  }

  // A tail comes back, if nothing above it in this block was handed out since.
  bool put_back(range tail) noexcept {
    if (tail.first < first_ || tail.last > beyond()) return false;
    auto on_top = tail.last;
    // relaxed: as in a source, a number shows nothing of who had it.
    return next_.compare_exchange_strong(on_top, tail.first, relaxed, relaxed);
  }

  // Takes all that is left.
  range take_all() noexcept {
    // relaxed: drained() comes before the next fill().
    return {next_.exchange(beyond(), relaxed), beyond()};
  }

  // Of the block that is left.
  std::uint64_t epoch() const noexcept {
    // relaxed: written at the desk only.
    return epoch_.load(relaxed);
  }

  // ---- by anybody

  // Where the pool's newest block ends: below it nothing is filled any more.
  sequence beyond() const noexcept {
    // relaxed: exact at the desk, a hint elsewhere.
    return last_.load(relaxed);
  }
  // What is left, as far as one can tell.
  range left() const noexcept {
    // relaxed: a hint.
    const auto next = next_.load(relaxed);
    return {std::min(next, beyond()), beyond()};
  }

  const std::uint64_t block;
  const std::uint32_t holder;  // as which it asks the source
  tier_pool* const up;         // refills this one; none: the source does

 private:
  atomic<sequence> next_{0};
  atomic<sequence> last_{0};
  atomic<std::uint64_t> epoch_{0};
  atomic<std::uint64_t> lineage_{0};
  plain<sequence> first_{0};

 public:
  tier_desk desk;
};

static_assert(sizeof(tier_desk) == interference_size);
static_assert(sizeof(tier_pool) == 2 * interference_size);

}  // namespace sequencer::detail
