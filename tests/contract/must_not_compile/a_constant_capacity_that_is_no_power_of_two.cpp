// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: capacity is a power of two
#include <sequencer/ring.hpp>

sequencer::ring<int, sequencer::producers::one, 4> four;
#ifdef WRONG
sequencer::ring<int, sequencer::producers::one, 6> six;
#endif
