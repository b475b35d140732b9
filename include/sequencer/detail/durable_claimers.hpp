// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <sequencer/cache_line.hpp>
#include <sequencer/checkpoint.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/claiming.hpp>
#include <sequencer/detail/reservation.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

// Any number of producers whose positions are the numbers of a durable sequence: a claim is the
// issue of its numbers.
//
// Invariant: numbers are taken by one exchange, and only below the durable mark and where slots are
// free. So a claim that is not granted takes nothing, one that is granted may be published whatever
// becomes of the file, and the counter always says what comes next. Closing sets the counter's bit
// 63: the order of exchanges decides which claims came before the end.
class durable_claimers {
 public:
  struct ticket {
    sequence limit = 0;  // slots are free, and numbers durable, below
  };
  static constexpr bool single = false;

  using origin = durable_order;
  static sequence first_of(const origin& start) noexcept {
    return std::min(start.position(), beyond_ring);
  }
  explicit durable_claimers(origin start) noexcept
      : order_(std::move(start)), numbers_(*order_.reservation_) {}

  bool begin_run() noexcept { return false; }
  void end_run(bool) noexcept {}

  errc begin(ticket&) noexcept { return accepts_consumers() ? errc{} : errc::closed; }
  void end(const ticket&) noexcept {}

  template <wait::strategy How, class Places>
  result<range> take(ticket& mine, std::uint64_t n, const Places&, const neighbours& around,
                     wait::deadline until) noexcept {
    if (!numbers_.is_open()) [[unlikely]] return refuse();
    auto first = numbers_.word();
    if (first + n <= mine.limit && numbers_.take_at(first, n)) [[likely]] {
      return range{first, first + n};
    }
    return take_slowly<How>(mine, n, around, until);
  }

  std::uint64_t free(ticket&, const neighbours& around) noexcept {
    const auto room = around.scan();
    const auto now = numbers_.word() & top;
    return room > now ? room - now : 0;
  }

  // Of n, how many a claim that does not wait would get. Asks for more numbers where that is due.
  std::uint64_t claimable(ticket&, std::uint64_t n, const neighbours& around) noexcept {
    if (!numbers_.is_open()) return 0;
    const auto now = numbers_.word();
    if (now > top) return 0;
    n = std::min({n, order_.max_request_, numbers_.beyond() - now});
    const auto end = std::min(around.scan(), numbers_.mark_for(now + n));
    return end > now ? std::min<std::uint64_t>(n, end - now) : 0;
  }

  sequence claimed() const noexcept {
    return std::min({numbers_.word() & top, end_.at(), beyond_ring});
  }
  bool accepts_consumers() const noexcept { return numbers_.is_open() && numbers_.word() <= top; }

  void close() noexcept {
    // relaxed: released by the pause.
    closing_.store(true, relaxed);
    end_.set(numbers_.pause());
  }
  void halt() noexcept {
    end_.halt();
    close();
  }
  bool ended_at(sequence s) const noexcept { return end_.is_at(s); }
  bool halted() const noexcept { return end_.halted(); }

 private:
  enum class attempt : std::uint8_t { granted, full, behind, refused, exhausted };

  // Not far enough from the end of the ring's positions or the sequence's for n more.
  bool is_beyond(sequence first, std::uint64_t n) const noexcept {
    return first > beyond_ring - n || first + n > numbers_.beyond();
  }

  // Takes n numbers at `first`, or says why not; `first` is then the next number.
  attempt try_take(ticket& mine, sequence& first, std::uint64_t n,
                   const neighbours& around) noexcept {
    for (;;) {
      if (first > top) return attempt::refused;
      if (is_beyond(first, n)) return attempt::exhausted;
      if (first + n <= mine.limit) {
        if (numbers_.take_at(first, n)) return attempt::granted;
        continue;
      }
      const auto room = around.scan();
      const auto mark = numbers_.mark_for(first + n);
      mine.limit = std::min(room, mark);
      if (first + n <= mine.limit) continue;
      // Closed meanwhile, nobody rings again.
      const auto before = std::exchange(first, numbers_.word());
      if (first == before) return first + n > room ? attempt::full : attempt::behind;
    }
  }

  template <wait::strategy How>
  [[gnu::noinline]] result<range> take_slowly(ticket& mine, std::uint64_t n,
                                              const neighbours& around,
                                              wait::deadline until) noexcept {
    if (n > order_.max_request_) return errc::invalid;
    auto first = numbers_.word();
    for (;;) {
      switch (try_take(mine, first, n, around)) {
        case attempt::granted: return range{first, first + n};
        case attempt::refused: return refuse();
        case attempt::exhausted: return exhaust();
        case attempt::full:
          if (const auto why = wait_for_room<How>(n, around, until); why != errc{}) return why;
          break;
        case attempt::behind:
          around.wake_consumers();
          if (const auto why = numbers_.await_room(n, until); why != errc{}) {
            return why == errc::closed ? refuse() : why;
          }
          break;
      }
      first = numbers_.word();
    }
  }

  // Until n slots are free, or nobody gets any more.
  template <wait::strategy How>
  errc wait_for_room(std::uint64_t n, const neighbours& around, wait::deadline until) noexcept {
    const auto ready = [&] {
      const auto next = numbers_.word();
      return next > top || is_beyond(next, n) || next + n <= around.scan();
    };
    if (until == wait::never) around.refuse_to_wait_for_oneself((numbers_.word() & top) + n);
    around.found_full();
    auto pace = waiting_at<How>(around.freed, around.laggard_line());
    switch (wait::await(pace, ready, [&] { return end_.halted(); }, until)) {
      case wait::outcome::ready: return {};
      case wait::outcome::stopped: return errc::closed;
      case wait::outcome::timeout: break;
    }
    return refusal_of(until);
  }

  // The ring ends at the end of all numbers, as it does when it is closed.
  errc exhaust() noexcept {
    end_.set(numbers_.pause());
    return errc::exhausted;
  }

  // Closed, exhausted before, or the checkpoint was or is being closed: then consumers learn the
  // end here, and nobody takes a number beyond it.
  errc refuse() noexcept {
    end_.set(numbers_.pause());
    const auto why = numbers_.refusal();
    // relaxed: acquired in refusal(), or this call came too early to matter.
    return why == errc::exhausted && closing_.load(relaxed) ? errc::closed : why;
  }

  durable_order order_;
  reservation& numbers_;
  alignas(interference_size) ring_end end_;
  atomic<bool> closing_{false};
};

}  // namespace sequencer::detail
