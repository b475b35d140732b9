// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <sequencer/place/topology.hpp>
#include <sequencer/tiers.hpp>

namespace sequencer::place {

// The nodes and cache domains that this process may run in, as tiers for blocks of numbers. A cache
// that spans several nodes is a domain in each. With one node there is no level of nodes: it would
// be as crowded as the source. CPUs that the process may not use are put in the first domain.
// Pools lie where the system puts them.
//
// Sizes are those that `tiers` begins with; change them as you like.
// Threads: any. Progress: no system calls, allocates. Order: domains by their lowest core, nodes by
// the first domain that they have. Fails: without memory only.
tiers tiers_of(const topology& of);

// The same, each pool on the NUMA node of its CPUs, or on the nearest one with memory. Where the
// system lets nobody bind memory, as in some containers, a source of such tiers has no pools, and
// answers `unavailable`.
tiers bound_tiers_of(const topology& of);

// For each CPU, by its number, the number of the NUMA node that it is to have its memory on: its
// own, or the nearest one with memory; unbound for CPUs that this process may not use. For caches
// by CPU, and by tiers::domain_of_cpu for lanes.
// Threads: any. Progress: no system calls, allocates. Fails: without memory only.
std::vector<std::uint32_t> memory_of_cpus(const topology& of);

}  // namespace sequencer::place
