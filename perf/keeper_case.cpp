// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include <sequencer/checkpoint.hpp>
#include <sequencer/cpu.hpp>
#include <sequencer/or_throw.hpp>

#include "cases.hpp"
#include "numbers.hpp"

// All cores take strict durable numbers as fast as they can, for a while: does the keeper keep up?
namespace perf {

namespace {

using sequencer::or_throw;

struct full_rate {
  std::uint64_t max_gap = 0;
  std::uint64_t numbers = 0;
  double seconds = 0;
  std::uint64_t waits = 0;
  std::uint64_t syncs = 0;
  std::uint64_t bytes = 0;
  std::uint64_t slowest_sync_ns = 0;
  std::string wrong;
};

void take_until(const sequencer::durable_sequence& from, std::uint64_t deadline, share& to) {
  auto mine = from;
  constexpr int between_looks = 1024;
  while (sequencer::cpu::ticks() < deadline) {
    for (int i = 0; i < between_looks; ++i) {
      const auto number = mine.next();
      if (!number) {
        to.failure = std::string(number.text());
        return;
      }
      to.sum += *number;
    }
    to.count += between_looks;
  }
}

full_rate drive(surroundings& in, std::uint64_t max_gap, double seconds) {
  const auto path = fresh_file(in, "keeper.seq");
  auto file = or_throw(sequencer::checkpoint::open(path, {.create = true}));
  const auto numbers = or_throw(file.sequence("numbers", {.create = true, .max_gap = max_gap}));
  const auto threads = std::min(2u, in.workers.size());
  std::vector<share> shares(threads);
  const auto first = numbers.position();
  const auto before = file.metrics();
  const auto span = tsc().to_ticks(std::chrono::nanoseconds(static_cast<long>(seconds * 1e9)));
  const auto deadline = sequencer::cpu::ticks() + span;
  const auto took = in.workers.run(threads, [&](unsigned i) {
    take_until(numbers, deadline, shares[i]);
  });
  const auto after = file.metrics();
  full_rate found;
  found.max_gap = max_gap;
  found.numbers = numbers.position() - first;
  found.seconds = took.ns / 1e9;
  found.waits = after.waits - before.waits;
  found.syncs = after.syncs - before.syncs;
  found.bytes = after.bytes_written - before.bytes_written;
  found.slowest_sync_ns = after.slowest_sync_ns;
  found.wrong = judge_dense(shares, first, numbers.position());
  return found;
}

std::string text_of(const full_rate& of) {
  return fmt::format("max_gap 2^{}: {} waits, {} syncs, {} KiB in {:.1f} s at {:.0f} M/s; slowest "
                     "sync {:.1f} ms{}{}",
                     std::bit_width(of.max_gap) - 1, of.waits, of.syncs, of.bytes / 1024,
                     of.seconds, static_cast<double>(of.numbers) / of.seconds / 1e6,
                     static_cast<double>(of.slowest_sync_ns) / 1e6,
                     of.wrong.empty() ? "" : "; VOID: ", of.wrong);
}

}  // namespace

// From the default max_gap upwards until none has to wait.
void run_keeper(surroundings& in) {
  constexpr std::uint64_t smallest = std::uint64_t{1} << 20;
  constexpr std::uint64_t largest = std::uint64_t{1} << 32;
  const double trial = in.quick ? 0.3 : 1;
  const double full = in.quick ? 1.5 : 10;
  full_rate last;
  for (auto gap = smallest; gap <= largest; gap *= 4) {
    last = drive(in, gap, trial);
    if (last.waits == 0) last = drive(in, gap, full);
    in.into.remarks.push_back("keeper: " + text_of(last));
    if (last.waits == 0) break;
  }
  in.into.verdicts.push_back(
      {fmt::format("keeper, {} threads at full rate for {:.1f} s", std::min(2u, in.workers.size()),
                   last.seconds),
       "0 waits, max_gap stated",
       fmt::format("{} waits with 2^{}", last.waits, std::bit_width(last.max_gap) - 1),
       last.waits == 0 && last.wrong.empty()});
}

}  // namespace perf
