// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The topology as /sys and /proc tell it.

#include <map>

#include "os.hpp"
#include "reading.hpp"

namespace sequencer::place {

namespace {

const std::string cpu_directory = "sys/devices/system/cpu";
const std::string node_directory = "sys/devices/system/node";

std::string of_cpu(unsigned cpu) { return cpu_directory + "/cpu" + std::to_string(cpu); }

void read_cores(const file_tree& from, const index_set& online, topology& into) {
  std::map<std::uint64_t, package> packages;
  for (const auto cpu : online) {
    const auto at = of_cpu(cpu) + "/topology/";
    auto threads = from.list(at + "core_cpus_list");
    if (!threads) threads = from.list(at + "thread_siblings_list");
    if (!threads || threads->empty()) threads = index_set{cpu};
    into.cores.push_back({threads->common(online), nowhere, nowhere, nowhere, 0});
    // Where nobody numbers packages, -1 or nothing is written: all CPUs are in one.
    const auto number = from.number(at + "physical_package_id").value_or(0);
    packages[number].cpus.insert(cpu);
  }
  for (auto& [number, each] : packages) into.packages.push_back(std::move(each));
}

// "32768K", "32M"
std::uint64_t bytes_of(const std::string& text) {
  const auto value = number_in(text).value_or(0);
  if (text.ends_with('K')) return value << 10;
  if (text.ends_with('M')) return value << 20;
  return value;
}

// The largest cache that a CPU reaches, if its core shares it with others or it is an L3.
void read_cache(const file_tree& from, unsigned cpu, const index_set& online, topology& into) {
  cache_domain last;
  for (const auto index : from.numbered(of_cpu(cpu) + "/cache", "index")) {
    const auto at = of_cpu(cpu) + "/cache/index" + std::to_string(index) + '/';
    const auto level = from.number(at + "level").value_or(0);
    const auto cpus = from.list(at + "shared_cpu_list");
    if (!cpus || level <= last.level || from.text(at + "type") == "Instruction") continue;
    last = {cpus->common(online), static_cast<unsigned>(level),
            bytes_of(from.text(at + "size").value_or(""))};
  }
  if (last.level < 3) {
    for (const auto& core : into.cores) {
      if (core.cpus.contains(last.cpus)) return;
    }
  }
  if (last.level != 0) into.caches.push_back(std::move(last));
}

void read_nodes(const file_tree& from, const index_set& online, topology& into) {
  // As the process's own status says; else wherever there is memory.
  auto allowed =
      index_set::from_text(from.field("proc/self/status", "Mems_allowed_list").value_or("?"));
  const auto there = from.list(node_directory + "/online");
  const auto numbers = there ? *there : from.numbered(node_directory, "node");
  for (const auto number : numbers) {
    const auto at = node_directory + "/node" + std::to_string(number);
    numa_node made;
    made.number = number;
    made.cpus = from.list(at + "/cpulist").value_or(index_set{}).common(online);
    const auto total = from.field(at + "/meminfo", "Node " + std::to_string(number) + " MemTotal");
    made.bytes = number_in(total.value_or("")).value_or(0) << 10;
    made.usable = made.bytes != 0 && (!allowed || allowed->contains(number));
    made.huge = huge_pools(from, number);
    into.nodes.push_back(std::move(made));
    std::vector<unsigned> row;
    for (const auto& each : words_of(from.text(at + "/distance").value_or(""))) {
      row.push_back(static_cast<unsigned>(number_in(each).value_or(0)));
    }
    into.distances.push_back(std::move(row));
  }
  for (const auto& row : into.distances) {
    if (row.size() == into.nodes.size()) continue;
    into.distances.clear();
    into.gaps.push_back("Distances between nodes were not told: all others count as 20.");
    break;
  }
}

// Cores of different speed, where the kernel tells them apart.
void read_speeds(const file_tree& from, topology& into) {
  const auto fast = from.list("sys/devices/cpu_core/cpus");
  const auto slow = from.list("sys/devices/cpu_atom/cpus");
  if (!fast || !slow) return;
  for (auto& each : into.cores) each.speed = fast->contains(each.cpus.first()) ? 1 : 0;
}

void read_usable(const file_tree& from, const index_set& online, topology& into) {
  auto affinity = into.this_machine ? os::cpus_of(0) : std::nullopt;
  if (!affinity) {
    affinity =
        index_set::from_text(from.field("proc/self/status", "Cpus_allowed_list").value_or("?"));
  }
  into.usable_cpus = affinity.value_or(online).common(online);
  into.isolated_cpus = from.list(cpu_directory + "/isolated").value_or(index_set{});
  // What nobody chose: every process begins with all CPUs but the isolated ones.
  const auto could = cpuset_of_process(from).value_or(online).common(online);
  auto at_boot = could;
  for (const auto each : into.isolated_cpus) at_boot.erase(each);
  if (into.usable_cpus == at_boot) into.usable_cpus = could;
}

}  // namespace

result<topology> topology::from_tree(const std::string& root) {
  const file_tree from(root);
  topology read;
  read.this_machine = from.is_this_machine();
  read.source = read.this_machine ? "this machine" : "the tree at " + root;
  auto online = from.list(cpu_directory + "/online");
  if (!online) online = from.numbered(cpu_directory, "cpu");
  if (online->empty()) {
    return error{errc::io, 0,
                 from.root() + cpu_directory + ": no CPUs found there; is /sys mounted?"};
  }
  read_usable(from, *online, read);
  read.limits = limits_of_process(from);
  read_cores(from, *online, read);
  for (const auto cpu : *online) read_cache(from, cpu, *online, read);
  read_nodes(from, *online, read);
  if (read.nodes.empty()) read.gaps.push_back("NUMA nodes were not told.");
  read_speeds(from, read);
  return completed(std::move(read));
}

}  // namespace sequencer::place
