// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <xenium/ramalhete_queue.hpp>
#include <xenium/reclamation/generic_epoch_based.hpp>
#include <xenium/vyukov_bounded_queue.hpp>

#include "offers.hpp"

namespace perf::peers {

namespace {

template <class Event>
struct vyukov {
  using event = Event;
  xenium::vyukov_bounded_queue<Event> queue{slots_for<Event>};
  void put(const Event& e) {
    while (!queue.try_push(e)) sequencer::cpu::relax();
  }
  Event take() {
    Event e;
    while (!queue.try_pop(e)) sequencer::cpu::relax();
    return e;
  }
};

// Has no bound, and takes pointers: numbers go in as such, aligned as they would be.
struct ramalhete {
  using event = std::uint64_t;
  struct alignas(16) thing {};
  using epochs = xenium::reclamation::epoch_based<>;
  xenium::ramalhete_queue<thing*, xenium::policy::reclaimer<epochs>> queue;
  void put(event e) { queue.push(reinterpret_cast<thing*>((e + 1) << 4)); }
  event take() {
    thing* found = nullptr;
    while (!queue.try_pop(found)) sequencer::cpu::relax();
    return (reinterpret_cast<event>(found) >> 4) - 1;
  }
};

[[maybe_unused]] const bool offered[]{
    offer_queue<vyukov<std::uint64_t>>("xenium_vyukov", {.many = true}),
    offer_queue<vyukov<wide<64>>>("xenium_vyukov", {.many = true, .usual = false}),
    offer_sharing<vyukov<std::uint64_t>>("xenium_vyukov"),
    offer_sharing<ramalhete>("xenium_ramalhete", false),
    offer_queue<ramalhete>("xenium_ramalhete", {.many = true, .usual = false}),
};

}  // namespace

}  // namespace perf::peers
