// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace sequencer {

// For a NUMA node by the system's number: where the system puts the pages, which is the node of the
// thread that touches them first.
inline constexpr std::uint32_t unbound = ~std::uint32_t{0};

}  // namespace sequencer
