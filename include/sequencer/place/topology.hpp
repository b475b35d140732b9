// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <sequencer/place/index_set.hpp>
#include <sequencer/result.hpp>

// What a machine consists of, as far as it matters where threads and memory are. Plain values: what
// was read once stays as it was, and can be copied, changed and compared.
//
// CPUs (hardware threads) and NUMA nodes go by the numbers that the system gives them, which may be
// sparse and in any order. Everything else goes by its position in the vectors below.
namespace sequencer::place {

// Huge pages of one size on one node.
struct huge_pool {
  std::uint64_t page_bytes = 0;
  std::uint64_t pages = 0;
  std::uint64_t free_pages = 0;
  friend bool operator==(const huge_pool&, const huge_pool&) = default;
};

struct numa_node {
  unsigned number = 0;
  index_set cpus;           // nearer to it than to any other node; none: memory only
  std::uint64_t bytes = 0;  // 0: no memory, or not told
  bool usable = false;      // this process may have memory there
  std::vector<huge_pool> huge;
  friend bool operator==(const numa_node&, const numa_node&) = default;
};

struct package {
  index_set cpus;
  friend bool operator==(const package&, const package&) = default;
};

// CPUs that share a last cache: within it, a line goes from core to core without leaving the cache.
struct cache_domain {
  index_set cpus;
  unsigned level = 0;       // 3 for an L3; 0: no shared cache is known, and a package stands for it
  std::uint64_t bytes = 0;  // 0: not told
  friend bool operator==(const cache_domain&, const cache_domain&) = default;
};

inline constexpr std::size_t nowhere = ~std::size_t{0};

struct core {
  index_set cpus;  // its hardware threads
  std::size_t package = nowhere;
  std::size_t cache = nowhere;
  std::size_t node = nowhere;  // in topology::nodes; nowhere: not known
  unsigned speed = 0;          // on hybrid machines, more is faster; else 0
  friend bool operator==(const core&, const core&) = default;
};

// What a control group allows; 0: no limit that could be read.
struct group_limits {
  double cpus = 0;  // worth of CPU time
  std::uint64_t bytes = 0;
  friend bool operator==(const group_limits&, const group_limits&) = default;
};

struct topology {
  std::vector<package> packages;     // by their lowest CPU
  std::vector<numa_node> nodes;      // by number
  std::vector<cache_domain> caches;  // by their lowest CPU
  std::vector<core> cores;           // by their lowest CPU
  // From nodes[i] to nodes[j], as firmware tells it: 10 is local. Empty: not told.
  std::vector<std::vector<unsigned>> distances;
  index_set usable_cpus;  // by affinity, cpuset and what is switched on; isolated ones among them
  // Of the usable ones those that the system gives nobody (isolcpus=): a thread is there if it
  // binds itself, and alone.
  index_set isolated_cpus;
  group_limits limits;
  bool this_machine = false;      // else nothing can be bound by it
  std::string source;             // "this machine", "XML FILE", "synthetic TEXT", "the tree at DIR"
  std::vector<std::string> gaps;  // sentences: what the source could not tell

  // Of the machine that this process runs on, at this moment: what is switched on, and what this
  // process may use by affinity of the calling thread, cpuset and control group. An affinity that
  // is all but the isolated CPUs was given to everybody at boot, and is no reason not to use these.
  // By hwloc where the library was built with it, which obeys hwloc's own environment variables;
  // else from /sys.
  // Threads: any. Progress: reads files, milliseconds. Order: none.
  // Fails: io, /sys or /proc is not there or cannot be read; invalid, it makes no sense.
  static result<topology> discover();

  // Of the machine that an XML file of hwloc's (lstopo --of xml) describes.
  // Threads, progress, order: as discover().
  // Fails: invalid, not such a file; unsupported, built without hwloc.
  static result<topology> from_xml(const std::string& path);

  // Of a machine that hwloc's short form describes, as "pack:2 numa:1 l3:2 core:4 pu:2".
  // Threads, progress, order: as discover(). Fails: invalid, no such form; unsupported, built
  // without hwloc.
  static result<topology> from_synthetic(const std::string& text);

  // Of the files in `root`/sys and `root`/proc, without hwloc; "/" is this machine.
  // Threads, progress, order, fails: as discover().
  static result<topology> from_tree(const std::string& root);

  // Whether the library was built with hwloc.
  static bool has_hwloc() noexcept;

  // An indented tree, as lstopo draws it; ends in a newline.
  std::string text() const;

  // Positions of what a CPU or a node number is; nowhere: there is none.
  std::size_t core_of(unsigned cpu) const noexcept;
  std::size_t node_at(unsigned number) const noexcept;
  // Between two positions in `nodes`: 10 within one, 20 where it was not told.
  unsigned distance(std::size_t from, std::size_t to) const noexcept;
  std::size_t cpu_count() const noexcept;  // hardware threads

  friend bool operator==(const topology&, const topology&) = default;
};

}  // namespace sequencer::place
