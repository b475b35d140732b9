// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A topology as a person reads it.

#include <algorithm>
#include <cstdio>

#include <sequencer/place/topology.hpp>

namespace sequencer::place {

namespace {

std::string bytes_text(std::uint64_t bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t at = 0;
  while (bytes >= 10240 && at + 1 < std::size(units)) {
    bytes >>= 10;
    ++at;
  }
  return std::to_string(bytes) + ' ' + units[at];
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

// Draws as lstopo does: what contains what, two blanks a level.
class drawing {
 public:
  explicit drawing(const topology& of) : of_(of) {}

  std::string run() {
    line(0, "machine (" + of_.source + ")" + (of_.this_machine ? "" : ", not this machine"));
    for (const auto& each : of_.nodes) {
      if (each.cpus.empty()) node(1, each);
    }
    for (std::size_t i = 0; i < of_.packages.size(); ++i) package_at(i);
    distances();
    line(0, "usable: CPUs " + listed(of_.usable_cpus) + ", memory on nodes " + usable_nodes());
    limits();
    for (const auto& each : of_.gaps) line(0, each);
    return std::move(text_);
  }

 private:
  void line(int level, const std::string& what) {
    text_.append(static_cast<std::size_t>(level) * 2, ' ');
    text_ += what + '\n';
  }

  static std::string listed(const index_set& all) { return all.empty() ? "none" : all.text(); }

  std::string usable_nodes() const {
    index_set all;
    for (const auto& each : of_.nodes) {
      if (each.usable) all.insert(each.number);
    }
    return listed(all);
  }

  void node(int level, const numa_node& each) {
    auto what = "node " + std::to_string(each.number) + " (" + bytes_text(each.bytes);
    for (const auto& pool : each.huge) {
      if (pool.pages == 0) continue;
      what += ", " + std::to_string(pool.pages) + " pages of " + bytes_text(pool.page_bytes);
    }
    if (each.cpus.empty()) what += ", no CPUs";
    if (!each.usable) what += ", not for this process";
    line(level, what + ")");
  }

  // Nodes of a package with what is on them; those that span packages come with the first.
  void package_at(std::size_t at) {
    const auto& pack = of_.packages[at];
    line(1, "package " + std::to_string(at) + " (CPUs " + listed(pack.cpus) + ")");
    std::vector<std::size_t> homes;
    for (const auto& each : of_.cores) {
      if (each.package != at) continue;
      if (std::find(homes.begin(), homes.end(), each.node) == homes.end()) {
        homes.push_back(each.node);
      }
    }
    for (const auto home : homes) {
      if (home != nowhere) node(2, of_.nodes[home]);
      caches(at, home, home == nowhere ? 2 : 3);
    }
  }

  void caches(std::size_t pack, std::size_t home, int level) {
    for (std::size_t i = 0; i < of_.caches.size(); ++i) {
      bool named = false;
      for (std::size_t j = 0; j < of_.cores.size(); ++j) {
        const auto& core = of_.cores[j];
        if (core.cache != i || core.package != pack || core.node != home) continue;
        if (!named) cache(level, i);
        named = true;
        core_at(level + 1, j);
      }
    }
  }

  void cache(int level, std::size_t at) {
    const auto& each = of_.caches[at];
    auto what = "cache " + std::to_string(at) + " (";
    what += each.level == 0 ? "no shared cache known" : "L" + std::to_string(each.level);
    if (each.bytes != 0) what += ", " + bytes_text(each.bytes);
    line(level, what + ")");
  }

  void core_at(int level, std::size_t at) {
    const auto& each = of_.cores[at];
    auto what = "core " + std::to_string(at);
    if (each.speed != 0) what += " (speed " + std::to_string(each.speed) + ")";
    what += ": CPU " + each.cpus.text();
    if (each.cpus.meets(of_.isolated_cpus)) what += ", isolated";
    if (!each.cpus.meets(of_.usable_cpus)) what += ", not for this process";
    line(level, what);
  }

  void distances() {
    if (of_.nodes.size() < 2 || of_.distances.empty()) return;
    std::string numbers;
    for (const auto& each : of_.nodes) {
      numbers += (numbers.empty() ? "" : ", ") + std::to_string(each.number);
    }
    for (std::size_t i = 0; i < of_.nodes.size(); ++i) {
      auto what = "from node " + std::to_string(of_.nodes[i].number) + ":";
      for (const auto each : of_.distances[i]) what += ' ' + std::to_string(each);
      if (i == 0) line(0, "distances, to nodes " + numbers + " in this order");
      line(1, what);
    }
  }

  void limits() {
    if (of_.limits.cpus > 0) {
      line(0, "control group: " + number_text(of_.limits.cpus) + " CPUs' worth of time");
    }
    if (of_.limits.bytes != 0) {
      line(0, "control group: " + bytes_text(of_.limits.bytes) + " of memory");
    }
  }

  const topology& of_;
  std::string text_;
};

}  // namespace

std::string topology::text() const { return drawing(*this).run(); }

}  // namespace sequencer::place
