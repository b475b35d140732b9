// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "append_file.hpp"

namespace examples::exchange {

// Drops what a kill cut off from a journal and its replica, gives the shorter one what only the
// other has, and syncs both. An accepted order stands in both, so whichever is whole will do.
// Returns how many bytes were dropped. Throws trouble where they contradict each other.
std::uint64_t mend(append_file& journal, append_file& replica);

}  // namespace examples::exchange
