// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include <sequencer/detail/atomic.hpp>

// The kernel's side of waiting, for Relacy. It gives no order at all: whatever a woken thread must
// see has to come through the library's own atomics. A sleeper whom nobody wakes is a deadlock.
namespace sequencer::detail {

using time_point = std::chrono::steady_clock::time_point;
inline constexpr time_point never = time_point::max();

// The one finite deadline. It passes when the checker ends a sleep by it, and then has passed for
// everybody; a model that uses it puts `passed` back before each run.
inline constexpr time_point some_day{std::chrono::hours(1)};
inline bool passed = false;

inline time_point now() noexcept { return passed ? some_day : time_point{}; }

// The kernel compares and queues the caller in one step, on the newest value.
inline void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected,
                       time_point until) noexcept {
  auto& checker = rl::ctx();
  checker.sched();
  if (word.newest() != expected) return;
  const auto why = word.sleepers().park_current(checker, until != never,
                                                checker.is_random_sched(), false,
                                                rl::debug_info("sleep", __FILE__, __LINE__));
  if (why == rl::unpark_reason_timeout) passed = true;
}

inline void futex_wake_all(atomic<std::uint32_t>& word) noexcept {
  auto& checker = rl::ctx();
  checker.sched();
  word.sleepers().unpark_all(checker, rl::debug_info("wake", __FILE__, __LINE__));
}

struct quiet_word {
  atomic<std::uint32_t>* at;
  std::uint32_t expected;
};

// It compares and queues one word after the other, and a wake between two of them ends the sleep:
// as if it did all in one step.
template <std::size_t Count>
bool futex_wait_any(const std::array<quiet_word, Count>& words, time_point until) noexcept {
  auto& checker = rl::ctx();
  checker.sched();
  rl::waitset<most_threads>* beds[Count];
  for (std::size_t i = 0; i != Count; ++i) {
    if (words[i].at->newest() != words[i].expected) return true;
    beds[i] = &words[i].at->sleepers();
  }
  const auto why = rl::waitset<most_threads>::park_current(
      checker, beds, nullptr, Count, false, until != never, false,
      rl::debug_info("sleep at any", __FILE__, __LINE__));
  if (why == rl::unpark_reason_timeout) passed = true;
  return true;
}

}  // namespace sequencer::detail
