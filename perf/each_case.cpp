// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>

#include <sequencer/checkpoint.hpp>
#include <sequencer/or_throw.hpp>

#include "bare_writes.hpp"
#include "cases.hpp"
#include "numbers.hpp"
#include "timed_slices.hpp"

// Durability `each`: a number leaves once its own mark is on stable storage.
namespace perf {

namespace {

using sequencer::or_throw;

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
    found.ns_per_item = timed(threads, span, [&](unsigned i) { return take(shares[i]) ? 1 : 0; });
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

slice_result bare_slice(bare_writes& file, std::chrono::nanoseconds span) {
  slice_result found;
  found.ns_per_item = timed(1, span, [&](unsigned) { return file.once() ? 1 : 0; });
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
            span, in.how.rounds);
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
            span, in.how.rounds);
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
