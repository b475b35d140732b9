// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/slots.hpp>
#include <sequencer/wait.hpp>

namespace sequencer {

template <class Ring, wait::strategy How>
class producer;

// Slots that a producer owns until it publishes them. Ends as a skip of what was not published.
//
// Threads: the producer's own; one that moves goes to another thread with the move, save of a ring
// whose producers are traced. Publishing a later claim never shows an earlier one.
template <class Ring>
class [[nodiscard]] claim {
 public:
  using event_type = typename Ring::event_type;

  claim(claim&& other) noexcept
      : of_(std::exchange(other.of_, nullptr)),
        at_(other.at_),
        range_(other.range_),
        why_(other.why_),
        missing_(other.missing_) {}
  claim& operator=(claim&&) = delete;
  ~claim() { abort(); }

  explicit operator bool() const noexcept { return of_ != nullptr; }
  // Why it was not granted; a claim that was not granted leaves no sequence behind, except where
  // that ended the ring.
  errc code() const noexcept { return why_; }
  // Slots that were not free; 0 where that was not the reason.
  std::uint64_t missing() const noexcept { return missing_; }

  const range& positions() const noexcept { return range_; }
  std::uint64_t size() const noexcept { return of_ == nullptr ? 0 : range_.size(); }
  // The i-th event, i < size().
  event_type& operator[](std::uint64_t i) const noexcept { return at_[range_.first + i].event; }

  // Makes all of it readable, the last slot first, so that who polls the first finds the rest.
  void publish() && noexcept {
    if (of_ != nullptr) settle(stamp::published);
  }
  // Makes all of it something that consumers step over.
  void abort() noexcept {
    if (of_ != nullptr) settle(stamp::skipped);
  }

 private:
  template <class, wait::strategy>
  friend class producer;
  using places = typename Ring::places;

  claim(Ring& of, places at, range granted) noexcept
      : of_(&of), at_(at), range_(granted) {}
  claim(errc why, std::uint64_t missing) noexcept : why_(why), missing_(missing) {}

  static void mark(detail::atomic<std::uint64_t>& its, std::uint64_t word) noexcept {
    // order: slot-stamped -> slot-seen: the event
    its.store(word, detail::release);
  }

  // One slot after the other; who sleeps is not woken.
  void settle_first(detail::atomic<std::uint64_t>& its, std::uint64_t word) noexcept {
    mark(its, word);
    ++range_.first;
  }

  void forget() noexcept { of_ = nullptr; }

  // Of one slot, for who is sure that its producer has not ended: so nobody else waits for it.
  void publish_only(detail::atomic<std::uint64_t>& its) noexcept {
    mark(its, stamp::published(range_.first));
    auto& of = *std::exchange(of_, nullptr);
    if constexpr (Ring::producers_type::single) {
      of.ring_published();
    } else {
      of.ring_settled();
    }
  }

  template <class Word>
  void settle(Word word) noexcept {
    for (auto s = range_.last; s-- != range_.first;) mark(at_[s].word, word(s));
    std::exchange(of_, nullptr)->ring_settled();
  }

  Ring* of_ = nullptr;
  places at_;
  range range_{};
  errc why_{};
  std::uint64_t missing_ = 0;
};

}  // namespace sequencer
