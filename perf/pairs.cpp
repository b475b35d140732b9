// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "pairs.hpp"

#include <optional>

namespace perf {

namespace {

namespace place = sequencer::place;

const place::core* core_of(const place::topology& of, int cpu) {
  const auto at = of.core_of(static_cast<unsigned>(cpu));
  return at == place::nowhere ? nullptr : &of.cores[at];
}

const char* placement_of(const place::topology& in, int a, int b) {
  const auto* one = core_of(in, a);
  const auto* other = core_of(in, b);
  if (one == nullptr || other == nullptr) return "across_l3";
  if (one == other) return "same_core";
  if (one->package != other->package) return "across_sockets";
  const bool together = one->cache != place::nowhere && one->cache == other->cache &&
                        in.caches[one->cache].level >= 3;
  return together ? "same_l3" : "across_l3";
}

std::optional<pair_of_cpus> first_pair(const place::topology& in, const std::vector<int>& cpus,
                                       const std::string& wanted) {
  for (std::size_t a = 0; a < cpus.size(); ++a) {
    for (auto b = a + 1; b < cpus.size(); ++b) {
      if (wanted != placement_of(in, cpus[a], cpus[b])) continue;
      return pair_of_cpus{wanted, cpus[a], cpus[b]};
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<pair_of_cpus> choose_pairs(const place::topology& of, const std::vector<int>& cpus) {
  std::vector<pair_of_cpus> pairs;
  for (const char* wanted : {"same_core", "same_l3", "across_l3", "across_sockets"}) {
    if (const auto found = first_pair(of, cpus, wanted)) pairs.push_back(*found);
  }
  return pairs;
}

}  // namespace perf
