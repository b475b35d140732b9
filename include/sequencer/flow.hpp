// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/detail/stage_thread.hpp>
#include <sequencer/result.hpp>
#include <sequencer/ring.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/wait.hpp>

namespace sequencer {

template <class Ring>
class graph;

// How far a stage is.
struct stage_state {
  std::string name;
  sequence position;     // below it, it has handled everything; a worker, what it took
  std::uint64_t behind;  // positions from there on that are published; at most the capacity
  bool ended;            // it handles nothing any more
};

// Stages at work, each on its own thread. Made by graph::start().
//
// Threads: producer(), halt() and stages() any, beside each other; the others from one at a time,
// with none of these beside leave(), and never from a handler. Moving it does not disturb the
// stages; what was moved from can only end. Ends by drain().
template <class Ring>
class flow {
 public:
  flow(flow&&) noexcept = default;
  flow& operator=(flow&&) = delete;
  ~flow() {
    if (!at_work_ || at_work_->stages.empty()) return;
    if (!at_work_->of.halted()) static_cast<void>(drain());
  }

  // As ring::make_producer().
  template <wait::strategy How = wait::backoff>
  result<sequencer::producer<Ring, How>> producer() {
    return mine().of.template make_producer<How>();
  }

  // Closes the ring, for all who use it, lets every stage handle everything that was published, and
  // waits for their threads; for open claims too. Idempotent; nothing to do after leave().
  // Fails: closed, when a halt() came first, and not everything was handled.
  result<void> drain() { return drain_until(wait::never); }
  // The same, up to a deadline; the stages go on, and it may be asked again.
  // Fails: as drain(); timeout, and the text says which stage stands where.
  result<void> drain_until(wait::deadline until) {
    auto& all = mine();
    if (all.stages.empty() || all.drained) return {};
    all.of.close();
    const auto ended = [&] {
      return std::all_of(all.stages.begin(), all.stages.end(),
                         [](const auto& each) { return each->ended(); });
    };
    const auto how = wait::await(all.finished, ended, [] { return false; }, until);
    if (how != wait::outcome::ready) return error{errc::timeout, 0, who_is_late()};
    for (auto& each : all.stages) each->join();
    if (all.of.halted()) return error{errc::closed, 0, "the ring was halted"};
    all.drained = true;
    return {};
  }
  result<void> drain_for(std::chrono::nanoseconds span) { return drain_until(wait::in(span)); }

  // Halts the ring: ends every stage, of other flows too, after the batch that it is in, and
  // releases producers that wait.
  void halt() noexcept { mine().of.halt(); }

  // Ends every stage after the batch that it is in, and stops holding producers back: the ring goes
  // on without them. What they had not handled yet is not handled. Then there are no stages.
  void leave() noexcept { mine().leave(); }

  // How far each stage is, in the order they were added. A picture of a moment.
  std::vector<stage_state> stages() const {
    std::vector<stage_state> all;
    for (const auto& each : mine().stages) {
      // order: gate-seen <- gate-moved: the reads and writes of the events below
      const auto at = each->place().position.load(detail::acquire);
      all.push_back({each->name(), at, mine().of.published_from(at), each->ended()});
    }
    return all;
  }

 private:
  friend class graph<Ring>;

  struct work {
    explicit work(Ring& ring_of) noexcept : of(ring_of) {}

    work(const work&) = delete;
    work& operator=(const work&) = delete;
    // Before any of them goes: threads look at the stages that they follow.
    ~work() { leave(); }

    // Also where not all of them have a thread.
    void leave() noexcept {
      if (stages.empty()) return;
      // relaxed: the bells see to it that whoever sleeps looks again.
      leaving.store(true, detail::relaxed);
      of.find_end();
      for (auto& each : stages) each->join();
      stages.clear();
    }

    Ring& of;
    std::vector<std::unique_ptr<detail::running_stage>> stages;
    wait::park finished;
    detail::atomic<bool> leaving{false};
    bool drained = false;
  };

  work& mine() const noexcept {
    if (!at_work_) detail::stop("a flow that was moved from is used");
    return *at_work_;
  }

  explicit flow(std::unique_ptr<work> begun) noexcept : at_work_(std::move(begun)) {}

  std::string who_is_late() const {
    std::string all = "not drained:";
    for (const auto& each : stages()) {
      if (each.ended) continue;
      all += " stage '" + each.name + "' stands at " + std::to_string(each.position) + ", " +
             std::to_string(each.behind) + " behind;";
    }
    all.back() = '.';
    return all;
  }

  std::unique_ptr<work> at_work_;
};

}  // namespace sequencer
