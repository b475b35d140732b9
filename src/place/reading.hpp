// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sequencer/place/topology.hpp>

#include "files.hpp"

// What the readers of topologies have in common.
namespace sequencer::place {

// Sorts, joins what two readings may name twice, makes up for caches that nobody told of, and says
// of each core where it belongs. Expects packages, nodes, caches and cores with their CPUs.
// Fails: invalid, there is no CPU.
result<topology> completed(topology read);

// Pools of huge pages, and what can be had, of a node of this tree.
std::vector<huge_pool> huge_pools(const file_tree& from, unsigned node);

// What the control groups of the process allow, the tightest of those that it is in.
group_limits limits_of_process(const file_tree& from);

// Bytes that they let the process have besides what it has; pages that can be read again from files
// count as free.
std::uint64_t free_in_group(const file_tree& from);

// CPUs that its cpuset lets the process have, whatever its affinity is now; nothing: not told.
std::optional<index_set> cpuset_of_process(const file_tree& from);

}  // namespace sequencer::place
