// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: polled beside a fan_in
#include <sequencer/fan_in.hpp>
#include <sequencer/flow.hpp>

using ring = sequencer::ring<int>;
using poller = sequencer::poller<ring>;
using follower = sequencer::follower<ring>;

void use(poller first, follower second) {
  sequencer::fan_in one(std::move(first));
  static_cast<void>(second);
#ifdef WRONG
  sequencer::fan_in other(std::move(second));
#endif
}
