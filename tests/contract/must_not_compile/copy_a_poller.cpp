// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: use of deleted function|call to implicitly-deleted copy constructor|deleted
#include <sequencer/ring.hpp>

using poller = sequencer::poller<sequencer::ring<int>>;

void use(poller& one) {
  auto moved = std::move(one);
  static_cast<void>(moved);
#ifdef WRONG
  auto second = moved;
#endif
}
