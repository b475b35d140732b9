// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Plans for many machines, as they stand in golden/. SEQUENCER_GOLDEN=write writes them anew.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <set>

#include <sequencer/graph.hpp>
#include <sequencer/place/plan.hpp>
#include <sequencer/ring.hpp>

#include "machines.hpp"

namespace {

using machines::named;
using sequencer::errc;
using sequencer::place::index_set;
using sequencer::place::plan;
using sequencer::place::spread;
using sequencer::place::topology;
using sequencer::place::workload;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A desk: two feeds, a diamond behind them, and a report that does not spin.
workload desk() {
  return workload()
      .producer("feed/a")
      .producer("feed/b")
      .stage("journal")
      .stage("replica")
      .stage("match", {"journal", "replica"})
      .stage("report", {"match"}, false);
}

plan made(const topology& of, const workload& work) {
  auto planned = plan::make(of, work);
  if (!planned) ADD_FAILURE() << planned.text();
  return planned ? *std::move(planned) : plan{};
}

class plans : public testing::Test {
 protected:
  void SetUp() override {
    if (!topology::has_hwloc()) GTEST_SKIP() << "built without hwloc, which reads descriptions";
  }
};

TEST_F(plans, are_as_they_were) {
  for (const auto& each : machines::all) {
    const auto of = machines::read(each);
    const auto text = "# " + std::string(each.what) + "\n\n# the desk\n" +
                      made(of, desk()).text(of) + "\n# ten threads that spin\n" +
                      made(of, workload::threads(10)).text(of);
    const auto path = PLACE_TESTS "/golden/" + std::string(each.name) + ".plan";
    const auto* mode = std::getenv("SEQUENCER_GOLDEN");
    if (mode != nullptr && std::string_view(mode) == "write") std::ofstream(path) << text;
    EXPECT_EQ(text, machines::content_of(path)) << path;
  }
}

// What is promised of every plan, on every machine, whatever the golden files say.
TEST_F(plans, keep_what_is_promised) {
  for (const auto& each : machines::all) {
    const auto of = machines::read(each);
    for (std::size_t threads = 1; threads <= 12; ++threads) {
      const auto planned = made(of, workload::threads(threads));
      SCOPED_TRACE(std::string(each.name) + ", " + std::to_string(threads) + " threads");
      EXPECT_THAT(planned.faults(of), IsEmpty());
      std::set<std::size_t> cores;
      std::size_t seated = 0;
      for (const auto& seat : planned.seats) {
        if (seat.cpu < 0) continue;
        ++seated;
        EXPECT_TRUE(of.usable_cpus.contains(static_cast<unsigned>(seat.cpu)));
        cores.insert(of.core_of(static_cast<unsigned>(seat.cpu)));
      }
      EXPECT_EQ(cores.size(), seated) << "two threads share a core";
      std::size_t usable = 0;
      for (const auto& core : of.cores) usable += core.cpus.meets(of.usable_cpus);
      EXPECT_EQ(seated, std::min(threads, usable));
      EXPECT_EQ(planned.reserved.empty(), usable <= threads);
      const bool says = !planned.notes.empty() && (planned.reserved.empty() || seated < threads);
      EXPECT_TRUE(says || (!planned.reserved.empty() && seated == threads));
    }
  }
}

TEST_F(plans, keep_neighbours_in_one_cache_where_they_fit) {
  for (const auto* name : {"desk", "ccx", "two-sockets", "sub-numa"}) {
    const auto of = named(name);
    // Three threads that spin fit into any of these caches.
    const auto planned = made(of, workload().producer("p").stage("a").stage("b", {"a"}));
    std::set<std::size_t> caches;
    for (const auto& seat : planned.seats) {
      caches.insert(of.cores[of.core_of(static_cast<unsigned>(seat.cpu))].cache);
    }
    EXPECT_THAT(caches, SizeIs(1)) << name;
    EXPECT_THAT(planned.notes, IsEmpty()) << name;
  }
}

// A chain of eight over caches of four cores: it is cut once, in the middle.
TEST_F(plans, cut_a_chain_once) {
  const auto of = named("ccx");
  auto work = workload().producer("0");
  for (int i = 1; i < 8; ++i) work.stage(std::to_string(i), {std::to_string(i - 1)});
  const auto planned = made(of, work);
  int crossings = 0;
  for (int i = 1; i < 8; ++i) {
    const auto cache = [&](int at) {
      return of.cores[of.core_of(static_cast<unsigned>(planned.cpu_of(std::to_string(at))))].cache;
    };
    crossings += cache(i) != cache(i - 1);
  }
  EXPECT_EQ(crossings, 1);
  EXPECT_THAT(planned.notes, ElementsAre(HasSubstr("do not share a cache")));
}

TEST_F(plans, take_fast_cores_and_leave_a_slow_one) {
  const auto of = named("hybrid");
  const auto planned = made(of, workload::threads(4));
  for (const auto& seat : planned.seats) EXPECT_GE(seat.cpu, 4);
  EXPECT_EQ(planned.reserved.text(), "0");
}

TEST_F(plans, spin_on_isolated_cores_alone_where_there_are_enough) {
  auto of = named("ccx");
  of.isolated_cpus = of.packages[1].cpus;
  const auto planned = made(of, desk());
  for (const auto& seat : planned.seats) {
    ASSERT_GE(seat.cpu, 0) << seat.name;
    EXPECT_EQ(of.isolated_cpus.contains(static_cast<unsigned>(seat.cpu)), seat.name != "report")
        << seat.name;
  }
  EXPECT_FALSE(of.isolated_cpus.meets(planned.reserved));
  EXPECT_THAT(planned.notes, testing::Not(Contains(HasSubstr("isolated"))));
  EXPECT_THAT(planned.text(of), HasSubstr(", isolated\n"));
}

TEST_F(plans, say_when_too_few_cores_are_isolated) {
  auto of = named("desk");
  of.isolated_cpus = {6, 7};  // one core
  const auto planned = made(of, desk());
  EXPECT_THAT(planned.notes, Contains("5 spinning threads, and 1 isolated core: some run where "
                                      "others do."));
  bool used = false;
  for (const auto& seat : planned.seats) used |= seat.cpu == 6;
  EXPECT_TRUE(used);
  EXPECT_THAT(planned.faults(of), IsEmpty());
}

TEST_F(plans, put_memory_where_there_is_some) {
  auto of = named("two-sockets");
  of.nodes[0].usable = false;
  const auto planned = made(of, desk());
  EXPECT_THAT(planned.region_of("slots")->nodes, ElementsAre(1u));
  for (const auto& seat : planned.seats) {
    if (seat.cpu >= 0) {
      EXPECT_EQ(seat.node, 1);
    }
  }
}

TEST_F(plans, say_when_time_is_limited) {
  auto of = named("desk");
  of.limits.cpus = 1.5;
  EXPECT_THAT(made(of, desk()).notes, Contains(HasSubstr("1.50 CPUs' worth of time")));
}

TEST_F(plans, are_read_back) {
  for (const auto& each : machines::all) {
    const auto of = machines::read(each);
    const auto planned = made(of, desk());
    const auto read = plan::from_text(planned.text(of));
    ASSERT_TRUE(read) << read.text();
    EXPECT_EQ(*read, planned) << each.name;
  }
}

TEST(plan_text, takes_what_a_person_writes) {
  const auto read = plan::from_text(
      "# by hand\n\nplan 1\nrun \"two words\" on 3   # quick\nrun b on any memory 1\n"
      "reserve 0,8-9\nmemory slots split 1,0\nmemory more interleave 0-3\nnote \"mind "
      "\\\"it\\\"\"\n");
  ASSERT_TRUE(read) << read.text();
  EXPECT_EQ(read->cpu_of("two words"), 3);
  EXPECT_EQ(read->cpu_of("b"), -1);
  EXPECT_EQ(read->node_of("b"), 1);
  EXPECT_EQ(read->cpu_of("nobody"), -1);
  EXPECT_EQ(read->reserved.text(), "0,8-9");
  EXPECT_EQ(read->region_of("slots")->how, spread::split);
  EXPECT_THAT(read->region_of("slots")->nodes, ElementsAre(1u, 0u));
  EXPECT_THAT(read->region_of("more")->nodes, ElementsAre(0u, 1u, 2u, 3u));
  EXPECT_EQ(read->region_of("other"), nullptr);
  EXPECT_THAT(read->notes, ElementsAre("mind \"it\""));
  EXPECT_EQ(*plan::from_text(read->text({})), *read);
}

TEST(plan_text, refuses_with_the_line) {
  const std::map<std::string, std::string> wrong = {
      {"", "line 1: ''; expected: plan 1"},
      {"plan 2", "expected: plan 1"},
      {"plan 1\nrun a on b", "line 2: 'run a on b'; expected: run NAME on CPU"},
      {"plan 1\nrun a on 1-2", "expected: run NAME"},
      {"plan 1\nrun a on 1 memory", "expected: run NAME"},
      {"plan 1\nrun \"a on 1", "expected: words, or names in double quotes"},
      {"plan 1\nmemory slots bind 0,1", "expected: memory NAME"},
      {"plan 1\nmemory slots some 0", "expected: memory NAME"},
      {"plan 1\nreserve x", "expected: reserve CPUS"},
      {"plan 1\nwalk a", "expected: run, memory"},
      {"plan 1\nrun a on 1\nrun b on 2\nrun a on 3",
       "line 4: 'run a on 3'; expected: a thread's name that no line before has"},
      {"plan 1\nrun \"\" on 1", "expected: a thread's name"},
      {"plan 1\nmemory a bind 1\nmemory a bind 2", "line 3: 'memory a bind 2'; expected: a name"},
      {"plan 1\nreserve 1\nreserve 2", "expected: one line that reserves"},
  };
  for (const auto& [text, why] : wrong) {
    const auto read = plan::from_text(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.code(), errc::invalid);
    EXPECT_THAT(std::string(read.text()), HasSubstr(why));
  }
}

TEST_F(plans, that_were_edited_are_judged) {
  const auto of = named("restricted");
  const auto read = plan::from_text(
      "plan 1\nreserve 10\nrun a on 8\nrun b on 9\nrun c on 0\nrun d on 77\nrun e on 10\n"
      "run f on any memory 5\nmemory slots bind 7\n");
  ASSERT_TRUE(read) << read.text();
  EXPECT_THAT(read->faults(of), ElementsAre("'b' on CPU 9: shares a core with 'a'",
                                            "'c' on CPU 0: this process may use CPUs 3,5,8-10 only",
                                            "'d' on CPU 77: there is no such CPU",
                                            "'e' on CPU 10: that core is reserved for the system",
                                            "memory of 'f': there is no node 5",
                                            "memory 'slots': there is no node 7"));
}

TEST(plan, refuses_a_workload_that_makes_no_sense) {
  const auto of = *topology::discover();
  EXPECT_THAT(std::string(plan::make(of, workload().stage("a").stage("a")).text()),
              HasSubstr("two tasks are named 'a'"));
  EXPECT_THAT(std::string(plan::make(of, workload().stage("a", {"b"})).text()),
              HasSubstr("'a' follows 'b', which is no task"));
  EXPECT_THAT(std::string(plan::make(of, workload().stage("")).text()), HasSubstr("no name"));
  EXPECT_THAT(std::string(plan::make(of, workload().stage("a\nrun b on 1")).text()),
              HasSubstr("line break"));
}

TEST(plan, is_made_for_a_graph) {
  sequencer::ring<int, sequencer::producers::many> ring{64};
  sequencer::graph graph{ring};
  const auto handle = [](int&, sequencer::sequence, bool) noexcept {};
  const auto journal = graph.add("journal", handle);
  const auto crew = graph.add_workers("crew", 2, [&](std::size_t) { return handle; });
  graph.add<sequencer::wait::park>("match", handle, {journal, crew});
  const auto work = workload::of(graph, {"feed"});
  ASSERT_THAT(work.tasks, SizeIs(5));
  EXPECT_TRUE(work.tasks[0].produces);
  EXPECT_EQ(work.tasks[2].name, "crew/0");
  EXPECT_THAT(work.tasks[4].after, ElementsAre("journal", "crew/0", "crew/1"));
  EXPECT_TRUE(work.tasks[2].spins);
  EXPECT_FALSE(work.tasks[4].spins) << "it waits by parking";
}

}  // namespace
