// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: use of deleted function|call to deleted constructor
#include <sequencer/counter.hpp>

sequencer::counter orders;
#ifdef WRONG
sequencer::counter twin = orders;
#endif
