// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Threads on CPUs, as far as this host lets it be; on several nodes: tests/numa.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>

#include <sequencer/graph.hpp>
#include <sequencer/place/binding.hpp>
#include <sequencer/ring.hpp>

#include <tests/asleep.hpp>

#include "machines.hpp"

namespace {

using sequencer::errc;
using sequencer::place::bind_this_thread;
using sequencer::place::index_set;
using sequencer::place::launcher;
using sequencer::place::plan;
using sequencer::place::topology;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

topology here() { return *topology::discover(); }

// A thread of its own, so that this one keeps its affinity.
template <class Do>
void apart(Do what) {
  std::thread(what).join();
}

TEST(binding, puts_a_thread_on_a_cpu) {
  const auto of = here();
  for (const auto cpu : of.usable_cpus) {
    apart([&] {
      const auto done = bind_this_thread(of, {cpu});
      ASSERT_TRUE(done) << done.text();
      EXPECT_EQ(::sched_getcpu(), static_cast<int>(cpu));
    });
  }
}

TEST(binding, refuses_cpus_that_there_are_not) {
  apart([] {
    const auto of = here();
    const auto before = of.usable_cpus;
    const auto missing = bind_this_thread(of, {of.cores.back().cpus.last() + 1000});
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.code(), errc::invalid);
    const auto none = bind_this_thread(of, {});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.code(), errc::invalid);
    EXPECT_EQ(here().usable_cpus, before);
  });
}

// The kernel takes what it can of a set that is not all there, and says nothing.
TEST(binding, is_not_done_when_the_kernel_does_less) {
  apart([] {
    auto of = here();
    const auto before = of.usable_cpus;
    const auto beyond = of.cores.back().cpus.last() + 1;
    of.cores.push_back({{beyond}, 0, 0, 0, 0});  // a CPU that is not there
    auto asked = before;
    asked.insert(beyond);
    const auto done = bind_this_thread(of, asked);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.code(), errc::denied);
    EXPECT_THAT(std::string(done.text()), HasSubstr("lets the thread run on"));
    EXPECT_EQ(here().usable_cpus, before);
  });
}

TEST(binding, of_another_machine_is_refused) {
  auto of = here();
  of.this_machine = false;
  of.source = "a copy";
  const auto bound = bind_this_thread(of, {of.usable_cpus.first()});
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.code(), errc::unsupported);
  EXPECT_THAT(std::string(bound.text()), HasSubstr("a copy: not this machine"));
  const auto launched = launcher::make(of, {});
  ASSERT_FALSE(launched);
  EXPECT_EQ(launched.code(), errc::unsupported);
}

TEST(binding, of_every_described_machine_is_refused) {
  if (!topology::has_hwloc()) GTEST_SKIP() << "built without hwloc, which reads descriptions";
  for (const auto& each : machines::all) {
    const auto of = machines::read(each);
    const auto bound = bind_this_thread(of, {of.usable_cpus.first()});
    ASSERT_FALSE(bound) << each.name;
    EXPECT_EQ(bound.code(), errc::unsupported);
  }
}

TEST(launcher, says_what_the_host_refuses) {
  const auto of = here();
  plan planned;
  planned.seats = {{"a", static_cast<int>(of.usable_cpus.first()), -1}, {"b", 4000, -1}};
  const auto made = launcher::make(of, planned);
  ASSERT_TRUE(made) << made.text();
  EXPECT_THAT(made->refused(), ElementsAre(HasSubstr("'b' is planned on CPU 4000")));
  EXPECT_EQ(made->cpu_of("a"), static_cast<int>(of.usable_cpus.first()));
  EXPECT_EQ(made->cpu_of("b"), -1);
  const auto unknown = made->pin_this_thread("c");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.code(), errc::invalid);
  apart([&] { EXPECT_FALSE(made->pin_this_thread("b")); });
}

// What counts is what the kernel lets be: an affinity can be widened up to the cpuset, as to CPUs
// that are isolated.
TEST(launcher, tries_instead_of_believing) {
  auto of = here();
  const auto last = of.usable_cpus.last();
  of.usable_cpus = {of.usable_cpus.first()};
  plan planned;
  planned.seats = {{"a", static_cast<int>(last), -1}};
  const auto made = launcher::make(of, planned);
  ASSERT_TRUE(made) << made.text();
  EXPECT_THAT(made->refused(), IsEmpty());
  EXPECT_EQ(made->cpu_of("a"), static_cast<int>(last));
  EXPECT_EQ(here().usable_cpus, topology::discover()->usable_cpus) << "this thread stays";
}

// A graph whose stages run where the plan says: read back from the kernel, and from the handler.
TEST(launcher, starts_a_graph_where_it_was_planned) {
  const auto of = here();
  sequencer::ring<int, sequencer::producers::one> ring{64};
  sequencer::graph graph{ring};
  std::atomic<int> seen_on{-1};
  std::array<std::atomic<long>, 3> ids{};
  const auto first = graph.add("first", [&](int&, sequencer::sequence, bool) noexcept {
    seen_on = ::sched_getcpu();
    ids[0] = ::syscall(SYS_gettid);
  });
  graph.add<sequencer::wait::park>("second", [&](int&, sequencer::sequence, bool) noexcept {
    ids[1] = ::syscall(SYS_gettid);
  }, {first});
  const auto work = sequencer::place::workload::of(graph, {"feed"});
  auto planned = plan::make(of, work);
  ASSERT_TRUE(planned) << planned.text();
  // Whatever this machine has: all on its last CPU.
  const int last = static_cast<int>(of.usable_cpus.last());
  for (auto& seat : planned->seats) seat.cpu = last;
  const auto start = launcher::make(of, *planned);
  ASSERT_TRUE(start) << start.text();
  EXPECT_THAT(start->refused(), IsEmpty());
  auto flow = std::move(graph).start(*start);
  ASSERT_TRUE(flow) << flow.text();
  std::thread([&] {
    ids[2] = ::syscall(SYS_gettid);
    ASSERT_TRUE(start->pin_this_thread("feed"));
    ::pthread_setname_np(::pthread_self(), "feed");
    auto out = flow->producer();
    ASSERT_TRUE(out);
    ASSERT_TRUE(out->publish([](int& event) noexcept { event = 1; }));
    const auto found = start->verify();
    ASSERT_THAT(found, SizeIs(3));
    for (const auto& each : found) {
      EXPECT_EQ(each.threads, 1) << each.name;
      EXPECT_EQ(each.planned, last) << each.name;
      EXPECT_TRUE(each.as_planned) << each.name << " on " << each.allowed.text();
    }
  }).join();
  ASSERT_TRUE(flow->drain());
  EXPECT_EQ(seen_on, last);
  for (const auto& each : ids) sequencer::await_end(each);
  for (const auto& each : start->verify()) EXPECT_FALSE(each.as_planned) << "all have ended";
}

}  // namespace
