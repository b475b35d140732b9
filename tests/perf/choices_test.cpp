// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Which CPUs and which sizes the measuring program chooses, on hosts that are made of files.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <numeric>

#include "perf/caches.hpp"
#include "perf/pairs.hpp"
#include "perf/sweeps.hpp"
#include "tests/tool/command.hpp"

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A tree of files as this system's, below which sys/ lies.
class host_of_files {
 public:
  std::string root() const { return files_ / ""; }
  std::string cpus() const { return files_ / "sys/devices/system/cpu"; }

  void add_cpu(int cpu, int package, const std::string& siblings) {
    write(cpu, "topology/physical_package_id", std::to_string(package));
    write(cpu, "topology/thread_siblings_list", siblings);
  }

  void add_cache(int cpu, int index, const std::string& level, const std::string& type,
                 const std::string& size, const std::string& shared) {
    const auto at = "cache/index" + std::to_string(index) + "/";
    write(cpu, at + "level", level);
    write(cpu, at + "type", type);
    write(cpu, at + "size", size);
    write(cpu, at + "shared_cpu_list", shared);
  }

 private:
  void write(int cpu, const std::string& name, const std::string& text) {
    const auto path = std::filesystem::path(cpus()) / ("cpu" + std::to_string(cpu)) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << '\n';
  }

  command::scratch files_;
};

std::vector<int> first(int count) {
  std::vector<int> cpus(static_cast<std::size_t>(count));
  std::iota(cpus.begin(), cpus.end(), 0);
  return cpus;
}

std::vector<std::string> pairs_of(const host_of_files& host, const std::vector<int>& cpus) {
  std::vector<std::string> said;
  const auto read = sequencer::place::topology::from_tree(host.root());
  const auto& here = read ? *read : sequencer::place::topology{};
  for (const auto& each : perf::choose_pairs(here, cpus)) {
    said.push_back(each.placement + " " + std::to_string(each.first) + " " +
                   std::to_string(each.second));
  }
  return said;
}

// Two sockets of two L3s of two cores of two threads: 0 to 7 are first threads, 8 to 15 second.
void fill_two_sockets(host_of_files& host) {
  for (int cpu = 0; cpu < 16; ++cpu) {
    const int core = cpu % 8;
    const int l3 = core / 2 * 2;
    const auto siblings = std::to_string(core) + "," + std::to_string(core + 8);
    host.add_cpu(cpu, core / 4, siblings);
    host.add_cache(cpu, 0, "1", "Data", "32K", siblings);
    host.add_cache(cpu, 1, "1", "Instruction", "64K", siblings);
    host.add_cache(cpu, 2, "2", "Unified", "1024K", siblings);
    host.add_cache(cpu, 3, "3", "Unified", "32768K",
                   std::to_string(l3) + "-" + std::to_string(l3 + 1) + "," +
                       std::to_string(l3 + 8) + "-" + std::to_string(l3 + 9));
  }
}

TEST(pairs, a_pair_of_each_placement_is_chosen_on_a_large_host) {
  host_of_files host;
  fill_two_sockets(host);
  EXPECT_THAT(pairs_of(host, first(16)),
              ElementsAre("same_core 0 8", "same_l3 0 1", "across_l3 0 2", "across_sockets 0 4"));
  // Only what the process may use.
  EXPECT_THAT(pairs_of(host, {1, 2, 3}), ElementsAre("same_l3 2 3", "across_l3 1 2"));
  EXPECT_THAT(pairs_of(host, {5, 13}), ElementsAre("same_core 5 13"));
  EXPECT_THAT(pairs_of(host, {7}), IsEmpty());
}

TEST(pairs, two_cpus_of_a_virtual_machine_are_one_pair) {
  host_of_files host;
  for (const int cpu : {0, 1}) {
    host.add_cpu(cpu, 0, std::to_string(cpu));
    host.add_cache(cpu, 0, "3", "Unified", "32M", "0-1");
  }
  EXPECT_THAT(pairs_of(host, first(2)), ElementsAre("same_l3 0 1"));
}

TEST(pairs, cores_of_which_no_shared_cache_is_known_are_apart) {
  host_of_files host;
  for (const int cpu : {0, 1}) host.add_cpu(cpu, 0, std::to_string(cpu));
  EXPECT_THAT(pairs_of(host, first(2)), ElementsAre("across_l3 0 1"));
}

TEST(pairs, cores_that_share_an_l2_alone_are_apart) {
  host_of_files host;
  for (const int cpu : {0, 1}) {
    host.add_cpu(cpu, 0, std::to_string(cpu));
    host.add_cache(cpu, 0, "2", "Unified", "1M", "0-1");
  }
  EXPECT_THAT(pairs_of(host, first(2)), ElementsAre("across_l3 0 1"));
}

TEST(pairs, a_host_that_says_nothing_still_has_pairs) {
  const host_of_files host;
  EXPECT_THAT(pairs_of(host, first(2)), ElementsAre("across_l3 0 1"));
}

TEST(caches, are_read_by_level_and_only_those_of_data) {
  host_of_files host;
  fill_two_sockets(host);
  const auto found = perf::read_caches(host.cpus(), 3);
  EXPECT_EQ(found.l1, 32u << 10);
  EXPECT_EQ(found.l2, 1u << 20);
  EXPECT_EQ(found.l3, 32u << 20);
  EXPECT_EQ(perf::read_caches(host.cpus(), 99).l3, 0u);
}

TEST(sweeps, threads_go_to_all_cpus_and_twice_as_many) {
  EXPECT_THAT(perf::thread_counts(1), ElementsAre(1, 2));
  EXPECT_THAT(perf::thread_counts(2), ElementsAre(1, 2, 4));
  EXPECT_THAT(perf::thread_counts(6), ElementsAre(1, 2, 4, 6, 12));
  EXPECT_THAT(perf::thread_counts(16), ElementsAre(1, 2, 4, 8, 16, 32));
}

TEST(sweeps, a_thinned_range_keeps_both_ends) {
  EXPECT_THAT(perf::thinned(std::vector{1, 2, 4, 8, 16}, 3), ElementsAre(1, 8, 16));
  EXPECT_THAT(perf::thinned(std::vector{1, 2, 4}, 9), ElementsAre(1, 4));
  EXPECT_THAT(perf::thinned(std::vector{7}, 2), ElementsAre(7));
}

TEST(sweeps, rings_take_half_of_a_cache_and_four_times_the_largest) {
  std::vector<std::string> said;
  for (const auto& each : perf::ring_sizes({32u << 10, 512u << 10, 33u << 20}, 16)) {
    said.push_back(each.where + " " + std::to_string(each.slots));
  }
  EXPECT_THAT(said, ElementsAre("L1 1024", "L2 16384", "L3 1048576", "memory 8388608"));
  EXPECT_THAT(perf::ring_sizes({}, 16), IsEmpty());
  // 1 GiB is enough to be in memory.
  EXPECT_EQ(perf::ring_sizes({0, 0, 1u << 30}, 16).back().slots, 1u << 26);
}

}  // namespace
