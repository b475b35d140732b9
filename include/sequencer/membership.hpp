// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace sequencer {

// Who a member is, and of which generation of its group: what it shows with every call.
struct membership {
  std::uint64_t id = 0;  // of this group since it was made, never given twice
  std::uint64_t generation = 0;

  friend constexpr bool operator==(const membership&, const membership&) = default;
};

}  // namespace sequencer
