// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: use of deleted function|call to deleted constructor
#include <sequencer/block_source.hpp>

sequencer::memory_source blocks;
#ifdef WRONG
sequencer::memory_source twin = blocks;
#endif
