// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <cstdint>

namespace sequencer::detail {

// Tells threads that live at the same time apart; 0 is none of them.
inline std::uintptr_t thread_tag() noexcept {
  return static_cast<std::uintptr_t>(::pthread_self());
}

}  // namespace sequencer::detail
