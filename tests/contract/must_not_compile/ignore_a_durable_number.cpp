// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: nodiscard
#include <sequencer/checkpoint.hpp>

void take(sequencer::durable_sequence& trades, sequencer::durable_blocks::handle& traces) {
#ifdef WRONG
  trades.next();
  traces.next();
#else
  static_cast<void>(trades.next());
  static_cast<void>(traces.next());
#endif
}
