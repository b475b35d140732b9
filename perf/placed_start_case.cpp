// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include <sequencer/graph.hpp>
#include <sequencer/place/binding.hpp>
#include <sequencer/place/memory.hpp>
#include <sequencer/place/plan.hpp>
#include <sequencer/ring.hpp>

#include "cases.hpp"
#include "ring_ends.hpp"
#include "timed_slices.hpp"

// How long it takes from a graph of four stages to threads that run on their CPUs beside 64 MiB of
// slots on their node, all of it read back from the kernel.
namespace perf {

namespace {

namespace place = sequencer::place;
using number = std::uint64_t;
using ring = sequencer::ring<number, sequencer::producers::one>;
using clock = std::chrono::steady_clock;

constexpr std::size_t ring_bytes = std::size_t{64} << 20;
constexpr std::size_t ring_slots = ring_bytes / sizeof(sequencer::slot<number>);

// Each adds what it sees, so that every event is known to have gone through all four.
struct adder {
  std::uint64_t* sum;
  void operator()(const number& event, sequencer::sequence, bool) const noexcept { *sum += event; }
};

std::string fault_in(const place::launcher& start, const place::residence& found) {
  if (found.known && !found.as_planned()) return "pages are not where they were planned";
  if (!start.refused().empty()) return {};  // then nobody claims that they are
  for (const auto& each : start.verify()) {
    if (each.planned != place::any_cpu && each.name != "feed" && !each.as_planned) {
      return "a thread is not where it was planned: " + each.name;
    }
  }
  return {};
}

slice_result start_once(const place::topology& here, place::huge_pages pages) {
  using sequencer::or_throw;
  const auto began = clock::now();
  auto work = place::workload().producer("feed").stage("one").stage("two", {"one"}).stage(
      "three", {"two"});
  work.stage("four", {"three"});
  const auto plan = or_throw(place::plan::make(here, work));
  const auto bytes =
      or_throw(place::memory::make(here, *plan.region_of("slots"), ring_bytes, {.pages = pages}));
  ring events{sequencer::slots<number>(ring_slots, bytes.bytes())};
  const auto start = or_throw(place::launcher::make(here, plan));
  std::uint64_t sums[4] = {};
  sequencer::graph stages{events};
  auto last = stages.add("one", adder{&sums[0]});
  last = stages.add("two", adder{&sums[1]}, {last});
  last = stages.add("three", adder{&sums[2]}, {last});
  stages.add("four", adder{&sums[3]}, {last});
  auto flow = or_throw(std::move(stages).start(start));
  const auto pages_found = bytes.verify();
  auto wrong = fault_in(start, pages_found);
  const std::chrono::duration<double, std::nano> took = clock::now() - began;

  auto out = or_throw(flow.producer<sequencer::wait::yield>());
  for (number i = 1; i <= 1000; ++i) {
    static_cast<void>(out.publish([&](number& event) { event = i; }));
  }
  static_cast<void>(flow.drain());
  const bool all = std::all_of(std::begin(sums), std::end(sums),
                               [](std::uint64_t sum) { return sum == 500'500; });
  if (!all) wrong = "an event did not go through every stage";
  return {took.count(), wrong};
}

}  // namespace

void run_placed_start(surroundings& in) {
  const auto here = sequencer::or_throw(place::topology::discover());
  contest of;
  of.name = "placed_start";
  of.params = {8, 1, 4, ring_slots, "any"};
  of.ratios = {{"sequencer:huge_pages", "sequencer:small_pages"}};
  const auto with = [&](place::huge_pages pages) {
    return [&here, pages](std::chrono::nanoseconds) { return start_once(here, pages); };
  };
  using enum place::huge_pages;
  // What the host has not given this machine yet, it gives now, and not in the first round.
  static_cast<void>(start_once(here, no));
  run_timed(in, std::move(of),
            {{"sequencer:huge_pages", with(transparent)}, {"sequencer:small_pages", with(no)}},
            std::chrono::nanoseconds(0), std::max<std::uint64_t>(in.how.rounds / 4, 3), "ns");
  const auto* found = in.into.find_row("placed_start", 4, "sequencer:huge_pages");
  const bool there = found != nullptr && found->valid;
  const auto ms = there ? found->median / 1e6 : 0;
  in.into.verdicts.push_back({"start of 4 stages placed and verified, 64 MiB of slots", "<= 50 ms",
                              there ? fmt::format("{:.1f} ms", ms) : "not measured, or void",
                              there && ms <= 50});
}

}  // namespace perf
