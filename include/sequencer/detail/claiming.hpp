// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <sequencer/cpu.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/bell.hpp>
#include <sequencer/detail/gates.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/slots.hpp>
#include <sequencer/wait.hpp>

// What the engines that claim positions of a ring share, see one_claimer.hpp and many_claimers.hpp.
// A producer keeps its position and its limit in its own object and passes them by value, so that
// they can live in registers: a store to any other line between the stores of two events costs more
// than publishing one.
namespace sequencer {

// A claim that was not published yet, as others see it.
struct open_claim {
  sequence first;       // of its positions, that one which is not published
  std::int32_t thread;  // who made it, as gettid(2) says; 0, not known
  bool alive;           // that thread was, a moment ago
};

}  // namespace sequencer

namespace sequencer::detail {

// Positions of a ring end here: who has seen them all looks for this one, and must not take a slot
// that was never published for it.
inline constexpr sequence beyond_ring = top - 1;
static_assert(!stamp(stamp::never).is_of(beyond_ring));

// What an engine asks of its ring.
struct neighbours {
  gates& consumers;
  bell& freed;      // rung when room may have been made
  bell& published;  // rung when there is something to consume
  sequencer::stamps stamps;
  std::size_t capacity;

  // Up to where a producer may go, not beyond the end of all positions.
  sequence scan() const noexcept {
    return std::min<sequence>(consumers.scan(stamps), beyond_ring - capacity) + capacity;
  }

  // What is written when the consumer that is furthest behind goes on.
  auto laggard_line() const noexcept {
    return [of = &consumers] { return of->laggard_line(); };
  }

  // Before a wait: whoever makes room may sleep over what a run has published so far. The notice
  // that this uses up may have been for who settles a claim next.
  void wake_consumers() const noexcept {
    if (published.ring()) published.expect();
  }

  // Of a producer that found the ring full, before it waits or gives up.
  void found_full() const noexcept {
    consumers.count_full();
    wake_consumers();
  }

  // Before a wait without end for the slots below `last`: not for the caller itself.
  void refuse_to_wait_for_oneself(sequence last) const noexcept {
    if (!consumers.caller_holds(last - capacity)) return;
    stop("a handler waits for room in the ring that it is consuming, and so for itself: claim with "
         "try_claim there, or make the ring larger");
  }
};

// How a waiter of a ring waits: as its strategy says, except that who parks sleeps at the ring's
// own bell, or at those of several rings (see bells.hpp), and who watches is told the line that
// will be written when he may go on.
template <wait::strategy How, class Bell, class Line>
class at_bell {
  static_assert(std::is_same_v<How, wait::spin> || std::is_same_v<How, wait::yield> ||
                    std::is_same_v<How, wait::backoff>,
                "a ring wakes who parks and nobody else: spin, yield, backoff, monitor, park, or a "
                "hybrid");

 public:
  at_bell(Bell&, Line) noexcept {}
  auto enter() noexcept { return how_.enter(); }
  void wake() noexcept {}

 private:
  How how_;
};

template <class Bell, class Line>
class at_bell<wait::park, Bell, Line> {
 public:
  at_bell(Bell& at, Line) noexcept : bell_(at) {}
  auto enter() noexcept { return wait::sleeper<Bell>(bell_); }
  void wake() noexcept { bell_.ring(); }

 private:
  Bell& bell_;
};

template <class Monitor, class Bell, class Line>
class at_bell<wait::watch<Monitor>, Bell, Line> {
 public:
  at_bell(Bell&, Line line) noexcept : line_(line) {}
  auto enter() noexcept { return wait::watcher<Monitor, Line>(line_); }
  void wake() noexcept {}

 private:
  Line line_;
};

template <std::uint64_t Ticks, wait::strategy Then, class Bell, class Line>
class at_bell<wait::hybrid<Ticks, Then>, Bell, Line> {
 public:
  at_bell(Bell& at, Line line) noexcept : then_(at, line) {}
  auto enter() noexcept { return wait::spinner<Ticks, decltype(then_.enter())>(then_.enter()); }
  void wake() noexcept { then_.wake(); }

 private:
  at_bell<Then, Bell, Line> then_;
};

template <wait::strategy How, class Bell, class Line = wait::no_line>
at_bell<How, Bell, Line> waiting_at(Bell& rung, Line line = {}) noexcept {
  return {rung, line};
}

// For who claims one after the other, by a locked instruction: it waits until the stores before it
// have their lines. Four lines ahead, or a slot: less does not hide a transfer, and more, and the
// consumers have them back by then.
template <class Places>
void prefetch_beyond(const Places& slots, sequence s) noexcept {
  constexpr std::uint64_t ahead = std::max<std::uint64_t>(1, 256 / sizeof(slots[0]));
  cpu::prefetch_for_write(&slots[s + ahead]);
}

// The answer of a wait for room.
struct room {
  errc why;
  sequence limit;
};

inline errc refusal_of(wait::deadline until) noexcept {
  return until == wait::at_once ? errc::unavailable : errc::timeout;
}

// Where a closed ring ends, and whether it was halted.
class ring_end {
 public:
  static constexpr sequence open = ~sequence{0};

  // The least of all calls counts.
  void set(sequence at) noexcept {
    // relaxed: only the first guess of the exchange below.
    auto seen = at_.load(relaxed);
    // relaxed: a position; the slots carry the events, by their own stamps.
    while (at < seen && !at_.compare_exchange_weak(seen, at, relaxed, relaxed)) {
    }
  }
  void halt() noexcept {
    // relaxed: a wish; it carries nothing.
    halted_.store(true, relaxed);
  }
  bool halted() const noexcept {
    // relaxed: as halt().
    return halted_.load(relaxed);
  }
  // True when no position from `s` on will be published.
  bool is_at(sequence s) const noexcept { return halted() || at() == s; }
  sequence at() const noexcept {
    // relaxed: as set().
    return at_.load(relaxed);
  }

 private:
  atomic<sequence> at_{open};
  atomic<bool> halted_{false};
};

}  // namespace sequencer::detail
