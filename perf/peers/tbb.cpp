// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <oneapi/tbb/concurrent_queue.h>

#include "offers.hpp"

namespace perf::peers {

namespace {

struct tbb_bounded {
  using event = std::uint64_t;
  tbb_bounded() { queue.set_capacity(static_cast<std::ptrdiff_t>(slots_for<event>)); }
  oneapi::tbb::concurrent_bounded_queue<event> queue;
  void put(event e) {
    while (!queue.try_push(e)) sequencer::cpu::relax();
  }
  event take() {
    event e = 0;
    while (!queue.try_pop(e)) sequencer::cpu::relax();
    return e;
  }
};

[[maybe_unused]] const bool offered[]{
    offer_queue<tbb_bounded>("tbb_bounded", {.many = true, .usual = false}),
    offer_sharing<tbb_bounded>("tbb_bounded"),
};

}  // namespace

}  // namespace perf::peers
