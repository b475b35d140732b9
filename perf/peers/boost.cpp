// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

#include "offers.hpp"

namespace perf::peers {

namespace {

// What all of them do, by whatever type holds the elements.
template <class Event, class Queue>
struct boost_spsc_on {
  using event = Event;
  Queue queue;
  void put(const Event& e) {
    while (!queue.push(e)) sequencer::cpu::relax();
  }
  Event take() {
    Event e;
    while (!queue.pop(e)) sequencer::cpu::relax();
    return e;
  }
  void put_some(const Event* from, std::size_t n) {
    for (std::size_t done = 0; done < n; done += queue.push(from + done, n - done)) {
    }
  }
  std::size_t take_some(Event* to, std::size_t n) { return queue.pop(to, n); }
};

template <class Event>
using boost_spsc =
    boost_spsc_on<Event,
                  boost::lockfree::spsc_queue<Event, boost::lockfree::capacity<slots_for<Event>>>>;

struct boost_spsc_sized
    : boost_spsc_on<std::uint64_t, boost::lockfree::spsc_queue<std::uint64_t>> {
  explicit boost_spsc_sized(std::size_t slots)
      : boost_spsc_on{boost::lockfree::spsc_queue<std::uint64_t>(slots)} {}
};

struct boost_queue {
  using event = std::uint64_t;
  boost::lockfree::queue<event, boost::lockfree::capacity<65'534>> queue;
  void put(event e) {
    while (!queue.bounded_push(e)) sequencer::cpu::relax();
  }
  event take() {
    event e;
    while (!queue.pop(e)) sequencer::cpu::relax();
    return e;
  }
};

[[maybe_unused]] const bool offered[]{
    offer_queue<boost_spsc<std::uint64_t>>("boost_spsc", {}),
    offer_queue<boost_spsc<wide<64>>>("boost_spsc", {}),
    offer_queue<boost_spsc<wide<256>>>("boost_spsc", {}),
    offer_queue<boost_spsc<wide<1000>>>("boost_spsc", {}),
    offer_queue<boost_spsc<wide<1024>>>("boost_spsc", {}),
    offer_sized<boost_spsc_sized>("boost_spsc"),
    offer_queue<boost_queue>("boost_queue", {.many = true, .usual = false}),
    offer_sharing<boost_queue>("boost_queue", false),
};

}  // namespace

}  // namespace perf::peers
