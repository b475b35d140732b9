// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
// refused: use of deleted function|call to implicitly-deleted copy constructor
#include <sequencer/clock/interval_tree.hpp>

auto here = sequencer::clock::interval_tree::seed();
#ifdef WRONG
auto second_owner = here;
#endif
