// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sequencer/place/doctor.hpp>
#include <sequencer/place/measure.hpp>

#include "host.hpp"

namespace perf {

struct parameters {
  std::uint64_t payload = 0;   // bytes
  std::uint64_t batch = 1;     // numbers a call
  unsigned threads = 1;
  std::uint64_t capacity = 0;  // sequences, or numbers a block; 0 where it means nothing
  std::string placement = "one";  // one core, near, sibling, far, any
};

struct row {
  std::string name;  // of the case
  std::string contender;
  parameters params;
  std::string unit;  // "ns/item" or "ns"; lower is better
  std::uint64_t rounds = 0;
  std::uint64_t discarded = 0;
  double p10 = 0;
  double median = 0;
  double p90 = 0;
  bool valid = true;   // every number was checked and right
  std::string why;     // where not valid
  std::uint64_t disturbed = 0;  // rounds that count although something disturbed them
  double transfer_ns = 0;       // of a line between the two CPUs, meanwhile; 0 where there is none
  std::optional<std::uint64_t> gap = {};  // numbers lost at worst when everything stops at once
};

// How many times as fast as the peer we are, round by round.
struct ratio {
  std::string name;
  parameters params;
  std::string ours;
  std::string peer;
  double median = 0;
  double low = 0;
  double high = 0;
  std::uint64_t wins = 0;
  std::uint64_t rounds = 0;
};

// A line of the table of targets.
struct verdict {
  std::string what;
  std::string target;
  std::string figure;
  bool met = false;
};

// What something takes in memory or in a file.
struct size {
  std::string what;
  std::uint64_t bytes = 0;
};

struct results {
  host_facts host;
  std::uint64_t seed = 0;
  sequencer::place::line_latency lines;  // from core to core; empty where it was not measured
  std::vector<sequencer::place::finding> findings;  // on how the host is set up
  std::vector<row> rows;
  std::vector<ratio> ratios;
  std::vector<verdict> verdicts;
  std::vector<size> sizes;
  std::vector<std::string> remarks;

  const ratio* find_ratio(const std::string& name, unsigned threads, const std::string& ours,
                          const std::string& peer) const;
  const row* find_row(const std::string& name, unsigned threads,
                      const std::string& contender) const;
  // Where a case is judged: near, or where most of its rounds ran.
  std::string placement_of(const std::string& name) const;
};

void print_rows(const results& all);
void print_verdicts(const results& all);
// docs/perf-json.md. False, with a message on stderr, when it cannot be written.
bool write_json(const results& all, const std::string& path);

}  // namespace perf
