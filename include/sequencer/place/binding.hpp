// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sequencer/place/index_set.hpp>
#include <sequencer/place/plan.hpp>
#include <sequencer/place/topology.hpp>
#include <sequencer/result.hpp>

// Threads where a plan wants them, and what the kernel says of where they are.
namespace sequencer::place {

// The calling thread runs on these CPUs only, from this call's return on; what it starts inherits
// that. Read back from the kernel before it counts as done.
// Threads: any, each for itself. Progress: two or three system calls. Order: none.
// Fails: unsupported, `here` is not this machine; invalid, no CPU was named, or one that there is
// not; denied, the process may not use one of them, or the kernel did not do it, and says why. Then
// the thread runs where it ran before.
result<void> bind_this_thread(const topology& here, const index_set& cpus);

// Where the kernel lets a thread run.
struct whereabouts {
  std::string name;  // in the plan
  int planned = any_cpu;
  int threads = 0;    // of this process that bear the name, of which the kernel keeps 15 bytes
  index_set allowed;  // CPUs of all of them together
  bool as_planned = false;  // there is one such thread at least, and all are on that CPU only
};

// A plan on the machine that it is for. graph::start(launcher) starts each stage on its CPU.
//
// Threads: cpu_of(), pin_this_thread() and verify() any; else one at a time.
class launcher {
 public:
  // Tries each seat, on a thread of its own that ends with it: what counts is what the kernel lets
  // be, whatever this process's affinity is.
  // Progress: two or three system calls a seat. Fails: unsupported, `here` is not this machine;
  // nothing can be bound by such a plan; io, the kernel refuses a thread to try with.
  static result<launcher> make(const topology& here, plan of);

  // What of the plan this host does not let be: sentences. Those threads run anywhere, and
  // cpu_of() says so.
  const std::vector<std::string>& refused() const noexcept { return refused_; }

  // The CPU for a thread; any_cpu where the plan has none, or the host refuses it.
  int cpu_of(std::string_view name) const noexcept;

  // The calling thread takes its seat, for threads that no graph starts; nothing is done where the
  // plan says "any".
  // Progress, fails: as bind_this_thread(); invalid, the plan has no such name.
  result<void> pin_this_thread(std::string_view name) const;

  // What the kernel says of each seat that has a CPU, by the names of this process's threads; call
  // it when they run. A thread that bears no name of the plan is not found.
  // Progress: a few system calls a thread. Order: as the plan's seats.
  std::vector<whereabouts> verify() const;

  const plan& planned() const noexcept { return plan_; }

 private:
  launcher(topology here, plan of) : here_(std::move(here)), plan_(std::move(of)) {}

  void try_seats();

  topology here_;
  plan plan_;
  index_set granted_;  // CPUs of the seats
  std::vector<std::string> refused_;
};

}  // namespace sequencer::place
