// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include <sequencer/ring.hpp>

#include "cases.hpp"
#include "pairs.hpp"
#include "passing.hpp"
#include "ring_contests.hpp"

// One producer and one consumer on pairs of CPUs that are chosen by what they share: a core, an L3,
// a socket, or nothing.
namespace perf {

namespace {

using number = std::uint64_t;
using ring_of_one = ring_passing<sequencer::ring<number, sequencer::producers::one>, number>;

void play(surroundings& in, const pair_of_cpus& pair) {
  team workers({pair.first, pair.second});
  in.into.remarks.push_back(fmt::format("placements: {}: CPUs {} and {}, a line takes {:.0f} ns",
                                        pair.placement, pair.first, pair.second,
                                        workers.line_transfer()));
  contest of;
  of.name = "placements";
  of.params = {8, 1, 2, slots_for<number>, pair.placement};
  of.place = pair.placement;
  of.counting = 1;
  of.entries.push_back({"sequencer", std::make_unique<ring_of_one>(1)});
  add_queues(
      of, in, [](const peers::offer& each) { return !each.many && each.bytes == 8; },
      [](const peers::offer& each) { return each.passing(1); });
  compare(of, "sequencer");
  auto how = in.how;
  if (!in.full) how.rounds = how.rounds / 2 + 1;
  run_contest(of, how, workers, in.random, in.into);
}

}  // namespace

void run_placements(surroundings& in) {
  const auto here = sequencer::place::topology::discover();
  if (!here) {
    in.into.remarks.push_back("not measured: placements: " + std::string(here.text()));
    return;
  }
  const auto pairs = choose_pairs(*here, usable_cpus());
  for (const auto& each : pairs) play(in, each);
  for (const char* wanted : {"same_core", "same_l3", "across_l3", "across_sockets"}) {
    const auto here = [&](const pair_of_cpus& each) { return each.placement == wanted; };
    if (std::any_of(pairs.begin(), pairs.end(), here)) continue;
    in.into.remarks.push_back(
        fmt::format("not measured: placement {}: this host has no such pair", wanted));
  }
}

}  // namespace perf
