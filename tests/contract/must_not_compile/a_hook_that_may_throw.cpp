// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: a handler's hooks are noexcept
#include <sequencer/graph.hpp>

struct quiet {
  void operator()(int&, sequencer::sequence, bool) noexcept {}
  void on_stop() noexcept {}
};
struct loud : quiet {
  void on_idle() {}
};

void plan(sequencer::graph<sequencer::ring<int>>& of) {
  of.add("a", quiet{});
#ifdef WRONG
  of.add("b", loud{});
#endif
}
