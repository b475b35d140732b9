// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <mutex>

// The one seam through which atomics and mutexes reach the library. A model checker puts its own
// file of this name earlier in the include path and so runs the very same source.
namespace sequencer::detail {

template <class T>
using atomic = std::atomic<T>;

// A plain variable that the algorithms hand from thread to thread; a checker watches it for races.
template <class T>
using plain = T;

using mutex = std::mutex;

inline constexpr auto relaxed = std::memory_order_relaxed;
inline constexpr auto acquire = std::memory_order_acquire;
inline constexpr auto release = std::memory_order_release;
inline constexpr auto acq_rel = std::memory_order_acq_rel;

// Keeps the compiler from moving loads and stores across. No instruction: for readers that look
// only after this process died, whose stores the kernel sees in program order, and for who makes
// this thread fence by other means.
inline void keep_program_order() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

// Orders everything before it against everything after it, stores before loads too. A builtin that
// the thread sanitizer takes; what it cannot see of it only decides whether somebody sleeps.
inline void full_fence() noexcept { __sync_synchronize(); }

}  // namespace sequencer::detail
