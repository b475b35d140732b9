// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>

#include <sequencer/checkpoint.hpp>
#include <sequencer/or_throw.hpp>

#include "bare_writes.hpp"
#include "cases.hpp"
#include "numbers.hpp"
#include "stats.hpp"

// Durability `each`: a number leaves once its own mark is on stable storage. Slices have a length
// in time, because a sync may take a hundred times as long as the one before.
namespace perf {

namespace {

using clock = std::chrono::steady_clock;
using sequencer::or_throw;

struct slice_result {
  double ns_per_item = 0;
  std::string wrong;
};

// Runs `step(thread)` on some threads until the span is over; the time an item over all of them.
template <class Step>
double timed(unsigned threads, std::chrono::nanoseconds span, Step step) {
  std::atomic<unsigned> ready{0};
  std::atomic<bool> go{false};
  std::atomic<std::uint64_t> items{0};
  std::vector<std::jthread> all;
  clock::time_point until;
  for (unsigned i = 0; i < threads; ++i) {
    all.emplace_back([&, i] {
      ++ready;
      ready.notify_all();
      go.wait(false);
      std::uint64_t done = 0;
      while (clock::now() < until && step(i)) ++done;
      items += done;
    });
  }
  for (auto seen = ready.load(); seen != threads; seen = ready.load()) ready.wait(seen);
  const auto began = clock::now();
  until = began + span;
  go = true;
  go.notify_all();
  all.clear();
  const std::chrono::duration<double, std::nano> took = clock::now() - began;
  return took.count() / static_cast<double>(std::max<std::uint64_t>(1, items));
}

class each_file {
 public:
  explicit each_file(const std::string& path)
      : file_(or_throw(sequencer::checkpoint::open(path, {.create = true}))),
        numbers_(or_throw(file_.sequence(
            "numbers", {.create = true, .durability = sequencer::durability::each}))) {}

  slice_result run(unsigned threads, std::chrono::nanoseconds span) {
    std::vector<share> shares(threads);
    const auto first = numbers_.position();
    const auto before = file_.metrics().syncs;
    slice_result found;
    found.ns_per_item = timed(threads, span, [&](unsigned i) { return take(shares[i]); });
    syncs_ += file_.metrics().syncs - before;
    issued_ += numbers_.position() - first;
    found.wrong = judge_dense(shares, first, numbers_.position());
    if (found.wrong.empty() && numbers_.high_water() < numbers_.position()) {
      found.wrong = "a number left before its mark";
    }
    return found;
  }

  double numbers_a_sync() const {
    return static_cast<double>(issued_) / static_cast<double>(std::max<std::uint64_t>(1, syncs_));
  }

 private:
  bool take(share& to) {
    auto mine = numbers_;
    const auto number = mine.next();
    if (!number) {
      to.failure = std::string(number.text());
      return false;
    }
    to.kept.push_back(*number);
    to.sum += *number;
    ++to.count;
    return true;
  }

  sequencer::checkpoint file_;
  sequencer::durable_sequence numbers_;
  std::uint64_t syncs_ = 0;
  std::uint64_t issued_ = 0;
};

// Contenders as functions of a slice's length, in random order in every round.
struct timed_entry {
  std::string name;
  std::function<slice_result(std::chrono::nanoseconds)> run;
};

void run_timed(surroundings& in, contest of, std::vector<timed_entry> entries,
               std::chrono::nanoseconds span) {
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0);
  const auto none = std::numeric_limits<double>::quiet_NaN();
  std::vector<std::vector<double>> samples(entries.size(),
                                           std::vector<double>(in.how.rounds, none));
  std::vector<std::string> wrong(entries.size());
  std::vector<std::uint64_t> discarded(entries.size(), 0);
  for (std::uint64_t round = 0; round < in.how.rounds; ++round) {
    std::shuffle(order.begin(), order.end(), in.random);
    for (const auto which : order) {
      const auto stolen = stolen_ticks();
      const auto found = entries[which].run(span);
      if (wrong[which].empty()) wrong[which] = found.wrong;
      const bool first_half = round * 2 < in.how.rounds;
      // Time stolen by the host: the round does not count, unless that is how it always is.
      if (stolen_ticks() != stolen && first_half) {
        ++discarded[which];
      } else {
        samples[which][round] = found.ns_per_item;
      }
    }
  }
  for (auto& each : entries) of.entries.push_back({each.name, nullptr});
  add_rows(of, samples, discarded, wrong, "ns/item", in.random, in.into);
}

slice_result bare_slice(bare_writes& file, std::chrono::nanoseconds span) {
  slice_result found;
  found.ns_per_item = timed(1, span, [&](unsigned) { return file.once(); });
  return found;
}

void run_one_thread(surroundings& in, std::chrono::nanoseconds span) {
  each_file ours(fresh_file(in, "each.seq"));
  bare_writes two_calls(fresh_file(in, "bare-two-calls"), false);
  bare_writes one_call(fresh_file(in, "bare-one-call"), true);
  contest of;
  of.name = "durable_each";
  of.params = {4096, 1, 1, 0, "any"};
  of.ratios = {{"sequencer", "pwrite_fdatasync"}, {"sequencer", "pwrite_dsync"}};
  run_timed(in, std::move(of),
            {{"sequencer", [&](auto span) { return ours.run(1, span); }},
             {"pwrite_fdatasync", [&](auto span) { return bare_slice(two_calls, span); }},
             {"pwrite_dsync", [&](auto span) { return bare_slice(one_call, span); }}},
            span);
}

constexpr unsigned many = 16;

void run_many_threads(surroundings& in, std::chrono::nanoseconds span) {
  each_file ours(fresh_file(in, "each-many.seq"));
  each_file alone(fresh_file(in, "each-alone.seq"));
  contest of;
  of.name = "durable_each";
  of.params = {4096, 1, many, 0, "any"};
  of.ratios = {{"sequencer", "sequencer:one_thread"}};
  run_timed(in, std::move(of),
            {{"sequencer", [&](auto span) { return ours.run(many, span); }},
             {"sequencer:one_thread", [&](auto span) { return alone.run(1, span); }}},
            span);
  in.into.remarks.push_back(fmt::format("durable_each: {} threads, {:.1f} numbers a sync", many,
                                        ours.numbers_a_sync()));
}

}  // namespace

void run_durable_each(surroundings& in) {
  const auto span = std::chrono::milliseconds(in.quick ? 30 : 120);
  run_one_thread(in, span);
  run_many_threads(in, span);
  for (const char* peer : {"pwrite_fdatasync", "pwrite_dsync"}) {
    judge_ratio(in, fmt::format("each, 1 thread, vs bare {}", peer), ">= 0.9 x", "durable_each", 1,
                "sequencer", peer, [](const ratio& r) { return r.median >= 0.9; });
  }
  judge_ratio(in, "each, 16 threads vs 1 thread", ">= 5 x, aim 8", "durable_each", many,
              "sequencer", "sequencer:one_thread",
              [](const ratio& r) { return r.median >= 5; });
}

}  // namespace perf
