// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <cstdint>

namespace sequencer::detail {

// Tells threads that live at the same time apart; 0 is none of them.
inline std::uintptr_t thread_tag() noexcept {
#if __has_builtin(__builtin_thread_pointer)
  // What pthread_self() says, or another address of the thread's own, without a call.
  return reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
#else
  return static_cast<std::uintptr_t>(::pthread_self());
#endif
}

}  // namespace sequencer::detail
