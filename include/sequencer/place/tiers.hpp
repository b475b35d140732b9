// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sequencer/place/topology.hpp>
#include <sequencer/tiers.hpp>

namespace sequencer::place {

// The nodes and cache domains that this process may run in, as tiers for blocks of numbers. A cache
// that spans several nodes is a domain in each. With one node there is no level of nodes: it would
// be as crowded as the source. CPUs that the process may not use are put in the first domain.
//
// Sizes are those that `tiers` begins with; change them as you like.
// Threads: any. Progress: no system calls, allocates. Order: domains by their lowest core, nodes by
// the first domain that they have. Fails: without memory only.
tiers tiers_of(const topology& of);

}  // namespace sequencer::place
