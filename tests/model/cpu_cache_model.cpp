// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/cpu_cache.hpp>

#include "model.hpp"

namespace {

using namespace sequencer;
using detail::machine;

constexpr sequence most = 64;

// Every number that the source handed out is issued once, or lost, and known to be.
struct account {
  bool seen[most] = {};
  sequence count = 0;

  void note(sequence number) {
    model::require(number < most && !seen[number], "a number issued twice");
    seen[number] = true;
    ++count;
  }

  template <class Cache>
  void settle(Cache& cache) {
    cache.stop();
    sequence lost = 0;
    for (const auto& each : cache.holes()) {
      lost += each.lost;
      model::require(each.certain, "a hole that is not certain");
      for (auto s = each.numbers.first; s != each.numbers.last; ++s) {
        model::require(!seen[s], "an issued number is called a hole");
      }
    }
    model::require(count + lost == cache.source().peek(), "a number unaccounted for");
    model::require(lost <= cache.held_bound(), "more was lost than the bound says");
  }
};

// Threads of one CPU, which are interrupted anywhere and go on anywhere.
template <unsigned Threads, sequence Block, int Each, bool Exclusive>
struct takes : rl::test_suite<takes<Threads, Block, Each, Exclusive>, Threads> {
  machine around;
  cpu_cache<memory_source> cache{
      {.block = Block, .cpus = machine::cpus, .exclusive = Exclusive}};
  account all;

  void thread(unsigned) {
    for (int i = 0; i != Each; ++i) all.note(*cache.next());
  }
  void after() { all.settle(cache); }
};

// stop() at any time: a call that begins after it answers `closed`, and what was held is known.
template <bool Exclusive>
struct stopped_at_any_time : rl::test_suite<stopped_at_any_time<Exclusive>, 3> {
  machine around;
  cpu_cache<memory_source> cache{{.block = 2, .cpus = machine::cpus, .exclusive = Exclusive}};
  model::atomic<bool> stopped{false};
  account all;

  void thread(unsigned index) {
    if (index == 0) {
      cache.stop();
      // Whoever sees this began after the stop.
      stopped.store(true, detail::release);
      return;
    }
    for (int i = 0; i != 3; ++i) {
      const bool late = stopped.load(detail::acquire);
      const auto got = cache.next();
      model::require(!late || !got, "a number after the stop");
      if (got) {
        all.note(*got);
      } else {
        model::require(got.code() == errc::closed, "refused for another reason");
      }
    }
  }
  void after() { all.settle(cache); }
};

}  // namespace

int main(int count, char** words) {
  // By chance only: wherever a section may break the search would have to go every way, which is
  // more runs than there is time for, without any forced switch.
  constexpr model::plan by_chance{.runs = 20'000, .bound = 0, .full_bound = 0};
  model::program program(count, words);
  program.run<takes<2, 1, 3, false>>("two_take_blocks_of_one", by_chance);
  program.run<takes<2, 2, 4, false>>("two_take", by_chance);
  program.run<takes<3, 1, 2, false>>("three_take_blocks_of_one", by_chance);
  program.run<takes<3, 2, 3, false>>("three_take", by_chance);
  program.run<stopped_at_any_time<false>>("stopped_at_any_time", by_chance);
  program.run<takes<2, 2, 4, true>>("two_exclusive", by_chance);
  program.run<takes<3, 1, 2, true>>("three_exclusive", by_chance);
  program.run<stopped_at_any_time<true>>("exclusive_stopped_at_any_time", by_chance);
  return program.verdict();
}
