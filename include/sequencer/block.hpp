// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sequencer/sequence.hpp>

namespace sequencer {

// A range handed over in one go. `epoch` is the owner epoch of the source when it was handed over
// and `lineage` names the source's history; both stay 0 for sources without owners.
struct block {
  range numbers;
  std::uint64_t epoch = 0;
  std::uint64_t lineage = 0;
};

}  // namespace sequencer
