// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>

#include <sequencer/place/memory.hpp>
#include <sequencer/place/topology.hpp>
#include <sequencer/ring.hpp>

#include "cases.hpp"
#include "passing.hpp"
#include "ping_pong.hpp"

// A ring of 64 MiB whose slots lie in huge pages, and in small ones: events that follow each other,
// and one at a time that goes to and fro, each in the next slot.
namespace perf {

namespace {

namespace place = sequencer::place;
using number = std::uint64_t;
using ring = sequencer::ring<number, sequencer::producers::one>;

constexpr std::size_t ring_bytes = std::size_t{64} << 20;
constexpr std::size_t ring_slots = ring_bytes / sizeof(sequencer::slot<number>);

// On the first node that this process may use.
place::memory memory_in(place::huge_pages pages) {
  const auto here = sequencer::or_throw(place::topology::discover());
  place::region where{.name = "slots", .how = place::spread::bind, .nodes = {}};
  for (const auto& each : here.nodes) {
    if (where.nodes.empty() && each.usable) where.nodes.push_back(each.number);
  }
  return sequencer::or_throw(place::memory::make(here, where, ring_bytes, {.pages = pages}));
}

template <place::huge_pages Pages>
class slots_in {
 public:
  sequencer::slots<number> make() { return sequencer::slots<number>(ring_slots, bytes_.bytes()); }

 private:
  place::memory bytes_ = memory_in(Pages);
};

// The memory is there before the ring is, and after it.
template <place::huge_pages Pages>
class passing_in : private slots_in<Pages>, public ring_passing<ring, number> {
 public:
  passing_in() : ring_passing<ring, number>(1, slots_in<Pages>::make()) {}
};

template <class Huge, class Small>
void play(surroundings& in, const std::string& name) {
  contest of;
  of.name = name;
  of.params = {8, 1, 2, ring_slots, "one"};
  of.counting = 1;
  of.entries.push_back({"sequencer:huge_pages", std::make_unique<Huge>()});
  of.entries.push_back({"sequencer:small_pages", std::make_unique<Small>()});
  of.ratios = {{"sequencer:huge_pages", "sequencer:small_pages"}};
  auto how = in.how;
  if (!in.full) how.rounds = how.rounds / 2 + 1;
  run_contest(of, how, in.workers, in.random, in.into);
}

}  // namespace

void run_huge_pages(surroundings& in) {
  if (in.workers.size() < 2) return;
  using enum place::huge_pages;
  const auto asked = memory_in(transparent);
  in.into.remarks.push_back(
      fmt::format("huge_pages: {} of {} MiB are in huge pages where those were asked for",
                  asked.verify().huge_bytes >> 20, ring_bytes >> 20));
  for (const auto& each : asked.refused()) in.into.remarks.push_back("huge_pages: " + each);
  play<passing_in<transparent>, passing_in<no>>(in, "huge_pages_1p1c");
  play<ping_pong<ring_link<slots_in<transparent>>>, ping_pong<ring_link<slots_in<no>>>>(
      in, "huge_pages_ping_pong");
}

}  // namespace perf
