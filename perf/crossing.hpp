// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "contest.hpp"
#include "numbers.hpp"
#include "ring_ends.hpp"

// Several producers, several consumers, one ring or queue: the first threads of a slice publish
// items each, the others see every one of them. Checked: the order of each producer's events and
// their count, at each consumer.
namespace perf {

inline constexpr unsigned most_producers = 8;

// A producer's number and its count, in one word of less than 44 bits.
struct marked {
  static constexpr unsigned shift = 40;
  static constexpr std::uint64_t mark(unsigned producer, std::uint64_t count) {
    return std::uint64_t{producer} << shift | count;
  }
  static constexpr std::uint64_t producer(std::uint64_t event) {
    return (event >> shift) % most_producers;
  }
  static constexpr std::uint64_t count(std::uint64_t event) {
    return event & ((std::uint64_t{1} << shift) - 1);
  }
};

class crossing_contender : public contender {
 public:
  crossing_contender(unsigned producers, unsigned consumers)
      : producers_(producers), states_(producers + consumers) {}

  void prepare(unsigned) override {}
  void work(unsigned thread, std::uint64_t items, share& to) override {
    auto& mine = states_[thread];
    if (thread < producers_) {
      put(thread, mine.counts[thread], mine.counts[thread] + items);
      mine.counts[thread] += items;
      to.count = items;
      return;
    }
    to.count = items * producers_;
    if (!take(thread - producers_, to.count, mine)) to.failure = "an event out of order";
  }
  void record(unsigned thread, std::uint64_t items, share& to) override { work(thread, items, to); }
  std::string judge(std::span<const share> shares) override {
    if (auto failed = first_failure(shares); !failed.empty()) return failed;
    for (unsigned i = producers_; i < states_.size(); ++i) {
      for (unsigned p = 0; p < producers_; ++p) {
        if (states_[i].counts[p] != states_[p].counts[p]) return "events were lost";
      }
    }
    return {};
  }

 protected:
  // What a thread has sent, or seen of each producer.
  struct alignas(128) state {
    std::array<std::uint64_t, most_producers> counts{};

    bool sees(std::uint64_t event) {
      return marked::count(event) == counts[marked::producer(event)]++;
    }
  };

  virtual void put(unsigned producer, std::uint64_t next, std::uint64_t end) = 0;
  virtual bool take(unsigned consumer, std::uint64_t items, state& seen) = 0;

  const unsigned producers_;

 private:
  std::vector<state> states_;
};

// Everybody waits by `How`.
template <class Ring, class How>
class ring_crossing : public crossing_contender {
 public:
  ring_crossing(unsigned producers, unsigned consumers) : crossing_contender(producers, consumers) {
    for (unsigned i = 0; i < producers; ++i) out_.emplace_back(producer_on<How>(ring_));
    for (unsigned i = 0; i < consumers; ++i) in_.push_back(own_poller{poller_on(ring_)});
  }

 private:
  void put(unsigned producer, std::uint64_t next, std::uint64_t end) override {
    auto out = *std::move(out_[producer]);
    for (; next != end; ++next) {
      static_cast<void>(
          out.publish([&](std::uint64_t& event) { event = marked::mark(producer, next); }));
    }
    out_[producer].emplace(std::move(out));
  }

  bool take(unsigned consumer, std::uint64_t items, state& seen) override {
    auto& in = in_[consumer].value;
    bool right = true;
    while (items != 0) {
      in.template await<How>();
      in.poll([&](const std::uint64_t& event, sequencer::sequence, bool) {
        right &= seen.sees(event);
        --items;
      });
    }
    return right;
  }

  // Written by its own thread.
  struct alignas(128) own_poller {
    poller_of<Ring> value;
  };

  Ring ring_{65'536};
  std::vector<std::optional<producer_of<Ring, How>>> out_;
  std::vector<own_poller> in_;
};

// A queue for many producers and, here, one consumer.
template <class Queue>
class queue_crossing : public crossing_contender {
 public:
  explicit queue_crossing(unsigned producers) : crossing_contender(producers, 1) {}

 private:
  static constexpr bool has_places = requires(Queue q) { q.put_from(0u, 0); };

  void put(unsigned producer, std::uint64_t next, std::uint64_t end) override {
    for (; next != end; ++next) {
      if constexpr (has_places) {
        queue_->put_from(producer, marked::mark(producer, next));
      } else {
        queue_->put(marked::mark(producer, next));
      }
    }
  }

  bool take(unsigned, std::uint64_t items, state& seen) override {
    bool right = true;
    for (; items != 0; --items) right &= seen.sees(queue_->take());
    return right;
  }

  std::unique_ptr<Queue> queue_ = std::make_unique<Queue>();
};

}  // namespace perf
