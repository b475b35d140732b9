// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: nodiscard
#include <sequencer/result.hpp>

sequencer::result<void> close_it();

void end() {
  static_cast<void>(close_it());
#ifdef WRONG
  close_it();
#endif
}
