// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace examples::exchange {

// One run, from one opening of the checkpoint to the next.
struct run_audit {
  std::uint64_t epoch = 0;
  std::uint64_t first = 0;    // number that it began with
  std::uint64_t found = 0;    // orders in the journal when it began
  std::uint64_t orders = 0;   // that it added
  std::uint64_t dropped = 0;  // bytes that it cut off journal and replica
  std::uint64_t recovery_ns = 0;
  std::uint64_t marks = 0;  // of its book, compared with the replayed one
  bool live = false;
  bool ended = false;  // orderly
};

struct audit {
  std::vector<run_audit> runs;
  std::uint64_t orders = 0;    // in the journal
  std::uint64_t accepted = 0;  // of them or not: acknowledged to a gateway
  std::uint64_t lost = 0;      // acknowledged, and not in the journal
  std::uint64_t twice = 0;     // numbers that an order before has
  std::uint64_t unordered = 0;  // numbers not above the one before them
  std::uint64_t unused = 0;    // numbers between the first and the last that no order has
  std::uint64_t trades = 0;
  std::uint64_t reports = 0;      // that the journal yields
  std::uint64_t published = 0;    // that are in the file of trades
  std::uint64_t digest = 0;  // of the book
  std::vector<std::string> broken;  // one sentence for each promise that did not hold
};

// Replays the journal of a directory and holds everything else against it. Throws trouble when the
// directory cannot be judged.
audit check(const std::string& directory);

// A table for people: every run, totals.
void print(const audit& of);
// The totals as `name=value` lines, for scripts.
void print_values(const audit& of);

}  // namespace examples::exchange
