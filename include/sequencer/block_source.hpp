// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include <sequencer/block.hpp>
#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/hole.hpp>
#include <sequencer/result.hpp>
#include <sequencer/wait.hpp>

namespace sequencer {

// Of a thread that may be anywhere.
inline constexpr std::uint32_t any_domain = ~std::uint32_t{0};

// What a block cache asks of a source: at least `min`, at most `want` numbers, none below `floor`
// where the source can arrange that (the cache discards a block below it, as a hole). `holder`
// names the handle that asks: small, dense, and reused only after release(). `until` bounds the
// wait of a source that can be late. `domain` names the part of the machine that the handle's
// thread stays in, for a source with tiers.
struct block_request {
  std::uint64_t min = 1;
  std::uint64_t want = 1;
  sequence floor = 0;
  std::uint32_t holder = 0;
  wait::deadline until = wait::never;
  std::uint32_t domain = any_domain;
};

// Whoever hands out blocks: memory, a checkpoint file, an engine.
// acquire: any thread; a block of unknown outcome is lost, never handed out twice.
// release: the unused tail of a holder's block comes back; true when the source took care of it
//   (back on top of its counter, or into its own ledger of holes), false when it is a hole that
//   the caller must keep account of.
// slow: whether a block should be fetched ahead of need.
template <class S>
concept block_source = requires(S s, const block_request& r, std::uint32_t holder, range tail) {
  { s.acquire(r) } noexcept -> std::same_as<result<block>>;
  { s.release(holder, tail) } noexcept -> std::same_as<bool>;
  { S::slow } -> std::convertible_to<bool>;
};

// A source that wants each holder's position written where it can find it after a crash.
template <class S>
concept mirrored_source = block_source<S> && requires(S s, std::uint32_t holder) {
  { s.mirror(holder) } noexcept -> std::same_as<detail::atomic<sequence>*>;
};

// A source that has numbers of its own, between where they come from and the handles.
// held_bound: the most of them at any moment.
template <class S>
concept holding_source = block_source<S> && requires(const S& s) {
  { s.held_bound() } noexcept -> std::same_as<std::uint64_t>;
};

// One that loses some of them by itself.
template <class S>
concept losing_source = block_source<S> && requires(const S& s) {
  { s.holes() } -> std::same_as<std::vector<hole>>;
};

// A block or an error code; no text, refills must not allocate.
template <>
class [[nodiscard]] result<block> {
 public:
  constexpr result(block granted) noexcept : held_(granted) {}
  constexpr result(errc code) noexcept : code_(code) {}

  constexpr explicit operator bool() const noexcept { return code_ == errc{}; }
  constexpr const block& operator*() const noexcept { return value(); }
  constexpr const block* operator->() const noexcept { return &value(); }
  constexpr const block& value() const noexcept {
    if (code_ != errc{}) detail::stop(message(code_));
    return held_;
  }
  constexpr errc code() const noexcept { return code_; }
  constexpr std::string_view text() const noexcept { return message(code_); }

 private:
  block held_{};
  errc code_{};
};

namespace detail {

template <class Source>
std::uint64_t held_by(const Source& source) noexcept {
  if constexpr (holding_source<Source>) return source.held_bound();
  return 0;
}

template <class Source, class Ledger>
void add_holes_of(const Source& source, Ledger& to) {
  if constexpr (losing_source<Source>) {
    for (const auto& each : source.holes()) to.add(each);
  }
}

// An aggregate needs braces before clang 16 (P0960). Elided, so a source need not be movable.
template <block_source Source, class... Args>
Source make_source(Args&&... args) {
  if constexpr (std::is_constructible_v<Source, Args...>) {
    return Source(std::forward<Args>(args)...);
  } else {
    return Source{std::forward<Args>(args)...};
  }
}

}  // namespace detail

// Blocks from memory: dense, volatile, shared by any number of caches.
//
// Invariant: every number below the word belongs to exactly one block, handed over and not given
// back. A tail goes back only while nothing above it was handed over, so numbers never decrease
// in the order of acquire calls.
class alignas(interference_size) memory_source {
 public:
  static constexpr bool slow = false;

  explicit memory_source(sequence start = 0) noexcept : next_(start) {
    if (start > top) detail::stop("a memory source starts at 2^63 - 1 or below");
  }
  memory_source(const memory_source&) = delete;
  memory_source& operator=(const memory_source&) = delete;

  // Threads: any. Progress: lock-free. Order: blocks increase.
  // Fails: exhausted when fewer than `min` numbers are left; invalid when min is 0 or above want.
  result<block> acquire(const block_request& asked) noexcept {
    if (asked.min == 0 || asked.min > asked.want) return errc::invalid;
    // relaxed: the modification order of this word is all that is promised.
    auto first = next_.load(detail::relaxed);
    for (;;) {
      const auto left = first > top ? 0 : top - first + 1;
      if (left < asked.min) return errc::exhausted;
      const auto last = first + (asked.want < left ? asked.want : left);
      // relaxed: as above
      if (next_.compare_exchange_weak(first, last, detail::relaxed, detail::relaxed)) {
        return block{{first, last}};
      }
    }
  }

  // Threads: any. Progress: wait-free.
  bool release(std::uint32_t, range tail) noexcept {
    auto on_top = tail.last;
    // relaxed: as acquire
    return next_.compare_exchange_strong(on_top, tail.first, detail::relaxed, detail::relaxed);
  }

  // Threads: any. Order: none; a hint.
  sequence peek() const noexcept {
    // relaxed: a hint, publishes and receives nothing.
    return next_.load(detail::relaxed);
  }

 private:
  detail::atomic<sequence> next_;
};

static_assert(block_source<memory_source>);

}  // namespace sequencer
