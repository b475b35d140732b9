// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "results.hpp"
#include "team.hpp"

namespace perf {

// What one thread of a contender did in a slice. The numbers of a check are kept; of a timed slice
// only their sum is.
struct alignas(128) share {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::vector<std::uint64_t> kept;
  std::string failure;
};

// Something that is timed beside others. A slice is: prepare, work on every thread at once, judge.
class contender {
 public:
  virtual ~contender() = default;

  // Untimed, before every slice.
  virtual void prepare(unsigned threads) = 0;
  // Timed: takes `items` numbers on thread `thread`.
  virtual void work(unsigned thread, std::uint64_t items, share& to) = 0;
  // As work(), and keeps every number.
  virtual void record(unsigned thread, std::uint64_t items, share& to) = 0;
  // Untimed, after every slice: what is wrong with the numbers, or "".
  virtual std::string judge(std::span<const share> shares) = 0;
  // Preemptions of workers that are its own doing (a keeper that woke), since prepare().
  virtual std::uint64_t own_preemptions() { return 0; }
  // What the slice took by its own clock, where its threads are not the team's; below 0: as long as
  // the team's work.
  virtual double own_ns() { return -1; }
  // One figure for each of contest::extras, of what record() did last.
  virtual std::vector<double> extras() { return {}; }
  // Most numbers that nobody would ever get if everything stopped at once; not of all.
  virtual std::optional<std::uint64_t> gap() { return std::nullopt; }
};

struct entry {
  std::string name;
  std::unique_ptr<contender> runs;
};

// Contenders that are measured against each other, and the ratios that are asked for.
struct contest {
  std::string name;  // the case
  parameters params;
  unsigned counting = 0;  // threads whose items count; 0: all
  unsigned working = 0;   // threads of the team that work; 0: all, and none has threads of its own
  std::string place;      // how its CPUs lie to each other, where they are chosen
  team* crowd = nullptr;  // who works instead of the pinned team, being more than there are CPUs
  std::vector<std::string> extras;  // figures of each checked slice: rows of "case_extra", in ns
  std::vector<entry> entries;
  std::vector<std::pair<std::string, std::string>> ratios;  // ours, peer
};

struct plan {
  std::uint64_t rounds = 61;
  double slice_ns = 10e6;  // one timed slice
  std::uint64_t seed = 0;
  std::vector<std::string> peers = {};  // the only ones that are wanted; empty: all

  // Whether it was asked for: "redis" means redis_always too.
  bool names(const std::string& contender) const;
  // Ours and what shows that measuring works are always wanted.
  bool wants(const std::string& contender) const;
};

// Runs a contest: in every round every contender once, in random order. Adds rows and ratios.
void run_contest(contest& of, const plan& how, team& workers, std::mt19937_64& random,
                 results& into);

// Drops the peers that are not wanted, and their ratios.
void keep_wanted(contest& of, const plan& how);

// Rows and ratios from samples taken elsewhere: samples[entry][round], NaN where there is none.
void add_rows(const contest& of, const std::vector<std::vector<double>>& samples,
              const std::vector<std::uint64_t>& discarded, const std::vector<std::string>& wrong,
              const std::string& unit, std::mt19937_64& random, results& into);

}  // namespace perf
