// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sequencer/detail/crew.hpp>
#include <sequencer/detail/follower.hpp>
#include <sequencer/detail/stage_thread.hpp>
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
// Where the standard library throws for want of memory nothing has changed; threads of stages ask
// for none, and neither do halt(), leave() and the end.
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
    return add_one<How>(std::move(name), std::move(handler), {after.begin(), after.size()}, how);
  }

  // The same, with a barrier that is laid out when the program is compiled, as graph::add() has it:
  // behind std::array{"tax", "sum"}. They are stages of one thread, not workers.
  template <wait::strategy How = wait::backoff, class Name, std::size_t Count, class Handler>
    requires(Count > 0 && std::convertible_to<const Name&, std::string_view> &&
             (event_handler<Handler, event_type> || batch_handler<Handler, event_type>))
  result<void> add(std::string name, Handler handler, const std::array<Name, Count>& after,
                   stage_options how = {}) {
    std::array<std::string_view, Count> names;
    std::copy(after.begin(), after.end(), names.begin());
    return add_one<How, detail::unrolled_barrier<Count>>(std::move(name), std::move(handler), names,
                                                         how);
  }

  // Starts one more stage whose events are shared among `workers` threads, as graph::add_workers()
  // does, behind the stages that are named.
  // Fails: as add(); where the system refused a thread, those that had one may have handled events.
  template <wait::strategy How = wait::backoff, class Make>
    requires std::invocable<Make&, std::size_t>
  result<void> add_workers(const std::string& name, std::size_t workers, Make make,
                           std::initializer_list<std::string_view> after = {},
                           stage_options how = {}) {
    if (workers == 0) return error{errc::invalid, 0, "stage '" + name + "' has no workers"};
    auto& all = mine();
    const auto before = all.named("stage '" + name + "'", {after.begin(), after.size()});
    if (!before) return before.failure();
    const auto shared = std::make_shared<detail::shared_position>();
    std::vector<std::unique_ptr<detail::running_stage>> made;
    for (std::size_t i = 0; i < workers; ++i) {
      made.push_back(all.template make<How>(name, work::name_of(name, i), make(i), how, shared));
      made.back()->after = *before;
    }
    return all.admit(std::move(made));
  }

  // A consumer on the caller's own thread that sees each event when the stages that are named have
  // handled it, from some position on, not later than the first that is published after this call;
  // it holds producers back at once. When one of them leaves it follows those that the leaver
  // followed, and where there is none, what is published. It may outlive the flow, not the ring.
  // The handlers that it follows are kept until it ends and, after that, until the flow's next
  // leave() or end.
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
  // Or one worker, by its name, as "crew/1", when it has handled what it has taken: so it waits for
  // one that begins its batch again and again. The others go on; with the last one the stage ends.
  // Returns the first position that it did not handle; of one worker, one behind all that it took.
  // Fails: invalid, there is none of that name.
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

  template <wait::strategy How, class Barrier = detail::any_barrier, class Handler>
  result<void> add_one(std::string name, Handler handler, std::span<const std::string_view> after,
                       stage_options how) {
    auto& all = mine();
    auto before = all.named("stage '" + name + "'", after);
    if (!before) return before.failure();
    if (!std::is_same_v<Barrier, detail::any_barrier> && before->size() != after.size()) {
      return error{errc::invalid, 0,
                   "stage '" + name + "' follows workers: name those it follows in a list"};
    }
    std::vector<std::unique_ptr<detail::running_stage>> made;
    made.push_back(all.template make<How, Barrier>(name, name, std::move(handler), how, nullptr));
    made.back()->after = *std::move(before);
    return all.admit(std::move(made));
  }

  explicit flow(std::shared_ptr<work> begun) noexcept : at_work_(std::move(begun)) {}

  std::string who_is_late() const {
    std::string all = "not drained:";
    for (const auto& each : stages()) {
      if (each.ended) continue;
      all += " stage '" + each.name + "' stands at " + std::to_string(each.position) + ", " +
             std::to_string(each.behind) + " behind;";
    }
    if (const auto open = mine().of.oldest_claim()) {
      all += " position " + std::to_string(open->first) + " is claimed and not published;";
    }
    all.back() = '.';
    return all;
  }

  std::shared_ptr<work> at_work_;  // followers share it
};

}  // namespace sequencer
