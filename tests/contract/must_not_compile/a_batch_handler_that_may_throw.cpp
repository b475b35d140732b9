// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: wrap one that throws in guarded
#include <sequencer/graph.hpp>

struct event {
  int value = 0;
};

void plan(sequencer::graph<sequencer::ring<event>>& of) {
  of.add("a", [](sequencer::batch<event>&) noexcept {});
#ifdef WRONG
  of.add("b", [](sequencer::batch<event>&) {});
#endif
}
