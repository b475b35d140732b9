// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/graph.hpp>
#include <sequencer/or_throw.hpp>
#include <sequencer/ring.hpp>

#include "contest.hpp"
#include "crossing.hpp"
#include "numbers.hpp"
#include "ring_ends.hpp"

// Work that is shared: each event goes to one of several consumers. Checked: every event to exactly
// one of them, and to each in the order of its producer.
namespace perf {

inline constexpr unsigned most_consumers = 64;

// What a consumer saw in a slice.
struct alignas(128) worker_log {
  std::uint64_t sum = 0;
  std::array<std::uint64_t, most_producers> next{};  // the least that may come, of each producer
  bool right = true;
  bool keeping = false;
  std::vector<std::uint64_t> kept;
  alignas(128) std::atomic<std::uint64_t> handled{0};

  void begin(bool keep) {
    sum = 0;
    right = true;
    keeping = keep;
    kept.clear();
    handled = 0;
  }

  void see(std::uint64_t event) noexcept {
    auto& least = next[marked::producer(event)];
    right &= marked::count(event) >= least;
    least = marked::count(event) + 1;
    sum += event;
    if (keeping) [[unlikely]] kept.push_back(event);
    // order: handled-counted -> handled-summed: what this worker wrote before
    handled.store(handled.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
};

// What all of them saw together: the events [first, last) of each producer, each once.
inline std::string judge_shared(std::span<const worker_log> logs, unsigned producers,
                                std::uint64_t first, std::uint64_t last) {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::vector<std::uint64_t> all;
  for (const auto& each : logs) {
    if (!each.right) return "an event out of its producer's order";
    count += each.handled;
    sum += each.sum;
    all.insert(all.end(), each.kept.begin(), each.kept.end());
  }
  if (count != producers * (last - first)) return "another count of events was seen";
  std::uint64_t sent = 0;
  for (unsigned i = 0; i < producers; ++i) {
    sent += sum_of(marked::mark(i, first), marked::mark(i, last));
  }
  if (sum != sent) return "other events were seen than were sent";
  std::sort(all.begin(), all.end());
  const bool twice = std::adjacent_find(all.begin(), all.end()) != all.end();
  return twice ? "an event was seen twice" : "";
}

// A queue: the first threads of a slice put items each, the others take their part of them.
template <class Queue>
class queue_sharing : public contender {
 public:
  queue_sharing(unsigned producers, unsigned consumers) : producers_(producers), logs_(consumers) {}

  void prepare(unsigned) override { first_ = sent_; }
  void work(unsigned thread, std::uint64_t items, share& to) override {
    pass(thread, items, to, false);
  }
  void record(unsigned thread, std::uint64_t items, share& to) override {
    pass(thread, items, to, true);
  }
  std::string judge(std::span<const share> shares) override {
    sent_ = first_ + shares[0].count;
    return judge_shared(logs_, producers_, first_, sent_);
  }

 private:
  void pass(unsigned thread, std::uint64_t items, share& to, bool keep) {
    to.count = items;
    if (thread < producers_) return put(thread, first_, first_ + items);
    const auto consumer = thread - producers_;
    auto& log = logs_[consumer];
    log.begin(keep);
    const auto all = items * producers_;
    const auto part = all / logs_.size() + (consumer < all % logs_.size() ? 1 : 0);
    for (std::uint64_t i = 0; i < part; ++i) log.see(take(consumer));
  }

  void put(unsigned producer, std::uint64_t next, std::uint64_t end) {
    constexpr bool has_places = requires(Queue q) { q.put_from(0u, 0); };
    for (; next != end; ++next) {
      if constexpr (has_places) {
        queue_->put_from(producer, marked::mark(producer, next));
      } else {
        queue_->put(marked::mark(producer, next));
      }
    }
  }

  std::uint64_t take(unsigned consumer) {
    if constexpr (requires(Queue q) { q.take_for(0u); }) {
      return queue_->take_for(consumer);
    } else {
      return queue_->take();
    }
  }

  const unsigned producers_;
  std::unique_ptr<Queue> queue_ = std::make_unique<Queue>();
  std::vector<worker_log> logs_;
  std::uint64_t first_ = 0;
  std::uint64_t sent_ = 0;
};

// A graph of one crew. The producer is the slice's first thread, the workers are threads of the
// flow, which begins before a slice and leaves after it; they are not pinned. `twice`: a worker
// says of an event now and then that it came twice, which must be noticed.
template <class Ring, class How>
class crew_sharing : public contender {
 public:
  // `at_once`: events that a worker takes at once.
  explicit crew_sharing(unsigned workers, std::uint64_t at_once = 1, bool twice = false)
      : at_once_(at_once), twice_(twice), logs_(workers) {}

  void prepare(unsigned) override {
    first_ = sent_;
    flow_.reset();
    sequencer::graph made(ring_);
    const auto make = [this](std::size_t i) { return handler(logs_[i]); };
    made.template add_workers<How>("crew", logs_.size(), make, {}, {.max_batch = at_once_});
    flow_.emplace(sequencer::or_throw(std::move(made).start()));
  }
  void work(unsigned thread, std::uint64_t items, share& to) override {
    to.count = items;
    if (thread == 0) pass(items, false);
  }
  void record(unsigned thread, std::uint64_t items, share& to) override {
    to.count = items;
    if (thread == 0) pass(items, true);
  }
  std::string judge(std::span<const share>) override {
    flow_->leave();
    flow_.reset();
    return judge_shared(logs_, 1, first_, sent_);
  }

 private:
  using flow = std::remove_cvref_t<decltype(sequencer::or_throw(
      std::declval<decltype(sequencer::graph(std::declval<Ring&>()))>().start()))>;

  auto handler(worker_log& log) {
    return [&log, wrong = twice_](const std::uint64_t& event, sequencer::sequence, bool) noexcept {
      log.see(wrong && event % 1000 == 999 ? event - 1 : event);
    };
  }

  void pass(std::uint64_t items, bool keep) {
    for (auto& each : logs_) each.begin(keep);
    auto out = producer_on<How>(ring_);
    for (const auto end = sent_ + items; sent_ != end; ++sent_) {
      static_cast<void>(out.publish([&](std::uint64_t& event) { event = sent_; }));
    }
    while (handled() != items) ::sched_yield();
  }

  std::uint64_t handled() const {
    std::uint64_t all = 0;
    // order: handled-summed <- handled-counted: what the workers wrote before
    for (const auto& each : logs_) all += each.handled.load(std::memory_order_acquire);
    return all;
  }

  const std::uint64_t at_once_;
  const bool twice_;
  Ring ring_{65'536};
  std::vector<worker_log> logs_;
  std::uint64_t first_ = 0;
  std::uint64_t sent_ = 0;
  std::optional<flow> flow_;
};

}  // namespace perf
