// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: discards qualifiers|called on|lvalue
#include <sequencer/graph.hpp>

void begin(sequencer::graph<sequencer::ring<int>>& plan) {
  static_cast<void>(std::move(plan).start());
#ifdef WRONG
  static_cast<void>(plan.start());
#endif
}
