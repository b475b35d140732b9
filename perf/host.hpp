// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sequencer/cpu.hpp>
#include <sequencer/place/measure.hpp>
#include <sequencer/result.hpp>

#include "caches.hpp"

namespace perf {

struct host_facts {
  std::string name;
  std::string cpu_model;
  // Decimal, as the system says; empty where it does not.
  std::string cpu_family;
  std::string cpu_number;  // the model within the family
  std::string cpu_stepping;
  cache_sizes caches;  // of the first CPU that may be used
  std::string kernel;
  std::string compiler;
  unsigned cpus = 0;
  bool invariant_tsc = false;
  bool virtual_machine = false;
  double load_average = 0;  // of the last minute, when the program began
};

host_facts look_at_host();

// CPUs that this process may use, one of every core before the second of any.
std::vector<int> usable_cpus();

// What a line takes between any two cores; fewer passes where they are many: it takes minutes else.
sequencer::result<sequencer::place::line_latency> measure_host_lines();

// Clock ticks of all CPUs that the hypervisor gave to others, since boot.
std::uint64_t stolen_ticks();

// Calibrated once, against CLOCK_MONOTONIC_RAW.
const sequencer::cpu::tsc_clock& tsc();

}  // namespace perf
