// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: no (match|'operator\+\+')|cannot increment
#include "../strict_orders/sequencer/detail/atomic.hpp"

// Proves that the stand-in used by the strict_source build refuses what it is there to refuse.
void step(sequencer::detail::atomic<unsigned>& word) {
#ifdef WRONG
  ++word;
#else
  word.fetch_add(1, sequencer::detail::relaxed);
#endif
}
