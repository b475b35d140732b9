// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <sequencer/cpu.hpp>

#include "contest.hpp"
#include "events.hpp"
#include "numbers.hpp"
#include "ring_ends.hpp"

// One producer and one consumer: thread 0 of a slice publishes items, thread 1 sees them. Every
// event is looked at: the order and the count of each slice are checked.
//
// Each slice is of a ring or queue made anew, in memory that another one had before: two of one
// kind, each in its own pages for a whole run, differ by where those happen to lie.
namespace perf {

inline constexpr std::size_t most_in_batch = 512;

class passing_contender : public contender {
 public:
  void prepare(unsigned) override {
    if (make_anew()) sent_ = seen_ = 0;
  }
  void work(unsigned thread, std::uint64_t items, share& to) override {
    to.count = items;
    if (thread == 0) return put(sent_, sent_ + items);
    if (!take(seen_, seen_ + items)) to.failure = "an event out of order";
  }
  void record(unsigned thread, std::uint64_t items, share& to) override {
    if (thread == 1) to.kept.resize(items);
    if (thread == 1) kept_ = to.kept.data();
    work(thread, items, to);
    if (thread == 1) kept_ = nullptr;
  }
  std::string judge(std::span<const share> shares) override {
    if (auto failed = first_failure(shares); !failed.empty()) return failed;
    if (shares[1].count != shares[0].count || sent_ != seen_) return "events were lost";
    for (std::size_t i = 1; i < shares[1].kept.size(); ++i) {
      if (shares[1].kept[i] != shares[1].kept[i - 1] + 1) return "an event out of order";
    }
    return {};
  }

 protected:
  // False: it has the memory that it was given, and goes on.
  virtual bool make_anew() { return false; }
  // Publishes the numbers from `next` up to `end`, and says so in sent_.
  virtual void put(std::uint64_t next, std::uint64_t end) = 0;
  // Sees as many, keeps them where kept_ says, and says so in seen_. False: another order.
  virtual bool take(std::uint64_t expected, std::uint64_t end) = 0;

  std::uint64_t sent_ = 0;               // the producer's
  alignas(128) std::uint64_t seen_ = 0;  // the consumer's
  std::uint64_t* kept_ = nullptr;        // the consumer's, while it records
};

// Polls, and waits with the pause instruction, without await().
struct bare_polling {};

template <class Ring, class Event, class Waiting = bare_polling>
class ring_passing : public passing_contender {
 public:
  explicit ring_passing(std::uint64_t batch, std::size_t slots = slots_for<Event>)
      : batch_(batch), slots_(slots) {}
  ring_passing(std::uint64_t batch, sequencer::slots<Event> slots)
      : batch_(batch), slots_(0), passes_(std::make_unique<passage>(std::move(slots))) {}

 private:
  struct passage {
    explicit passage(sequencer::slots<Event> slots)
        : ring(std::move(slots)),
          out(producer_on<sequencer::wait::spin>(ring)),
          in(poller_on(ring)) {}

    Ring ring;
    // Each is written by its own thread.
    alignas(128) std::optional<producer_of<Ring, sequencer::wait::spin>> out;
    alignas(128) poller_of<Ring> in;
  };

  bool make_anew() override {
    if (slots_ == 0) return false;
    // The new one is there before the old one goes.
    passes_ = std::make_unique<passage>(sequencer::slots<Event>(slots_));
    return true;
  }

  void put(std::uint64_t next, std::uint64_t end) override {
    auto out = std::move(*passes_->out);
    if (batch_ == 1) {
      while (next != end) {
        static_cast<void>(out.publish([&](Event& event) { write(event, next++); }));
      }
    }
    while (next != end) {
      static_cast<void>(
          out.publish(std::min(batch_, end - next),
                      [&](Event& event, std::uint64_t) { write(event, next++); }));
    }
    sent_ = next;
    passes_->out.emplace(std::move(out));
  }

  bool take(std::uint64_t expected, std::uint64_t end) override {
    auto& in = passes_->in;
    bool right = true;
    auto* kept = kept_;
    const auto look = [&](const Event& event, sequencer::sequence, bool) {
      const auto number = number_in(event);
      right &= number == expected++;
      if (kept != nullptr) [[unlikely]] *kept++ = number;
    };
    while (expected != end) {
      if constexpr (std::is_same_v<Waiting, bare_polling>) {
        if (in.poll(look) != sequencer::polled::batch) sequencer::cpu::relax();
      } else {
        in.template await<Waiting>();
        in.poll(look);
      }
    }
    seen_ = end;
    return right;
  }

  const std::uint64_t batch_;
  const std::size_t slots_;  // 0: of the memory that it was given
  std::unique_ptr<passage> passes_;
};

// A peer's queue: put() and take() wait until they succeed; put_some() and take_some() where it has
// calls for many; put_all() and take_all() where its loops are not ours, being in C.
template <class Queue>
class queue_passing : public passing_contender {
 public:
  using event = typename Queue::event;
  template <class... Slots>
  explicit queue_passing(std::uint64_t batch, Slots... slots)
      : batch_(batch), make_([slots...] { return std::make_unique<Queue>(slots...); }) {}

  static constexpr bool has_batches = requires(Queue q, event* e) { q.take_some(e, 1); };
  static constexpr bool has_loops = requires(Queue q, std::uint64_t* e) { q.take_all(0, 1, e); };

 private:
  bool make_anew() override {
    queue_ = make_();
    return true;
  }

  void put(std::uint64_t next, std::uint64_t end) override {
    if constexpr (has_loops) {
      queue_->put_all(next, end);
    } else {
      put_each(next, end);
    }
    sent_ = end;
  }

  bool take(std::uint64_t expected, std::uint64_t end) override {
    seen_ = end;
    if constexpr (has_loops) {
      return queue_->take_all(expected, end, kept_);
    } else {
      return take_each(expected, end);
    }
  }

  void put_each(std::uint64_t next, std::uint64_t end) {
    auto& queue = *queue_;
    if constexpr (has_batches) {
      std::array<event, most_in_batch> batch;
      while (batch_ != 1 && next != end) {
        const auto n = std::min(batch_, end - next);
        for (std::uint64_t i = 0; i < n; ++i) write(batch[i], next++);
        queue.put_some(batch.data(), n);
      }
    }
    while (next != end) {
      event made;
      write(made, next++);
      queue.put(made);
    }
  }

  bool take_each(std::uint64_t expected, std::uint64_t end) {
    auto& queue = *queue_;
    bool right = true;
    auto* kept = kept_;
    const auto look = [&](const event& each) {
      const auto number = number_in(each);
      right &= number == expected++;
      if (kept != nullptr) [[unlikely]] *kept++ = number;
    };
    if constexpr (has_batches) {
      std::array<event, most_in_batch> batch;
      while (batch_ != 1 && expected != end) {
        const auto n = queue.take_some(batch.data(), std::min(batch_, end - expected));
        if (n == 0) sequencer::cpu::relax();
        for (std::size_t i = 0; i < n; ++i) look(batch[i]);
      }
    }
    while (expected != end) look(queue.take());
    return right;
  }

  const std::uint64_t batch_;
  const std::function<std::unique_ptr<Queue>()> make_;
  std::unique_ptr<Queue> queue_;
};

}  // namespace perf
