// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <ctime>
#include <utility>

#include <sequencer/cache_line.hpp>
#include <sequencer/clock/stamp.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/kept_bound.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

// Hybrid logical clocks: Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical Physical Clocks and
// Consistent Snapshots in Globally Distributed Databases", 2014. If a happened before b then the
// stamp of a is the smaller one, as with Lamport's; and a stamp's wall time is never below what the
// source said, rounded down to the layout's unit, and above it by no more than clocks differ, or
// this one was set back.
//
// All four cases of the paper's rules are one: the next stamp is the largest of the one behind the
// last, the one behind what was received, and the first of the source's wall time.
//
// Stamps are unique on one node only; a total order over nodes takes (stamp, node).
namespace sequencer::clock {

// Says the wall time in nanoseconds since 1970. It may stand still, jump and go back. Called once
// for each event, from every thread that uses the clock.
template <class T>
concept time_source = requires(const T& now) {
  { now() } noexcept -> std::same_as<std::uint64_t>;
};

// The system's clock.
struct system_time {
  std::uint64_t operator()() const noexcept {
    std::timespec at;
    ::clock_gettime(CLOCK_REALTIME, &at);
    return static_cast<std::uint64_t>(at.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(at.tv_nsec);
  }
};

struct hybrid_options {
  // A received stamp may be so far above the wall time here: the largest difference of two clocks
  // that is still taken for one of them, and not for a broken clock. CockroachDB's default, too.
  std::chrono::microseconds max_ahead = std::chrono::milliseconds(500);
  // While the last stamp is so far above the wall time here, no further one is given out; by
  // default there is no such bound. It gets there by stamps of clocks that are ahead, by being set
  // back, and by a restart that goes on at a mark.
  std::chrono::microseconds max_drift = std::chrono::microseconds::max();
  // Each write of the mark goes so far beyond the clock. After a restart the clock may be so far
  // ahead, and by as much more after each further one that comes before the wall time has caught
  // up; others refuse it beyond their max_ahead. A smaller one is written more often.
  std::chrono::microseconds window = std::chrono::milliseconds(250);
};

}  // namespace sequencer::clock

namespace sequencer {
namespace detail {

// What every hybrid clock decides, in the units of its layout.
template <clock::hybrid_layout S>
class hybrid_rules {
 public:
  explicit hybrid_rules(const clock::hybrid_options& from) noexcept
      : window(std::max<std::uint64_t>(units(from.window), 1)),
        max_ahead_(units(from.max_ahead)),
        max_drift_(units(from.max_drift)) {
    if (from.max_ahead.count() < 0 || from.max_drift.count() < 0 || from.window.count() <= 0) {
      stop("a hybrid clock's bounds are 0 or more, and its window is not empty");
    }
  }

  // What a clock begins behind when nothing at or above `floor` was given out.
  static S before(std::uint64_t floor) noexcept {
    return floor > S::max_wall ? S::last() : S::at(floor);
  }

  bool trusts(S seen, std::uint64_t now) const noexcept {
    const auto physical = wall_at(now);
    return seen.wall() <= physical || seen.wall() - physical <= max_ahead_;
  }

  // The stamp behind `last` where the source says `now`. Its wall time is never the smaller. Most
  // often the wall time stands: to find that, it is not converted, since `now` comes late and what
  // is computed from `last` is there by then.
  result<S> behind(S last, std::uint64_t now) const noexcept {
    if (now >= S::begins(last.wall() + 1)) {
      const auto physical = wall_at(now);
      if (physical > last.wall()) return S::at(physical);
    }
    if (last == S::last()) return errc::exhausted;
    const S next = last.next();
    if (max_drift_ != S::max_wall && drifts(next, now)) return errc::unavailable;
    return next;
  }

  static std::uint64_t wall_at(std::uint64_t now) noexcept {
    return std::min(S::wall_at(now), S::max_wall);
  }
  static std::chrono::microseconds ahead(S last, std::uint64_t now) noexcept {
    const auto begin = S::begins(last.wall());
    const auto by = begin - std::min(begin, now);
    return std::chrono::microseconds(static_cast<std::int64_t>(by / 1'000 + (by % 1'000 != 0)));
  }

  const std::uint64_t window;

 private:
  bool drifts(S next, std::uint64_t now) const noexcept {
    const auto physical = wall_at(now);
    return next.wall() > physical && next.wall() - physical > max_drift_;
  }
  // So long a time, counted as wall times are.
  static std::uint64_t units(std::chrono::microseconds of) noexcept {
    constexpr auto longest = static_cast<std::int64_t>(top / 1'000);
    if (of.count() < 0) return 0;
    if (of.count() > longest) return S::max_wall;
    return wall_at(static_cast<std::uint64_t>(of.count()) * 1'000);
  }

  const std::uint64_t max_ahead_;
  const std::uint64_t max_drift_;
};

}  // namespace detail

namespace clock {

// A hybrid clock of one thread.
template <hybrid_layout S = hybrid_stamp, time_source Source = system_time, class Mark = unkept>
class hybrid {
 public:
  explicit hybrid(hybrid_options options = {},
                  Source now = {}) noexcept requires std::same_as<Mark, unkept>
      : rules_(options), now_(std::move(now)) {}

  // A clock that a restart does not set back, with the wall clock set back meanwhile or not: no
  // stamp leaves before a mark above its wall time is kept, and after a restart it goes on at the
  // mark. The mark is this clock's alone, and outlives it.
  explicit hybrid(Mark& mark, hybrid_options options = {},
                  Source now = {}) noexcept requires mark_store<Mark>
      : rules_(options),
        bound_(mark, rules_.window),
        last_(rules_.before(bound_.floor())),
        now_(std::move(now)) {}

  hybrid(const hybrid&) = delete;
  hybrid& operator=(const hybrid&) = delete;

  // An event here, sending included: its stamp, above all given out and observed before.
  // Threads: one at a time. Progress: wait-free, but for a mark's write once in a window.
  // Order: increasing. Fails, all without a change: unavailable, the clock is further than
  // max_drift ahead of its source; exhausted, the last stamp was given out; as the mark store.
  result<S> tick() noexcept { return issue(last_, now_()); }

  // A stamp was received: the stamp of receiving it, above `seen` too.
  // Threads, Progress, Order: as tick(). Fails: as tick(); invalid, `seen` is further than
  // max_ahead ahead of the source, and nothing has changed.
  result<S> observe(S seen) noexcept {
    const auto here = now_();
    if (!rules_.trusts(seen, here)) return errc::invalid;
    return issue(std::max(last_, seen), here);
  }

  // Keeps a higher mark, once half of the window is used up: so that tick() need not write.
  // Threads: one at a time. Fails: as the mark store.
  result<sequence> tend() noexcept {
    return bound_.tend(std::max(last_.wall(), rules_.wall_at(now_())));
  }

  // The last stamp that was given out or refused for its mark, or what the clock began behind: a
  // figure, and no stamp for a message.
  S peek() const noexcept { return last_; }
  // How far that is ahead of the source: 0, but for clocks that differ, were set back or restarted.
  std::chrono::microseconds ahead() const noexcept { return rules_.ahead(last_, now_()); }

 private:
  result<S> issue(S last, std::uint64_t here) noexcept {
    const auto next = rules_.behind(last, here);
    if (!next) return next;
    if (const auto kept = bound_.cover(next->wall()); !kept) return kept.code();
    last_ = *next;
    return next;
  }

  detail::hybrid_rules<S> rules_;
  [[no_unique_address]] detail::kept_bound<Mark> bound_;
  S last_{};
  [[no_unique_address]] Source now_;
};

// A hybrid clock that any number of threads share, of the layout that fits a word; alone on its
// cache lines. As with lamport, a stamp is its own atomic read-modify-write's, and calls that the
// program orders are ordered in the word: relaxed is enough. A call synchronises nothing else.
template <time_source Source = system_time, class Mark = unkept>
class alignas(interference_size) shared_hybrid {
 public:
  using stamp = hybrid_stamp;

  explicit shared_hybrid(hybrid_options options = {},
                         Source now = {}) noexcept requires std::same_as<Mark, unkept>
      : last_(0), rules_(options), now_(std::move(now)) {}

  // As hybrid's.
  explicit shared_hybrid(Mark& mark, hybrid_options options = {},
                         Source now = {}) noexcept requires mark_store<Mark>
      : last_(0), rules_(options), bound_(mark, rules_.window), now_(std::move(now)) {
    // relaxed: nobody else has the clock yet
    last_.store(rules_.before(bound_.floor()).bits, detail::relaxed);
  }
  shared_hybrid(const shared_hybrid&) = delete;
  shared_hybrid& operator=(const shared_hybrid&) = delete;

  // As hybrid's.
  // Threads: any. Progress: lock-free; where a mark must be written, one thread writes it and those
  // who need it wait, unless tend() comes in time.
  // Order: unique, and above what was given to whoever this thread has synchronised with.
  // Fails: as hybrid's; a stamp that the mark store refuses is skipped: it is nobody's.
  result<stamp> tick() noexcept { return issue(stamp{}, now_()); }
  result<stamp> observe(stamp seen) noexcept {
    const auto here = now_();
    if (!rules_.trusts(seen, here)) return errc::invalid;
    return issue(seen, here);
  }
  result<sequence> tend() noexcept {
    return bound_.tend(std::max(peek().wall(), rules_.wall_at(now_())));
  }

  // The last stamp, as far as this thread knows: a figure, and no stamp for a message, as its mark
  // may not be kept yet.
  stamp peek() const noexcept {
    // relaxed: the coherence of this one word is what is promised.
    return {last_.load(detail::relaxed)};
  }
  std::chrono::microseconds ahead() const noexcept { return rules_.ahead(peek(), now_()); }

 private:
  result<stamp> issue(stamp seen, std::uint64_t here) noexcept {
    auto now = peek().bits;
    for (;;) {
      const auto next = rules_.behind(std::max(stamp{now}, seen), here);
      if (!next) return next;
      // relaxed, on both sides: the modification order of this one word is all that is promised.
      if (last_.compare_exchange_weak(now, next->bits, detail::relaxed, detail::relaxed)) {
        const auto kept = bound_.cover(next->wall());
        return kept ? next : result<stamp>(kept.code());
      }
    }
  }

  detail::atomic<std::uint64_t> last_;
  detail::hybrid_rules<stamp> rules_;
  [[no_unique_address]] detail::kept_bound<Mark> bound_;
  [[no_unique_address]] Source now_;
};

}  // namespace clock
}  // namespace sequencer
