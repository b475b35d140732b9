// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// numa_checks SHAPE: whether threads and memory are where they were planned, in a machine of
// several NUMA nodes (see in_machine). What the library answers is held against what this program
// reads from the kernel by itself. Exits with 0 when all is as it should be.

#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <sequencer/block_cache.hpp>
#include <sequencer/block_source.hpp>
#include <sequencer/combining_counter.hpp>
#include <sequencer/counter.hpp>
#include <sequencer/cpu_cache.hpp>
#include <sequencer/graph.hpp>
#include <sequencer/place/binding.hpp>
#include <sequencer/place/memory.hpp>
#include <sequencer/place/placed.hpp>
#include <sequencer/place/plan.hpp>
#include <sequencer/place/tiers.hpp>
#include <sequencer/place/topology.hpp>
#include <sequencer/ring.hpp>
#include <sequencer/tiered_source.hpp>
#include <tests/on_cpu.hpp>

namespace {

using namespace sequencer::place;

int passed = 0;
int failed_threads = 0;
int failed_memory = 0;
int failed_rest = 0;

void check(bool good, int& failures, const std::string& what) {
  if (good) {
    ++passed;
    return;
  }
  ++failures;
  std::printf("FAILED: %s\n", what.c_str());
}

struct shape {
  const char* name;
  std::size_t nodes;
  std::size_t cpus_a_node;
  bool memory_node;  // the last one has no CPUs
  index_set isolated;
};

const std::array shapes{
    shape{"nodes2", 2, 2, false, {}}, shape{"nodes4", 4, 2, false, {4, 5, 6, 7}},
    shape{"nodes8", 8, 1, false, {}}, shape{"memory-node", 3, 2, true, {}}};

// ---- what the kernel says, asked without the library

int node_of(const void* page) {
  void* pages[] = {const_cast<void*>(page)};
  int node = -1;
  if (::syscall(SYS_move_pages, 0, 1, pages, nullptr, &node, 0) != 0) return -1;
  return node;
}

bool all_on(std::span<std::byte> bytes, unsigned node) {
  for (std::size_t at = 0; at < bytes.size(); at += 4096) {
    if (node_of(&bytes[at]) != static_cast<int>(node)) return false;
  }
  return true;
}

void move_page(void* page, unsigned node) {
  void* pages[] = {page};
  const int to[] = {static_cast<int>(node)};
  int status = -1;
  constexpr int own_pages = 1 << 1;  // MPOL_MF_MOVE
  const auto moved = ::syscall(SYS_move_pages, 0, 1, pages, to, &status, own_pages);
  check(moved == 0 && status == to[0], failed_rest, "a page is moved");
}

// ---- topology

void check_topology(const topology& of, const shape& as) {
  std::printf("%s", of.text().c_str());
  check(of.this_machine, failed_rest, "this is this machine");
  check(of.nodes.size() == as.nodes, failed_rest, "the number of nodes");
  for (std::size_t i = 0; i < of.nodes.size(); ++i) {
    const bool bare = as.memory_node && i + 1 == of.nodes.size();
    check(of.nodes[i].cpus.size() == (bare ? 0 : as.cpus_a_node), failed_rest,
          "CPUs of node " + std::to_string(i) + ": " + of.nodes[i].cpus.text());
    check(of.nodes[i].usable, failed_rest, "node " + std::to_string(i) + " is usable");
  }
  check(of.usable_cpus.size() == of.cpu_count(), failed_rest,
        "all CPUs are usable, isolated or not: " + of.usable_cpus.text());
  check(of.isolated_cpus == as.isolated, failed_rest, "isolated: " + of.isolated_cpus.text());
  const auto tree = topology::from_tree("/");
  check(tree && tree->cores == of.cores, failed_rest, "/sys and hwloc say the same of cores");
  check(tree && tree->distances == of.distances, failed_rest, "and of distances");
}

// ---- threads

void check_threads(const topology& of) {
  for (const auto cpu : of.usable_cpus) {
    std::thread([&] {
      const auto bound = bind_this_thread(of, {cpu});
      check(bool(bound), failed_threads, bound ? "" : bound.failure().text);
      cpu_set_t mine;
      ::sched_getaffinity(0, sizeof mine, &mine);
      check(CPU_COUNT(&mine) == 1 && CPU_ISSET(cpu, &mine), failed_threads,
            "a thread may run on CPU " + std::to_string(cpu) + " only");
      check(::sched_getcpu() == static_cast<int>(cpu), failed_threads,
            "a thread runs on CPU " + std::to_string(cpu));
    }).join();
  }
}

// ---- memory

constexpr std::size_t mib = std::size_t{1} << 20;

void check_bound(const topology& of) {
  for (const auto& node : of.nodes) {
    for (const auto bytes : {std::size_t{1}, std::size_t{100} * 1024 + 1, 4 * mib}) {
      for (const auto pages : {huge_pages::no, huge_pages::transparent}) {
        const auto what = std::to_string(bytes) + " bytes on node " + std::to_string(node.number);
        auto made =
            memory::make(of, {"test", spread::bind, {node.number}}, bytes, {.pages = pages});
        check(bool(made), failed_memory, what + (made ? "" : ": " + made.failure().text));
        if (!made) continue;
        check(all_on(made->bytes(), node.number), failed_memory, what + ", by the kernel");
        const auto found = made->verify();
        check(found.as_planned(), failed_memory, what + ", by verify()");
      }
    }
  }
}

// A thread elsewhere touches it first: the policy decides, not the toucher.
void check_touched_from_elsewhere(const topology& of) {
  for (const auto& node : of.nodes) {
    auto made = memory::make(of, {"test", spread::bind, {node.number}}, mib,
                             {.pages = huge_pages::no, .touch = false});
    check(bool(made), failed_memory, "untouched memory");
    if (!made) continue;
    check(made->verify().absent == made->verify().pages, failed_rest, "untouched is absent");
    std::thread([&] { std::memset(made->bytes().data(), 1, made->bytes().size()); }).join();
    check(all_on(made->bytes(), node.number), failed_memory,
          "touched by any thread, on node " + std::to_string(node.number));
  }
}

std::vector<unsigned> all_nodes(const topology& of) {
  std::vector<unsigned> all;
  for (const auto& each : of.nodes) all.push_back(each.number);
  return all;
}

void check_interleaved(const topology& of) {
  const auto nodes = all_nodes(of);
  auto made = memory::make(of, {"test", spread::interleave, nodes}, 64 * 4096 * nodes.size(),
                           {.pages = huge_pages::no});
  check(bool(made), failed_memory, "interleaved memory");
  if (!made) return;
  std::vector<std::size_t> pages(nodes.size(), 0);
  const auto bytes = made->bytes();
  for (std::size_t at = 0; at < bytes.size(); at += 4096) {
    const auto node = node_of(&bytes[at]);
    for (std::size_t i = 0; i < nodes.size(); ++i) pages[i] += node == static_cast<int>(nodes[i]);
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    check(
        pages[i] == 64, failed_memory,
        "interleaved: " + std::to_string(pages[i]) + " pages on node " + std::to_string(nodes[i]));
  }
  check(made->verify().as_planned(), failed_memory, "interleaved, by verify()");
  // All on nodes that the policy allows, and yet not in turn.
  for (std::size_t at = 0; at < bytes.size(); at += 4096) move_page(&bytes[at], nodes[0]);
  check(all_on(bytes, nodes[0]), failed_rest, "pages of an interleaved memory moved away");
  check(!made->verify().as_planned(), failed_memory, "interleaved no more, by verify()");
}

void check_split(const topology& of) {
  auto nodes = all_nodes(of);
  std::reverse(nodes.begin(), nodes.end());
  for (const auto pages : {huge_pages::no, huge_pages::transparent}) {
    const auto part = pages == huge_pages::no ? 16 * std::size_t{4096} : 2 * mib;
    auto made =
        memory::make(of, {"test", spread::split, nodes}, part * nodes.size(), {.pages = pages});
    check(bool(made), failed_memory, "split memory");
    if (!made) continue;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      check(all_on(made->bytes().subspan(i * part, part), nodes[i]), failed_memory,
            "part " + std::to_string(i) + " on node " + std::to_string(nodes[i]));
    }
    check(made->verify().as_planned(), failed_memory, "split, by verify()");
  }
}

// Less than a huge page for each node: parts are equal all the same.
void check_small_split(const topology& of) {
  const auto nodes = all_nodes(of);
  auto made = memory::make(of, {"test", spread::split, nodes}, 2 * mib);
  check(bool(made), failed_memory, "memory split into small parts");
  if (!made) return;
  const auto part = made->bytes().size() / nodes.size();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    check(all_on(made->bytes().subspan(i * part, part), nodes[i]), failed_memory,
          "small part " + std::to_string(i) + " on node " + std::to_string(nodes[i]));
  }
}

// Where most of a node was set aside, little else is free, and nothing else is needed.
void check_mostly_reserved(const topology& before) {
  const auto last = before.nodes.back().number;
  const auto at = "/sys/devices/system/node/node" + std::to_string(last) +
                  "/hugepages/hugepages-2048kB/nr_hugepages";
  const auto wanted = before.nodes.back().bytes / mib / 2 * 7 / 10;
  std::ofstream(at) << wanted << std::flush;
  const auto of = topology::discover();
  std::uint64_t free = 0;
  for (const auto& each : of->nodes.back().huge) {
    if (each.page_bytes == 2 * mib) free = each.free_pages;
  }
  check(free * 2 * mib > of->nodes.back().bytes / 2, failed_rest, "most of a node is set aside");
  {
    auto made = memory::make(*of, {"huge", spread::bind, {last}}, free * 2 * mib,
                             {.pages = huge_pages::reserved});
    check(made && made->refused().empty(), failed_rest,
          made ? "all that is set aside" : made.failure().text);
  }
  std::ofstream(at) << 0 << std::flush;
}

// A control group that is full would have the kernel kill this process.
void check_group(const topology& of) {
  const std::string group = "/sys/fs/cgroup/desk";
  const auto put = [](const std::string& path, const std::string& text) {
    std::ofstream(path) << text << std::flush;
  };
  if (::mount("none", "/sys/fs/cgroup", "cgroup2", 0, nullptr) != 0 ||
      (put("/sys/fs/cgroup/cgroup.subtree_control", "+memory +cpuset"),
       ::mkdir(group.c_str(), 0755)) != 0) {
    return check(false, failed_rest, std::string("a control group: ") + std::strerror(errno));
  }
  put(group + "/memory.max", "64M");
  put(group + "/cpuset.cpus", std::to_string(of.usable_cpus.last()));
  put(group + "/cpuset.mems", std::to_string(of.nodes[1].number));
  put(group + "/cgroup.procs", std::to_string(::getpid()));
  const auto now = topology::discover();
  check(now->usable_cpus == index_set{of.usable_cpus.last()}, failed_rest, "CPUs of a cpuset");
  check(!now->nodes[0].usable && now->nodes[1].usable, failed_rest, "nodes of a cpuset");
  check(now->limits.bytes == 64 * mib, failed_rest, "limit of a control group");
  const region where{"test", spread::bind, {of.nodes[1].number}};
  const auto fits = memory::make(*now, where, 40 * mib);
  check(bool(fits), failed_memory, fits ? "" : fits.failure().text);
  const auto more = memory::make(*now, where, 40 * mib);
  check(!more && more.code() == sequencer::errc::unavailable, failed_rest,
        "no more than the control group has");
}

// Set aside on one node, had there, and not had on another.
void check_reserved(const topology& before) {
  const auto last = before.nodes.back().number;
  const auto at = "/sys/devices/system/node/node" + std::to_string(last) +
                  "/hugepages/hugepages-2048kB/nr_hugepages";
  std::ofstream(at) << 4 << std::flush;
  const auto of = topology::discover();
  check(bool(of), failed_rest, "the machine with huge pages");
  if (!of) return;
  auto made =
      memory::make(*of, {"huge", spread::bind, {last}}, 6 * mib, {.pages = huge_pages::reserved});
  check(made && made->refused().empty(), failed_memory,
        !made                     ? made.failure().text
        : made->refused().empty() ? ""
                                  : made->refused()[0]);
  if (made) {
    const auto found = made->verify();
    check(found.huge_bytes == 6 * mib, failed_memory, "all of it is huge");
    check(found.as_planned() && all_on(made->bytes(), last), failed_memory, "on the last node");
  }
  auto none = memory::make(*of, {"huge", spread::bind, {of->nodes[0].number}}, 4 * mib,
                           {.pages = huge_pages::reserved});
  check(none && none->refused().size() == 1, failed_memory,
        "none on the first node, and it says so");
  if (none) check(all_on(none->bytes(), of->nodes[0].number), failed_memory, "there all the same");
}

// verify() must not believe what was asked for: pages that were moved away are seen.
void check_moved(const topology& of) {
  auto made = memory::make(of, {"test", spread::bind, {of.nodes[0].number}}, 64 * 4096,
                           {.pages = huge_pages::no});
  if (!made) return;
  move_page(made->bytes().data() + 5 * 4096, of.nodes[1].number);
  const auto found = made->verify();
  check(found.elsewhere == 1 && !found.as_planned(), failed_memory,
        "a page that was moved is seen");
}

void check_placed(const topology& of) {
  for (const auto& node : of.nodes) {
    const region where{"counters", spread::bind, {node.number}};
    auto orders = placed<sequencer::counter>::make(of, where);
    check(orders && node_of(&**orders) == static_cast<int>(node.number), failed_memory,
          "a counter on node " + std::to_string(node.number));
    using cache = sequencer::block_cache<sequencer::memory_source>;
    auto traces = placed<cache>::make(of, where, sequencer::block_options{.block = 16});
    check(traces && node_of(&**traces) == static_cast<int>(node.number), failed_memory,
          "a block cache on node " + std::to_string(node.number));
    if (!orders || !traces) continue;
    check(bool((*orders)->next()), failed_rest, "which gives numbers");
    auto local = (*traces)->local();
    check(bool(local.next()), failed_rest, "which gives numbers");
  }
}

// What handles write, pools and lanes, each on the node that was asked for, made by one thread.
void check_caches(const topology& of) {
  sequencer::block_cache<sequencer::memory_source> traces({.block = 16});
  for (const auto& node : of.nodes) {
    if (node.bytes == 0) continue;
    auto local = traces.local(sequencer::any_domain, node.number);
    check(bool(local.next()) && node_of(local.place()) == static_cast<int>(node.number),
          failed_memory, "a handle of a block cache on node " + std::to_string(node.number));
  }
  const auto tiers = sequencer::place::bound_tiers_of(of);
  sequencer::tiered_source<sequencer::memory_source> blocks(tiers);
  check(bool(blocks.acquire({})), failed_rest, "tiers give numbers");
  for (std::size_t i = 0; i != tiers.domains() + tiers.nodes(); ++i) {
    const bool domain = i < tiers.domains();
    const auto wanted = domain ? tiers.memory_of(i) : tiers.memory_of_node(i - tiers.domains());
    check(wanted != sequencer::unbound && node_of(blocks.place_of(i)) == static_cast<int>(wanted),
          failed_memory, "pool " + std::to_string(i) + " on its node");
  }
  sequencer::combining_counter orders({.when = sequencer::combining::always,
                                       .lane_of_cpu = tiers.domain_of_cpu,
                                       .node_of_lane = tiers.memory_of_domain});
  check(orders.is_combining() && bool(orders.next()), failed_rest, "lanes give numbers");
  for (std::size_t i = 0; i != tiers.domains(); ++i) {
    check(node_of(orders.place_of_lane(i)) == static_cast<int>(tiers.memory_of(i)), failed_memory,
          "lane " + std::to_string(i) + " on its node");
  }
}

// ---- a block for each CPU

using cpu_cache = sequencer::cpu_cache<sequencer::memory_source>;
constexpr std::size_t cpu_page_end = 4095;

// Touched by one thread wherever it runs, as far as a thread of another CPU gives a CPU its block.
void check_bound_pages_of_cpus(const topology& of) {
  const auto nodes = sequencer::place::memory_of_cpus(of);
  cpu_cache numbers({.block = 16, .node_of_cpu = nodes});
  for (const auto cpu : of.usable_cpus) {
    // A page that is not there yet is on no node, and written to it comes to lie on one.
    auto* const page = const_cast<volatile char*>(static_cast<const char*>(numbers.page(cpu)));
    page[cpu_page_end] = 0;
    check(node_of(numbers.page(cpu)) == static_cast<int>(nodes.at(cpu)), failed_memory,
          "the bound page of CPU " + std::to_string(cpu) + " on its node");
  }
  check(bool(numbers.next()), failed_rest, "bound pages give numbers");
}

// Each CPU's first number is taken by a thread on it: its page comes to lie on its node.
void check_pages_of_cpus(const topology& of) {
  cpu_cache numbers({.block = 16});
  check(numbers.mode() == sequencer::cpu_mode::restartable, failed_rest,
        "this kernel restarts sequences");
  for (const auto cpu : of.usable_cpus) {
    std::thread([&] {
      unsigned here = 0;
      unsigned node = 0;
      check(sequencer::run_on(cpu) && numbers.next() &&
                ::syscall(SYS_getcpu, &here, &node, nullptr) == 0 && here == cpu,
            failed_rest, "a number on CPU " + std::to_string(cpu));
      check(node_of(numbers.page(cpu)) == static_cast<int>(node), failed_memory,
            "the page of CPU " + std::to_string(cpu) + " on its node");
    }).join();
  }
}

// More threads than CPUs, moved from node to node all the time: every number once, and what is left
// known to the number.
void check_moving_threads(const topology& of) {
  constexpr int each = 3'000;
  const std::vector<unsigned> cpus(of.usable_cpus.begin(), of.usable_cpus.end());
  cpu_cache numbers({.block = 16});
  std::vector<std::vector<sequencer::sequence>> all(3 * cpus.size());
  std::vector<std::atomic<pid_t>> names(all.size());
  std::atomic<std::size_t> working{all.size()};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < all.size(); ++i) {
    threads.emplace_back([&, i] {
      names[i] = ::gettid();
      for (int n = 0; n < each; ++n) all[i].push_back(numbers.next().value());
      names[i] = 0;
      working.fetch_sub(1);
    });
  }
  std::mt19937 random(1);
  while (working.load() != 0) {
    const pid_t whom = names[random() % names.size()];
    if (whom != 0) sequencer::run_on(cpus[random() % cpus.size()], whom);
  }
  for (auto& thread : threads) thread.join();
  numbers.stop();
  std::vector<bool> known(numbers.source().peek());
  std::size_t twice = 0;
  std::size_t found = 0;
  const auto note = [&](sequencer::sequence number) {
    twice += known.at(number) ? 1u : 0u;
    known.at(number) = true;
    ++found;
  };
  for (const auto& mine : all) {
    for (const auto number : mine) note(number);
  }
  const auto issued = found;
  for (const auto& hole : numbers.holes()) {
    for (auto s = hole.numbers.first; s != hole.numbers.last; ++s) note(s);
  }
  check(twice == 0, failed_rest, std::to_string(twice) + " numbers twice on moving threads");
  check(found == known.size(), failed_rest, "every number was issued or is a hole");
  check(found - issued <= numbers.held_bound(), failed_rest, "no more holes than the bound");
}

// ---- a graph, planned, placed and verified

void check_graph(const topology& of) {
  using slots = sequencer::slots<long>;
  constexpr std::size_t capacity = 4096;
  const auto work = workload().producer("feed").stage("journal").stage("match", {"journal"});
  const auto planned = plan::make(of, work);
  check(bool(planned), failed_rest, "a plan");
  if (!planned) return;
  std::printf("%s", planned->text(of).c_str());
  check(planned->faults(of).empty(), failed_rest, "a plan without faults");
  for (const auto& each : planned->seats) {
    const bool apart = of.isolated_cpus.contains(static_cast<unsigned>(each.cpu));
    check(apart || of.isolated_cpus.empty(), failed_rest, "'" + each.name + "' is isolated");
  }
  const auto* where = planned->region_of("slots");
  auto bytes = memory::make(of, *where, slots::bytes_for(capacity));
  check(bytes && all_on(bytes->bytes(), where->nodes[0]), failed_memory, "slots on their node");
  const auto start = launcher::make(of, *planned);
  check(start && start->refused().empty(), failed_rest, "a launcher");
  if (!bytes || !start) return;
  sequencer::ring<long, sequencer::producers::one> ring{slots(capacity, bytes->bytes())};
  std::array<std::atomic<int>, 2> seen{-1, -1};
  {
    sequencer::graph graph{ring};
    const auto note = [&](std::size_t i) {
      return [&seen, i](long&, sequencer::sequence, bool) noexcept { seen[i] = ::sched_getcpu(); };
    };
    const auto journal = graph.add<sequencer::wait::park>("journal", note(0));
    graph.add<sequencer::wait::park>("match", note(1), {journal});
    auto flow = std::move(graph).start(*start);
    check(bool(flow), failed_threads, "the graph starts");
    if (!flow) return;
    std::thread([&] {
      ::pthread_setname_np(::pthread_self(), "feed");
      const auto pinned = start->pin_this_thread("feed");
      check(bool(pinned), failed_threads, pinned ? "" : pinned.failure().text);
      auto out = flow->producer();
      for (long i = 0; i < 2 * static_cast<long>(capacity); ++i) {
        check(out && out->publish([&](long& event) noexcept { event = i; }), failed_rest,
              "publish");
      }
      for (const auto& each : start->verify()) {
        if (each.planned < 0) continue;
        check(each.as_planned, failed_threads, "'" + each.name + "' may run where it was planned");
      }
    }).join();
    check(bool(flow->drain()), failed_rest, "it drains");
  }
  check(seen[0] == planned->cpu_of("journal"), failed_threads, "where journal ran");
  check(seen[1] == planned->cpu_of("match"), failed_threads, "where match ran");
  check(bytes->verify().as_planned(), failed_memory, "slots after use");
}

}  // namespace

int main(int argc, char** argv) {
  const auto as = std::find_if(shapes.begin(), shapes.end(), [&](const shape& each) {
    return argc == 2 && std::strcmp(each.name, argv[1]) == 0;
  });
  if (as == shapes.end()) return 2;
  const auto of = topology::discover();
  if (!of) {
    std::printf("FAILED: %s\n", of.failure().text.c_str());
    return 1;
  }
  check_topology(*of, *as);
  check_threads(*of);
  check_bound(*of);
  check_touched_from_elsewhere(*of);
  check_interleaved(*of);
  check_split(*of);
  check_small_split(*of);
  check_moved(*of);
  check_placed(*of);
  check_caches(*of);
  check_bound_pages_of_cpus(*of);
  check_pages_of_cpus(*of);
  check_moving_threads(*of);
  check_reserved(*of);
  check_mostly_reserved(*of);
  check_graph(*of);
  check_group(*of);
  const int failed = failed_threads + failed_memory + failed_rest;
  std::printf("%d passed, %d failed: threads %d, memory %d, else %d\n", passed, failed,
              failed_threads, failed_memory, failed_rest);
  if (failed_threads > 0 && failed_memory > 0) {
    std::printf("SEEN: neither threads nor memory are bound\n");
  }
  return failed == 0 ? 0 : 1;
}
