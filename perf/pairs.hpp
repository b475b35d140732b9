// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sequencer/place/topology.hpp>

// Pairs of CPUs by what they share.
namespace perf {

struct pair_of_cpus {
  std::string placement;  // same_core, same_l3, across_l3, across_sockets
  int first = 0;
  int second = 0;
};

// One pair of `cpus` for each placement that there is, from near to far: the first in their order.
// Two cores of which no shared L3 is known count as apart.
std::vector<pair_of_cpus> choose_pairs(const sequencer::place::topology& of,
                                       const std::vector<int>& cpus);

}  // namespace perf
