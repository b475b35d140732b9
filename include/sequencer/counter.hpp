// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// Hands out numbers in order to any number of threads; volatile, alone on its cache lines.
//
// Invariant: every number below the stored word was issued exactly once. One variable, only
// atomic read-modify-writes: their single modification order is the order of issue, so relaxed
// is enough for unique, dense and linearizable. A call synchronises nothing else: seeing a
// number does not show what its owner wrote before.
//
// After fork, parent and child own separate counters.
class alignas(interference_size) counter {
 public:
  // Largest n that next(n) accepts: keeps any number of racing refused callers from wrapping.
  static constexpr std::uint64_t max_request = std::uint64_t{1} << 32;

  // Starts at `start`, at most top.
  explicit counter(sequence start = 0) noexcept : next_(start) {
    if (start > top) detail::stop("a counter starts at 2^63 - 1 or below");
  }
  counter(const counter&) = delete;
  counter& operator=(const counter&) = delete;

  // Takes the next number.
  // Threads: any. Progress: wait-free, one fetch_add. Order: linearizable, dense, increasing.
  // Fails: exhausted, after `top` was issued; stays so.
  result<sequence> next() noexcept {
    // relaxed: the modification order of this one word is all that is promised.
    return result<sequence>(next_.fetch_add(1, detail::relaxed));
  }

  // Takes the next n consecutive numbers, 1 <= n <= max_request.
  // Threads: any. Progress: wait-free. Order: as next().
  // Fails: invalid, n out of bounds; exhausted, fewer than n numbers are left (a refused call
  // takes nothing, unless it raced with another one for the last numbers below `top`).
  result<range> next(std::uint64_t n) noexcept {
    if (n == 0 || n > max_request) return errc::invalid;
    if (peek() > top - n + 1) return errc::exhausted;
    // relaxed: as next().
    const sequence first = next_.fetch_add(n, detail::relaxed);
    if (first > top - n + 1) return errc::exhausted;
    return range{first, first + n};
  }

  // The number that the next call would take; top + 1 or more when exhausted.
  // Threads: any. Progress: wait-free. Order: none; it may be stale when it returns.
  sequence peek() const noexcept {
    // relaxed: a hint, publishes and receives nothing.
    return next_.load(detail::relaxed);
  }

 private:
  detail::atomic<sequence> next_;
};

static_assert(sizeof(counter) == interference_size && sizeof(counter) <= 256);

}  // namespace sequencer
