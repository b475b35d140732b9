// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "reading.hpp"

#include <algorithm>
#include <initializer_list>
#include <sstream>

namespace sequencer::place {

namespace {

constexpr std::string_view numbered_node = "sys/devices/system/node/node";

template <class Group>
void sort_by_cpu(std::vector<Group>& all) {
  std::erase_if(all, [](const auto& each) { return each.cpus.empty(); });
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::lexicographical_compare(a.cpus.begin(), a.cpus.end(), b.cpus.begin(), b.cpus.end());
  });
  const auto same = [](const auto& a, const auto& b) { return a.cpus == b.cpus; };
  all.erase(std::unique(all.begin(), all.end(), same), all.end());
}

template <class Group>
std::size_t home_of(const std::vector<Group>& all, unsigned cpu) noexcept {
  const auto at = std::find_if(all.begin(), all.end(),
                               [&](const auto& each) { return each.cpus.contains(cpu); });
  return at == all.end() ? nowhere : static_cast<std::size_t>(at - all.begin());
}

// Cores without a cache that they share with others count as one domain by package.
void make_up_caches(topology& of) {
  for (const auto& each : of.packages) {
    index_set bare;
    for (const auto& core : of.cores) {
      if (!each.cpus.contains(core.cpus.first())) continue;
      if (home_of(of.caches, core.cpus.first()) == nowhere) bare.insert(core.cpus);
    }
    if (!bare.empty()) of.caches.push_back({std::move(bare), 0, 0});
  }
  sort_by_cpu(of.caches);
}

// Nodes by number, and the rows and columns of the distances with them.
void sort_nodes(topology& of) {
  std::vector<std::size_t> order(of.nodes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](auto a, auto b) { return of.nodes[a].number < of.nodes[b].number; });
  const auto nodes = of.nodes;
  const auto distances = of.distances;
  for (std::size_t i = 0; i < order.size(); ++i) {
    of.nodes[i] = nodes[order[i]];
    if (distances.empty()) continue;
    for (std::size_t j = 0; j < order.size(); ++j) {
      of.distances[i][j] = distances[order[i]][order[j]];
    }
  }
}

// "max 100000" or "150000 100000" of a control group, version 2.
double cpus_of_v2(std::string_view text) {
  const auto words = words_of(text);
  if (words.size() != 2) return 0;
  const auto quota = number_in(words[0]);
  const auto period = number_in(words[1]);
  if (!quota || !period || *period == 0) return 0;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

template <class Number>
void tighten(Number& limit, Number found) {
  if (found > 0 && (limit == 0 || found < limit)) limit = found;
}

// What is written for "no limit" in version 1.
constexpr std::uint64_t unlimited = std::uint64_t{1} << 60;

void look_at_group(const file_tree& from, const std::string& at, group_limits& all) {
  tighten(all.cpus, cpus_of_v2(from.text(at + "/cpu.max").value_or("")));
  const auto quota = from.number(at + "/cpu.cfs_quota_us");
  const auto period = from.number(at + "/cpu.cfs_period_us");
  if (quota && period && *period != 0) {
    tighten(all.cpus, static_cast<double>(*quota) / static_cast<double>(*period));
  }
  for (const auto* name : {"/memory.max", "/memory.limit_in_bytes"}) {
    const auto bytes = from.number(at + name).value_or(0);
    if (bytes < unlimited) tighten(all.bytes, bytes);
  }
}

// Where hierarchies of these controllers are mounted: "cpuacct,cpu" may be at "cpu,cpuacct", and is
// at "cpu" then.
std::vector<std::string> mounts_of(const std::string& controllers) {
  const std::string all = "sys/fs/cgroup";
  if (controllers.empty()) return {all};  // version 2
  std::vector<std::string> mounts{all + '/' + controllers};
  std::istringstream from(controllers);
  for (std::string each; std::getline(from, each, ',');) {
    if (each != controllers) mounts.push_back(all + '/' + each);
  }
  return mounts;
}

// Of each hierarchy the directories from the process's own group up to the root.
template <class Take>
void each_group(const file_tree& from, Take take) {
  for (const auto& line : from.lines("proc/self/cgroup")) {
    const auto first = line.find(':');
    const auto second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos) continue;
    for (const auto& mount : mounts_of(line.substr(first + 1, second - first - 1))) {
      auto path = line.substr(second + 1);
      if (!path.starts_with('/')) break;
      while (path != "/" && !path.empty()) {
        take(mount + path);
        path.erase(path.rfind('/'));
      }
      take(mount);
    }
  }
}

}  // namespace

result<topology> completed(topology read) {
  index_set there;
  for (const auto& each : read.cores) there.insert(each.cpus);
  read.usable_cpus = read.usable_cpus.common(there);
  read.isolated_cpus = read.isolated_cpus.common(read.usable_cpus);
  sort_by_cpu(read.cores);
  sort_by_cpu(read.packages);
  sort_by_cpu(read.caches);
  if (read.cores.empty()) return error{errc::invalid, 0, read.source + ": has no CPU"};
  if (read.packages.empty()) {
    read.packages.push_back({there});
    read.gaps.push_back("Packages were not told: all CPUs count as one.");
  }
  sort_nodes(read);
  make_up_caches(read);
  for (auto& each : read.cores) {
    const auto cpu = each.cpus.first();
    each.package = home_of(read.packages, cpu);
    each.cache = home_of(read.caches, cpu);
    each.node = home_of(read.nodes, cpu);
  }
  return read;
}

std::vector<huge_pool> huge_pools(const file_tree& from, unsigned node) {
  std::vector<huge_pool> all;
  const auto at = std::string(numbered_node) + std::to_string(node) + "/hugepages";
  for (const auto& each : from.entries(at)) {
    constexpr std::string_view prefix = "hugepages-";
    if (!each.starts_with(prefix)) continue;
    const auto kib = number_in(std::string_view(each).substr(prefix.size()));
    if (!kib) continue;
    all.push_back({*kib * 1024, from.number(at + '/' + each + "/nr_hugepages").value_or(0),
                   from.number(at + '/' + each + "/free_hugepages").value_or(0)});
  }
  std::sort(all.begin(), all.end(),
            [](const auto& a, const auto& b) { return a.page_bytes < b.page_bytes; });
  return all;
}

group_limits limits_of_process(const file_tree& from) {
  group_limits all;
  each_group(from, [&](const std::string& at) { look_at_group(from, at, all); });
  return all;
}

std::uint64_t free_in_group(const file_tree& from) {
  auto least = ~std::uint64_t{0};
  const auto look = [&](const std::string& at, const char* limit, const char* used,
                        std::initializer_list<const char*> of_files) {
    const auto most = from.number(at + limit);
    const auto there = from.number(at + used);
    if (!most || !there) return;
    auto can_go = std::uint64_t{0};
    for (const auto* each : of_files) {
      can_go += number_in(from.field(at + "/memory.stat", each).value_or("")).value_or(0);
    }
    const auto needed = *there - std::min(*there, can_go);
    least = std::min(least, *most - std::min(*most, needed));
  };
  each_group(from, [&](const std::string& at) {
    look(at, "/memory.max", "/memory.current",
         {"inactive_file", "active_file", "slab_reclaimable"});
    look(at, "/memory.limit_in_bytes", "/memory.usage_in_bytes",
         {"total_inactive_file", "total_active_file"});
  });
  return least;
}

std::optional<index_set> cpuset_of_process(const file_tree& from) {
  std::optional<index_set> nearest;
  each_group(from, [&](const std::string& at) {
    for (const auto* name : {"/cpuset.cpus.effective", "/cpuset.effective_cpus", "/cpuset.cpus"}) {
      const auto cpus = nearest ? std::nullopt : from.list(at + name);
      if (cpus && !cpus->empty()) nearest = cpus;
    }
  });
  return nearest;
}

// ---- questions to a topology

std::size_t topology::core_of(unsigned cpu) const noexcept { return home_of(cores, cpu); }

std::size_t topology::node_at(unsigned number) const noexcept {
  const auto at = std::find_if(nodes.begin(), nodes.end(),
                               [&](const auto& each) { return each.number == number; });
  return at == nodes.end() ? nowhere : static_cast<std::size_t>(at - nodes.begin());
}

unsigned topology::distance(std::size_t from, std::size_t to) const noexcept {
  if (from == to) return 10;
  if (from < distances.size() && to < distances.size()) return distances[from][to];
  return 20;
}

std::size_t topology::cpu_count() const noexcept {
  std::size_t all = 0;
  for (const auto& each : cores) all += each.cpus.size();
  return all;
}

}  // namespace sequencer::place
