// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/place/tiers.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace sequencer::place {

namespace {

// Where `what` stands in `all`, at its end if it is new.
template <class T>
std::uint32_t number_of(const T& what, std::vector<T>& all) {
  const auto at = std::find(all.begin(), all.end(), what);
  const auto number = at - all.begin();
  if (at == all.end()) all.push_back(what);
  return static_cast<std::uint32_t>(number);
}

// The node with memory that is nearest to the one at `node`, by its number.
std::uint32_t memory_near(const topology& of, std::size_t node) {
  const auto has_memory = [&](const numa_node& one) { return one.usable && one.bytes != 0; };
  if (node < of.nodes.size() && has_memory(of.nodes[node])) return of.nodes[node].number;
  auto found = sequencer::unbound;
  auto least = ~0u;
  for (std::size_t i = 0; i < of.nodes.size(); ++i) {
    if (!has_memory(of.nodes[i])) continue;
    const auto far = node < of.nodes.size() ? of.distance(node, i) : 0u;
    if (far >= least) continue;
    least = far;
    found = of.nodes[i].number;
  }
  return found;
}

}  // namespace

tiers tiers_of(const topology& of) {
  tiers made;
  std::vector<std::pair<std::size_t, std::size_t>> domains;  // cache and node
  std::vector<std::size_t> nodes;
  for (const auto& core : of.cores) {
    const auto cpus = of.usable_cpus.empty() ? core.cpus : core.cpus.common(of.usable_cpus);
    if (cpus.empty()) continue;
    const auto domain = number_of({core.cache, core.node}, domains);
    if (domain == made.node_of_domain.size()) {
      made.node_of_domain.push_back(number_of(core.node, nodes));
    }
    for (const auto cpu : cpus) {
      if (made.domain_of_cpu.size() <= cpu) made.domain_of_cpu.resize(cpu + std::size_t{1});
      made.domain_of_cpu[cpu] = domain;
    }
  }
  if (nodes.size() <= 1) made.node_block = 0;
  return made;
}

tiers bound_tiers_of(const topology& of) {
  auto made = tiers_of(of);
  const auto nodes = memory_of_cpus(of);
  made.memory_of_domain.assign(made.domains(), sequencer::unbound);
  for (std::size_t cpu = 0; cpu < nodes.size(); ++cpu) {
    if (nodes[cpu] == sequencer::unbound) continue;
    made.memory_of_domain[made.domain_of_cpu[cpu]] = nodes[cpu];
  }
  return made;
}

std::vector<std::uint32_t> memory_of_cpus(const topology& of) {
  std::vector<std::uint32_t> made;
  for (const auto& core : of.cores) {
    const auto cpus = of.usable_cpus.empty() ? core.cpus : core.cpus.common(of.usable_cpus);
    for (const auto cpu : cpus) {
      if (made.size() <= cpu) made.resize(cpu + std::size_t{1}, sequencer::unbound);
      made[cpu] = memory_near(of, core.node);
    }
  }
  return made;
}

}  // namespace sequencer::place
