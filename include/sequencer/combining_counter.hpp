// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <sequencer/cache_line.hpp>
#include <sequencer/counter.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/lanes.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// When threads meet in lanes before they go to the shared word.
enum class combining : std::uint8_t {
  measured,  // while the shared word is slow to get, and they would come in company
  always,
  never,
};

struct combining_options {
  sequence start = 0;
  combining when = combining::measured;
  // Which lane the threads of each CPU meet in, from 0: best one a cache domain, of 4 to 16 cores.
  // Empty, or a CPU beyond its end: eight CPUs of neighbouring numbers share one.
  std::vector<std::uint32_t> lane_of_cpu{};
  // The NUMA node, by the system's number, on which each lane lies. Beyond its end: where the
  // system puts it.
  std::vector<std::uint32_t> node_of_lane{};
  // `measured`: the shared word is slow when one access takes longer than this, some times in a
  // row. The default is what some ten cores that pull at one line make of it.
  std::chrono::nanoseconds slow{1'000};
};

// A counter for many cores: the same numbers in the same order as `counter`, and where that is
// crowded, one thread of each lane goes to the shared word for all of its neighbours. Below some
// sixteen threads that is slower than the bare instruction, so unless told otherwise it begins with
// the instruction, measures now and then, and changes over and back by itself.
//
// Linearizable in every mode, and across a change of it. One word decides, as in `counter`; see
// detail::funnel for those who are given numbers by others.
//
// After fork, parent and child own separate counters; the child's does not combine.
class combining_counter {
 public:
  static constexpr std::uint64_t max_request = counter::max_request;

  // Threads: one. Progress: allocates; with `measured` it watches the clock for 200 us.
  // Fails: stops the process when start is above top. Without memory for lanes, or none where they
  // are to lie, it never combines.
  explicit combining_counter(combining_options options = {})
      : lanes_(std::move(options.lane_of_cpu), options.node_of_lane,
               {options.when == combining::always, options.when == combining::measured,
                options.slow}),
        next_(options.start) {
    if (options.start > top) detail::stop("a counter starts at 2^63 - 1 or below");
  }
  combining_counter(const combining_counter&) = delete;
  combining_counter& operator=(const combining_counter&) = delete;

  // Takes the next number.
  // Threads: any. Progress: one fetch_add, wait-free, while it does not combine; else blocking: it
  // waits for a thread of its lane that began before it. Order: linearizable, dense, increasing.
  // Fails: exhausted, after `top` was issued; stays so.
  result<sequence> next() noexcept {
    if (lanes_.together()) [[unlikely]] {
      return result<sequence>(lanes_.next([this](std::uint64_t n) { return take(n); }));
    }
    const auto number = take(1);
    if (number % look_every == 0) [[unlikely]] lanes_.look(next_);
    return result<sequence>(number);
  }

  // Takes the next n consecutive numbers, 1 <= n <= max_request; never waits for another thread.
  // Threads: any. Progress: wait-free. Order: as next().
  // Fails: invalid, n out of bounds; exhausted, fewer than n numbers are left (a refused call
  // takes nothing, unless it raced with another one for the last numbers below `top`).
  result<range> next(std::uint64_t n) noexcept {
    if (n == 0 || n > max_request) return errc::invalid;
    if (peek() > top - n + 1) return errc::exhausted;
    const auto first = take(n);
    if (first > top - n + 1) return errc::exhausted;
    return range{first, first + n};
  }

  // The number that the next call would take; top + 1 or more when exhausted.
  // Threads: any. Progress: wait-free. Order: none; it may be stale when it returns.
  sequence peek() const noexcept {
    // relaxed: a hint, publishes and receives nothing.
    return next_.load(detail::relaxed);
  }

  // Whether a call at this moment would wait for company; with `measured` it may change.
  // Threads: any. Progress: wait-free. Order: none; a hint.
  bool is_combining() const noexcept { return lanes_.together(); }

  // Where a lane lies, for who asks the kernel for the node; nullptr where there is no such lane.
  const void* place_of_lane(std::size_t lane) const noexcept { return lanes_.place_of(lane); }

 private:
  static constexpr std::uint64_t look_every = 4096;  // numbers

  sequence take(std::uint64_t n) noexcept {
    // relaxed: the modification order of this one word is all that is promised; who is given a
    // number by another thread is ordered by their lane.
    return next_.fetch_add(n, detail::relaxed);
  }

  detail::lanes lanes_;
  alignas(interference_size) detail::atomic<sequence> next_;
  [[maybe_unused]] char rest_[interference_size - sizeof(next_)];
};

}  // namespace sequencer
