// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/kept_bound.hpp>
#include <sequencer/detail/wire.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer::clock {

// When an event happened by a Lamport clock, and on which node. If a happened before b then
// a.time < b.time; the reverse does not follow: of two stamps the smaller one only did not happen
// after the larger. (time, node) is a total order that agrees with "happened before", provided that
// no two clocks have one node number.
struct lamport_stamp {
  sequence time = 0;
  std::uint64_t node = 0;

  friend constexpr auto operator<=>(const lamport_stamp&, const lamport_stamp&) = default;

  // Appends 3 to 20 bytes.
  void encode(std::vector<std::byte>& onto) const {
    detail::wire_writer to(onto, detail::form::lamport);
    to.number(time);
    to.number(node);
  }

  // All of `from` and nothing more. Fails: corrupt, version.
  static result<lamport_stamp> decode(std::span<const std::byte> from) {
    detail::wire_reader in(from, detail::form::lamport, "a Lamport stamp");
    lamport_stamp made;
    made.time = in.number(top);
    made.node = in.number(~std::uint64_t{0});
    if (!in.ended()) return in.failure();
    return made;
  }
};

// How far ahead of a clock a time may be that it is shown. A clock takes over what it is shown, so
// one wrong stamp near the top would end the order for every node that it reaches: with this bound
// it takes 2^15 of them. Too small a bound refuses who comes back from a long partition; see
// catch_up().
inline constexpr std::uint64_t lamport_max_ahead = std::uint64_t{1} << 48;

// A Lamport clock that any number of threads share; volatile, alone on its cache lines.
// Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System", 1978.
//
// The word holds the last time that was given out, 0 at first. It only grows and every time is an
// atomic read-modify-write's own, so all times are different. If one thread's call happened before
// another's, by whatever the program orders its threads with, then it comes first in the one
// modification order of the word: relaxed is enough for a smaller time. A call synchronises nothing
// else.
//
// Times run from 1 to top. After fork, parent and child own separate clocks of one node: give the
// child a node number of its own.
class alignas(interference_size) lamport {
 public:
  // Starts behind `start`, at most top.
  explicit lamport(sequence start = 0, std::uint64_t max_ahead = lamport_max_ahead) noexcept
      : last_(start), max_ahead_(max_ahead) {
    if (start > top) detail::stop("a Lamport clock starts at 2^63 - 1 or below");
  }
  lamport(const lamport&) = delete;
  lamport& operator=(const lamport&) = delete;

  // An event here, sending included: its time.
  // Threads: any. Progress: wait-free, one fetch_add. Order: linearizable, unique, increasing.
  // Fails: exhausted, after `top` was given out; stays so.
  result<sequence> tick() noexcept {
    // relaxed: the modification order of this one word is all that is promised.
    return result<sequence>(last_.fetch_add(1, detail::relaxed) + 1);
  }

  // A stamp was received: the time of receiving it, above `seen` and above all given out here.
  // Threads: any. Progress: lock-free; wait-free where the clock is not behind `seen`.
  // Order: as tick().
  // Fails, all without a change: invalid, `seen` is further than max_ahead above the clock, or
  // above top; exhausted, `seen` or the clock is top.
  result<sequence> observe(sequence seen) noexcept {
    const auto now = peek();
    if (seen <= now) return now < top ? tick() : errc::exhausted;
    if (seen > top) return errc::invalid;
    return rise_above(seen, now, max_ahead_);
  }

  // As observe(), whatever the distance: for an operator who has looked where the stamp comes from.
  result<sequence> catch_up(sequence seen) noexcept {
    if (seen > top) return errc::invalid;
    return rise_above(seen, peek(), top);
  }

  // The last time that was given out, as far as this thread knows; above top when exhausted. A
  // figure to look at: another thread's call that took it may fail yet, or its mark not be kept.
  // Threads: any. Progress: wait-free. Order: at least what this thread or whoever it has
  // synchronised with was given.
  sequence peek() const noexcept {
    // relaxed: read-read and write-read coherence of this one word is what is promised.
    return last_.load(detail::relaxed);
  }

 private:
  result<sequence> rise_above(sequence seen, sequence now, std::uint64_t most) noexcept {
    for (;;) {
      if (seen > now && seen - now > most) return errc::invalid;
      const auto next = std::max(seen, now) + 1;
      if (next > top) return errc::exhausted;
      // relaxed, on both sides: as tick().
      if (last_.compare_exchange_weak(now, next, detail::relaxed, detail::relaxed)) return next;
    }
  }

  detail::atomic<sequence> last_;
  const std::uint64_t max_ahead_;
};

static_assert(sizeof(lamport) == interference_size);

// A Lamport clock that a restart does not set back: no time leaves before a mark above it is kept.
// After a restart it goes on at the mark, so at most `window` times and those refused meanwhile are
// skipped. The mark is this clock's alone, and outlives it.
template <mark_store Mark>
class durable_lamport {
 public:
  explicit durable_lamport(Mark& mark, std::uint64_t window = std::uint64_t{1} << 20,
                           std::uint64_t max_ahead = lamport_max_ahead) noexcept
      : bound_(mark, window), clock_(bound_.floor() == 0 ? 0 : bound_.floor() - 1, max_ahead) {}

  // As lamport's. A time that is refused here is skipped: it is nobody's.
  // Threads: any. Progress: as lamport's below the bound; beyond it, one thread writes the mark and
  // those who need it wait, unless tend() comes in time.
  // Fails: as lamport's; exhausted at top itself, which no bound covers; as the mark store.
  result<sequence> tick() noexcept { return covered(clock_.tick()); }
  result<sequence> observe(sequence seen) noexcept { return covered(clock_.observe(seen)); }
  result<sequence> catch_up(sequence seen) noexcept { return covered(clock_.catch_up(seen)); }

  // Keeps a higher bound, once half of the window is used up: for a loop that may write, so that
  // no caller of the others has to.
  // Threads: any. Fails: as the mark store.
  result<sequence> tend() noexcept { return bound_.tend(clock_.peek()); }

  sequence peek() const noexcept { return clock_.peek(); }

 private:
  result<sequence> covered(result<sequence> time) noexcept {
    return time ? bound_.cover(*time) : time;
  }

  detail::kept_bound<Mark> bound_;
  lamport clock_;
};

}  // namespace sequencer::clock
