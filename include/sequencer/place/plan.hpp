// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sequencer/place/index_set.hpp>
#include <sequencer/place/topology.hpp>
#include <sequencer/result.hpp>

// Who is to run where, and which memory is to lie on which node: a value that can be printed,
// changed by hand, read back, and applied (see binding.hpp and memory.hpp).
namespace sequencer::place {

// One thread.
struct task {
  std::string name;
  std::vector<std::string> after;  // whose events it waits for
  bool produces = false;           // publishes; those without an `after` handle what it publishes
  bool spins = true;               // keeps its core busy while it waits
};

// The threads of a program, and who hands events to whom.
//
// Threads: one at a time. Fails: without memory only; names are judged by plan::make().
struct workload {
  std::vector<task> tasks;

  workload& producer(std::string name, bool spins = true) {
    tasks.push_back({std::move(name), {}, true, spins});
    return *this;
  }
  workload& stage(std::string name, std::vector<std::string> after = {}, bool spins = true) {
    tasks.push_back({std::move(name), std::move(after), false, spins});
    return *this;
  }

  // Threads that have nothing to do with each other but what they share: thread/0, thread/1, ...
  static workload threads(std::size_t count);

  // The stages of a graph that was not started yet, behind producers of these names. Those that
  // wait by parking do not spin.
  template <class Graph>
  static workload of(const Graph& plan, const std::vector<std::string>& producers) {
    workload all;
    for (const auto& each : producers) all.producer(each);
    for (auto& each : plan.shape()) {
      all.stage(std::move(each.name), std::move(each.after), each.spins);
    }
    return all;
  }
};

inline constexpr int any_cpu = -1;
inline constexpr int any_node = -1;

// One thread's CPU, and the node for memory that it alone uses: its cached blocks, for one.
struct seat {
  std::string name;
  int cpu = any_cpu;
  int node = any_node;
  friend bool operator==(const seat&, const seat&) = default;
};

enum class spread : unsigned char {
  bind,        // all on one node
  interleave,  // page by page over the nodes in turn
  split,       // as many equal parts as nodes, the first part on the first node
};
std::string_view name(spread how) noexcept;

// A piece of memory that a program has a name for.
struct region {
  std::string name;
  spread how = spread::bind;
  std::vector<unsigned> nodes;  // numbers, in this order
  friend bool operator==(const region&, const region&) = default;
};

struct plan_options {
  // Leaves one core to the system where there is more than one, and the threads that spin find
  // cores of their own without it.
  bool reserve = true;
};

struct plan {
  std::string machine;  // the source of the topology that it was made for
  std::vector<seat> seats;
  index_set reserved;  // CPUs of the core that is left to the system
  std::vector<region> memory;
  std::vector<std::string> notes;  // sentences: what could not be had

  // Threads that spin get cores of their own, in one cache domain where they fit; else neighbours
  // in the graph are kept together. Fast cores come first. Where enough cores are isolated, those
  // that spin are on these, and nobody else is. The region "slots" lies where it is
  // nearest to all, "counters" where it is nearest to who produces. The same input gives the same
  // plan.
  // Threads: any. Progress: no system calls; a hundred tasks that all have to do with each other
  // take about a second, ten next to nothing.
  // Order: seats in the order of the tasks.
  // Fails: invalid, two tasks have one name, one has none or a line break in it, or one follows a
  // task that there is not.
  static result<plan> make(const topology& of, const workload& work, plan_options how = {});

  // One line a fact; `#` begins a comment, which says where each CPU is. from_text() reads it back,
  // comments aside.
  // Threads: any. Progress: no system calls. Order: as the members.
  std::string text(const topology& of) const;
  // Fails: invalid, with the line and what was expected there; what is said twice is refused too.
  static result<plan> from_text(std::string_view text);

  // What is wrong with it on that machine: CPUs and nodes that there are not, or that this process
  // may not use; threads that share a core; sentences. Empty: nothing.
  // Threads: any. Progress: no system calls. Order: as the members.
  std::vector<std::string> faults(const topology& on) const;

  // any_cpu and any_node where the plan does not say.
  int cpu_of(std::string_view name) const noexcept;
  int node_of(std::string_view name) const noexcept;
  const region* region_of(std::string_view name) const noexcept;

  friend bool operator==(const plan&, const plan&) = default;
};

}  // namespace sequencer::place
