// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <cstdlib>
#include <new>

#include "offers.hpp"

namespace perf::peers {

namespace {

// DPDK's ring on plain memory, without its environment: elements by value.
template <class Event, unsigned Flags>
struct rte {
  using event = Event;
  static constexpr bool single = (Flags & RING_F_SP_ENQ) != 0;
  static constexpr bool one_takes = (Flags & RING_F_SC_DEQ) != 0;
  static constexpr unsigned size = sizeof(Event);

  explicit rte(std::size_t slots = slots_for<Event>)
      : queue(static_cast<rte_ring*>(std::aligned_alloc(128, bytes(slots)))) {
    if (queue == nullptr) throw std::bad_alloc();
    // One of its places stays empty.
    const auto count = static_cast<unsigned>(slots);
    if (rte_ring_init(queue, "perf", count, Flags) != 0) throw std::bad_alloc();
  }
  ~rte() { std::free(queue); }
  rte(const rte&) = delete;

  static std::size_t bytes(std::size_t slots) {
    const auto exact = rte_ring_get_memsize_elem(size, static_cast<unsigned>(slots));
    return (static_cast<std::size_t>(exact) + 127) / 128 * 128;
  }

  void put(const Event& e) {
    while (enqueue(&e) != 0) sequencer::cpu::relax();
  }
  Event take() {
    Event e;
    while (dequeue(&e) != 0) sequencer::cpu::relax();
    return e;
  }
  void put_some(const Event* from, std::size_t n) {
    for (std::size_t done = 0; done < n;) done += burst(from + done, n - done);
  }
  std::size_t take_some(Event* to, std::size_t n) {
    return rte_ring_sc_dequeue_burst_elem(queue, to, size, static_cast<unsigned>(n), nullptr);
  }

 private:
  int dequeue(Event* e) {
    if constexpr (one_takes) return rte_ring_sc_dequeue_elem(queue, e, size);
    return rte_ring_dequeue_elem(queue, e, size);
  }
  int enqueue(const Event* e) {
    if constexpr (single) return rte_ring_sp_enqueue_elem(queue, const_cast<Event*>(e), size);
    return rte_ring_enqueue_elem(queue, const_cast<Event*>(e), size);
  }
  std::size_t burst(const Event* from, std::size_t n) {
    const auto count = static_cast<unsigned>(n);
    if constexpr (single) return rte_ring_sp_enqueue_burst_elem(queue, from, size, count, nullptr);
    return rte_ring_enqueue_burst_elem(queue, from, size, count, nullptr);
  }

  rte_ring* queue;
};

template <class Event>
using single = rte<Event, RING_F_SP_ENQ | RING_F_SC_DEQ>;
// By its relaxed tail, which DPDK has for more threads than CPUs: by its usual one who loses his
// CPU in a call stops all others, and a slice of four threads on two CPUs ends after minutes.
using many = rte<std::uint64_t, RING_F_MP_RTS_ENQ | RING_F_SC_DEQ>;
using shared = rte<std::uint64_t, RING_F_MP_RTS_ENQ | RING_F_MC_RTS_DEQ>;

[[maybe_unused]] const bool offered[]{
    offer_queue<single<std::uint64_t>>("rte_ring", {}),
    offer_queue<single<wide<64>>>("rte_ring", {}),
    offer_queue<single<wide<256>>>("rte_ring", {}),
    offer_queue<single<wide<1000>>>("rte_ring", {}),
    offer_queue<single<wide<1024>>>("rte_ring", {}),
    offer_sized<single<std::uint64_t>>("rte_ring"),
    offer_queue<many>("rte_ring_rts", {.many = true, .usual = false}),
    offer_sharing<shared>("rte_ring_rts", false),
};

}  // namespace

}  // namespace perf::peers
