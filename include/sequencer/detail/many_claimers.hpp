// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/claiming.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

// Any number of producers.
//
// Invariant: positions below the word are claimed, each by one fetch_add or exchange; bit 63 says
// closed, or that somebody asked beyond `top`, and then nobody claims any more.
class many_claimers {
 public:
  struct ticket {
    sequence limit = 0;
    sequence next = 0;  // what comes if nobody else claims
  };
  static constexpr bool single = false;

  // The claim word says where the end is.
  bool begin_run() noexcept { return false; }
  void end_run(bool) noexcept {}

  using origin = sequence;
  static sequence first_of(origin start) noexcept { return start; }
  explicit many_claimers(sequence start) noexcept : claimed_(start) {}

  errc begin(ticket&) noexcept { return accepts_consumers() ? errc{} : errc::closed; }
  void end(const ticket&) noexcept {}

  // A claim that may wait for ever takes its positions at once, by one fetch_add, and then waits
  // for them; any other takes them only when they are free.
  template <wait::strategy How, class Places>
  [[gnu::always_inline]] result<range> take(ticket& mine, std::uint64_t n, const Places& slots,
                                            const neighbours& around,
                                            wait::deadline until) noexcept {
    if (until != wait::never) return take_if_free<How>(mine, n, around, until);
    // relaxed: the modification order of the word is the order of claims.
    const auto first = claimed_.fetch_add(n, relaxed);
    if (first > beyond_ring - n) [[unlikely]] {
      // relaxed: refused for ever, however often it is asked.
      if (first > top) claimed_.fetch_add(0 - n, relaxed);
      return refuse(first);
    }
    if (first + n > mine.limit) [[unlikely]] {
      const auto found = wait_for_room<How>(first + n, around);
      if (found.why != errc{}) return found.why;
      mine.limit = found.limit;
    }
    if (first > top) __builtin_unreachable();  // no limit is, and the answer need not be tested
    if (n == 1 && first == mine.next) prefetch_beyond(slots, first);
    mine.next = first + n;
    return range{first, first + n};
  }

  std::uint64_t free(ticket& mine, const neighbours& around) noexcept {
    mine.limit = around.scan();
    const auto now = word();
    return mine.limit > now ? mine.limit - now : 0;
  }

  // Of n, how many a claim that does not wait would get.
  std::uint64_t claimable(ticket& mine, std::uint64_t n, const neighbours& around) noexcept {
    return std::min(n, free(mine, around));
  }

  sequence claimed() const noexcept {
    // order: claims-closed-seen <- claims-closed: where it stood
    const auto next = claimed_.load(acquire);
    if (next <= top) return std::min(next, beyond_ring);
    const auto end = end_.at();
    // relaxed: acquired above; the end is not written down yet.
    return std::min(end == ring_end::open ? stood_at_.load(relaxed) : end, beyond_ring);
  }
  bool accepts_consumers() const noexcept { return word() <= top; }

  void close() noexcept {
    // relaxed: released below.
    closing_.store(true, relaxed);
    end_.set(shut());
  }
  void halt() noexcept {
    end_.halt();
    close();
  }
  bool ended_at(sequence s) const noexcept { return end_.is_at(s); }
  bool halted() const noexcept { return end_.halted(); }

 private:
  static constexpr sequence closed_bit = top + 1;

  sequence word() const noexcept {
    // relaxed: only its modification order counts.
    return claimed_.load(relaxed);
  }

  // Nobody claims any more: returns the first position that nobody has, or one beyond all. The
  // position goes, so that what refused calls add never leads around to small ones.
  sequence shut() noexcept {
    auto seen = word();
    while (seen <= top) {
      note(seen);
      // order: claims-closed -> claims-closed-seen: why, and where it stood
      if (claimed_.compare_exchange_weak(seen, closed_bit, release, relaxed)) break;
    }  // relaxed: only the next guess
    return std::min(seen, closed_bit);
  }

  // For who looks between the closing and the writing down of the end.
  void note(sequence seen) noexcept {
    // relaxed, all of these: released by the closing.
    auto was = stood_at_.load(relaxed);
    while (was < seen && !stood_at_.compare_exchange_weak(was, seen, relaxed, relaxed)) {
    }  // relaxed: as above
  }

  // A call that asks beyond the end of all positions closes the ring where it stood.
  errc refuse(sequence first) noexcept {
    if (first <= top) {
      shut();
      end_.set(first);
    }
    // order: claims-closed-seen <- claims-closed: why
    claimed_.load(acquire);
    // relaxed: acquired above.
    return closing_.load(relaxed) && first > top ? errc::closed : errc::exhausted;
  }

  // Fails when the ring was halted: then the claim is never published, and nobody looks.
  template <wait::strategy How>
  [[gnu::noinline]] room wait_for_room(sequence last, const neighbours& around) noexcept {
    auto limit = sequence{0};
    const auto ready = [&] {
      limit = around.scan();
      return last <= limit;
    };
    if (ready()) return {errc{}, limit};
    around.refuse_to_wait_for_oneself(last);
    around.found_full();
    auto pace = waiting_at<How>(around.freed, around.laggard_line());
    const auto how = wait::await(pace, ready, [&] { return end_.halted(); });
    return {how == wait::outcome::ready ? errc{} : errc::closed, limit};
  }

  template <wait::strategy How>
  [[gnu::noinline]] result<range> take_if_free(ticket& mine, std::uint64_t n,
                                               const neighbours& around,
                                               wait::deadline until) noexcept {
    auto first = word();
    const auto ready = [&] {
      for (;;) {
        if (first > beyond_ring - n) return true;
        if (first + n > mine.limit) mine.limit = around.scan();
        if (first + n > mine.limit) {
          first = word();
          if (first > beyond_ring - n) return true;  // closed meanwhile: nobody rings again
          if (first + n > mine.limit) return false;
        }
        // relaxed: as in take().
        if (claimed_.compare_exchange_weak(first, first + n, relaxed, relaxed)) return true;
      }
    };
    auto how = wait::outcome::ready;
    if (!ready()) {
      around.found_full();
      auto pace = waiting_at<How>(around.freed, around.laggard_line());
      how = wait::await(pace, ready, [&] { return end_.halted(); }, until);
    }
    if (how == wait::outcome::ready) {
      if (first <= beyond_ring - n) return range{first, first + n};
      return refuse(first <= top ? shut() : first);
    }
    return how == wait::outcome::stopped ? errc::closed : refusal_of(until);
  }

  alignas(interference_size) atomic<sequence> claimed_;
  alignas(interference_size) ring_end end_;
  atomic<bool> closing_{false};
  atomic<sequence> stood_at_{0};
};

}  // namespace sequencer::detail
