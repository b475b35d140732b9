// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/claiming.hpp>
#include <sequencer/detail/gates.hpp>
#include <sequencer/detail/reader.hpp>
#include <sequencer/detail/worker_thread.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/stage.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

class running_stage;

// Those that one consumer follows, as its own thread knows them. Their places are kept here: asking
// a stage for its place at each look would fetch what that one writes at each batch.
class followed_stages {
 public:
  inline void begin(const std::vector<running_stage*>& after);

  // The last one of them.
  struct limit {
    sequence at = gate::open;  // this, where nobody holds the consumer back
    gate* of = nullptr;
  };
  inline limit last();

 private:
  struct followed {
    running_stage* stage;
    gate* place;
  };

  // One that left stands for those that it followed. An open gate stays open while it is followed.
  inline void inherit(std::size_t from);

  std::vector<followed> all_;
};

// A stage that has its place in the ring, and may have its thread.
class running_stage {
 public:
  // `name`: of its thread; `stage`: of what it is, or is a worker of.
  running_stage(std::string stage, std::string name, stage_options how)
      : stage_(std::move(stage)), name_(std::move(name)), how_(how) {}
  running_stage(const running_stage&) = delete;
  running_stage& operator=(const running_stage&) = delete;
  virtual ~running_stage() = default;

  // Begins to hold producers back.
  virtual errc enter() = 0;
  virtual gate& place() noexcept = 0;
  // Of one that ended: what it handled, or took, is below; unless it gave something up, then that
  // position was not handled.
  struct end {
    sequence at;
    bool gave_up;
  };
  virtual end reached() const noexcept = 0;

  // Before it starts: the CPU for its thread, where its options name none.
  void prefer_cpu(int cpu) noexcept {
    if (how_.cpu < 0) how_.cpu = cpu;
  }

  // When those that it follows have their places, and before its thread, which is not to ask for
  // memory. `finished` is woken at its end.
  void get_ready(wait::park& finished) {
    finished_ = &finished;
    following_.begin(after);
  }
  int start() {
    return thread_.start(name_, how_.cpu, [](void* self) {
      static_cast<running_stage*>(self)->work();
    }, this);
  }
  // What its thread does, from its begin to its end.
  void work() noexcept {
    run();
    finish();
  }
  void join() noexcept { thread_.join(); }
  bool ended() const noexcept {
    // order: stage-end-seen <- stage-ended: all its handler did
    return ended_.load(acquire);
  }

  // Asks it to end after its batch and to hold nobody back any more: those that follow it follow
  // those that it follows. Where they all shall leave, followers are asked first. One that is asked
  // `alone` of its stage's workers begins its batch again as often as it has to: nobody else would
  // handle what it has.
  void ask_to_leave(bool alone = false) noexcept {
    // relaxed: released below.
    leaves_alone_.store(alone, relaxed);
    // order: leave-asked -> leave-heard: that its followers were asked, and whether it goes alone
    leaving_.store(true, release);
  }

  // On its own thread.
  followed_stages::limit followed() { return following_.last(); }

  const std::string& stage() const noexcept { return stage_; }
  const std::string& name() const noexcept { return name_; }
  const stage_options& options() const noexcept { return how_; }

  std::vector<running_stage*> after;  // those it follows; constant once it runs

 protected:
  virtual void run() noexcept = 0;

  bool leaving() const noexcept {
    // order: leave-heard <- leave-asked: that its followers were asked, and whether it goes alone
    return leaving_.load(acquire);
  }
  bool leaves_alone() const noexcept {
    // relaxed: acquired by leaving().
    return leaves_alone_.load(relaxed);
  }

 private:
  void finish() noexcept {
    // order: stage-ended -> stage-end-seen: all its handler did
    ended_.store(true, release);
    finished_->wake();
  }

  followed_stages following_;
  std::string stage_;
  std::string name_;
  stage_options how_;
  atomic<bool> ended_{false};
  atomic<bool> leaving_{false};
  atomic<bool> leaves_alone_{false};
  wait::park* finished_ = nullptr;
  worker_thread thread_;
};

// Room for every one that may be followed: who runs is not to ask for memory.
inline void followed_stages::begin(const std::vector<running_stage*>& after) {
  auto known = after;
  for (std::size_t i = 0; i != known.size(); ++i) {
    for (auto* each : known[i]->after) {
      if (std::find(known.begin(), known.end(), each) == known.end()) known.push_back(each);
    }
  }
  all_.clear();
  all_.reserve(known.size());
  for (auto* each : after) all_.push_back({each, &each->place()});
}

inline followed_stages::limit followed_stages::last() {
  limit last;
  for (std::size_t i = 0; i != all_.size();) {
    auto* const place = all_[i].place;
    // order: gate-seen <- gate-moved: the reads and writes of the events below
    const auto at = place->position.load(acquire);
    if (at == gate::open) {
      inherit(i);
      continue;
    }
    if (at < last.at) last = {at, place};
    ++i;
  }
  return last;
}

inline void followed_stages::inherit(std::size_t from) {
  const auto& heirs = all_[from].stage->after;
  all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(from));
  for (auto* each : heirs) {
    const auto is_it = [each](const followed& one) { return one.stage == each; };
    if (std::none_of(all_.begin(), all_.end(), is_it)) all_.push_back({each, &each->place()});
  }
}

// The barrier of a stage that follows any number of others.
class any_barrier {
 public:
  explicit any_barrier(running_stage& of) noexcept : of_(of) {}
  void prepare() noexcept {}
  sequence bound() noexcept { return of_.followed().at; }

 private:
  running_stage& of_;
};

// The barrier of one that follows so many, known when the program is compiled: each of their gates
// is looked at in place. Once one of them has left it is as any other.
template <std::size_t Count>
class unrolled_barrier {
 public:
  explicit unrolled_barrier(running_stage& of) noexcept : of_(of) {}

  // When those that are followed have their places, and before the first bound().
  void prepare() noexcept {
    std::transform(of_.after.begin(), of_.after.end(), gates_.begin(),
                   [](running_stage* each) { return &each->place(); });
  }

  sequence bound() noexcept {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      // order: gate-seen <- gate-moved: the reads and writes of the events below
      const std::array at{gates_[I]->position.load(acquire)...};
      if (((at[I] == gate::open) || ...)) [[unlikely]] return of_.followed().at;
      return std::min({at[I]...});
    }(std::make_index_sequence<Count>());
  }

 private:
  running_stage& of_;
  std::array<gate*, Count> gates_{};
};

// Waits, by How, until seen() holds, or the one that holds the reader back has gone on, and another
// one is to be waited for. Nobody holds it back where `held_by` is null.
template <wait::strategy How, class Ring, class Seen>
wait::outcome wait_behind(const reader<Ring>& in, gate* held_by, Seen seen,
                          wait::deadline until) noexcept {
  // What is written when the reader may go on.
  const auto line = [&in, held_by]() -> const void* {
    return held_by == nullptr ? in.line() : held_by;
  };
  auto pace = waiting_at<How>(held_by == nullptr ? in.published() : held_by->moved, line);
  const auto ready = [&] {
    if (seen()) return true;
    // order: gate-seen <- gate-moved: the reads and writes of the events below
    return held_by != nullptr && held_by->position.load(acquire) > in.position();
  };
  return wait::await(pace, ready, [] { return false; }, until);
}

}  // namespace sequencer::detail
