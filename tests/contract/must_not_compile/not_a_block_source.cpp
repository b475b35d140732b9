// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: constraint|does not satisfy
#include <sequencer/block_cache.hpp>

// A source that cannot take tails back: its cache would lose them without a trace.
struct forgetful {
  static constexpr bool slow = false;
  sequencer::result<sequencer::block> acquire(const sequencer::block_request&) noexcept;
};

sequencer::block_cache<sequencer::memory_source> kept;
#ifdef WRONG
sequencer::block_cache<forgetful> lost;
#endif
