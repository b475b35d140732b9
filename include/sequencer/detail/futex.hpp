// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <ctime>

#include <sequencer/detail/atomic.hpp>

namespace sequencer::detail {

using time_point = std::chrono::steady_clock::time_point;
inline constexpr time_point never = time_point::max();

inline time_point now() noexcept { return std::chrono::steady_clock::now(); }

// Sleeps while `word` holds `expected`, until woken or until `until` (steady clock). May return
// early without cause. errno is left as it was.
inline void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected,
                       time_point until) noexcept {
  const auto since_boot = until.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
  const timespec at{static_cast<time_t>(seconds.count()),
                    static_cast<long>(std::chrono::nanoseconds(since_boot - seconds).count())};
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

}  // namespace sequencer::detail
