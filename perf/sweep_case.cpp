// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/ring.hpp>

#include "cases.hpp"
#include "passing.hpp"
#include "ring_contests.hpp"
#include "sweeps.hpp"

// One producer and one consumer over a whole range of batches, of payloads, and of ring sizes. The
// range is thinned but in --full.
namespace perf {

namespace {

using number = std::uint64_t;
using ring_of_one = ring_passing<sequencer::ring<number, sequencer::producers::one>, number>;
using ring_of_many = ring_passing<sequencer::ring<number, sequencer::producers::many>, number>;

// Half the rounds of a case that is judged, in --full as many.
plan plan_for(const surroundings& in) {
  auto how = in.how;
  if (!in.full) how.rounds = how.rounds / 2 + 1;
  return how;
}

contest start_contest(const std::string& name, parameters params) {
  contest made;
  made.name = name;
  made.params = std::move(params);
  made.counting = 1;
  return made;
}

void play(contest& of, surroundings& in) {
  compare(of, "sequencer");
  run_contest(of, plan_for(in), in.workers, in.random, in.into);
}

void play_batch(surroundings& in, std::uint64_t batch) {
  auto of = start_contest("sweep_batch", {8, batch, 2, slots_for<number>, "one"});
  of.entries.push_back({"sequencer", std::make_unique<ring_of_one>(batch)});
  of.entries.push_back({"sequencer:many", std::make_unique<ring_of_many>(batch)});
  add_queues(
      of, in, [](const peers::offer& each) { return each.batches && each.bytes == 8; },
      [&](const peers::offer& each) { return each.passing(batch); });
  play(of, in);
}

template <std::size_t Bytes>
void play_payload(surroundings& in) {
  using event = event_of<Bytes>;
  using ring = sequencer::ring<event, sequencer::producers::one>;
  auto of = start_contest("sweep_payload", {Bytes, 1, 2, slots_for<event>, "one"});
  of.entries.push_back({"sequencer", std::make_unique<ring_passing<ring, event>>(1)});
  add_queues(
      of, in, [](const peers::offer& each) { return !each.many && each.bytes == Bytes; },
      [](const peers::offer& each) { return each.passing(1); });
  play(of, in);
}

void play_size(surroundings& in, const ring_size& size) {
  auto of = start_contest("sweep_slots", {8, 1, 2, size.slots, "one"});
  of.entries.push_back({"sequencer", std::make_unique<ring_of_one>(1, size.slots)});
  of.entries.push_back({"sequencer:many", std::make_unique<ring_of_many>(1, size.slots)});
  for (const auto& each : peers::all_sized_offers()) {
    if (!in.how.wants(each.name)) continue;
    of.entries.push_back({each.name, each.passing(1, size.slots)});
  }
  play(of, in);
}

}  // namespace

void run_sweep_batch(surroundings& in) {
  if (in.workers.size() < 2) return;
  const std::vector<std::uint64_t> all{1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
  for (const auto batch : in.full ? all : thinned(all, in.quick ? 9 : 3)) play_batch(in, batch);
}

void run_sweep_payload(surroundings& in) {
  if (in.workers.size() < 2) return;
  play_payload<8>(in);
  if (!in.quick) play_payload<64>(in);
  play_payload<256>(in);
  if (!in.quick) play_payload<1024>(in);
}

void run_sweep_slots(surroundings& in) {
  if (in.workers.size() < 2) return;
  const auto bytes = sequencer::slots<number>::bytes_for(1);
  const auto all = ring_sizes(read_caches(cpu_directory, usable_cpus().front()), bytes);
  if (all.empty()) in.into.remarks.push_back("not measured: sweep_slots: the sizes of caches");
  for (const auto& each : in.quick ? thinned(all, 2) : all) {
    in.into.remarks.push_back("sweep_slots: " + std::to_string(each.slots) + " slots lie in " +
                              each.where);
    play_size(in, each);
  }
}

}  // namespace perf
