// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/bell.hpp>
#include <sequencer/detail/catching_up.hpp>
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
      : of_(&of),
        gate_(&mine),
        next_(mine.position.load(relaxed)),
        pace_(of.capacity(), sizeof(slot<event_type>), next_) {}
  reader(reader&& other) noexcept
      : of_(std::exchange(other.of_, nullptr)),
        gate_(other.gate_),
        next_(other.next_),
        pace_(other.pace_),
        counts_as_far_(std::exchange(other.counts_as_far_, false)) {}
  reader& operator=(reader&&) = delete;
  ~reader() {
    if (of_ == nullptr) return;
    count_as_far(false);
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
  // and at the end; within, keeps off those who are publishing.
  template <class Visit>
  [[gnu::always_inline]] polled look(Visit&& visit, std::uint64_t most) {
    const auto slots = of_->places_of_slots();
    const auto end = next_ + std::min<std::uint64_t>(most, of_->capacity());
    if (pace_.is_ahead() && end - next_ >= pace_.stride()) [[unlikely]] {
      pace_.before_look(coming{slots, next_});
      count_as_far(pace_.finds_lines_far());
    }
    if (of_->claims_.halted()) [[unlikely]] return polled::closed;
    if (next_ == end || !stamp_at(slots, next_).is_of(next_)) return nothing();
    const auto eighth = std::max<std::uint64_t>(1, of_->capacity() / 8);
    const auto stride = std::min(eighth, pace_.stride());
    auto seen = next_;
    const progress kept(*this, seen);
    // Slots of one stride lie one after the other.
    auto next = next_;
    auto stop = next;
    auto* at = &slots[next];
    // Whether an event follows, which is then at `next`.
    const auto step_over_skips = [&]() __attribute__((always_inline)) {
      for (; next != end; ++next, ++at) {
        if (next == stop) {
          stop = std::min(end, (next | (stride - 1)) + 1);
          at = &slots[next];
        }
        const auto word = stamp_of(*at);
        if (word.is_event(next)) return true;
        if (!word.is_skip_of(next)) break;
      }
      return false;
    };
    for (bool more = step_over_skips(); more;) {
      const auto here = next++;
      auto* const event = &at++->event;
      const bool close = next != stop && stamp_of(*at).is_event(next);
      if (!close) [[unlikely]] more = step_over_skips();
      seen = here + 1;
      if (!visit(*event, here, !more)) return polled::batch;
      if (close) [[likely]] continue;
      if (!more || is_same(here, next, stride)) continue;
      if (!is_same(here, next, eighth)) gate_->rise(next, of_->freed_);
      if (next - next_ >= pace_.stride() && end - next >= pace_.stride()) {
        pace_.walked_a_stride(coming{slots, next});
        count_as_far(pace_.finds_lines_far());
      }
    }
    seen = next;
    if (next != end) pace_.saw_all(next - next_);
    return polled::batch;
  }

  // Up to where can be read from here on, at most `most` positions.
  struct stretch {
    sequence end;
    bool skips;  // there are some among them
  };
  stretch readable(std::uint64_t most) const noexcept {
    const auto slots = of_->places_of_slots();
    const auto last = next_ + std::min<std::uint64_t>(most, of_->capacity());
    stretch found{next_, false};
    while (found.end != last) {
      const auto stop = std::min(last, slots.lap_end(found.end));
      for (const auto* at = &slots[found.end]; found.end != stop; ++at, ++found.end) {
        const auto word = stamp_of(*at);
        if (word.is_event(found.end)) [[likely]] continue;
        if (!word.is_skip_of(found.end)) return found;
        found.skips = true;
      }
    }
    return found;
  }
  bool is_skip(sequence s) const noexcept { return stamp_at(of_->places_of_slots(), s).is_skip(); }
  event_type& event(sequence s) const noexcept { return of_->slots_[s].event; }

  // Idle, batch or closed, without looking at an event.
  polled state() noexcept {
    pace_.before_look(coming{of_->places_of_slots(), next_});
    if (of_->claims_.halted()) [[unlikely]] return polled::closed;
    return is_readable() ? polled::batch : nothing();
  }

  // Idle, batch or closed for who may only see what is below `bound`.
  polled state_up_to(sequence bound) noexcept {
    if (of_->claims_.halted()) [[unlikely]] return polled::closed;
    if (bound > next_) return polled::batch;
    pace_.saw_nothing();
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

  // Whether n events have come, by the last of them. Of many producers others may be missing, and
  // a slot that is claimed looks like one of the last positions of all: it only says how long to
  // wait.
  struct coming {
    typename Ring::places slots;
    sequence from;

    bool operator()(std::uint64_t n) const noexcept {
      return stamp_at(slots, from + n - 1).is_of(from + n - 1);
    }
  };

  static stamp stamp_of(const slot<event_type>& at) noexcept {
    // order: slot-seen <- slot-stamped: the event
    return stamp(at.word.load(acquire));
  }
  static stamp stamp_at(const typename Ring::places& slots, sequence s) noexcept {
    return stamp_of(slots[s]);
  }

  // Of parts of the ring that are `size` slots long.
  static bool is_same(sequence one, sequence other, std::uint64_t size) noexcept {
    return ((one ^ other) & ~(size - 1)) == 0;
  }

  void count_as_far(bool is_far) noexcept {
    if (std::exchange(counts_as_far_, is_far) == is_far) [[likely]] return;
    // relaxed: a hint.
    of_->far_readers_.fetch_add(is_far ? 1u : ~0u, relaxed);
  }

  polled nothing() noexcept {
    pace_.saw_nothing_at(next_);
    return of_->claims_.ended_at(next_) && !is_readable() ? polled::closed : polled::idle;
  }

  Ring* of_;
  gate* gate_;
  sequence next_;
  catching_up<> pace_;
  bool counts_as_far_ = false;
  bool visiting_ = false;
};

}  // namespace sequencer::detail
