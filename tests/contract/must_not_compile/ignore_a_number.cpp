// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: nodiscard
#include <sequencer/counter.hpp>

void take(sequencer::counter& orders) {
  static_cast<void>(orders.next());
#ifdef WRONG
  orders.next();
#endif
}
