// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/block_cache.hpp>

#include "model.hpp"

namespace {

using namespace sequencer;

constexpr sequence most = 64;

struct issued {
  bool seen[most] = {};
  sequence count = 0;

  void note(sequence number) {
    model::require(number < most && !seen[number], "a number issued twice");
    seen[number] = true;
    ++count;
  }
};

// stop() comes while a handle refills: a call that begins after it answers `closed`, for good.
struct stopped_at_any_time : rl::test_suite<stopped_at_any_time, 2> {
  block_cache<memory_source> cache{{.block = 2}};
  model::atomic<bool> stopped{false};
  issued all;

  void thread(unsigned index) {
    if (index == 0) {
      cache.stop();
      // Whoever sees this began after the stop.
      stopped.store(true, detail::release);
      return;
    }
    auto mine = cache.local();
    bool refused = false;
    for (int i = 0; i != 40; ++i) {
      const bool late = stopped.load(detail::acquire);
      const auto got = mine.next();
      model::require(!(late || refused) || !got, "a number after the stop");
      if (got) {
        all.note(*got);
      } else {
        model::require(got.code() == errc::closed, "refused for another reason");
        refused = true;
      }
    }
  }
};

// Handles come and go on two threads: no number twice, increasing in each handle, and every number
// that was not issued went back or is a hole.
struct handles_come_and_go : rl::test_suite<handles_come_and_go, 2> {
  block_cache<memory_source> cache{{.block = 2}};
  issued all;

  void thread(unsigned index) {
    for (int turn = 0; turn != 2; ++turn) {
      auto mine = cache.local();
      sequence floor = 0;
      for (unsigned i = 0; i != 1 + index * 2; ++i) {
        const auto got = *mine.next();
        model::require(got >= floor, "a handle's numbers went back");
        all.note(got);
        floor = got + 1;
      }
    }
  }
  void after() {
    sequence lost = 0;
    for (const auto& each : cache.holes()) {
      lost += each.lost;
      for (auto s = each.numbers.first; s != each.numbers.last; ++s) {
        model::require(!all.seen[s], "an issued number is called a hole");
      }
    }
    model::require(all.count + lost == cache.source().peek(), "a number unaccounted for");
    model::require(cache.held_bound() == 0, "a handle that has ended holds numbers");
  }
};

// A source that is slow by name only; the checker decides who is late.
struct slow_source {
  static constexpr bool slow = true;
  memory_source numbers;

  result<block> acquire(const block_request& asked) noexcept { return numbers.acquire(asked); }
  bool release(std::uint32_t holder, range tail) noexcept {
    return numbers.release(holder, tail);
  }
};

// A handle is refilled from its spare block, by itself, or ends while a block is being fetched.
struct fetched_ahead : rl::test_suite<fetched_ahead, 2> {
  block_cache<slow_source> cache{{.block = 2}};
  model::atomic<bool> finished{false};
  issued all;

  void thread(unsigned index) {
    if (index == 0) {
      // relaxed: only ends the loop.
      while (!finished.load(detail::relaxed)) {
        if (!cache.tend()) cpu::relax();
      }
      return;
    }
    {
      auto mine = cache.local();
      sequence floor = 0;
      for (int i = 0; i != 4; ++i) {
        const auto got = *mine.next();
        model::require(got >= floor, "a handle's numbers went back");
        all.note(got);
        floor = got + 1;
      }
    }
    // relaxed: as above
    finished.store(true, detail::relaxed);
  }
  void after() {
    sequence lost = 0;
    for (const auto& each : cache.holes()) lost += each.lost;
    model::require(all.count + lost == cache.source().numbers.peek(), "a number unaccounted for");
  }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  program.run<stopped_at_any_time>("stopped_at_any_time", {.bound = 0, .full_bound = 0});
  program.run<handles_come_and_go>("handles_come_and_go", {.bound = 0, .full_bound = 0});
  program.run<fetched_ahead>("fetched_ahead", {.bound = 0, .full_bound = 0});
  return program.verdict();
}
