// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <atomic_queue/atomic_queue.h>
#include <boost/lockfree/queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>
#include <concurrentqueue/concurrentqueue.h>
#include <readerwriterqueue/readerwriterqueue.h>

#include <sequencer/cpu.hpp>

// Bounded queues of 8-byte events as their authors would have them used, in one shape: put() and
// take() wait until they succeed, put_some() and take_some() where the queue has calls for many.
namespace perf::peers {

using event = std::uint64_t;
inline constexpr std::size_t capacity = 65'536;

struct boost_spsc {
  boost::lockfree::spsc_queue<event, boost::lockfree::capacity<capacity>> queue;
  void put(event e) {
    while (!queue.push(e)) sequencer::cpu::relax();
  }
  event take() {
    event e;
    while (!queue.pop(e)) sequencer::cpu::relax();
    return e;
  }
  void put_some(const event* from, std::size_t n) {
    for (std::size_t done = 0; done < n; done += queue.push(from + done, n - done)) {
    }
  }
  std::size_t take_some(event* to, std::size_t n) { return queue.pop(to, n); }
};

struct boost_queue {
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

struct readerwriterqueue {
  moodycamel::ReaderWriterQueue<event> queue{capacity};
  void put(event e) {
    while (!queue.try_enqueue(e)) sequencer::cpu::relax();
  }
  event take() {
    event e;
    while (!queue.try_dequeue(e)) sequencer::cpu::relax();
    return e;
  }
};

// With tokens and pre-allocated blocks, as it is fastest.
struct concurrentqueue {
  moodycamel::ConcurrentQueue<event> queue{2 * capacity};
  moodycamel::ProducerToken in{queue};
  moodycamel::ConsumerToken out{queue};
  void put(event e) {
    while (!queue.try_enqueue(in, e)) sequencer::cpu::relax();
  }
  event take() {
    event e;
    while (!queue.try_dequeue(out, e)) sequencer::cpu::relax();
    return e;
  }
  void put_some(const event* from, std::size_t n) {
    while (!queue.try_enqueue_bulk(in, from, n)) sequencer::cpu::relax();
  }
  std::size_t take_some(event* to, std::size_t n) { return queue.try_dequeue_bulk(out, to, n); }
};

// Elements are never 0, which it takes for an empty slot. `Single`: one producer and one consumer.
// Its index shuffling keeps many producers off one line and costs a single one.
template <bool Single, bool Shuffle>
struct atomic_queue_of {
  atomic_queue::AtomicQueue<event, capacity, 0, Shuffle, true, false, Single> queue;
  void put(event e) { queue.push(e + 1); }
  event take() { return queue.pop() - 1; }
};

}  // namespace perf::peers
