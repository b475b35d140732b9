// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The topology as hwloc tells it. No type of hwloc's leaves this file.

#include <hwloc.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "reading.hpp"

namespace sequencer::place {

namespace {

struct destroy {
  void operator()(hwloc_topology* of) const noexcept { ::hwloc_topology_destroy(of); }
};
using handle = std::unique_ptr<hwloc_topology, destroy>;

handle made() {
  hwloc_topology_t of = nullptr;
  if (::hwloc_topology_init(&of) != 0) return nullptr;
  // What this process may not use is there all the same, and marked.
  ::hwloc_topology_set_flags(of, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  return handle(of);
}

index_set set_of(hwloc_const_bitmap_t bits) {
  index_set all;
  if (bits == nullptr) return all;
  for (int each = ::hwloc_bitmap_first(bits); each >= 0; each = ::hwloc_bitmap_next(bits, each)) {
    all.insert(static_cast<unsigned>(each));
  }
  return all;
}

// CPUs that are there, of the kind of object.
template <class Take>
void each_object(hwloc_topology_t of, hwloc_obj_type_t kind, Take take) {
  for (auto* at = ::hwloc_get_next_obj_by_type(of, kind, nullptr); at != nullptr;
       at = ::hwloc_get_next_obj_by_type(of, kind, at)) {
    take(*at);
  }
}

void read_cores(hwloc_topology_t of, topology& into) {
  each_object(of, HWLOC_OBJ_PACKAGE,
              [&](const hwloc_obj& at) { into.packages.push_back({set_of(at.cpuset)}); });
  index_set in_cores;
  each_object(of, HWLOC_OBJ_CORE, [&](const hwloc_obj& at) {
    into.cores.push_back({set_of(at.cpuset), nowhere, nowhere, nowhere, 0});
    in_cores.insert(into.cores.back().cpus);
  });
  each_object(of, HWLOC_OBJ_PU, [&](const hwloc_obj& at) {
    if (in_cores.contains(at.os_index)) return;
    into.cores.push_back({index_set{at.os_index}, nowhere, nowhere, nowhere, 0});
  });
}

// The largest cache above each core, if it is an L3 or more, or more than one core has it.
void read_caches(hwloc_topology_t of, topology& into) {
  for (const auto& core : into.cores) {
    auto* at = ::hwloc_get_pu_obj_by_os_index(of, core.cpus.first());
    const hwloc_obj* last = nullptr;
    for (; at != nullptr; at = at->parent) {
      if (::hwloc_obj_type_is_dcache(at->type)) last = at;
    }
    if (last == nullptr) continue;
    auto cpus = set_of(last->cpuset);
    if (last->attr->cache.depth < 3 && core.cpus.contains(cpus)) continue;
    into.caches.push_back({std::move(cpus), last->attr->cache.depth, last->attr->cache.size});
  }
}

// A CPU is at home on the smallest node that has it, and of several on the one with the lowest
// number: hwloc gives a node without CPUs those of its neighbour.
void settle_cpus(topology& into, const std::vector<index_set>& local) {
  for (const auto& core : into.cores) {
    for (const auto cpu : core.cpus) {
      std::size_t home = nowhere;
      for (std::size_t i = 0; i < local.size(); ++i) {
        if (!local[i].contains(cpu)) continue;
        const auto before = [&](std::size_t a, std::size_t b) {
          if (local[a].size() != local[b].size()) return local[a].size() < local[b].size();
          return into.nodes[a].number < into.nodes[b].number;
        };
        if (home == nowhere || before(i, home)) home = i;
      }
      if (home != nowhere) into.nodes[home].cpus.insert(cpu);
    }
  }
}

void read_nodes(hwloc_topology_t of, topology& into) {
  const auto allowed = set_of(::hwloc_topology_get_allowed_nodeset(of));
  std::vector<index_set> local;
  each_object(of, HWLOC_OBJ_NUMANODE, [&](const hwloc_obj& at) {
    numa_node each;
    each.number = at.os_index;
    each.bytes = at.attr->numanode.local_memory;
    each.usable = allowed.contains(each.number);
    for (unsigned i = 0; i < at.attr->numanode.page_types_len; ++i) {
      const auto& pool = at.attr->numanode.page_types[i];
      constexpr std::uint64_t smallest_huge = 64 << 10;
      if (pool.size <= smallest_huge) continue;
      each.huge.push_back({pool.size, pool.count, pool.count});
    }
    into.nodes.push_back(std::move(each));
    local.push_back(set_of(at.cpuset));
  });
  settle_cpus(into, local);
}

void read_distances(hwloc_topology_t of, topology& into) {
  unsigned count = 1;
  hwloc_distances_s* told = nullptr;
  const bool there = ::hwloc_distances_get_by_name(of, "NUMALatency", &count, &told, 0) == 0 &&
                     count != 0 && told != nullptr && told->nbobjs == into.nodes.size();
  if (there) {
    const auto size = into.nodes.size();
    into.distances.assign(size, std::vector<unsigned>(size, 10));
    for (std::size_t i = 0; i < size; ++i) {
      const auto row = into.node_at(told->objs[i]->os_index);
      for (std::size_t j = 0; j < size; ++j) {
        const auto column = into.node_at(told->objs[j]->os_index);
        if (row == nowhere || column == nowhere) continue;
        into.distances[row][column] = static_cast<unsigned>(told->values[i * size + j]);
      }
    }
  } else if (into.nodes.size() > 1) {
    into.gaps.push_back("Distances between nodes were not told: all others count as 20.");
  }
  if (told != nullptr && count != 0) ::hwloc_distances_release(of, told);
}

// Kinds of cores are ranked by efficiency, which here means from slow to fast.
void read_speeds(hwloc_topology_t of, topology& into) {
  const int kinds = ::hwloc_cpukinds_get_nr(of, 0);
  if (kinds < 2) return;
  const std::unique_ptr<hwloc_bitmap_s, decltype(&::hwloc_bitmap_free)> bits(::hwloc_bitmap_alloc(),
                                                                             &::hwloc_bitmap_free);
  for (int i = 0; i < kinds; ++i) {
    int rank = -1;
    if (::hwloc_cpukinds_get_info(of, static_cast<unsigned>(i), bits.get(), &rank, nullptr, nullptr,
                                  0) != 0 ||
        rank < 0) {
      continue;
    }
    const auto cpus = set_of(bits.get());
    for (auto& each : into.cores) {
      if (cpus.contains(each.cpus.first())) each.speed = static_cast<unsigned>(rank);
    }
  }
}

// Whatever the source, of a loaded topology.
topology read(hwloc_topology_t of, std::string source) {
  topology into;
  into.source = std::move(source);
  into.usable_cpus = set_of(::hwloc_topology_get_allowed_cpuset(of));
  read_cores(of, into);
  read_caches(of, into);
  read_nodes(of, into);
  read_distances(of, into);
  read_speeds(of, into);
  return into;
}

error failed(errc code, const std::string& what) {
  const int why = errno;
  return {code, why, what + ": " + std::strerror(why)};
}

// What hwloc cannot tell of the machine it runs on, or tells otherwise than the kernel.
void ask_the_kernel(topology& into) {
  const file_tree root("/");
  if (const auto tree = topology::from_tree("/")) {
    into.usable_cpus = into.usable_cpus.common(tree->usable_cpus);
    into.isolated_cpus = tree->isolated_cpus;
    for (auto& each : into.nodes) {
      const auto at = tree->node_at(each.number);
      if (at == nowhere) continue;
      each.cpus = tree->nodes[at].cpus;
      each.usable = each.usable && tree->nodes[at].usable;
      each.huge = tree->nodes[at].huge;
    }
  }
  into.limits = limits_of_process(root);
}

}  // namespace

result<topology> topology::discover() {
  const auto of = made();
  if (!of || ::hwloc_topology_load(of.get()) != 0) {
    return failed(errc::io, "hwloc could not look at this machine");
  }
  // Its environment variables may have named another one.
  const bool here = ::hwloc_topology_is_thissystem(of.get()) == 1;
  auto found = read(of.get(), here ? "this machine" : "what hwloc's environment variables name");
  found.this_machine = here;
  if (here) ask_the_kernel(found);
  return completed(std::move(found));
}

result<topology> topology::from_xml(const std::string& path) {
  const auto of = made();
  errno = 0;
  if (!of || ::hwloc_topology_set_xml(of.get(), path.c_str()) != 0 ||
      ::hwloc_topology_load(of.get()) != 0) {
    return failed(errc::invalid, path + ": is no topology that hwloc can read (lstopo --of xml)");
  }
  return completed(read(of.get(), "XML " + path));
}

result<topology> topology::from_synthetic(const std::string& text) {
  const auto of = made();
  errno = 0;
  if (!of || ::hwloc_topology_set_synthetic(of.get(), text.c_str()) != 0 ||
      ::hwloc_topology_load(of.get()) != 0) {
    return failed(errc::invalid, "'" + text +
                                     "' describes no topology, as "
                                     "'pack:2 numa:1 l3:2 core:4 pu:2' does");
  }
  return completed(read(of.get(), "synthetic " + text));
}

bool topology::has_hwloc() noexcept { return true; }

}  // namespace sequencer::place
