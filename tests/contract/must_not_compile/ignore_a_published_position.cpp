// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: nodiscard|unused
#include <sequencer/ring.hpp>

using producer = sequencer::producer<sequencer::ring<int>, sequencer::wait::spin>;

void use(producer& out) {
  static_cast<void>(out.publish([](int& event) { event = 1; }));
#ifdef WRONG
  out.publish([](int& event) { event = 1; });
#endif
}
