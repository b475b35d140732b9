// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Machines as they are told, and this one as it is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "machines.hpp"

namespace {

using machines::named;
using sequencer::errc;
using sequencer::place::index_set;
using sequencer::place::nowhere;
using sequencer::place::topology;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(index_set, reads_what_it_writes) {
  for (const auto* text : {"", "0", "0-3", "0-3,8", "1,3,5-6,200", "1048576"}) {
    const auto read = index_set::from_text(text);
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->text(), text);
  }
  EXPECT_EQ(index_set::from_text("3,1,2")->text(), "1-3");
}

TEST(index_set, refuses_what_is_no_list) {
  for (const auto* text : {"a", "-1", "1-", "3-1", "1,,2", "1,", "1 2", "1048577", "4294967297"}) {
    EXPECT_FALSE(index_set::from_text(text)) << text;
  }
}

TEST(index_set, knows_what_it_holds) {
  const index_set all{7, 1, 3, 1};
  EXPECT_EQ(all.size(), 3u);
  EXPECT_TRUE(all.contains(3));
  EXPECT_FALSE(all.contains(2));
  EXPECT_TRUE(all.contains(index_set{1, 7}));
  EXPECT_FALSE(all.contains(index_set{1, 8}));
  EXPECT_TRUE(all.meets(index_set{8, 7}));
  EXPECT_FALSE(all.meets(index_set{}));
  EXPECT_EQ(all.common(index_set{0, 1, 3}), (index_set{1, 3}));
}

class foreign : public testing::Test {
 protected:
  void SetUp() override {
    if (!topology::has_hwloc()) GTEST_SKIP() << "built without hwloc, which reads descriptions";
  }
};

TEST_F(foreign, every_core_has_its_place) {
  for (const auto& each : machines::all) {
    const auto of = machines::read(each);
    EXPECT_FALSE(of.this_machine) << each.name;
    ASSERT_THAT(of.cores, testing::Not(IsEmpty())) << each.name;
    for (const auto& core : of.cores) {
      ASSERT_LT(core.package, of.packages.size()) << each.name;
      ASSERT_LT(core.cache, of.caches.size()) << each.name;
      ASSERT_LT(core.node, of.nodes.size()) << each.name;
      EXPECT_TRUE(of.packages[core.package].cpus.contains(core.cpus)) << each.name;
      EXPECT_TRUE(of.caches[core.cache].cpus.contains(core.cpus)) << each.name;
      EXPECT_TRUE(of.nodes[core.node].cpus.contains(core.cpus)) << each.name;
    }
  }
}

TEST_F(foreign, counts_what_there_is) {
  const auto ccx = named("ccx");
  EXPECT_THAT(ccx.packages, SizeIs(2));
  EXPECT_THAT(ccx.nodes, SizeIs(2));
  EXPECT_THAT(ccx.caches, SizeIs(8));
  EXPECT_THAT(ccx.cores, SizeIs(32));
  EXPECT_EQ(ccx.cpu_count(), 64u);
  EXPECT_EQ(ccx.caches[1].cpus.text(), "8-15");
  EXPECT_EQ(ccx.caches[0].level, 3u);
  const auto snc = named("sub-numa");
  EXPECT_THAT(snc.nodes, SizeIs(4));
  EXPECT_THAT(snc.caches, SizeIs(2));
  EXPECT_EQ(snc.nodes[1].bytes, 16'000'000'000u / 1024 * 1024);
}

TEST_F(foreign, keeps_numbers_apart_from_positions) {
  const auto of = named("sparse");
  ASSERT_THAT(of.nodes, SizeIs(4));
  EXPECT_EQ(of.nodes[3].number, 72u);
  EXPECT_EQ(of.nodes[3].cpus.text(), "200-201");
  EXPECT_EQ(of.node_at(34), 2u);
  EXPECT_EQ(of.node_at(1), nowhere);
  EXPECT_EQ(of.core_of(128), 4u);
  EXPECT_EQ(of.core_of(2), nowhere);
  EXPECT_EQ(of.distance(0, 3), 28u);
  const auto backwards = named("permuted");
  EXPECT_EQ(backwards.nodes[0].number, 0u);
  EXPECT_EQ(backwards.nodes[0].cpus.text(), "4-7,12-15");
  EXPECT_EQ(backwards.cores[0].cpus.text(), "0,8");
}

TEST_F(foreign, a_node_may_have_no_cpus) {
  const auto of = named("memory-node");
  ASSERT_THAT(of.nodes, SizeIs(3));
  EXPECT_EQ(of.nodes[0].cpus.text(), "0-3");
  EXPECT_EQ(of.nodes[1].cpus.text(), "4-7");
  EXPECT_THAT(of.nodes[2].cpus.text(), "");
  EXPECT_TRUE(of.nodes[2].usable);
  const auto shared = named("high-bandwidth");
  EXPECT_EQ(shared.nodes[0].cpus.text(), "0-7");
  EXPECT_EQ(shared.nodes[1].cpus.text(), "");
}

TEST_F(foreign, knows_kinds_of_cores_and_what_is_allowed) {
  const auto hybrid = named("hybrid");
  EXPECT_EQ(hybrid.cores[0].speed, 0u);
  EXPECT_EQ(hybrid.cores[4].speed, 1u);
  const auto restricted = named("restricted");
  EXPECT_EQ(restricted.usable_cpus.text(), "3,5,8-10");
  EXPECT_EQ(restricted.cpu_count(), 16u);
}

TEST_F(foreign, says_what_was_not_told) {
  EXPECT_THAT(named("ccx").gaps, ElementsAre(HasSubstr("Distances")));
  EXPECT_THAT(named("two-sockets").gaps, IsEmpty());
  const auto bare = named("bare");
  EXPECT_THAT(bare.gaps, ElementsAre(HasSubstr("Packages")));
  EXPECT_EQ(bare.caches[0].level, 0u);
}

TEST_F(foreign, refuses_what_it_cannot_read) {
  const auto form = topology::from_synthetic("pack:nonsense");
  ASSERT_FALSE(form);
  EXPECT_EQ(form.code(), errc::invalid);
  EXPECT_THAT(std::string(form.text()), HasSubstr("'pack:nonsense' describes no topology"));
  const auto file = topology::from_xml("/no/such/file.xml");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.code(), errc::invalid);
  EXPECT_THAT(std::string(file.text()), HasSubstr("/no/such/file.xml"));
}

TEST_F(foreign, is_drawn_as_a_tree) {
  const auto text = named("memory-node").text();
  EXPECT_THAT(text, HasSubstr("machine (memory-node), not this machine\n"
                              "  node 2 ("));
  EXPECT_THAT(text, HasSubstr("  package 1 (CPUs 4-7)\n    node 1 ("));
  EXPECT_THAT(text, HasSubstr("\n        core 5: CPU 5\n"));
}

// Their columns are in the order of the numbers, whatever the order that nodes are drawn in.
TEST_F(foreign, distances_say_to_which_nodes) {
  EXPECT_THAT(named("permuted").text(),
              HasSubstr("distances, to nodes 0, 1 in this order\n  from node 0: 10 21\n"));
  EXPECT_THAT(named("sparse").text(), HasSubstr("distances, to nodes 0, 33, 34, 72 in this order"));
}

// ---- this machine

TEST(this_machine, is_what_the_system_says) {
  const auto here = topology::discover();
  ASSERT_TRUE(here) << here.text();
  EXPECT_TRUE(here->this_machine);
  EXPECT_EQ(here->cpu_count(), static_cast<std::size_t>(::sysconf(_SC_NPROCESSORS_ONLN)));
  cpu_set_t mine;
  ASSERT_EQ(::sched_getaffinity(0, sizeof mine, &mine), 0);
  for (const auto& core : here->cores) {
    for (const auto cpu : core.cpus) {
      const bool usable = here->usable_cpus.contains(cpu) && !here->isolated_cpus.contains(cpu);
      EXPECT_TRUE(CPU_ISSET(cpu, &mine) ? here->usable_cpus.contains(cpu) : !usable) << cpu;
    }
  }
}

// Affinity belongs to a thread: one that may use a single CPU sees that.
TEST(this_machine, obeys_the_threads_affinity) {
  const auto before = topology::discover();
  ASSERT_TRUE(before) << before.text();
  const auto last = before->usable_cpus.last();
  index_set seen;
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    if (const auto here = topology::discover()) seen = here->usable_cpus;
  }).join();
  EXPECT_EQ(seen, index_set{last});
}

TEST(this_machine, reads_the_same_with_and_without_hwloc) {
  auto one = topology::discover();
  auto other = topology::from_tree("/");
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->packages, other->packages);
  EXPECT_EQ(one->usable_cpus, other->usable_cpus);
  ASSERT_EQ(one->nodes.size(), other->nodes.size());
  for (std::size_t i = 0; i < one->nodes.size(); ++i) {
    EXPECT_EQ(one->nodes[i].number, other->nodes[i].number);
    EXPECT_EQ(one->nodes[i].cpus, other->nodes[i].cpus);
    EXPECT_EQ(one->nodes[i].usable, other->nodes[i].usable);
  }
  if (!std::filesystem::exists("/sys/devices/system/cpu/cpu0/cache")) {
    GTEST_SKIP() << "the kernel shows no caches here, and hwloc asks the processor for them";
  }
  EXPECT_EQ(one->cores, other->cores);
  ASSERT_EQ(one->caches.size(), other->caches.size());
  for (std::size_t i = 0; i < one->caches.size(); ++i) {
    EXPECT_EQ(one->caches[i].cpus, other->caches[i].cpus);
    EXPECT_EQ(one->caches[i].bytes, other->caches[i].bytes);
  }
}

// ---- a machine as a tree of files

class tree : public testing::Test {
 protected:
  void SetUp() override {
    auto form = (std::filesystem::current_path() / "tree-XXXXXX").string();
    ASSERT_NE(::mkdtemp(form.data()), nullptr);
    root_ = form;
    put("sys/devices/system/cpu/online", "0-3");
    for (unsigned cpu = 0; cpu < 4; ++cpu) {
      const auto at = "sys/devices/system/cpu/cpu" + std::to_string(cpu);
      put(at + "/topology/core_cpus_list", cpu % 2 == 0 ? "0,2" : "1,3");
      put(at + "/topology/physical_package_id", "0");
      put(at + "/cache/index0/level", "1");
      put(at + "/cache/index0/type", "Data");
      put(at + "/cache/index0/shared_cpu_list", cpu % 2 == 0 ? "0,2" : "1,3");
      put(at + "/cache/index3/level", "3");
      put(at + "/cache/index3/type", "Unified");
      put(at + "/cache/index3/shared_cpu_list", "0-3");
      put(at + "/cache/index3/size", "32768K");
    }
    put("sys/devices/system/node/online", "0,5");
    node(0, "0-3", "10 30", 1024);
    node(5, "", "30 10", 2048);
    put("proc/self/status", "Name:\tx\nCpus_allowed_list:\t0-2\nMems_allowed_list:\t0,5\n");
    put("proc/self/cgroup", "0::/desk/one\n");
    put("sys/fs/cgroup/desk/cpu.max", "150000 100000");
    put("sys/fs/cgroup/desk/one/cpu.max", "max 100000");
    put("sys/fs/cgroup/desk/one/memory.max", "1048576");
  }
  void TearDown() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  void put(const std::string& path, const std::string& text) {
    const auto at = root_ / path;
    std::filesystem::create_directories(at.parent_path());
    std::ofstream(at) << text << '\n';
  }
  void node(unsigned number, const std::string& cpus, const std::string& distances, unsigned kib) {
    const auto name = "node" + std::to_string(number);
    const auto at = "sys/devices/system/node/" + name;
    put(at + "/cpulist", cpus);
    put(at + "/distance", distances);
    put(at + "/meminfo",
        "Node " + std::to_string(number) + " MemTotal:       " + std::to_string(kib) + " kB");
    put(at + "/hugepages/hugepages-2048kB/nr_hugepages", "8");
    put(at + "/hugepages/hugepages-2048kB/free_hugepages", "3");
  }

  std::filesystem::path root_;
};

TEST_F(tree, is_read) {
  const auto of = topology::from_tree(root_);
  ASSERT_TRUE(of) << of.text();
  EXPECT_FALSE(of->this_machine);
  ASSERT_THAT(of->cores, SizeIs(2));
  EXPECT_EQ(of->cores[0].cpus.text(), "0,2");
  ASSERT_THAT(of->caches, SizeIs(1));
  EXPECT_EQ(of->caches[0].bytes, 32u << 20);
  ASSERT_THAT(of->nodes, SizeIs(2));
  EXPECT_EQ(of->nodes[1].number, 5u);
  EXPECT_EQ(of->nodes[1].bytes, 2048u << 10);
  EXPECT_TRUE(of->nodes[1].usable);
  ASSERT_THAT(of->nodes[1].huge, SizeIs(1));
  EXPECT_EQ(of->nodes[1].huge[0].page_bytes, 2u << 20);
  EXPECT_EQ(of->nodes[1].huge[0].free_pages, 3u);
  EXPECT_EQ(of->distance(0, 1), 30u);
  EXPECT_EQ(of->usable_cpus.text(), "0-2");
  EXPECT_DOUBLE_EQ(of->limits.cpus, 1.5);
  EXPECT_EQ(of->limits.bytes, 1048576u);
  EXPECT_THAT(of->gaps, IsEmpty());
}

// Every process begins with all CPUs but the isolated ones: that is nobody's choice.
TEST_F(tree, lets_isolated_cpus_be_used) {
  put("sys/devices/system/cpu/isolated", "3");
  auto of = topology::from_tree(root_);
  ASSERT_TRUE(of) << of.text();
  EXPECT_EQ(of->usable_cpus.text(), "0-3");
  EXPECT_EQ(of->isolated_cpus.text(), "3");
  EXPECT_THAT(of->text(), HasSubstr("core 1: CPU 1,3, isolated\n"));
  put("proc/self/status", "Cpus_allowed_list:\t0-1\nMems_allowed_list:\t0,5\n");
  of = topology::from_tree(root_);
  ASSERT_TRUE(of) << of.text();
  EXPECT_EQ(of->usable_cpus.text(), "0-1") << "an affinity that somebody chose is obeyed";
  EXPECT_THAT(of->isolated_cpus, IsEmpty());
}

TEST_F(tree, lets_isolated_cpus_of_other_cpusets_alone) {
  put("sys/devices/system/cpu/isolated", "2-3");
  put("proc/self/status", "Cpus_allowed_list:\t0-1\n");
  put("sys/fs/cgroup/cpuset.cpus.effective", "0-3");
  put("sys/fs/cgroup/desk/cpuset.cpus.effective", "0-2");
  auto of = topology::from_tree(root_);
  ASSERT_TRUE(of) << of.text();
  EXPECT_EQ(of->usable_cpus.text(), "0-2");
  put("proc/self/cgroup", "3:cpuset:/desk\n0::/\n");
  put("sys/fs/cgroup/cpuset/desk/cpuset.cpus", "0-1,3");
  of = topology::from_tree(root_);
  ASSERT_TRUE(of) << of.text();
  EXPECT_EQ(of->usable_cpus.text(), "0-1,3");
}

// Controllers are named in any order, and mounted at a directory of another, with links for each.
TEST_F(tree, finds_limits_of_joint_controllers) {
  put("proc/self/cgroup", "4:cpuacct,cpu:/desk\n");
  put("sys/fs/cgroup/cpu/desk/cpu.cfs_quota_us", "250000");
  put("sys/fs/cgroup/cpu/desk/cpu.cfs_period_us", "100000");
  const auto of = topology::from_tree(root_);
  ASSERT_TRUE(of) << of.text();
  EXPECT_DOUBLE_EQ(of->limits.cpus, 2.5);
}

TEST_F(tree, outlives_a_control_group_without_a_path) {
  put("proc/self/cgroup", "0::desk\n1:cpu\n\n::\n");
  const auto of = topology::from_tree(root_);
  ASSERT_TRUE(of) << of.text();
  EXPECT_EQ(of->limits.bytes, 0u);
}

TEST_F(tree, says_what_is_missing) {
  std::filesystem::remove_all(root_ / "sys/devices/system/node");
  const auto of = topology::from_tree(root_);
  ASSERT_TRUE(of) << of.text();
  EXPECT_THAT(of->gaps, ElementsAre(HasSubstr("NUMA nodes were not told")));
  EXPECT_EQ(of->cores[0].node, nowhere);
  std::filesystem::remove_all(root_ / "sys");
  const auto nothing = topology::from_tree(root_);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.code(), errc::io);
}

}  // namespace
