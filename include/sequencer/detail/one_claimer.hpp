// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/asymmetric_fence.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/claiming.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/slots.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

// One producer at a time. Its position is its own; others see it as it was at its last scan.
//
// Who closes must find the end without asking the producer, which may be idle for ever. A claim
// marks its first slot while it is open, and then looks whether the ring is closed; who closes says
// so, and then looks for a mark: by the asymmetric fence one of the two sees the other. So a
// producer that nobody closes pays one store, to a line that is about to be its own anyway. With no
// claim open the end is where the stamps end; else who settles the claim looks again.
class one_claimer {
 public:
  struct ticket {
    sequence next = 0;
    sequence limit = 0;  // of what is free, up to here in the lap of `next`
    sequence free = 0;   // up to here
    sequencer::lap lap;
  };
  static constexpr bool single = true;

  using origin = sequence;
  static sequence first_of(origin start) noexcept { return start; }
  explicit one_claimer(sequence start) noexcept
      : state_(asymmetric_fence::enroll() ? 0 : fencing), scanned_at_(start) {}

  // Fails: closed; locked, by another producer.
  errc begin(ticket& mine) noexcept {
    // order: producer-began <- producer-ended: its last position
    const auto before = state_.fetch_or(taken, acquire);
    if ((before & closing) != 0) return errc::closed;
    if ((before & taken) != 0) return errc::locked;
    // relaxed: acquired above.
    mine.next = mine.limit = mine.free = scanned_at_.load(relaxed);
    return {};
  }

  void end(const ticket& mine) noexcept {
    // relaxed: released below.
    scanned_at_.store(mine.next, relaxed);
    // order: producer-ended -> producer-began: its last position
    const auto before = state_.fetch_and(~taken, release);
    if ((before & closing) != 0) end_.set(mine.next);
  }

  // Around a run of events that are published one by one: no slot of it could be marked until the
  // end without a store far ahead of the events.
  // Returns what end_run() restores: a filler may publish a run of its own.
  bool begin_run() noexcept {
    // relaxed: this thread's own; ordered by the fence in take().
    const bool before = running_.load(relaxed);
    running_.store(true, relaxed);  // relaxed: as above
    return before;
  }
  void end_run(bool before) noexcept {
    // order: run-ended -> run-seen: the stamps
    running_.store(before, release);
  }

  // Marks the first slot of the claim.
  template <wait::strategy How, class Places>
  [[gnu::always_inline]] result<range> take(ticket& mine, std::uint64_t n, const Places& slots,
                                            const neighbours& around,
                                            wait::deadline until) noexcept {
    const auto first = mine.next;
    if (mine.limit < first + n) [[unlikely]] {
      if (mine.free < first + n) {
        const auto found = wait_for_room<How>(first, n, around, until);
        if (found.why != errc{}) return found.why;
        mine.free = found.limit;
      }
      mine.lap = slots.lap_of(first);
      mine.limit = std::min(mine.free, slots.lap_end(first));
    }
    if (first > top) __builtin_unreachable();  // no limit is, and the answer need not be tested
    auto& mark = Places::in_lap(mine.lap, first).word;
    // relaxed: ordered by the fence.
    mark.store(stamp::claimed, relaxed);
    asymmetric_fence::light();
    if (wants_attention()) [[unlikely]] {
      if (closed_after_fence()) {
        // As it was for who still asks about the lap before: the walk of who closes goes over it.
        const bool first_lap = first < around.capacity;
        // order: slot-stamped -> slot-seen: the event
        mark.store(first_lap ? stamp::never : stamp::skipped(first - around.capacity), release);
        return refuse(first);
      }
    }
    mine.next = first + n;
    return range{first, first + n};
  }

  std::uint64_t free(ticket& mine, const neighbours& around) noexcept {
    mine.limit = mine.next;
    mine.free = scan(mine.next, around);
    // A newcomer's gate may stand below what was replaced before it was seen.
    return mine.free > mine.next ? mine.free - mine.next : 0;
  }

  // Of n, how many a claim that does not wait would get.
  std::uint64_t claimable(ticket& mine, std::uint64_t n, const neighbours& around) noexcept {
    return std::min(n, free(mine, around));
  }

  sequence claimed() const noexcept {
    // relaxed: a hint.
    return scanned_at_.load(relaxed);
  }
  bool accepts_consumers() const noexcept { return !closed(); }

  void close() noexcept {
    // order: producer-began <- producer-ended: its last position
    const auto before = state_.fetch_or(closing, acquire);
    // relaxed: acquired above, or this thread's own.
    if ((before & (taken | closing)) == 0) end_.set(scanned_at_.load(relaxed));
  }
  void halt() noexcept {
    end_.halt();
    close();
  }
  bool closed() const noexcept {
    // relaxed: ordered by the fence where it counts.
    return (state_.load(relaxed) & closing) != 0;
  }
  bool ended_at(sequence s) const noexcept { return end_.is_at(s); }
  bool halted() const noexcept { return end_.halted(); }

  // Of a closed ring, by who closed it and by who has settled a claim since: true once it is known.
  bool look_for_end(const neighbours& around) noexcept {
    if (end_.at() != ring_end::open) return true;
    if (!asymmetric_fence::heavy()) return false;
    auto at = around.consumers.settled();
    for (;;) {
      const auto end = around.stamps.settled(at);
      // order: run-seen <- run-ended: the stamps
      if (running_.load(acquire) || around.stamps.any_claimed()) return false;
      at = around.stamps.settled(end);
      if (at != end) continue;
      end_.set(end);
      return true;
    }
  }

 private:
  static constexpr std::uint64_t taken = 1;
  static constexpr std::uint64_t closing = 2;
  static constexpr std::uint64_t fencing = 4;  // constant: the light fence must be a full one

  bool wants_attention() const noexcept {
    // relaxed: ordered by the fence before it.
    return (state_.load(relaxed) & (closing | fencing)) != 0;
  }
  [[gnu::noinline]] bool closed_after_fence() const noexcept {
    full_fence();
    return closed();
  }

  errc refuse(sequence next) noexcept {
    end_.set(next);
    return errc::closed;
  }

  sequence scan(sequence next, const neighbours& around) noexcept {
    // relaxed: a hint, until end() stores it again.
    scanned_at_.store(next, relaxed);
    return around.scan();
  }

  template <wait::strategy How>
  [[gnu::noinline]] room wait_for_room(sequence next, std::uint64_t n, const neighbours& around,
                                       wait::deadline until) noexcept {
    if (beyond_ring - next < n) {
      close();
      refuse(next);
      return {errc::exhausted, next};
    }
    if (closed()) return {refuse(next), next};
    auto limit = next;
    const auto ready = [&] {
      limit = scan(next, around);
      return limit >= next + n;
    };
    if (ready()) return {errc{}, limit};
    if (until == wait::never) around.refuse_to_wait_for_oneself(next + n);
    around.found_full();
    auto pace = waiting_at<How>(around.freed, around.laggard_line());
    switch (wait::await(pace, ready, [&] { return closed(); }, until)) {
      case wait::outcome::ready: return {errc{}, limit};
      case wait::outcome::stopped: return {refuse(next), limit};
      case wait::outcome::timeout: break;
    }
    return {refusal_of(until), limit};
  }

  alignas(interference_size) atomic<std::uint64_t> state_{0};
  ring_end end_;
  alignas(interference_size) atomic<sequence> scanned_at_;
  atomic<bool> running_{false};
};

}  // namespace sequencer::detail
