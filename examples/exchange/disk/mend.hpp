// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "../audit/tally.hpp"
#include "append_file.hpp"

namespace examples::exchange {

struct mended {
  std::uint64_t orders;   // in both files now
  std::uint64_t dropped;  // bytes
};

// Drops what a kill cut off from a journal and its replica, gives the shorter one what only the
// other has, and syncs both. An accepted order stands in both, so whichever is whole will do.
// `promised`: by gateway, up to which of its orders it was told that they are accepted.
// Throws trouble, and leaves the files alone, where they contradict each other or that.
mended mend(append_file& journal, append_file& replica, const orders_by_gateway& promised);

}  // namespace examples::exchange
