// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sequencer/detail/stage_thread.hpp>
#include <sequencer/flow.hpp>
#include <sequencer/result.hpp>
#include <sequencer/ring.hpp>
#include <sequencer/stage.hpp>
#include <sequencer/wait.hpp>

namespace sequencer {

// Names a stage of one graph, for those that follow it.
class stage {
 private:
  template <class>
  friend class graph;
  stage(std::weak_ptr<const char> of, std::size_t first, std::size_t beyond) noexcept
      : of_(std::move(of)), first_(first), beyond_(beyond) {}
  std::weak_ptr<const char> of_;  // the graph's mark
  std::size_t first_;  // of its workers
  std::size_t beyond_;
};

// One thread of a graph, a stage or one of its workers, and the threads that it follows.
struct stage_shape {
  std::string name;
  std::vector<std::string> after;
  bool spins = true;  // its strategy is any but wait::park, which leaves the core while it waits
};

// What knows a CPU for threads by their names, or -1; place::launcher for one.
template <class P>
concept stage_placement = requires(const P& of, std::string_view name) {
  { of.cpu_of(name) } -> std::same_as<int>;
};

// The plan of a flow: stages, and which follow which. A stage follows those that were there before
// it, so there is no way to write down a circle. After disruptor-rs and LMAX's DSL, but the plan is
// used up by start(). It gives out no producers: the flow does, when every stage has its place.
// ring::make_producer() is for rings without a graph, and for those at work before it starts.
//
// Threads: one at a time.
template <class Ring>
class graph {
 public:
  using event_type = typename Ring::event_type;

  // The ring must outlive the flow.
  explicit graph(Ring& of)
      : begun_(std::make_unique<work>(of)) {}
  graph(graph&&) noexcept = default;
  graph& operator=(graph&&) = delete;

  // A stage on a thread of its own, which waits by How. It handles each event after all stages of
  // `after` have, or as soon as it is published. The handler is one for events or for batches (see
  // stage.hpp), is moved in and called by that thread only; it may write to events as long as every
  // stage that reads what it writes follows it, or is followed by it.
  template <wait::strategy How = wait::backoff, class Handler>
    requires event_handler<Handler, event_type> || batch_handler<Handler, event_type>
  stage add(std::string name, Handler handler, std::initializer_list<stage> after = {},
            stage_options how = {}) {
    const auto first = plan().stages.size();
    place<How>(name, name, std::move(handler), list(after), how, nullptr);
    return {mark_, first, first + 1};
  }

  // The same, with a barrier that is laid out when the program is compiled: behind std::array{a, b}
  // each of the two gates is looked at, without a loop. They are stages of one thread, not workers.
  template <wait::strategy How = wait::backoff, std::size_t Count, class Handler>
    requires(Count > 0 &&
             (event_handler<Handler, event_type> || batch_handler<Handler, event_type>))
  stage add(std::string name, Handler handler, const std::array<stage, Count>& after,
            stage_options how = {}) {
    const auto first = plan().stages.size();
    for (const auto& each : after) {
      if (each.beyond_ - each.first_ != 1) {
        note("stage '" + name + "' follows workers: name those it follows in a list");
      }
    }
    place<How, detail::unrolled_barrier<Count>>(name, name, std::move(handler), after, how,
                                                nullptr);
    return {mark_, first, first + 1};
  }

  // A stage whose events are shared among `workers` threads: each goes to exactly one of them, to
  // the handler that make(i) made for the i-th. stage_options::max_batch events are taken at once,
  // 1 where it says 0. What is below the least event in work is released, and seen by those that
  // follow. Workers are named NAME/0, NAME/1, ...
  template <wait::strategy How = wait::backoff, class Make>
    requires std::invocable<Make&, std::size_t>
  stage add_workers(const std::string& name, std::size_t workers, Make make,
                    std::initializer_list<stage> after = {}, stage_options how = {}) {
    if (workers == 0) note("stage '" + name + "' has no workers");
    const auto first = plan().stages.size();
    const auto shared = std::make_shared<detail::shared_position>();
    for (std::size_t i = 0; i < workers; ++i) {
      place<How>(name, work::name_of(name, i), make(i), list(after), how, shared);
    }
    return {mark_, first, first + workers};
  }

  // Who follows whom, in the order they were added: for who decides where each is to run.
  std::vector<stage_shape> shape() const {
    std::vector<stage_shape> all;
    for (const auto& each : plan().stages) {
      all.push_back({each->name(), {}, spins_[all.size()]});
      for (const auto* before : each->after) all.back().after.push_back(before->name());
    }
    return all;
  }

  // As start(), each stage on the CPU that `where` has for it, where its options name none.
  template <stage_placement Placement>
  result<flow<Ring>> start(const Placement& where) && {
    if (begun_) {
      for (auto& each : begun_->stages) each->prefer_cpu(where.cpu_of(each->name()));
    }
    return std::move(*this).start();
  }

  // Puts every stage into the ring, and then starts their threads: what is published from now on
  // reaches all of them. Uses the plan up.
  // Fails: invalid, with a sentence on what is wrong with the plan; closed, the ring is;
  // unavailable, without memory; io, the system refused a thread, and says why. Then nothing runs
  // any more, and the ring goes on.
  result<flow<Ring>> start() && {
    if (!begun_) return error{errc::invalid, 0, "this graph was started before"};
    if (begun_->stages.empty()) note("a graph has at least one stage");
    if (!wrong_.empty()) return error{errc::invalid, 0, wrong_};
    auto begun = std::move(begun_);
    // In this order: nobody begins before those he follows.
    for (auto& each : begun->stages) {
      if (auto in = begun->enter(*each); !in) return in.failure();
    }
    for (auto& each : begun->stages) {
      if (auto started = begun->start(*each); !started) return started.failure();
    }
    return flow<Ring>(std::move(begun));
  }

 private:
  using work = typename flow<Ring>::work;

  template <wait::strategy How, class Barrier = detail::any_barrier, class Handler>
  void place(std::string stage_name, std::string name, Handler handler,
             std::span<const stage> after, stage_options how,
             std::shared_ptr<detail::shared_position> shared) {
    auto made = begun_->template make<How, Barrier>(std::move(stage_name), std::move(name),
                                           std::move(handler), how, std::move(shared));
    for (const auto& each : after) {
      if (each.of_.lock() != mark_) {
        note("stage '" + made->name() + "' follows a stage of another graph");
        continue;
      }
      for (auto i = each.first_; i != each.beyond_; ++i) {
        made->after.push_back(begun_->stages[i].get());
      }
    }
    if (auto wrong = begun_->fault_of(*made); !wrong.empty()) note(std::move(wrong));
    begun_->make_room(1);
    begun_->stages.push_back(std::move(made));
    spins_.push_back(!std::same_as<How, wait::park>);
  }

  static std::span<const stage> list(std::initializer_list<stage> all) noexcept {
    return {all.begin(), all.size()};
  }

  // The first sentence is the one that is told.
  void note(std::string what) {
    if (wrong_.empty()) wrong_ = std::move(what);
  }

  work& plan() const noexcept {
    if (!begun_) detail::stop("a graph that was started or moved from gets no stage");
    return *begun_;
  }

  std::unique_ptr<work> begun_;
  std::vector<bool> spins_;  // each stage
  std::shared_ptr<const char> mark_ = std::make_shared<char>();
  std::string wrong_;
};

}  // namespace sequencer
