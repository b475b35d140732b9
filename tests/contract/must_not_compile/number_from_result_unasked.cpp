// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: cannot convert|no viable conversion
#include <sequencer/counter.hpp>

sequencer::sequence take(sequencer::counter& orders) {
#ifdef WRONG
  return orders.next();
#else
  return orders.next().value();
#endif
}
