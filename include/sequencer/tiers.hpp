// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sequencer/unbound.hpp>

namespace sequencer {

// The CPU that the caller runs on, at this moment.
struct this_cpu {
  unsigned operator()() const noexcept {
    const int cpu = ::sched_getcpu();
    return cpu < 0 ? 0u : static_cast<unsigned>(cpu);
  }
};

// How blocks come down from their source: to a NUMA node, from there to a cache domain, whose CPUs
// share a last cache, and from there to the handles of threads that run on it. A refill then meets
// only neighbours. Plain values; `place::tiers_of` makes them of a topology.
//
// Sizes are numbers a block. A node holds at most one of node_block, a domain one of domain_block,
// besides what handles hold.
struct tiers {
  std::vector<std::uint32_t> domain_of_cpu{};   // by the system's number of the CPU
  std::vector<std::uint32_t> node_of_domain{};  // by domain; both count from 0
  // The NUMA node, by the system's number, on which each domain's pool lies; a node's pool lies
  // with that of its first domain. Empty: where the system puts them.
  std::vector<std::uint32_t> memory_of_domain{};
  std::uint64_t domain_block = 16'384;
  std::uint64_t node_block = 131'072;  // 0: no such level, domains refill from the source

  static constexpr std::size_t most_domains = 4096;
  static constexpr std::uint64_t largest_block = std::uint64_t{1} << 32;

  // A machine whose nodes, domains and CPUs are numbered one after the other.
  static tiers even(std::uint32_t nodes, std::uint32_t domains_a_node,
                    std::uint32_t cpus_a_domain) {
    tiers made;
    for (std::uint32_t domain = 0; domain < nodes * domains_a_node; ++domain) {
      made.node_of_domain.push_back(domain / domains_a_node);
      made.domain_of_cpu.insert(made.domain_of_cpu.end(), cpus_a_domain, domain);
    }
    return made;
  }

  std::size_t domains() const noexcept { return node_of_domain.size(); }

  // Those that have a pool: 0 where there is no such level.
  std::size_t nodes() const noexcept {
    if (node_block == 0 || node_of_domain.empty()) return 0;
    return *std::max_element(node_of_domain.begin(), node_of_domain.end()) + std::size_t{1};
  }

  // A CPU that nobody named is in some domain, too.
  std::size_t domain_of(unsigned cpu) const noexcept {
    return cpu < domain_of_cpu.size() ? domain_of_cpu[cpu] : cpu % domains();
  }

  // The system's number of the NUMA node that a domain's pool lies on, or unbound.
  std::uint32_t memory_of(std::size_t domain) const noexcept {
    return domain < memory_of_domain.size() ? memory_of_domain[domain] : unbound;
  }
  std::uint32_t memory_of_node(std::size_t node) const noexcept {
    const auto first = std::find(node_of_domain.begin(), node_of_domain.end(), node);
    return memory_of(static_cast<std::size_t>(first - node_of_domain.begin()));
  }

  // Most numbers that nodes and domains hold together.
  std::uint64_t held_bound() const noexcept {
    return nodes() * node_block + domains() * domain_block;
  }

  // The largest block that is asked of the source.
  std::uint64_t source_block() const noexcept { return std::max(node_block, domain_block); }

  // What is wrong with it, one sentence; empty: nothing.
  std::string fault() const {
    if (domains() == 0 || domains() > most_domains) {
      return "tiers need 1 to " + std::to_string(most_domains) + " domains, these have " +
             std::to_string(domains());
    }
    for (std::size_t cpu = 0; cpu < domain_of_cpu.size(); ++cpu) {
      if (domain_of_cpu[cpu] < domains()) continue;
      return "CPU " + std::to_string(cpu) + " is put in domain " +
             std::to_string(domain_of_cpu[cpu]) + ", and there are " + std::to_string(domains());
    }
    if (nodes() > domains()) {
      return "a domain is put in node " + std::to_string(nodes() - 1) + ", and there are only " +
             std::to_string(domains()) + " domains: number nodes from 0 without gaps";
    }
    if (!memory_of_domain.empty() && memory_of_domain.size() != domains()) {
      return "the memory of " + std::to_string(memory_of_domain.size()) + " domains is named, and "
             "there are " + std::to_string(domains());
    }
    const bool rising = node_block == 0 || domain_block <= node_block;
    if (domain_block == 0 || !rising || source_block() > largest_block) {
      return "a domain's block of " + std::to_string(domain_block) + " and a node's of " +
             std::to_string(node_block) + " must satisfy 1 <= domain <= node <= 2^32, node 0 "
             "leaves the level out";
    }
    return {};
  }

  friend bool operator==(const tiers&, const tiers&) = default;
};

// How often each level was refilled by the one above it.
struct tier_figures {
  struct level {
    std::uint64_t refills = 0;   // blocks that its pools were filled with
    std::uint64_t passes = 0;    // requests that went past, because a pool lagged behind them
    std::uint64_t given_up = 0;  // numbers that lagging pools gave up

    void add(const auto& of) noexcept {
      refills += of.refills();
      passes += of.passes();
      given_up += of.given_up();
    }
  };
  level nodes;
  level domains;
  std::uint64_t from_source = 0;  // blocks that the source was asked for
};

}  // namespace sequencer
