// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A host that refuses every binding: each call says so, and none hands out what is not bound.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sequencer/counter.hpp>
#include <sequencer/graph.hpp>
#include <sequencer/place/binding.hpp>
#include <sequencer/place/measure.hpp>
#include <sequencer/place/memory.hpp>
#include <sequencer/place/placed.hpp>
#include <sequencer/place/topology.hpp>
#include <sequencer/ring.hpp>

namespace {

using namespace sequencer::place;
using sequencer::errc;
using testing::HasSubstr;

const topology& here() {
  static const topology found = *topology::discover();
  return found;
}

TEST(refusing_host, binds_no_thread_and_says_so) {
  const auto before = here().usable_cpus;
  const auto bound = bind_this_thread(here(), {before.first()});
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.code(), errc::denied);
  EXPECT_THAT(std::string(bound.text()), HasSubstr("the kernel refused: Operation not permitted"));
  EXPECT_EQ(topology::discover()->usable_cpus, before);
}

TEST(refusing_host, gives_no_seat) {
  plan planned;
  planned.seats = {{"feed", static_cast<int>(here().usable_cpus.first()), any_node}};
  const auto start = launcher::make(here(), planned);
  ASSERT_TRUE(start) << start.text();
  EXPECT_THAT(start->refused(), testing::ElementsAre(HasSubstr("'feed' is planned on CPU")));
  EXPECT_EQ(start->cpu_of("feed"), any_cpu);
  const auto pinned = start->pin_this_thread("feed");
  ASSERT_FALSE(pinned);
  EXPECT_EQ(pinned.code(), errc::denied);
  EXPECT_FALSE(start->verify()[0].as_planned);
}

// A graph runs there all the same, on any CPU.
TEST(refusing_host, starts_a_graph) {
  plan planned;
  planned.seats = {{"count", static_cast<int>(here().usable_cpus.first()), any_node}};
  const auto start = launcher::make(here(), planned);
  ASSERT_TRUE(start) << start.text();
  sequencer::ring<int, sequencer::producers::one> ring{64};
  sequencer::graph graph{ring};
  index_set allowed;
  graph.add("count", [&](int&, sequencer::sequence, bool) noexcept {
    allowed = topology::discover()->usable_cpus;
  });
  auto flow = std::move(graph).start(*start);
  ASSERT_TRUE(flow) << flow.text();
  EXPECT_TRUE(flow->producer()->publish([](int& event) noexcept { event = 1; }));
  EXPECT_TRUE(flow->drain());
  EXPECT_EQ(allowed, here().usable_cpus);
}

TEST(refusing_host, gives_no_memory_that_is_not_bound) {
  if (here().nodes.empty()) GTEST_SKIP() << "this kernel tells of no nodes";
  const region where{"slots", spread::bind, {here().nodes[0].number}};
  for (const auto pages : {huge_pages::no, huge_pages::transparent, huge_pages::reserved}) {
    const auto made = memory::make(here(), where, 4 << 20, {.pages = pages});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.code(), errc::denied);
    EXPECT_THAT(std::string(made.text()),
                HasSubstr("the kernel refused the policy: Operation not permitted; is this a "
                          "container"));
  }
  const auto counter = placed<sequencer::counter>::make(here(), where);
  ASSERT_FALSE(counter);
  EXPECT_EQ(counter.code(), errc::denied);
}

TEST(refusing_host, gives_no_figures) {
  if (here().usable_cpus.size() < 2) GTEST_SKIP() << "one CPU: there is no pair to measure";
  const auto lines = measure_lines(here(), {.rounds = 1, .passes = 1});
  ASSERT_FALSE(lines);
  EXPECT_EQ(lines.code(), errc::denied);
}

}  // namespace
