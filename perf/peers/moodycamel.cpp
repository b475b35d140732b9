// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <concurrentqueue/concurrentqueue.h>
#include <readerwriterqueue/readerwriterqueue.h>

#include "offers.hpp"

namespace perf::peers {

namespace {

template <class Event>
struct readerwriterqueue {
  using event = Event;
  explicit readerwriterqueue(std::size_t slots = slots_for<Event>) : queue(slots) {}
  moodycamel::ReaderWriterQueue<Event> queue;
  void put(const Event& e) {
    while (!queue.try_enqueue(e)) sequencer::cpu::relax();
  }
  Event take() {
    Event e;
    while (!queue.try_dequeue(e)) sequencer::cpu::relax();
    return e;
  }
};

// With tokens and pre-allocated blocks, as it is fastest. It keeps each producer's order only.
struct concurrentqueue {
  using event = std::uint64_t;
  static constexpr std::size_t capacity = slots_for<event>;
  moodycamel::ConcurrentQueue<event> queue{2 * capacity};
  std::vector<moodycamel::ProducerToken> in = tokens(queue);
  moodycamel::ConsumerToken out{queue};
  std::vector<moodycamel::ConsumerToken> outs = takers(queue);

  static std::vector<moodycamel::ProducerToken> tokens(moodycamel::ConcurrentQueue<event>& of) {
    std::vector<moodycamel::ProducerToken> all;
    for (unsigned i = 0; i < most_producers; ++i) all.emplace_back(of);
    return all;
  }
  static std::vector<moodycamel::ConsumerToken> takers(moodycamel::ConcurrentQueue<event>& of) {
    std::vector<moodycamel::ConsumerToken> all;
    for (unsigned i = 0; i < most_consumers; ++i) all.emplace_back(of);
    return all;
  }
  void put(event e) {
    while (!queue.try_enqueue(in[0], e)) sequencer::cpu::relax();
  }
  // With several it has no bound: who took all blocks would keep them from the others for ever.
  void put_from(unsigned producer, event e) { queue.enqueue(in[producer], e); }
  event take() {
    event e;
    while (!queue.try_dequeue(out, e)) sequencer::cpu::relax();
    return e;
  }
  event take_for(unsigned consumer) {
    event e;
    while (!queue.try_dequeue(outs[consumer], e)) sequencer::cpu::relax();
    return e;
  }
  void put_some(const event* from, std::size_t n) {
    while (!queue.try_enqueue_bulk(in[0], from, n)) sequencer::cpu::relax();
  }
  std::size_t take_some(event* to, std::size_t n) { return queue.try_dequeue_bulk(out, to, n); }
};

[[maybe_unused]] const bool offered[]{
    offer_queue<readerwriterqueue<std::uint64_t>>("readerwriterqueue", {}),
    offer_queue<readerwriterqueue<wide<64>>>("readerwriterqueue", {}),
    offer_queue<readerwriterqueue<wide<256>>>("readerwriterqueue", {}),
    offer_queue<readerwriterqueue<wide<1000>>>("readerwriterqueue", {}),
    offer_queue<readerwriterqueue<wide<1024>>>("readerwriterqueue", {}),
    offer_sized<readerwriterqueue<std::uint64_t>>("readerwriterqueue"),
    offer_queue<concurrentqueue>("concurrentqueue", {.many = true}),
    offer_sharing<concurrentqueue>("concurrentqueue"),
};

}  // namespace

}  // namespace perf::peers
