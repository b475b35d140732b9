// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sequencer/detail/crew.hpp>
#include <sequencer/detail/follower.hpp>
#include <sequencer/poller.hpp>
#include <sequencer/result.hpp>
#include <sequencer/ring.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/stage.hpp>
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
  std::uint64_t waits;   // times that it found nothing to handle
};

// A poller that follows stages of a flow, see flow::join(). `gated`, as it says where events are
// published that they have not handled yet, is LMAX's PollState.GATING.
template <class Ring>
using follower = poller<Ring, detail::follower<Ring>>;

// Stages at work, each on its own thread. Made by graph::start().
//
// Threads: producer(), halt() and stages() any, beside each other and beside add() and leave(name);
// the others from one at a time, with none of these beside leave(), and never from a handler.
// Moving it does not disturb the stages; what was moved from can only end. Ends by drain().
template <class Ring>
class flow {
  using event_type = typename Ring::event_type;

 public:
  flow(flow&&) noexcept = default;
  flow& operator=(flow&&) = delete;
  ~flow() {
    if (!at_work_) return;
    if (!at_work_->of.halted()) static_cast<void>(drain());
    at_work_->leave();  // its threads end here, though a follower may keep what it looks at
  }

  // As ring::make_producer().
  template <wait::strategy How = wait::backoff>
  result<sequencer::producer<Ring, How>> producer() {
    return mine().of.template make_producer<How>();
  }

  // Starts one more stage, as graph::add() does, behind the stages that are named; they may be of
  // workers. It handles every event from some position on, not later than the first that
  // is published after this call.
  // Fails: invalid, with a sentence on what is wrong; closed, the ring is; unavailable, without
  // memory; io, the system refused a thread, and says why. Then there is no such stage.
  template <wait::strategy How = wait::backoff, class Handler>
    requires event_handler<Handler, event_type> || batch_handler<Handler, event_type>
  result<void> add(std::string name, Handler handler,
                   std::initializer_list<std::string_view> after = {}, stage_options how = {}) {
    auto& all = mine();
    auto made = all.template make<How>(name, name, std::move(handler), how, nullptr);
    auto before = all.named("stage '" + name + "'", {after.begin(), after.size()});
    if (!before) return before.failure();
    made->after = *std::move(before);
    if (auto wrong = all.fault_of(*made); !wrong.empty()) {
      return error{errc::invalid, 0, std::move(wrong)};
    }
    if (auto in = all.enter(*made); !in) return in;
    if (auto begun = all.start(*made); !begun) return begun;
    all.append(std::move(made));
    return {};
  }

  // A consumer on the caller's own thread that sees each event when the stages that are named have
  // handled it, from some position on, not later than the first that is published after this call;
  // it holds producers back at once. When one of them leaves it follows those that the leaver
  // followed, and where there is none, what is published. It may outlive the flow, not the ring; it
  // keeps the handlers that it follows until then.
  // Fails: invalid, there is none of that name; unavailable, without memory; closed, the ring is.
  result<follower<Ring>> join(std::initializer_list<std::string_view> after) {
    auto before = mine().named("a poller", {after.begin(), after.size()});
    if (!before) return before.failure();
    auto in = mine().of.enter();
    if (!in) return in.failure();
    return follower<Ring>({*std::move(in), at_work_, *std::move(before)});
  }

  // Ends one stage, all its workers where it has some, after the batch that it is in, and stops
  // holding producers back. Those that follow it follow those that it followed.
  // Returns the first position that it did not handle. Fails: invalid, there is none of that name.
  result<sequence> leave(std::string_view name) { return mine().leave(name); }

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
    const std::lock_guard held(mine().guard);
    for (const auto& each : mine().stages) {
      // order: gate-seen <- gate-moved: the reads and writes of the events below
      const auto at = each->place().position.load(detail::acquire);
      if (at == detail::gate::open) continue;  // it has left, and is about to be forgotten
      // relaxed: a statistic.
      const auto waits = each->place().waits.load(detail::relaxed);
      all.push_back({each->name(), at, mine().of.published_from(at), each->ended(), waits});
    }
    return all;
  }

 private:
  friend class graph<Ring>;
  using work = detail::crew<Ring>;

  work& mine() const noexcept {
    if (!at_work_) detail::stop("a flow that was moved from is used");
    return *at_work_;
  }

  explicit flow(std::shared_ptr<work> begun) noexcept : at_work_(std::move(begun)) {}

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

  std::shared_ptr<work> at_work_;  // followers share it
};

}  // namespace sequencer
