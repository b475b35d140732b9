// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/mark_store.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// In place of a mark store: the order ends with its process.
struct unkept {};

namespace detail {

// A bound in a mark store, written ahead: a value leaves only when it is below the number that the
// store has kept, so that whoever begins at that number after a restart is above all of them.
// (Percolator's timestamp oracle and CockroachDB's upper bound of wall time do the same.)
template <class Mark>
class kept_bound {
  static_assert(mark_store<Mark>, "keeps its bound in a mark_store");

 public:
  // Each write goes `window` beyond what it is for.
  kept_bound(Mark& mark, std::uint64_t window) noexcept
      : mark_(mark), window_(window), floor_(std::min(mark.load(), top)), limit_(0) {
    if (window == 0 || window > top / 2) stop("a window is 1 to 2^62 - 1 numbers wide");
  }

  // No value at or above it ever left, here or before a restart.
  std::uint64_t floor() const noexcept { return floor_; }

  // `value` itself once it is below the bound.
  // Threads: any. Progress: wait-free below the bound; above it one writes and others wait.
  // Order: whoever is let pass sees the store that covers the value.
  // Fails: exhausted, value is top or above; else as the store, and as it failed from then on
  // unless it said that the call may be tried again.
  result<sequence> cover(std::uint64_t value) noexcept {
    if (covers(value)) [[likely]] return value;
    const auto kept = raise(value, value);
    return kept ? result<sequence>(value) : kept;
  }

  // Raises the bound before anybody needs it: once less than half of the window lies above `value`.
  result<sequence> tend(std::uint64_t value) noexcept {
    const auto soon = value + std::min(window_ / 2, top - std::min(value, top));
    if (covers(soon)) return value;
    const auto kept = raise(soon, value);
    return kept ? result<sequence>(value) : kept;
  }

 private:
  bool covers(std::uint64_t value) const noexcept {
    // order: bound-seen <- bound-kept: the store that kept this bound
    return value < limit_.load(acquire);
  }

  // Keeps a bound of a window above `base`, where `needed` is not covered yet.
  [[gnu::noinline]] result<sequence> raise(std::uint64_t needed, std::uint64_t base) noexcept {
    if (base >= top) return errc::exhausted;
    const std::lock_guard held(writing_);
    // relaxed: written under the same mutex
    const auto limit = limit_.load(relaxed);
    const auto to = base + std::min(window_, top - base);
    if (needed < limit || to == limit) return to;
    if (failed_ != errc{}) return failed_;
    if (const auto kept = mark_.store(to); !kept) {
      if (remedy_of(kept.code()) != remedy::retry) failed_ = kept.code();
      return kept.code();
    }
    // order: bound-kept -> bound-seen: the store that kept this bound
    limit_.store(to, release);
    return to;
  }

  Mark& mark_;
  const std::uint64_t window_;
  const std::uint64_t floor_;
  atomic<std::uint64_t> limit_;
  mutex writing_;
  errc failed_{};
};

template <>
class kept_bound<unkept> {
 public:
  static constexpr std::uint64_t floor() noexcept { return 0; }
  static result<sequence> cover(std::uint64_t value) noexcept { return value; }
  static result<sequence> tend(std::uint64_t value) noexcept { return value; }
};

}  // namespace detail
}  // namespace sequencer
