// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/event.hpp>
#include <sequencer/wait.hpp>

#include "model.hpp"

namespace {

using namespace sequencer;

// The condition itself orders nothing: only the event can keep a wake-up from being lost.
struct one_sleeper : rl::test_suite<one_sleeper, 2> {
  model::atomic<bool> ready{false};
  wait::park parked;

  void thread(unsigned index) {
    if (index == 0) {
      // relaxed: the point of this model.
      ready.store(true, detail::relaxed);
      parked.wake();
    } else {
      const auto how = wait::await(
          parked, [&] { return ready.load(detail::relaxed); },  // relaxed: as above
          [] { return false; });
      model::require(how == wait::outcome::ready, "woken for nothing");
    }
  }
};

// Two conditions, two wakers, two sleepers on one event: a wake-up for one never swallows the
// other's.
struct two_of_each : rl::test_suite<two_of_each, 4> {
  model::atomic<bool> ready[2] = {{false}, {false}};
  wait::park parked;

  void thread(unsigned index) {
    auto& mine = ready[index % 2];
    if (index < 2) {
      // relaxed: as one_sleeper
      mine.store(true, detail::relaxed);
      parked.wake();
    } else {
      wait::await(
          parked, [&] { return mine.load(detail::relaxed); },  // relaxed: as one_sleeper
          [] { return false; });
    }
  }
};

// Stopping is a condition like any other; ready wins where both hold.
struct stopped_sleeper : rl::test_suite<stopped_sleeper, 3> {
  model::atomic<bool> ready{false};
  model::atomic<bool> stop{false};
  wait::park parked;

  void thread(unsigned index) {
    if (index == 0) {
      // relaxed: as one_sleeper
      stop.store(true, detail::relaxed);
      parked.wake();
    } else if (index == 1) {
      // relaxed: as one_sleeper
      ready.store(true, detail::relaxed);
      parked.wake();
    } else {
      const auto how = wait::await(
          parked, [&] { return ready.load(detail::relaxed); },  // relaxed: as one_sleeper
          [&] { return stop.load(detail::relaxed); });          // relaxed: as one_sleeper
      model::require(how != wait::outcome::timeout, "timed out without a deadline");
    }
  }
};

// With a deadline a wait ends even when nobody wakes it.
struct late_sleeper : rl::test_suite<late_sleeper, 2> {
  model::atomic<bool> ready{false};
  wait::park parked;

  void before() { detail::passed = false; }
  void thread(unsigned index) {
    if (index == 0) return;
    const auto how = wait::await(
        parked, [&] { return ready.load(detail::relaxed); },  // relaxed: as one_sleeper
        [] { return false; }, detail::some_day);
    model::require(how == wait::outcome::timeout, "a wait without a waker ended otherwise");
  }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  program.run<one_sleeper>("one_sleeper", {});
  program.run<two_of_each>("two_of_each", {.bound = 2, .full_bound = 2});
  program.run<stopped_sleeper>("stopped_sleeper", {});
  program.run<late_sleeper>("late_sleeper", {});
  return program.verdict();
}
