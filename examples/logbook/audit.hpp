// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace examples::logbook {

// One run: from one opening of the checkpoint to the next.
struct run_audit {
  std::uint64_t epoch = 0;
  std::uint64_t first = 0;     // where the run began
  std::uint64_t next = 0;      // where its successor goes on
  std::uint64_t lines = 0;     // found in its logs
  std::uint64_t issued = 0;    // numbers that reached a caller, or died on the way there
  std::uint64_t in_flight = 0;     // issued, not written
  std::uint64_t never_issued = 0;
  std::uint64_t bound = 0;         // most numbers that may never have been issued
  std::uint64_t torn = 0;          // last lines that were cut off
  std::uint64_t open_to_first_ns = 0;
  std::uint64_t last_sync_ns = 0;
  bool live = false;
  bool ended = false;  // orderly

  std::uint64_t order_violations = 0;
  std::uint64_t lost_lines = 0;  // handed to the operating system, not in the logs
  std::uint64_t foreign = 0;     // numbers outside [first, next)
};

struct audit {
  std::vector<run_audit> runs;
  std::uint64_t lines = 0;
  std::uint64_t issued = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t order_violations = 0;
  std::uint64_t never_issued = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t listed_holes = 0;  // numbers in the checkpoint's own list
  bool strict = true;
  bool exact = false;  // the position after the last run is known to the number
  std::vector<std::string> broken;  // one sentence for each promise that did not hold
};

// Merges the logs of a directory and holds them against the checkpoint. `checkpoint` may be empty:
// logbook.seq in the directory. Throws trouble when the directory cannot be judged.
audit check(const std::string& directory, const std::string& checkpoint);

// A table for people: every run where there are few, totals always.
void print(const audit& of);
// The totals as `name=value` lines, for scripts.
void print_values(const audit& of);

}  // namespace examples::logbook
