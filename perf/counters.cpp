// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cases.hpp"
#include "counter_contenders.hpp"
#include "percpu_contenders.hpp"
#include "sweeps.hpp"

// Counters: strict, durable and block-cached, against the raw instruction and the usual ways.
namespace perf {

namespace {

// Where a target is: one thread, and two where there are two CPUs.
template <class Run>
void for_threads(surroundings& in, Run run) {
  for (const unsigned threads : {1u, 2u}) {
    if (threads <= in.workers.size()) run(threads);
  }
}

// All cores, and twice as many threads, are always among them.
std::vector<unsigned> counts_in(const surroundings& in) {
  const auto all = thread_counts(in.workers.size());
  if (in.full || all.size() <= 4) return all;
  return {1, 2, all[all.size() - 2], all.back()};
}

contest start_contest(const std::string& name, unsigned threads, std::uint64_t capacity) {
  contest made;
  made.name = name;
  made.params = {8, 1, threads, capacity, "one"};
  made.entries.push_back(make_counter<null_contender>("null"));
  return made;
}

void judge_strict(surroundings& in) {
  const auto reaches = [](double least) { return [=](const ratio& r) { return r.high >= least; }; };
  const auto at_least = [](double least) {
    return [=](const ratio& r) { return r.median >= least; };
  };
  for_threads(in, [&](unsigned threads) {
    judge_ratio(in, fmt::format("strict next() vs fetch_add, {} thread(s)", threads),
                "interval reaches 0.98", "counter_strict", threads, "sequencer", "fetch_add",
                reaches(0.98));
    judge_ratio(in, fmt::format("combining next() vs fetch_add, {} thread(s)", threads), ">= 0.9 x",
                "counter_strict", threads, "sequencer:combining", "fetch_add", at_least(0.9));
  });
  if (in.workers.size() < 2) return;
  judge_ratio(in, "strict next() vs CAS loop, 2 threads", ">= 2 x", "counter_strict", 2,
              "sequencer", "cas_loop", at_least(2));
  const auto* raw = in.into.find_ratio("counter_strict", 2, "fetch_add", "mutex");
  // What the raw instruction gives, but not more than ten times is asked for.
  const auto most = raw == nullptr ? 10 : std::min(10.0, 0.98 * raw->low);
  const auto target = fmt::format(">= 10 x, or as fetch_add: {:.1f}", raw ? raw->median : 0);
  judge_ratio(in, "strict next() vs std::mutex, 2 threads", target, "counter_strict", 2,
              "sequencer", "mutex", reaches(most));
}

std::string as_cost(const ratio& of) {
  return fmt::format("{:.3f} x [{:.3f}, {:.3f}]", 1 / of.median, 1 / of.high, 1 / of.low);
}

// As judge_ratio, for targets that say how much a thing may cost.
void judge_cost(surroundings& in, const std::string& what, double most, const std::string& name,
                unsigned threads, const std::string& ours, const std::string& peer) {
  const auto target = fmt::format("<= {:.1f} x", most);
  if (!in.how.wants(peer)) return;
  const auto* found = in.into.find_ratio(name, threads, ours, peer);
  if (found == nullptr) {
    in.into.verdicts.push_back({what, target, "not measured, or void", false});
  } else {
    in.into.verdicts.push_back({what, target, as_cost(*found), 1 / found->median <= most});
  }
}

void judge_blocks(surroundings& in) {
  for_threads(in, [&](unsigned threads) {
    judge_cost(in, fmt::format("block next() vs thread-local word, {} thread(s)", threads), 1.3,
               "counter_block", threads, "sequencer", "thread_local");
    const auto* live = in.into.find_row("counter_block", threads, "sequencer:live");
    if (live == nullptr) return;
    // Over all threads together two threads take half the time an item that each of them takes.
    const auto own = live->median * threads;
    in.into.verdicts.push_back({fmt::format("block next(), live region, {} thread(s)", threads),
                                "<= 1.1 ns a thread", fmt::format("{:.2f} ns", own),
                                live->valid && own <= 1.1});
  });
  if (in.workers.size() < 2) return;
  judge_ratio(in, "block next() vs contended fetch_add, 2 threads", ">= 10 x", "counter_block", 2,
              "sequencer", "fetch_add", [](const ratio& r) { return r.median >= 10; });
}

void judge_percpu(surroundings& in) {
  for_threads(in, [&](unsigned threads) {
    judge_cost(in, fmt::format("per-CPU next() vs a handle per thread, {} thread(s)", threads), 1.5,
               "counter_percpu", threads, "sequencer", "sequencer:handles");
    const auto* row = in.into.find_row("counter_percpu", threads, "sequencer");
    if (row == nullptr) return;
    // Over all threads together, as in judge_blocks.
    const auto own = row->median * threads;
    in.into.verdicts.push_back({fmt::format("per-CPU next(), {} thread(s)", threads),
                                "<= 2 ns a thread", fmt::format("{:.2f} ns", own),
                                row->valid && own <= 2});
  });
}

}  // namespace

void run_counter_strict(surroundings& in) {
  for (const auto threads : counts_in(in)) {
    auto of = start_contest("counter_strict", threads, 0);
    using sequencer::combining;
    of.entries.push_back(make_counter<dense_contender<ours_strict>>("sequencer"));
    of.entries.push_back(make_counter<dense_contender<ours_combining<combining::measured>>>(
        "sequencer:combining"));
    of.entries.push_back(make_counter<dense_contender<ours_combining<combining::always>>>(
        "sequencer:combining_always"));
    of.entries.push_back(make_counter<dense_contender<raw_fetch_add>>("fetch_add"));
    of.entries.push_back(make_counter<dense_contender<cas_loop>>("cas_loop"));
    of.entries.push_back(make_counter<dense_contender<under_mutex>>("mutex"));
    if (in.plant_wrong) {
      of.entries.push_back(make_counter<dense_contender<planted_wrong>>("planted_wrong"));
    }
    of.ratios = {{"sequencer", "fetch_add"}, {"sequencer", "cas_loop"}, {"sequencer", "mutex"},
                 {"fetch_add", "mutex"}, {"sequencer:combining", "fetch_add"},
                 {"sequencer:combining_always", "fetch_add"}};
    if (in.plant_slow) {
      of.entries.push_back(make_counter<dense_contender<planted_slow>>("planted_slow"));
      of.entries.push_back(make_counter<dense_contender<ours_strict>>("sequencer:again"));
      of.ratios.emplace_back("sequencer", "planted_slow");
      of.ratios.emplace_back("sequencer:again", "sequencer");
    }
    run_pinned_or_crowded(of, in, in.how);
  }
  judge_strict(in);
}

void run_counter_durable(surroundings& in) {
  for (const auto threads : counts_in(in)) {
    auto of = start_contest("counter_durable", threads, 0);
    of.entries.push_back(make_counter<durable_contender>("sequencer", fresh_file(in, "ahead.seq"),
                                                 sequencer::live_policy::automatic, wide_gap));
    of.entries.push_back(make_counter<durable_contender>("sequencer:no_live",
                                                 fresh_file(in, "ahead-no-live.seq"),
                                                 sequencer::live_policy::off, wide_gap));
    of.entries.push_back(make_counter<dense_contender<ours_strict>>("sequencer:volatile"));
    of.entries.push_back(make_counter<dense_contender<raw_fetch_add>>("fetch_add"));
    of.ratios = {{"sequencer", "sequencer:volatile"},
                 {"sequencer:no_live", "sequencer:volatile"},
                 {"sequencer", "fetch_add"}};
    run_pinned_or_crowded(of, in, in.how);
  }
  for_threads(in, [&](unsigned threads) {
    judge_cost(in, fmt::format("durable next() (ahead) vs volatile, {} thread(s)", threads), 1.2,
               "counter_durable", threads, "sequencer", "sequencer:volatile");
  });
}

void run_counter_block(surroundings& in) {
  for (const auto threads : counts_in(in)) {
    auto of = start_contest("counter_block", threads, block_size);
    of.entries.push_back(make_counter<block_contender<memory_blocks>>("sequencer"));
    of.entries.push_back(make_counter<block_contender<durable_blocks>>(
        "sequencer:live", fresh_file(in, "blocks.seq")));
    of.entries.push_back(make_counter<thread_local_word>("thread_local"));
    of.entries.push_back(make_counter<dense_contender<raw_fetch_add>>("fetch_add"));
    of.ratios = {{"sequencer", "thread_local"},
                 {"sequencer", "fetch_add"},
                 {"sequencer:live", "thread_local"},
                 {"sequencer:live", "fetch_add"}};
    run_pinned_or_crowded(of, in, in.how);
  }
  judge_blocks(in);
}

void run_counter_percpu(surroundings& in) {
  // A cache that has no restartable sequences would be measured twice, under two names.
  const bool restartable = sequencer::cpu_cache<sequencer::memory_source>().mode() ==
                           sequencer::cpu_mode::restartable;
  if (!restartable) {
    in.into.remarks.push_back("not measured: counter_percpu's sequencer: this process has no "
                              "restartable sequences (rseq)");
  }
  for (const auto threads : counts_in(in)) {
    auto of = start_contest("counter_percpu", threads, block_size);
    if (restartable) of.entries.push_back(make_counter<cpu_contender<false>>("sequencer", false));
    of.entries.push_back(make_counter<cpu_contender<false>>("sequencer:exclusive", true));
    of.entries.push_back(make_counter<block_contender<memory_blocks>>("sequencer:handles"));
    of.entries.push_back(make_counter<cpu_words>("getcpu_fetch_add"));
    of.entries.push_back(make_counter<dense_contender<raw_fetch_add>>("fetch_add"));
    if (in.plant_wrong) {
      of.entries.push_back(make_counter<cpu_contender<true>>("planted_wrong", false));
    }
    of.ratios = {{"sequencer:exclusive", "fetch_add"}};
    if (restartable) {
      of.ratios = {{"sequencer", "sequencer:handles"},
                   {"sequencer", "getcpu_fetch_add"},
                   {"sequencer", "fetch_add"},
                   {"sequencer:exclusive", "fetch_add"}};
    }
    run_pinned_or_crowded(of, in, in.how);
  }
  if (restartable) judge_percpu(in);
}

}  // namespace perf
