// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

#include <sequencer/place/measure.hpp>
#include <sequencer/place/topology.hpp>

namespace {

using sequencer::errc;
using sequencer::place::measure_lines;
using sequencer::place::topology;

TEST(lines, are_measured_between_all_cores) {
  const auto here = *topology::discover();
  const auto found = measure_lines(here, {.rounds = 3, .passes = 50});
  ASSERT_TRUE(found) << found.text();
  std::size_t usable = 0;
  for (const auto& each : here.cores) usable += each.cpus.meets(here.usable_cpus);
  ASSERT_EQ(found->cpus.size(), usable);
  for (std::size_t i = 0; i < usable; ++i) {
    EXPECT_TRUE(here.usable_cpus.contains(found->cpus[i]));
    for (std::size_t j = 0; j < usable; ++j) {
      EXPECT_EQ(found->ns[i][j], found->ns[j][i]);
      EXPECT_EQ(found->ns[i][j] > 0, i != j);
    }
  }
  EXPECT_EQ(topology::discover()->usable_cpus, here.usable_cpus) << "this thread was bound";
}

// Who measures and who answers begin on one CPU, and neither is preempted for the other.
TEST(lines, are_measured_by_threads_of_a_real_time_policy) {
  const auto here = *topology::discover();
  std::thread([&] {
    const sched_param least{::sched_get_priority_min(SCHED_FIFO)};
    if (::sched_setscheduler(0, SCHED_FIFO, &least) != 0) {
      GTEST_SKIP() << "this process may have no real-time policy";
    }
    const auto found = measure_lines(here, {.rounds = 1, .passes = 50});
    EXPECT_TRUE(found) << found.text();
  }).join();
}

TEST(lines, of_another_machine_are_refused) {
  auto of = *topology::discover();
  of.this_machine = false;
  const auto found = measure_lines(of);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.code(), errc::unsupported);
  EXPECT_THAT(std::string(found.text()), testing::HasSubstr("not this machine"));
}

TEST(lines, of_cores_that_are_not_there_are_no_figures) {
  auto of = *topology::discover();
  const auto beyond = of.cores.back().cpus.last() + 1;
  of.cores.push_back({{beyond}, 0, 0, 0, 0});
  of.usable_cpus.insert(beyond);
  const auto found = measure_lines(of, {.rounds = 1, .passes = 1});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.code(), errc::denied);
}

TEST(lines, take_at_least_one_round_and_pass) {
  const auto here = *topology::discover();
  EXPECT_EQ(measure_lines(here, {.rounds = 0}).code(), errc::invalid);
  EXPECT_EQ(measure_lines(here, {.passes = 0}).code(), errc::invalid);
}

}  // namespace
