// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: no matching (member )?function|no match
#include "../strict_orders/sequencer/detail/atomic.hpp"

// Proves that the stand-in used by the strict_source build refuses what it is there to refuse.
unsigned read(const sequencer::detail::atomic<unsigned>& word) {
#ifdef WRONG
  return word.load();
#else
  return word.load(sequencer::detail::acquire);
#endif
}
