// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: use of deleted function|call to deleted constructor
#include <sequencer/clock/lamport.hpp>

sequencer::clock::lamport here;
#ifdef WRONG
sequencer::clock::lamport twin = here;
#endif
