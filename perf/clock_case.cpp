// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <string>
#include <utility>

#include "cases.hpp"
#include "clock_contenders.hpp"

// Logical clocks: what an event costs, against the bare instruction, loop or read of a clock.
namespace perf {

namespace {

namespace clock = sequencer::clock;

contest start(const std::string& name, unsigned threads) {
  contest made;
  made.name = name;
  made.params = {8, 1, threads, 0, "one"};
  made.entries.push_back(make_counter<null_contender>("null"));
  return made;
}

template <class Run>
void for_one_and_two(surroundings& in, Run run) {
  for (const unsigned threads : {1u, 2u}) {
    if (threads <= in.workers.size()) run(threads);
  }
}

void judge_most(surroundings& in, const std::string& what, double most, const std::string& name,
                unsigned threads, const std::string& peer) {
  judge_ratio(in, fmt::format("{}, {} thread(s)", what, threads), fmt::format("<= {} x", most),
              name, threads, "sequencer", peer,
              [most](const ratio& found) { return found.median * most >= 1; });
}

// A figure in ns, less that of `beside`.
void judge_ns(surroundings& in, const std::string& what, double most, const std::string& name,
              const std::string& contender, const std::string& beside) {
  const auto* ours = in.into.find_row(name, 1, contender);
  const auto* theirs = beside.empty() ? nullptr : in.into.find_row(name, 1, beside);
  if (ours == nullptr || (theirs == nullptr && !beside.empty())) return;
  const auto over = ours->median - (theirs == nullptr ? 0 : theirs->median);
  in.into.verdicts.push_back({what, fmt::format("<= {} ns", most), fmt::format("{:.2f} ns", over),
                              ours->valid && over <= most});
}

}  // namespace

void run_clock_lamport(surroundings& in) {
  for_one_and_two(in, [&](unsigned threads) {
    auto of = start("clock_lamport_tick", threads);
    of.entries.push_back(make_counter<dense_contender<lamport_ticks>>("sequencer"));
    of.entries.push_back(make_counter<dense_contender<raw_fetch_add>>("fetch_add"));
    of.ratios = {{"sequencer", "fetch_add"}};
    run_pinned_or_crowded(of, in, in.how);
    judge_most(in, "Lamport tick() vs fetch_add", 1.1, "clock_lamport_tick", threads, "fetch_add");
  });
  for_one_and_two(in, [&](unsigned threads) {
    auto of = start("clock_lamport_observe", threads);
    using ours = lane_contender<observing<lamport_observe>>;
    using bare = lane_contender<observing<bare_observe>>;
    of.entries.push_back(make_counter<ours>("sequencer"));
    of.entries.push_back(make_counter<bare>("cas_loop"));
    of.ratios = {{"sequencer", "cas_loop"}};
    run_pinned_or_crowded(of, in, in.how);
    judge_most(in, "Lamport observe() vs a CAS loop", 2, "clock_lamport_observe", threads,
               "cas_loop");
  });
}

void run_clock_hybrid(surroundings& in) {
  for_one_and_two(in, [&](unsigned threads) {
    auto of = start("clock_hybrid_tick", threads);
    using own = lane_contender<hybrid_ticks<clock::hybrid<>, false>>;
    using wide = lane_contender<hybrid_ticks<clock::hybrid<clock::wide_hybrid_stamp>, false>>;
    using shared = lane_contender<hybrid_ticks<clock::shared_hybrid<>, true>>;
    of.entries.push_back(make_counter<own>("sequencer"));
    of.entries.push_back(make_counter<wide>("sequencer:wide"));
    of.entries.push_back(make_counter<shared>("sequencer:shared"));
    of.entries.push_back(make_counter<lane_contender<clock_reads>>("clock_gettime"));
    of.ratios = {{"sequencer", "clock_gettime"},
                 {"sequencer:wide", "clock_gettime"},
                 {"sequencer:shared", "clock_gettime"}};
    run_pinned_or_crowded(of, in, in.how);
  });
  judge_ns(in, "hybrid tick() above reading the clock", 2, "clock_hybrid_tick", "sequencer",
           "clock_gettime");
}

void run_clock_vector(surroundings& in) {
  auto compares = start("clock_vector_compare", 1);
  using clock::vector;
  compares.entries.push_back(make_counter<lane_contender<vector_compares<sixteen>>>("sequencer"));
  compares.entries.push_back(
      make_counter<lane_contender<vector_compares<vector>>>("sequencer:open"));
  compares.entries.push_back(make_counter<lane_contender<vector_compares<bare_counts>>>("loop"));
  auto merges = start("clock_vector_merge", 1);
  merges.entries.push_back(make_counter<lane_contender<vector_merges<sixteen>>>("sequencer"));
  merges.entries.push_back(make_counter<lane_contender<vector_merges<vector>>>("sequencer:open"));
  merges.entries.push_back(make_counter<lane_contender<vector_merges<bare_counts>>>("loop"));
  for (auto* of : {&compares, &merges}) {
    of->params.payload = 8 * vector_members;
    of->ratios = {{"sequencer", "loop"}, {"sequencer:open", "loop"}};
    run_contest(*of, in.how, in.workers, in.random, in.into);
    judge_ns(in, fmt::format("{}, 16 members", of->name), 10, of->name, "sequencer", "");
  }
}

}  // namespace perf
