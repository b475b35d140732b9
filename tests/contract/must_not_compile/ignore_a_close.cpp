// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: nodiscard
#include <sequencer/checkpoint.hpp>

// A close that failed left numbers behind: whoever calls it by hand hears about it.
void end(sequencer::checkpoint& file) {
#ifdef WRONG
  file.close();
#else
  static_cast<void>(file.close());
#endif
}
