// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/funnel.hpp>

#include "model.hpp"

namespace {

using namespace sequencer;
using detail::acquire;
using detail::relaxed;
using detail::release;

template <std::size_t Places>
using lane = detail::funnel<Places, wait::spin>;

// The word that everybody wants, and what came of it.
struct numbers {
  static constexpr sequence most = 16;
  model::atomic<sequence> word{0};
  int times[most] = {};

  sequence take(std::uint64_t n) {
    // relaxed: as in the counter
    return word.fetch_add(n, relaxed);
  }
  template <class Lane>
  sequence through(Lane& by) {
    return note(by.next([this](std::uint64_t n) { return take(n); }, [](std::uint64_t) {}));
  }
  sequence alone() { return note(take(1)); }

  void require_dense(sequence below) const {
    for (sequence s = 0; s != most; ++s) {
      model::require(times[s] == (s < below ? 1 : 0), "a number given twice, or never");
    }
  }

 private:
  sequence note(sequence number) {
    model::require(number < most, "a number far out");
    ++times[number];
    return number;
  }
};

// More callers than places: some wait until the answers of the lap before were read.
template <std::size_t Places, int Each>
struct one_lane : rl::test_suite<one_lane<Places, Each>, 3> {
  numbers all;
  lane<Places> here;

  void thread(unsigned) {
    sequence before = 0;
    for (int i = 0; i != Each; ++i) {
      const auto mine = all.through(here);
      model::require(i == 0 || mine > before, "a thread's numbers went back");
      before = mine;
    }
  }
  void after() { all.require_dense(3 * Each); }
};

// Two lanes and a caller that goes to the word itself.
struct two_lanes_and_one_alone : rl::test_suite<two_lanes_and_one_alone, 4> {
  numbers all;
  lane<4> lanes[2];

  void thread(unsigned index) {
    if (index == 3) {
      all.alone();
      all.alone();
    } else {
      all.through(lanes[index % 2]);
    }
  }
  void after() { all.require_dense(5); }
};

// Who knows of a number gets a later one, whichever way either took.
template <bool FirstAlone, bool LaterAlone>
struct later_is_larger : rl::test_suite<later_is_larger<FirstAlone, LaterAlone>, 3> {
  numbers all;
  lane<2> one;
  lane<2> other;
  model::atomic<sequence> told{0};

  void thread(unsigned index) {
    if (index == 0) {
      const auto mine = FirstAlone ? all.alone() : all.through(one);
      // order: told -> heard: the number
      told.store(mine + 1, release);
    } else if (index == 1) {
      all.through(other);  // who leads, or follows
    } else {
      // order: heard <- told: the number
      const auto heard = told.load(acquire);
      const auto mine = LaterAlone ? all.alone() : all.through(other);
      model::require(mine + 1 > heard, "a later call got a smaller number");
    }
  }
  void after() { all.require_dense(3); }
};

// What the leaders count is handed on with the lead.
struct batches_are_counted : rl::test_suite<batches_are_counted, 2> {
  static constexpr auto rounds = lane<2>::told_every / 2 + 1;
  model::atomic<sequence> word{0};
  lane<2> here;
  model::plain<std::uint64_t> told{0};

  void thread(unsigned) {
    for (std::uint64_t i = 0; i != rounds; ++i) {
      // relaxed: as in the counter
      here.next([this](std::uint64_t n) { return word.fetch_add(n, relaxed); },
                [this](std::uint64_t count) { told = count; });
    }
  }
  void after() {
    const std::uint64_t seen = told;
    const auto least = lane<2>::told_every;
    model::require(seen == 0 || (seen >= least && seen <= 2 * rounds), "batches miscounted");
  }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  program.run<one_lane<2, 2>>("one_lane_of_two", {.bound = 2});
  program.run<one_lane<4, 2>>("one_lane_of_four", {.bound = 1, .full_bound = 2});
  program.run<two_lanes_and_one_alone>("two_lanes_and_one_alone", {.bound = 2});
  program.run<later_is_larger<false, false>>("later_is_larger", {});
  program.run<later_is_larger<true, false>>("later_is_larger_first_alone", {});
  program.run<later_is_larger<false, true>>("later_is_larger_later_alone", {});
  program.run<batches_are_counted>("batches_are_counted", {.runs = 500, .bound = 0});
  return program.verdict();
}
