// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Tiers of blocks as topologies give them.
#include <sequencer/place/tiers.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sequencer/block_cache.hpp>
#include <sequencer/tiered_source.hpp>

#include "machines.hpp"

namespace {

using machines::named;
using sequencer::tiers;
using sequencer::unbound;
using sequencer::place::bound_tiers_of;
using sequencer::place::memory_of_cpus;
using sequencer::place::tiers_of;
using sequencer::place::topology;
using testing::ElementsAre;
using testing::SizeIs;

class tiers_of_machines : public testing::Test {
 protected:
  void SetUp() override {
    if (!topology::has_hwloc()) GTEST_SKIP() << "built without hwloc, which reads descriptions";
  }
};

TEST_F(tiers_of_machines, a_domain_for_each_cache_and_its_node_above_it) {
  const auto of = tiers_of(named("ccx"));
  EXPECT_THAT(of.node_of_domain, ElementsAre(0, 0, 0, 0, 1, 1, 1, 1));
  ASSERT_THAT(of.domain_of_cpu, SizeIs(64));
  EXPECT_EQ(of.domain_of_cpu[0], of.domain_of_cpu[7]);
  EXPECT_NE(of.domain_of_cpu[7], of.domain_of_cpu[8]);
  EXPECT_EQ(of.domain_of_cpu[63], 7u);
  EXPECT_EQ(of.nodes(), 2u);
}

TEST_F(tiers_of_machines, a_cache_of_two_nodes_is_a_domain_in_each) {
  EXPECT_THAT(tiers_of(named("sub-numa")).node_of_domain, ElementsAre(0, 1, 2, 3));
}

TEST_F(tiers_of_machines, one_node_is_no_level) {
  const auto of = tiers_of(named("desk"));
  EXPECT_EQ(of.domains(), 1u);
  EXPECT_EQ(of.node_block, 0u);
  EXPECT_EQ(of.nodes(), 0u);
}

TEST_F(tiers_of_machines, numbers_of_the_system_may_be_sparse_and_nodes_count_from_0) {
  const auto machine = named("sparse");
  const auto of = tiers_of(machine);
  for (const auto& core : machine.cores) {
    for (const auto cpu : core.cpus) {
      EXPECT_EQ(of.domain_of_cpu[cpu], of.domain_of_cpu[core.cpus.first()]);
      EXPECT_LT(of.node_of_domain[of.domain_of_cpu[cpu]], machine.nodes.size());
    }
  }
}

TEST_F(tiers_of_machines, only_where_this_process_may_run) {
  EXPECT_EQ(tiers_of(named("one-cpu")).domains(), 1u);
}

TEST_F(tiers_of_machines, every_machine_gives_tiers_that_make_sense) {
  for (const auto& each : machines::all) {
    EXPECT_EQ(tiers_of(machines::read(each)).fault(), "") << each.name;
  }
}

TEST_F(tiers_of_machines, a_pool_lies_on_the_node_of_its_cpus_only_where_that_was_asked_for) {
  const auto machine = named("ccx");
  EXPECT_TRUE(tiers_of(machine).memory_of_domain.empty());
  const auto bound = bound_tiers_of(machine);
  EXPECT_THAT(bound.memory_of_domain, ElementsAre(0, 0, 0, 0, 1, 1, 1, 1));
  EXPECT_EQ(bound.memory_of_node(1), 1u);
}

TEST_F(tiers_of_machines, memory_is_on_nodes_that_have_some) {
  for (const auto& each : machines::all) {
    const auto machine = machines::read(each);
    const auto nodes = memory_of_cpus(machine);
    EXPECT_EQ(bound_tiers_of(machine).fault(), "") << each.name;
    for (const auto& core : machine.cores) {
      for (const auto cpu : core.cpus.common(machine.usable_cpus)) {
        if (nodes.at(cpu) == unbound) continue;
        const auto& node = machine.nodes.at(machine.node_at(nodes[cpu]));
        EXPECT_TRUE(node.usable && node.bytes != 0) << each.name << ", CPU " << cpu;
        const auto own = machine.nodes.at(core.node);
        EXPECT_TRUE(own.number == node.number || own.bytes == 0 || !own.usable)
            << each.name << ", CPU " << cpu << " has memory of its own";
      }
    }
  }
}

TEST(tiers_here, serve_a_block_cache) {
  const auto here = topology::discover();
  ASSERT_TRUE(here) << here.text();
  const auto of = tiers_of(*here);
  EXPECT_EQ(of.fault(), "");
  sequencer::block_cache<sequencer::tiered_source<sequencer::memory_source>> cache({.block = 16},
                                                                                   of);
  auto mine = cache.local();
  sequencer::sequence last = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto number = *mine.next();
    EXPECT_TRUE(i == 0 || number > last);
    last = number;
  }
  EXPECT_GT(cache.source().figures().domains.refills, 0u);
}

}  // namespace
