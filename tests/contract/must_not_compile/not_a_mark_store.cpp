// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: constraint
#include <sequencer/group.hpp>

// Returns before the number would survive, and says nothing.
struct forgetful {
  std::uint64_t load() const noexcept { return 0; }
  void store(std::uint64_t) noexcept {}
};

using kept = sequencer::group<sequencer::memory_mark>;
#ifdef WRONG
using lost = sequencer::group<forgetful>;
#endif
