// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <sequencer/claim.hpp>
#include <sequencer/detail/asking_ahead.hpp>
#include <sequencer/detail/owner_thread.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/slots.hpp>
#include <sequencer/wait.hpp>

namespace sequencer {

template <class Event, class Producers, std::size_t Capacity>
class ring;

// A thread's right to publish into a ring.
//
// Threads: one at a time; a producer that moves goes to another thread with the move. In debug
// builds a second thread on the producer of producers::one stops the process.
template <class Ring, wait::strategy How>
class producer {
 public:
  using ring_type = Ring;
  using event_type = typename Ring::event_type;
  using claim_type = sequencer::claim<Ring>;

  producer(producer&& other) noexcept
      : of_(std::exchange(other.of_, nullptr)), at_(other.at_), mine_(other.mine_) {}
  producer& operator=(producer&&) = delete;
  ~producer() {
    if (of_ == nullptr) return;
    of_->claims_.end(mine_);
    of_->wake_all();
  }

  // Fills the next event and publishes it. A filler that returns false publishes a skip instead,
  // as one does that throws.
  // Progress: waits when the ring is full: for consumers, and for open claims, its own included.
  // With producers::many and traced it has claimed by then, and of all ends only halt() ends that.
  // Returns the event's position.
  // Fails: closed; exhausted, at the end of all positions, which closes the ring.
  // Inline whatever the compiler thinks of its size: a call saves and restores six registers, and
  // with -O2 that was four fifths of what an event took.
  template <class Fill>
  [[gnu::always_inline]] result<sequence> publish(Fill&& fill) {
    const auto got = take(1, wait::never);
    if (!got) [[unlikely]] return got.code();
    claim_type mine(*of_, at_, *got);
    auto& here = slot_of(got->first);
    if (filled(fill, here.event)) mine.publish_only(here.word);
    return got->first;
  }

  // The same for n events in one go, fill(event, i), 1 <= n <= capacity; each is readable once it
  // is filled, which is faster than filling a claim and publishing it; who sleeps is woken at the
  // end.
  // Returns the range. Fails: as publish(); invalid, n out of bounds.
  template <class Fill>
  [[gnu::always_inline]] result<range> publish(std::uint64_t n, Fill&& fill) {
    if (n - 1 >= of_->capacity()) return errc::invalid;
    const run running(*of_);
    const auto got = take(n, wait::never);
    if (!got) [[unlikely]] return got.code();
    claim_type mine(*of_, at_, *got);
    const auto at = at_;
    const auto ahead = ahead_of(*got);
    for (auto s = got->first; s != got->last;) {
      const auto stop = ahead.before({s, std::min(got->last, at.lap_end(s))});
      for (auto* here = &at[s]; s != stop; ++here) {
        const bool full = filled(fill, here->event, s - got->first);
        mine.settle_first(here->word, full ? stamp::published(s) : stamp::skipped(s));
        ++s;
      }
    }
    mine.forget();
    return *got;
  }

  // Owns the next n slots, 1 <= n <= capacity, waiting up to `until` as publish() does. Nobody gets
  // a slot whose last claim is still open: who goes round with a claim in hand waits for himself.
  // Fails: timeout; closed; exhausted; invalid, n out of bounds.
  claim_type claim_until(std::uint64_t n, wait::deadline until) noexcept {
    return granted(n, until);
  }
  claim_type claim(std::uint64_t n = 1) noexcept { return granted(n, wait::never); }
  // Does not wait. Fails: unavailable, and missing() says how many slots were not free; and as
  // claim().
  claim_type try_claim(std::uint64_t n = 1) noexcept { return granted(n, wait::at_once); }
  // As many of n slots as are free, at least one. Fails: as try_claim().
  claim_type try_claim_up_to(std::uint64_t n) noexcept {
    for (;;) {
      const auto can = of_->claims_.claimable(mine_, n, of_->around_);
      auto got = try_claim(std::max<std::uint64_t>(can, std::min<std::uint64_t>(n, 1)));
      // Slots that another producer took in between.
      if (got || got.code() != errc::unavailable || can == 0) return got;
    }
  }

 private:
  // However a run ends, who waits for it is woken when it is over.
  class run {
   public:
    explicit run(ring_type& of) noexcept : of_(of), before_(of.claims_.begin_run()) {}
    ~run() {
      of_.claims_.end_run(before_);
      of_.ring_settled();
    }
    run(const run&) = delete;
    run& operator=(const run&) = delete;

   private:
    ring_type& of_;
    const bool before_;
  };

  template <class, class, std::size_t>
  friend class ring;
  using ticket = typename Ring::producers_type::ticket;

  producer(ring_type& of, ticket mine) noexcept
      : of_(&of), at_(of.places_of_slots()), mine_(mine) {}

  // Never a call, and so the engine's take(): see bell::ring().
  [[gnu::always_inline]] result<range> take(std::uint64_t n, wait::deadline until) noexcept {
    if constexpr (Ring::producers_type::single) owner_.check();
    auto& claims = of_->claims_;
    const auto got = claims.template take<How>(mine_, n, at_, of_->around_, until);
    // A single producer that learns of the end is the one who says where it is.
    if (!got && !is_full(got.code())) [[unlikely]] of_->wake_all();
    return got;
  }

  // Of a run: which slots it may ask for ahead of its stores.
  using asking = detail::asking_ahead<typename Ring::places>;
  asking ahead_of(range got) const noexcept {
    // relaxed: a hint. Not even looked at where it would not be taken.
    if (!asking::helps || of_->far_readers_.load(detail::relaxed) == 0) return {at_, 0};
    if constexpr (Ring::producers_type::single) return {at_, mine_.free};
    return {at_, got.last};
  }

  static bool is_full(errc why) noexcept {
    return why == errc::unavailable || why == errc::timeout;
  }

  // Of the last claim's first position.
  slot<event_type>& slot_of(sequence s) const noexcept {
    if constexpr (Ring::producers_type::single) return Ring::places::in_lap(mine_.lap, s);
    return at_[s];
  }

  template <class Fill, class... Place>
  static bool filled(Fill& fill, event_type& event, Place... place) {
    if constexpr (std::is_same_v<std::invoke_result_t<Fill&, event_type&, Place...>, bool>) {
      return fill(event, place...);
    } else {
      fill(event, place...);
      return true;
    }
  }

  claim_type granted(std::uint64_t n, wait::deadline until) noexcept {
    if (n - 1 >= of_->capacity()) return {errc::invalid, 0};
    const auto got = take(n, until);
    if (got) return {*of_, at_, *got};
    if (!is_full(got.code())) return {got.code(), 0};
    const auto free = of_->claims_.free(mine_, of_->around_);
    return {got.code(), free < n ? n - free : 0};
  }

  ring_type* of_;
  typename Ring::places at_;
  ticket mine_;
  [[no_unique_address]] detail::owner_thread owner_;
};

}  // namespace sequencer
