// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: use of deleted function|call to implicitly-deleted copy constructor|deleted
#include <sequencer/partitioned.hpp>

void use(sequencer::partitioned& log) {
  auto moved = std::move(log);
  static_cast<void>(moved.count());
#ifdef WRONG
  auto second = moved;
#endif
}
