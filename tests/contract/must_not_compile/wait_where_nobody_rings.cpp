// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: a ring wakes who parks and nobody else
#include <sequencer/ring.hpp>

struct own {
  struct waiter {
    void step(sequencer::wait::deadline) noexcept {}
  };
  waiter enter() noexcept { return {}; }
  void wake() noexcept {}
};

void use(sequencer::ring<int>& of) {
  auto in = *of.join();
  static_cast<void>(in.await<sequencer::wait::park>());
#ifdef WRONG
  static_cast<void>(in.await<own>());
#endif
}
