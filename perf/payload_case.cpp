// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <sequencer/ring.hpp>

#include "cases.hpp"
#include "passing.hpp"
#include "ring_contests.hpp"

// Larger events by value: 64 bytes, and 1,000, which are shown without a target.
namespace perf {

namespace {

template <std::size_t Bytes>
contest payload_contest(const surroundings& in, const std::string& name, std::uint64_t batch) {
  using event = wide<Bytes>;
  using ring = sequencer::ring<event, sequencer::producers::one>;
  contest made;
  made.name = name;
  made.params = {Bytes, batch, 2, slots_for<event>, "one"};
  made.counting = 1;
  made.entries.push_back({"sequencer", std::make_unique<ring_passing<ring, event>>(batch)});
  add_queues(
      made, in,
      [&](const peers::offer& each) {
        return each.bytes == Bytes && (batch == 1 || each.batches);
      },
      [&](const peers::offer& each) { return each.passing(batch); });
  compare(made, "sequencer");
  return made;
}

}  // namespace

void run_unicast_payload(surroundings& in) {
  if (in.workers.size() < 2) return;
  for (const std::uint64_t batch : {1u, 10u, 100u}) {
    const std::string one = "unicast_1p1c_64";
    const auto name = batch == 1 ? one : fmt::format("{}_batch_{}", one, batch);
    auto of = payload_contest<64>(in, name, batch);
    run_contest(of, in.how, in.workers, in.random, in.into);
    judge_fastest(in, fmt::format("ring, events of 64 bytes, batches of {}", batch), 1.3, name,
                  "sequencer", is_queue);
  }
  auto of = payload_contest<1000>(in, "unicast_1p1c_1000", 1);
  run_contest(of, in.how, in.workers, in.random, in.into);
}

}  // namespace perf
