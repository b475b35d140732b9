// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: use of deleted function|call to deleted constructor
#include <sequencer/cpu_cache.hpp>

sequencer::cpu_cache<sequencer::memory_source> ids;
#ifdef WRONG
sequencer::cpu_cache<sequencer::memory_source> twin = ids;
#endif
