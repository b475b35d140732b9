// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "cases.hpp"

// Slices that have a length in time, not in items: where one item may take a hundred times as long
// as the one before, as a sync does.
namespace perf {

struct slice_result {
  double ns_per_item = 0;
  std::string wrong;
};

// Runs `step(thread)` on some threads until the span is over; the time an item over all of them. A
// step says how many items it was, 0 to give up.
template <class Step>
double timed(unsigned threads, std::chrono::nanoseconds span, Step step) {
  using clock = std::chrono::steady_clock;
  std::atomic<unsigned> ready{0};
  std::atomic<bool> go{false};
  std::atomic<std::uint64_t> items{0};
  std::vector<std::jthread> all;
  clock::time_point until;
  for (unsigned i = 0; i < threads; ++i) {
    all.emplace_back([&, i] {
      ++ready;
      ready.notify_all();
      go.wait(false);
      std::uint64_t done = 0;
      while (clock::now() < until) {
        const auto more = static_cast<std::uint64_t>(step(i));
        if (more == 0) break;
        done += more;
      }
      items += done;
    });
  }
  for (auto seen = ready.load(); seen != threads; seen = ready.load()) ready.wait(seen);
  const auto began = clock::now();
  until = began + span;
  go = true;
  go.notify_all();
  all.clear();
  const std::chrono::duration<double, std::nano> took = clock::now() - began;
  return took.count() / static_cast<double>(std::max<std::uint64_t>(1, items));
}

// A contender as a function of a slice's length.
struct timed_entry {
  std::string name;
  std::function<slice_result(std::chrono::nanoseconds)> run;
};

// In random order in every round. Adds rows and ratios.
void run_timed(surroundings& in, contest of, std::vector<timed_entry> entries,
               std::chrono::nanoseconds span, std::uint64_t rounds,
               const std::string& unit = "ns/item");

}  // namespace perf
