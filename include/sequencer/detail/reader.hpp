// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/bell.hpp>
#include <sequencer/detail/claiming.hpp>
#include <sequencer/detail/gates.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/slots.hpp>
#include <sequencer/wait.hpp>

namespace sequencer {

// What a look found: nothing published; events; nothing, and nothing to come; events that those
// whom a follower follows have not handled yet.
enum class polled : std::uint8_t { idle, batch, closed, gated };

}  // namespace sequencer

namespace sequencer::detail {

// A consumer's place in a ring: behind it everything may be replaced, before it nothing.
//
// Threads: one at a time. Its position is kept until it ends.
template <class Ring>
class reader {
 public:
  using event_type = typename Ring::event_type;

  reader(Ring& of, gate& mine) noexcept
      // relaxed: this thread's own store.
      : of_(&of), gate_(&mine), next_(mine.position.load(relaxed)) {}
  reader(reader&& other) noexcept
      : of_(std::exchange(other.of_, nullptr)), gate_(other.gate_), next_(other.next_) {}
  reader& operator=(reader&&) = delete;
  ~reader() {
    if (of_ == nullptr) return;
    gates::leave(*gate_);
    of_->freed_.ring();
  }

  Ring& of() const noexcept { return *of_; }
  sequence position() const noexcept { return next_; }
  gate& place() noexcept { return *gate_; }
  std::uint64_t waits() const noexcept {
    // relaxed: a statistic.
    return gate_->waits.load(relaxed);
  }

  // Calls visit(event, sequence, bool last) for what is readable, at most `most` of it and a whole
  // ring, in order, until it returns false. Lets go of what was seen at every eighth of the ring
  // and at the end.
  template <class Visit>
  polled look(Visit&& visit, std::uint64_t most) {
    if (of_->claims_.halted()) [[unlikely]] return polled::closed;
    const auto slots = of_->places_of_slots();
    const auto first = next_;
    most = std::min<std::uint64_t>(most, of_->capacity());
    auto word = most == 0 ? stamp(stamp::never) : stamp_at(slots, first);
    if (!word.is_of(first)) return nothing();
    const auto last = first + most - 1;
    const auto eighth = std::max<std::uint64_t>(1, of_->capacity() / 8);
    // Where the loop has more to do than to visit: one comparison an event.
    auto stop = std::min(last, (first | (eighth - 1)) + 1);
    auto next = first;
    const progress kept(*this, next);
    for (bool more = true; more;) {
      const auto here = next++;
      const auto following = stamp_at(slots, next);
      more = following.is_of(next);
      if (here == stop) [[unlikely]] {
        if (here == last) {
          more = false;
        } else {
          gate_->rise(here, of_->freed_);
          stop = std::min(last, here + eighth);
        }
      }
      if (!word.is_skip() && !visit(slots[here].event, here, !more)) break;
      word = following;
    }
    return polled::batch;
  }

  // The first position from here on that cannot be read, at most `most` away.
  sequence readable_up_to(std::uint64_t most) const noexcept {
    const auto slots = of_->places_of_slots();
    const auto last = next_ + std::min<std::uint64_t>(most, of_->capacity());
    auto next = next_;
    while (next != last && stamp_at(slots, next).is_of(next)) ++next;
    return next;
  }
  bool is_skip(sequence s) const noexcept { return stamp_at(of_->places_of_slots(), s).is_skip(); }
  event_type& event(sequence s) const noexcept { return of_->slots_[s].event; }

  // Idle, batch or closed, without looking at an event.
  polled state() const noexcept {
    if (of_->claims_.halted()) [[unlikely]] return polled::closed;
    return is_readable() ? polled::batch : nothing();
  }

  // Idle, batch or closed for who may only see what is below `bound`.
  polled state_up_to(sequence bound) const noexcept {
    if (of_->claims_.halted()) [[unlikely]] return polled::closed;
    if (bound > next_) return polled::batch;
    return of_->claims_.ended_at(next_) ? polled::closed : polled::idle;
  }

  // Waits, by How, for another state than idle, until `until`.
  template <wait::strategy How>
  polled await(wait::deadline until) noexcept {
    auto pace = waiting_at<How>(published(), [this] { return line(); });
    auto found = polled::idle;
    const auto ready = [&] {
      found = state();
      return found != polled::idle;
    };
    if (ready()) return found;
    gate_->count_wait();
    static_cast<void>(wait::await(pace, ready, [] { return false; }, until));
    return found;
  }

  bool is_readable() const noexcept {
    return stamp_at(of_->places_of_slots(), next_).is_of(next_);
  }

  // What publishing the next position writes.
  const void* line() const noexcept { return &of_->slots_[next_].word; }
  bell& published() const noexcept { return of_->published_; }
  bell& freed() const noexcept { return of_->freed_; }
  sequencer::places<event_type> places() const noexcept { return of_->slots_.places(); }
  stamps all_stamps() const noexcept { return of_->slots_.stamps(); }

  // Holds nobody back any more.
  void let_go() noexcept { gate_->rise(gate::open, of_->freed_); }
  // Goes on at `next`, and releases what is below.
  void go_to(sequence next) noexcept {
    next_ = next;
    gate_->rise(next, of_->freed_);
  }

 private:
  // However a batch ends, what was handed out is seen.
  class progress {
   public:
    progress(reader& of, const sequence& next) noexcept : of_(of), next_(next) {
      if (std::exchange(of.visiting_, true)) stop("a handler polls its own poller");
      visitor_ = of.gate_->enter();
    }
    ~progress() {
      of_.gate_->exit(visitor_);
      of_.visiting_ = false;
      of_.go_to(next_);
    }
    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

   private:
    reader& of_;
    const sequence& next_;
    std::uintptr_t visitor_;
  };

  static stamp stamp_at(const typename Ring::places& slots, sequence s) noexcept {
    // order: slot-seen <- slot-stamped: the event
    return stamp(slots[s].word.load(acquire));
  }
  polled nothing() const noexcept {
    return of_->claims_.ended_at(next_) && !is_readable() ? polled::closed : polled::idle;
  }

  Ring* of_;
  gate* gate_;
  sequence next_;
  bool visiting_ = false;
};

}  // namespace sequencer::detail
