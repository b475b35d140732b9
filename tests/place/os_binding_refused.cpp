// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Calls that bind, on a host that refuses them, as many containers do.

#include <cerrno>

#include "place/os.hpp"

namespace sequencer::place::os {

int bind_thread(const index_set&) noexcept { return EPERM; }
int bind_memory(void*, std::size_t, policy, const index_set&) noexcept { return EPERM; }

}  // namespace sequencer::place::os
