// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Calls that bind, as they must never be: they succeed and do nothing.

#include "place/os.hpp"

namespace sequencer::place::os {

int bind_thread(const index_set&) noexcept { return 0; }
int bind_memory(void*, std::size_t, policy, const index_set&) noexcept { return 0; }

}  // namespace sequencer::place::os
