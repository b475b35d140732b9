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

}  // namespace sequencer::place
