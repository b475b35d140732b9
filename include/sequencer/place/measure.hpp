// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <sequencer/place/topology.hpp>
#include <sequencer/result.hpp>

namespace sequencer::place {

struct measure_options {
  unsigned rounds = 9;     // a figure is the median of so many
  unsigned passes = 2000;  // of the line, there and back, in each
};

// How long a cache line takes from one core to another.
struct line_latency {
  std::vector<unsigned> cpus;  // one of each core that this process may use
  // One way, in nanoseconds: half of there and back, by the clock of the first. 0 on the diagonal.
  std::vector<std::vector<double>> ns;
};

// Two threads, each bound to a core, pass a line to and fro; pair by pair.
// Threads: any, one at a time if the figures are to mean anything. Progress: pairs x rounds x
// passes, a few hundred nanoseconds each; two threads spin. Order: pairs by rising CPU.
// Fails: unsupported, `here` is not this machine; invalid, no rounds or no passes; denied, the
// kernel refuses a core; io, it refuses a thread. No figure is given for what was not bound.
result<line_latency> measure_lines(const topology& here, measure_options how = {});

}  // namespace sequencer::place
