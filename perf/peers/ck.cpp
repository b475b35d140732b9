// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <new>

#include "ck_queue.h"
#include "offers.hpp"

namespace perf::peers {

namespace {

// One of its places stays empty.
template <class Event>
struct ck {
  using event = Event;
  explicit ck(std::size_t slots = slots_for<Event>)
      : queue(ck_queue_new(static_cast<unsigned>(slots), sizeof(Event))) {
    if (queue == nullptr) throw std::bad_alloc();
  }
  ~ck() { ck_queue_free(queue); }
  ck(const ck&) = delete;

  ck_queue* queue;
};

struct ck_numbers : ck<std::uint64_t> {
  using ck::ck;
  void put(event e) { ck_queue_put_all(queue, e, e + 1); }
  event take() {
    event kept;
    ck_queue_take_all(queue, 0, 1, &kept);
    return kept;
  }
  void put_all(event next, event end) { ck_queue_put_all(queue, next, end); }
  bool take_all(event next, event end, event* kept) {
    return ck_queue_take_all(queue, next, end, kept);
  }
};

struct ck_wide : ck<wide<64>> {
  void put_all(std::uint64_t next, std::uint64_t end) { ck_queue_put_all_wide(queue, next, end); }
  bool take_all(std::uint64_t next, std::uint64_t end, std::uint64_t* kept) {
    return ck_queue_take_all_wide(queue, next, end, kept);
  }
};

struct ck_of_many : ck<std::uint64_t> {
  void put(event e) { ck_queue_put_of_many(queue, e); }
  event take() { return ck_queue_take_of_many(queue); }
  void put_all(event next, event end) { ck_queue_put_all_of_many(queue, next, end); }
  bool take_all(event next, event end, event* kept) {
    return ck_queue_take_all_of_many(queue, next, end, kept);
  }
};

[[maybe_unused]] const bool offered[]{
    offer_queue<ck_numbers>("ck_ring", {}),
    offer_queue<ck_wide>("ck_ring", {}),
    offer_sized<ck_numbers>("ck_ring"),
    offer_queue<ck_of_many>("ck_ring_mp", {.many = true, .usual = false}),
};

}  // namespace

}  // namespace perf::peers
