// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sequencer/detail/atomic.hpp>

// The checker's threads are not the system's.
namespace sequencer::detail {

inline std::uintptr_t thread_tag() noexcept { return rl::thread_index() + std::uintptr_t{1}; }

}  // namespace sequencer::detail
