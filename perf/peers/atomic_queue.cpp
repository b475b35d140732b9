// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <atomic_queue/atomic_queue.h>

#include "offers.hpp"

namespace perf::peers {

namespace {

// Its shuffling of indexes keeps many producers off one line and costs a single one. `Single`: one
// producer and one consumer.
enum class producers : bool { many, single };

template <class Event, producers Are>
using words_of = atomic_queue::AtomicQueue<Event, slots_for<Event>, Event{},
                                           Are == producers::many, true, false,
                                           Are == producers::single>;
template <class Event, producers Are>
using elements_of = atomic_queue::AtomicQueue2<Event, slots_for<Event>, Are == producers::many,
                                               true, false, Are == producers::single>;

// push() and pop() claim a place and wait for it, which its author calls OptimistAtomicQueue; 0
// means an empty place, so numbers go in one higher.
template <class Queue>
struct optimist {
  using event = std::uint64_t;
  Queue queue;
  void put(event e) { queue.push(e + 1); }
  event take() { return queue.pop() - 1; }
};

// Beside each element a byte that says whether it is there: for elements of any kind.
template <class Event, producers Are>
struct optimist2 {
  using event = Event;
  elements_of<Event, Are> queue;
  void put(const Event& e) { queue.push(e); }
  Event take() { return queue.pop(); }
};

using number = std::uint64_t;
using one_word = words_of<number, producers::single>;
using any_word = words_of<number, producers::many>;

[[maybe_unused]] const bool offered[]{
    offer_queue<optimist<one_word>>("atomic_queue", {}),
    offer_queue<optimist<any_word>>("atomic_queue", {.many = true}),
    offer_sharing<optimist<any_word>>("atomic_queue"),
    offer_queue<optimist<atomic_queue::RetryDecorator<one_word>>>("atomic_queue_try",
                                                                  {.usual = false}),
    offer_queue<optimist<atomic_queue::RetryDecorator<any_word>>>(
        "atomic_queue_try", {.many = true, .usual = false}),
    offer_queue<optimist2<number, producers::single>>("atomic_queue2", {.usual = false}),
    offer_queue<optimist2<number, producers::many>>("atomic_queue2",
                                                    {.many = true, .usual = false}),
    offer_queue<optimist2<wide<64>, producers::single>>("atomic_queue2", {}),
    offer_queue<optimist2<wide<256>, producers::single>>("atomic_queue2", {}),
    offer_queue<optimist2<wide<1024>, producers::single>>("atomic_queue2", {}),
};

}  // namespace

}  // namespace perf::peers
