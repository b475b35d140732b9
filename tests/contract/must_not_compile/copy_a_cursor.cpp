// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: use of deleted function|call to deleted constructor
#include <sequencer/cursor.hpp>

sequencer::cursor done;
#ifdef WRONG
sequencer::cursor twin = done;
#endif
