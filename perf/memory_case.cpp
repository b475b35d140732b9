// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstddef>

#include <sequencer/detail/gates.hpp>
#include <sequencer/ring.hpp>

#include "cases.hpp"
#include "events.hpp"
#include "ring_ends.hpp"

// What a ring takes, without running one.
namespace perf {

namespace {

using number = std::uint64_t;
struct nothing {};

template <class Producers>
void weigh_ring(surroundings& in, const std::string& kind) {
  using ring = sequencer::ring<number, Producers>;
  using producer = producer_of<ring, sequencer::wait::park>;
  using poller = poller_of<ring>;
  const auto gate = sizeof(sequencer::detail::gate);
  const auto all = sizeof(ring) + sizeof(producer) + sizeof(poller) + gate;
  in.into.remarks.push_back(
      fmt::format("ring {}: {} bytes, a producer {}, a poller {}, a gate {}", kind, sizeof(ring),
                  sizeof(producer), sizeof(poller), gate));
  in.into.sizes.push_back({fmt::format("a ring {}", kind), sizeof(ring)});
  in.into.sizes.push_back({fmt::format("a producer of a ring {}", kind), sizeof(producer)});
  in.into.sizes.push_back({fmt::format("a poller of a ring {}", kind), sizeof(poller)});
  in.into.verdicts.push_back({fmt::format("ring {}, with a producer and a consumer", kind),
                              "<= 1,024 bytes fixed", fmt::format("{} bytes", all), all <= 1024});
}

// Beyond the event and what aligns the slot: one of up to a line never spans two.
template <class Event>
void weigh_slot(surroundings& in, std::size_t bytes) {
  const auto taken = sequencer::slots<Event>::bytes_for(1);
  in.into.remarks.push_back(
      fmt::format("a slot of an event of {} bytes: {} bytes", bytes, taken));
  in.into.sizes.push_back({fmt::format("a slot of an event of {} bytes", bytes), taken});
  if (bytes < 48) return;
  const auto aligned = alignof(sequencer::slot<Event>);
  const auto padding = (aligned - (bytes + sizeof(std::uint64_t)) % aligned) % aligned;
  const auto more = taken - padding - bytes;
  in.into.verdicts.push_back(
      {fmt::format("a slot, event of {} bytes", bytes), "<= 8 bytes over it, and alignment",
       fmt::format("{} bytes over, and {}", more, padding), more <= 8});
}

}  // namespace

void run_memory(surroundings& in) {
  weigh_ring<sequencer::producers::one>(in, "for one producer");
  weigh_ring<sequencer::producers::many>(in, "for many producers");
  weigh_slot<nothing>(in, 0);
  weigh_slot<number>(in, 8);
  weigh_slot<wide<48>>(in, 48);
  weigh_slot<wide<64>>(in, 64);
  weigh_slot<wide<1000>>(in, 1000);
}

}  // namespace perf
