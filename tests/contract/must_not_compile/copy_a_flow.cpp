// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: use of deleted function|call to implicitly-deleted copy constructor|deleted
#include <sequencer/flow.hpp>

using flow = sequencer::flow<sequencer::ring<int>>;

void use(flow& one) {
  auto moved = std::move(one);
  static_cast<void>(moved);
#ifdef WRONG
  auto second = moved;
#endif
}
