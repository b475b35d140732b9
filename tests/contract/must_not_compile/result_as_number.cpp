// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: no match for|invalid operands
#include <sequencer/counter.hpp>

// A result converts to bool only where a condition asks: it never counts as 0 or 1.
bool positive(sequencer::counter& orders) {
  const auto taken = orders.next();
#ifdef WRONG
  return taken > 0;
#else
  return taken ? *taken > 0 : false;
#endif
}
