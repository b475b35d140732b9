// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sequencer/batch.hpp>
#include <sequencer/detail/stage_thread.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/stage.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

// The stages of one flow and their threads.
//
// Threads: one at a time; `guard` is for those who look at the list meanwhile.
template <class Ring>
struct crew {
  using event_type = typename Ring::event_type;

  explicit crew(Ring& ring_of) noexcept : of(ring_of) {}
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;
  // Before any of them goes: threads look at the stages that they follow.
  ~crew() { leave(); }

  template <wait::strategy How, class Barrier = any_barrier, class Handler>
  std::unique_ptr<running_stage> make(std::string stage, std::string name, Handler handler,
                                      stage_options how, std::shared_ptr<shared_position> shared) {
    static_assert(event_handler<Handler, event_type> || batch_handler<Handler, event_type>,
                  "a handler is called with (Event&, sequence, bool) or with (batch<Event>&)");
    static_assert(hooks::are_noexcept<Handler, event_type>(), "a handler's hooks are noexcept");
    static_assert(is_noexcept<Handler>(),
                  "a stage's handler is noexcept: wrap one that throws in guarded()");
    return std::make_unique<stage_thread<Ring, How, Handler, Barrier>>(
        std::move(stage), std::move(name), how, of, std::move(handler), std::move(shared));
  }

  // Of a stage's i-th worker.
  static std::string name_of(const std::string& stage, std::size_t i) {
    return stage.empty() ? stage : stage + "/" + std::to_string(i);
  }

  // Those that are named, each by its stage's name; fails with a sentence on what `who` follows.
  result<std::vector<running_stage*>> named(const std::string& who,
                                            std::span<const std::string_view> names) const {
    std::vector<running_stage*> found;
    for (const auto name : names) {
      const auto all = called(name, &running_stage::stage);
      found.insert(found.end(), all.begin(), all.end());
      if (!all.empty()) continue;
      return error{errc::invalid, 0,
                   who + " follows '" + std::string(name) + "', and there is none of that name"};
    }
    return found;
  }

  // What is wrong with one more stage, or "".
  std::string fault_of(const running_stage& one_more) const {
    if (one_more.name().empty()) return "a stage has no name; reports are made of names";
    for (const auto& each : stages) {
      const bool one_crew = each->stage() == one_more.stage() && is_worker(*each) &&
                            is_worker(one_more);
      if (each->name() == one_more.name() || each->stage() == one_more.name() ||
          each->name() == one_more.stage() || (each->stage() == one_more.stage() && !one_crew)) {
        return "two stages are named '" + one_more.name() + "'";
      }
    }
    return {};
  }

  // Whoever grows asks for memory here, before it lets anybody in: what leaves needs none.
  void make_room(std::size_t more) {
    const std::lock_guard held(guard);
    const auto all = stages.size() + gone.size() + more;
    stages.reserve(stages.size() + more);
    gone.reserve(all);
    ended.reserve(all);
  }

  // Behind those that it follows.
  result<void> enter(running_stage& one) {
    const auto why = one.enter();
    if (why == errc{}) {
      one.get_ready(finished);
      return {};
    }
    return error{why, 0, why == errc::closed ? "the ring is closed" : "out of memory"};
  }

  static result<void> start(running_stage& one) {
    const int bad = one.start();
    if (bad == 0) return {};
    return error{errc::io, bad,
                 "stage '" + one.name() + "': starting its thread: " + std::strerror(bad)};
  }

  // Puts stages to work while others are: all of them, or none, without memory too.
  result<void> admit(std::vector<std::unique_ptr<running_stage>> made) {
    make_room(made.size());
    // More workers would not share events with those that are there.
    const auto& stage = made.front()->stage();
    if (!called(stage, &running_stage::stage).empty()) {
      return error{errc::invalid, 0, "two stages are named '" + stage + "'"};
    }
    for (auto& each : made) {
      if (auto wrong = fault_of(*each); !wrong.empty()) {
        return error{errc::invalid, 0, std::move(wrong)};
      }
    }
    for (auto& each : made) {
      if (auto in = enter(*each); !in) return in;
    }
    struct all_or_none {
      ~all_or_none() {
        if (!all.empty()) of.dismiss(all);
      }
      crew& of;
      std::vector<std::unique_ptr<running_stage>>& all;
    } const threads{*this, made};
    for (auto& each : made) {
      if (auto begun = start(*each); !begun) return begun;
    }
    const std::lock_guard held(guard);
    std::move(made.begin(), made.end(), std::back_inserter(stages));
    made.clear();
    return {};
  }

  // Also where not all of them have a thread.
  void leave() noexcept {
    if (stages.empty()) return;
    dismiss(stages);
    bury([](const running_stage&) { return true; });
  }

  // All of a stage, or one of its workers.
  result<sequence> leave(std::string_view name) {
    auto leavers = called(name, &running_stage::stage);
    const bool alone = leavers.empty();
    if (alone) leavers = called(name, &running_stage::name);
    if (leavers.empty()) return errc::invalid;
    for (auto* each : leavers) each->ask_to_leave(alone);
    of.find_end();
    sequence taken = 0, given_up = gate::open;
    for (auto* each : leavers) {
      each->join();
      const auto end = each->reached();
      taken = std::max(taken, end.at);
      if (end.gave_up) given_up = std::min(given_up, end.at);
    }
    bury([&](const running_stage& each) {
      return std::find(leavers.begin(), leavers.end(), &each) != leavers.end();
    });
    return std::min(taken, given_up);
  }

  // What left stands for what it followed as long as somebody follows it.
  template <class Left>
  void bury(Left left) noexcept {
    std::unique_lock held(guard);
    const auto stays = [&](const auto& each) { return !left(*each); };
    const auto first = std::stable_partition(stages.begin(), stages.end(), stays);
    std::move(first, stages.end(), std::back_inserter(gone));
    stages.erase(first, stages.end());
    const auto forgotten = [&](const auto& each) { return !is_followed(*each); };
    for (;;) {
      const auto at = std::find_if(gone.begin(), gone.end(), forgotten);
      if (at == gone.end()) break;
      ended.push_back(std::move(*at));
      gone.erase(at);
    }
    held.unlock();
    ended.clear();  // a handler's end may look at the flow
  }

  bool is_followed(const running_stage& by_whom) const {
    const auto is_among = [&](const auto& all) {
      return std::find(all.begin(), all.end(), &by_whom) != all.end();
    };
    const auto follows = [&](const auto& each) { return is_among(each->after); };
    return std::any_of(stages.begin(), stages.end(), follows) ||
           std::any_of(gone.begin(), gone.end(), follows) ||
           std::any_of(guests.begin(), guests.end(), [&](auto* each) { return is_among(*each); });
  }

  Ring& of;
  std::vector<std::unique_ptr<running_stage>> stages;
  std::vector<std::unique_ptr<running_stage>> gone;  // and followed still
  std::vector<std::unique_ptr<running_stage>> ended;  // and about to be destroyed
  // What each consumer outside of the crew follows.
  std::vector<const std::vector<running_stage*>*> guests;
  std::mutex guard;  // of these three, where others than the flow's one thread look
  wait::park finished;
  bool drained = false;

 private:
  // Ends their threads, as far as they have any. Those that follow others come behind them.
  void dismiss(const std::vector<std::unique_ptr<running_stage>>& all) noexcept {
    for (auto each = all.rbegin(); each != all.rend(); ++each) (*each)->ask_to_leave();
    of.find_end();
    for (auto& each : all) each->join();
  }

  std::vector<running_stage*> called(std::string_view name,
                                     const std::string& (running_stage::*its)() const) const {
    std::vector<running_stage*> found;
    for (const auto& each : stages) {
      if ((each.get()->*its)() == name) found.push_back(each.get());
    }
    return found;
  }

  static bool is_worker(const running_stage& one) noexcept { return one.name() != one.stage(); }

  template <class Handler>
  static constexpr bool is_noexcept() {
    if constexpr (batch_handler<Handler, event_type>) {
      return std::is_nothrow_invocable_v<Handler&, batch<event_type>&>;
    } else {
      return std::is_nothrow_invocable_v<Handler&, event_type&, sequence, bool>;
    }
  }
};

}  // namespace sequencer::detail
