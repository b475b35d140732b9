// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "topology.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>

namespace perf {

namespace {

std::string line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string directory_of(const std::string& root, int cpu) {
  return fmt::format("{}/cpu{}", root, cpu);
}

// "512K", "32M" or bytes.
std::uint64_t bytes_in(const std::string& size) {
  std::uint64_t number = 0;
  const auto* end = size.data() + size.size();
  const auto read = std::from_chars(size.data(), end, number);
  if (read.ec != std::errc{}) return 0;
  if (read.ptr == end) return number;
  if (*read.ptr == 'K') return number << 10;
  return *read.ptr == 'M' ? number << 20 : number;
}

// Where a cache of that level is described, or "".
std::string cache_of(const std::string& root, int cpu, const std::string& level) {
  for (int index = 0;; ++index) {
    const auto at = fmt::format("{}/cache/index{}", directory_of(root, cpu), index);
    const auto found = line_of(at + "/level");
    if (found.empty()) return {};
    if (found == level && line_of(at + "/type") != "Instruction") return at;
  }
}

std::uint64_t size_of(const std::string& root, int cpu, const std::string& level) {
  const auto at = cache_of(root, cpu, level);
  return at.empty() ? 0 : bytes_in(line_of(at + "/size"));
}

int first_in(const std::string& file, int otherwise) {
  const auto found = cpus_in(line_of(file));
  return found.empty() ? otherwise : *std::min_element(found.begin(), found.end());
}

const char* placement_of(const cpu_place& a, const cpu_place& b) {
  if (a.package != b.package) return "across_sockets";
  if (a.l3 != b.l3) return "across_l3";
  return a.core == b.core ? "same_core" : "same_l3";
}

std::optional<pair_of_cpus> first_pair(const std::vector<cpu_place>& places,
                                       const std::string& wanted) {
  for (std::size_t a = 0; a < places.size(); ++a) {
    for (auto b = a + 1; b < places.size(); ++b) {
      if (wanted != placement_of(places[a], places[b])) continue;
      return pair_of_cpus{wanted, places[a].cpu, places[b].cpu};
    }
  }
  return std::nullopt;
}

}  // namespace

std::vector<int> cpus_in(const std::string& list) {
  std::vector<int> all;
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) {
    int first = 0;
    const auto* end = part.data() + part.size();
    const auto read = std::from_chars(part.data(), end, first);
    if (read.ec != std::errc{}) return {};
    int last = first;
    if (read.ptr != end) {
      if (*read.ptr != '-') return {};
      if (std::from_chars(read.ptr + 1, end, last).ec != std::errc{}) return {};
    }
    for (int cpu = first; cpu <= last; ++cpu) all.push_back(cpu);
  }
  return all;
}

cache_sizes read_caches(const std::string& root, int cpu) {
  return {size_of(root, cpu, "1"), size_of(root, cpu, "2"), size_of(root, cpu, "3")};
}

std::vector<cpu_place> read_places(const std::string& root, const std::vector<int>& cpus) {
  std::vector<cpu_place> places;
  for (const int cpu : cpus) {
    const auto topology = directory_of(root, cpu) + "/topology";
    cpu_place made{cpu, first_in(topology + "/thread_siblings_list", cpu), 0, 0};
    const auto l3 = cache_of(root, cpu, "3");
    made.l3 = l3.empty() ? made.core : first_in(l3 + "/shared_cpu_list", made.core);
    const auto package = cpus_in(line_of(topology + "/physical_package_id"));
    made.package = package.empty() ? 0 : package.front();
    places.push_back(made);
  }
  return places;
}

std::vector<pair_of_cpus> choose_pairs(const std::vector<cpu_place>& places) {
  std::vector<pair_of_cpus> pairs;
  for (const char* wanted : {"same_core", "same_l3", "across_l3", "across_sockets"}) {
    if (const auto found = first_pair(places, wanted)) pairs.push_back(*found);
  }
  return pairs;
}

}  // namespace perf
