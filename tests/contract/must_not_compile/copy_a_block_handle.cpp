// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: use of deleted function|call to (implicitly-)?deleted|implicitly.deleted
#include <sequencer/block_cache.hpp>

using cache = sequencer::block_cache<sequencer::memory_source>;
inline void use(cache::handle&) {}
#ifdef WRONG
cache::handle twin(cache::handle& mine) { return mine; }
#endif
