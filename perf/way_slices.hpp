// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "systems/offers.hpp"
#include "timed_slices.hpp"

namespace perf {

// One caller of a server, for a span; then what the way has to check, if anything.
slice_result slice_of(const systems::way& by, std::chrono::nanoseconds span);

}  // namespace perf
