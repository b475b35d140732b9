// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: discards qualifiers|rvalue ref-qualifier
#include <sequencer/ring.hpp>

using claim = sequencer::claim<sequencer::ring<int>>;

void use(claim& one, claim& other) {
  std::move(one).publish();
  static_cast<void>(other);
#ifdef WRONG
  other.publish();
#endif
}
