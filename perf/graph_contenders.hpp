// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/graph.hpp>
#include <sequencer/or_throw.hpp>
#include <sequencer/ring.hpp>

#include "contest.hpp"
#include "numbers.hpp"
#include "ring_ends.hpp"

namespace perf {

// `reversed` is a pipeline whose stages follow each other the other way, which must be noticed.
enum class shape_of_graph { pipeline, diamond, reversed };

// What a stage saw in a slice. In a checked one it also says how far it is, for those that follow.
struct alignas(128) stage_log {
  std::uint64_t expected = 0;
  std::uint64_t end = 0;
  bool right = true;
  bool checked = false;
  std::vector<const stage_log*> before;
  alignas(128) std::atomic<std::uint64_t> handled{0};
  std::atomic<bool> ended{false};

  void begin(std::uint64_t from, std::uint64_t to, bool check) {
    expected = from;
    end = to;
    right = true;
    checked = check;
    handled = from;
    ended = false;
  }

  void see(sequencer::batch<std::uint64_t>& events) noexcept {
    auto next = expected;
    bool all_right = true;
    for (const auto& each : events) {
      all_right &= each.event == next++;
      if (checked) [[unlikely]] check(each.event);
    }
    right &= all_right;
    expected = next;
    if (next == end) {
      ended = true;
      ended.notify_one();
    }
  }

  void see(std::uint64_t event) noexcept {
    right &= event == expected++;
    if (checked) [[unlikely]] check(event);
    if (expected == end) [[unlikely]] {
      ended = true;
      ended.notify_one();
    }
  }

 private:
  void check(std::uint64_t event) noexcept {
    for (const auto* each : before) right &= each->handled.load() > event;
    handled = event + 1;
  }
};

// One producer, which is the slice's thread, and three stages on threads of the flow. The flow
// begins before a slice and leaves after it, so that nothing of it waits beside other contenders.
//
// `Batches`: stages get them whole, not an event at a time.
template <class Ring, class How, bool Batches = false>
class graph_contender : public contender {
 public:
  // `cpus`: of the producer and the stages, in this order; empty: any.
  graph_contender(shape_of_graph shape, std::vector<int> cpus)
      : shape_(shape), cpus_(std::move(cpus)) {
    if (shape == shape_of_graph::diamond) {
      logs_[2].before = {&logs_[0], &logs_[1]};
    } else {
      logs_[1].before = {&logs_[0]};
      logs_[2].before = {&logs_[1]};
    }
  }

  void prepare(unsigned) override {
    flow_.reset();
    flow_.emplace(sequencer::or_throw(planned().start()));
  }
  void work(unsigned, std::uint64_t items, share& to) override { pass(items, to, false); }
  void record(unsigned, std::uint64_t items, share& to) override { pass(items, to, true); }
  std::string judge(std::span<const share> shares) override {
    flow_->leave();
    flow_.reset();
    if (auto failed = first_failure(shares); !failed.empty()) return failed;
    for (const auto& each : logs_) {
      if (!each.right) return "an event out of order, or before the stage that it follows";
      if (each.expected != each.end) return "a stage saw another count";
    }
    return {};
  }

 private:
  using graph = decltype(sequencer::graph(std::declval<Ring&>()));
  using flow = std::remove_cvref_t<decltype(sequencer::or_throw(std::declval<graph>().start()))>;

  template <std::size_t Count>
  sequencer::stage add(graph& to, unsigned which, std::array<sequencer::stage, Count> after) {
    auto& log = logs_[which];
    sequencer::stage_options how;
    if (!cpus_.empty()) how.cpu = cpus_[which + 1];
    if constexpr (Batches) {
      const auto handler = [&log](sequencer::batch<std::uint64_t>& all) noexcept { log.see(all); };
      return add(to, which, handler, after, how);
    } else {
      const auto handler = [&log](const std::uint64_t& event, sequencer::sequence, bool) noexcept {
        log.see(event);
      };
      return add(to, which, handler, after, how);
    }
  }

  template <class Handler, std::size_t Count>
  sequencer::stage add(graph& to, unsigned which, Handler handler,
                       std::array<sequencer::stage, Count> after, sequencer::stage_options how) {
    const auto name = std::to_string(which);
    if constexpr (Count == 0) {
      return to.template add<How>(name, handler, {}, how);
    } else {
      return to.template add<How>(name, handler, after, how);
    }
  }

  graph planned() {
    graph made(ring_);
    constexpr std::array<sequencer::stage, 0> none{};
    const bool reversed = shape_ == shape_of_graph::reversed;
    const auto first = add(made, reversed ? 2 : 0, none);
    if (shape_ == shape_of_graph::diamond) {
      const auto second = add(made, 1, none);
      add(made, 2, std::array{first, second});
    } else {
      const auto second = add(made, 1, std::array{first});
      add(made, reversed ? 0 : 2, std::array{second});
    }
    return made;
  }

  void pass(std::uint64_t items, share& to, bool checked) {
    for (auto& each : logs_) each.begin(sent_, sent_ + items, checked);
    publish(sent_ + items);
    for (auto& each : logs_) each.ended.wait(false);
    to.count = items;
  }

  void publish(std::uint64_t end) {
    auto out = producer_on<How>(ring_);
    for (; sent_ != end; ++sent_) {
      static_cast<void>(out.publish([&](std::uint64_t& event) { event = sent_; }));
    }
  }

  const shape_of_graph shape_;
  const std::vector<int> cpus_;
  Ring ring_{65'536};
  std::array<stage_log, 3> logs_;
  std::uint64_t sent_ = 0;
  std::optional<flow> flow_;
};

}  // namespace perf
