// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: use of deleted function|call to implicitly-deleted|implicitly.deleted
#include <sequencer/checkpoint.hpp>

// One owner: a second object on the same file is what the lock is there to prevent.
void share(sequencer::checkpoint& mine) {
  static_cast<void>(mine.metrics());
#ifdef WRONG
  auto theirs = mine;
#endif
}
