// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: discards qualifiers|not marked const
#include <sequencer/cursor.hpp>

// Readers hold a const cursor: only the one writer can move it.
sequencer::sequence read(const sequencer::cursor& done) {
#ifdef WRONG
  done.advance_to(1);
#endif
  return done.position();
}
