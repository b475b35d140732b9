// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <sequencer/cpu.hpp>
#include <sequencer/ring.hpp>

#include "contest.hpp"
#include "events.hpp"
#include "host.hpp"
#include "numbers.hpp"
#include "ring_ends.hpp"
#include "stats.hpp"

// A number goes to the other thread and comes back, one at a time. `Link` is one direction of it,
// with put() and take().
namespace perf {

template <class Link>
class ping_pong : public contender {
 public:
  void prepare(unsigned) override {}

  void work(unsigned thread, std::uint64_t items, share& to) override {
    if (thread == 1) return answer(items, to);
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < items; ++i) sum += trip();
    settle(items, sum, to);
  }

  // Times every trip.
  void record(unsigned thread, std::uint64_t items, share& to) override {
    if (thread == 1) return answer(items, to);
    trips_.clear();
    trips_.reserve(items);
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < items; ++i) {
      const auto began = sequencer::cpu::ticks();
      sum += trip();
      trips_.push_back(tsc().to_ns(sequencer::cpu::ticks() - began));
    }
    settle(items, sum, to);
  }

  std::string judge(std::span<const share> shares) override { return first_failure(shares); }

  std::vector<double> extras() override { return {quantile(trips_, 0.5), quantile(trips_, 0.99)}; }

 private:
  std::uint64_t trip() {
    there_->put(++asked_);
    return back_->take();
  }

  void settle(std::uint64_t items, std::uint64_t sum, share& to) const {
    to.count = items;
    if (sum != sum_of(asked_ - items + 1, asked_ + 1)) to.failure = "an answer was wrong";
  }

  void answer(std::uint64_t items, share& to) {
    to.count = items;
    for (; items != 0; --items) {
      const auto number = there_->take();
      if (number != ++answered_) to.failure = "a question was wrong";
      back_->put(number);
    }
  }

  std::unique_ptr<Link> there_ = std::make_unique<Link>();
  std::unique_ptr<Link> back_ = std::make_unique<Link>();
  std::uint64_t asked_ = 0;
  std::vector<double> trips_;
  alignas(128) std::uint64_t answered_ = 0;
};

// Slots in memory of their own.
struct own_slots {
  sequencer::slots<std::uint64_t> make() {
    return sequencer::slots<std::uint64_t>(slots_for<std::uint64_t>);
  }
};

// A ring whose slots are made by `Slots`.
template <class Slots>
class ring_link {
 public:
  void put(std::uint64_t number) {
    static_cast<void>(out_.publish([&](std::uint64_t& event) { event = number; }));
  }
  std::uint64_t take() {
    std::uint64_t number = 0;
    const auto look = [&](const std::uint64_t& event, sequencer::sequence, bool) {
      number = event;
    };
    while (in_.poll(look) != sequencer::polled::batch) sequencer::cpu::relax();
    return number;
  }

 private:
  using ring = sequencer::ring<std::uint64_t, sequencer::producers::one>;

  Slots memory_;
  ring ring_{memory_.make()};
  // Each is written by its own thread at every call.
  alignas(128) producer_of<ring, sequencer::wait::spin> out_ =
      producer_on<sequencer::wait::spin>(ring_);
  alignas(128) poller_of<ring> in_ = poller_on(ring_);
};

}  // namespace perf
