// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include <sequencer/detail/atomic.hpp>

namespace sequencer::detail {

using time_point = std::chrono::steady_clock::time_point;
inline constexpr time_point never = time_point::max();

inline time_point now() noexcept { return std::chrono::steady_clock::now(); }

inline timespec timespec_of(time_point at) noexcept {
  const auto since_boot = at.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  return {static_cast<time_t>(seconds.count()),
          static_cast<long>(std::chrono::nanoseconds(since_boot - seconds).count())};
}

// Sleeps while `word` holds `expected`, until woken or until `until` (steady clock). May return
// early without cause. errno is left as it was.
inline void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected,
                       time_point until) noexcept {
  const auto at = timespec_of(until);
  const int kept = errno;
  ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, until == never ? nullptr : &at,
            nullptr, FUTEX_BITSET_MATCH_ANY);
  errno = kept;
}

inline void futex_wake_all(atomic<std::uint32_t>& word) noexcept {
  const int kept = errno;
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  errno = kept;
}

static_assert(sizeof(std::atomic<std::uint32_t>) == 4);

// A word, and what it holds as long as there is nothing to wake up for.
struct quiet_word {
  atomic<std::uint32_t>* at;
  std::uint32_t expected;
};

// As futex_wait(), at several words: a wake at any of them counts.
// Returns false, at once, where the kernel cannot: before Linux 5.16, and where it is forbidden.
template <std::size_t Count>
bool futex_wait_any(const std::array<quiet_word, Count>& words, time_point until) noexcept {
  // The kernel's own names are younger than the headers that we build with.
  struct entry {
    std::uint64_t expected;
    std::uint64_t address;
    std::uint32_t flags;
    std::uint32_t reserved;
  };
  constexpr long number = 449;
  constexpr std::uint32_t of_32_bits = 2;
  static_assert(Count <= 128, "the kernel takes no more words");
  std::array<entry, Count> entries;
  for (std::size_t i = 0; i < Count; ++i) {
    entries[i] = {words[i].expected, reinterpret_cast<std::uintptr_t>(words[i].at),
                  of_32_bits | FUTEX_PRIVATE_FLAG, 0};
  }
  const auto at = timespec_of(until);
  const int kept = errno;
  const bool woken = ::syscall(number, entries.data(), Count, 0, until == never ? nullptr : &at,
                               CLOCK_MONOTONIC) >= 0;
  const bool can = woken || errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT;
  errno = kept;
  return can;
}

}  // namespace sequencer::detail
