// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The verbs about machines.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include <sequencer/place/topology.hpp>

#include "command.hpp"

namespace {

using command::run_tool;
using nlohmann::json;
using sequencer::place::topology;
using testing::HasSubstr;

std::string done(const command::words& line) {
  const auto result = run_tool(line);
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.err, "");
  return result.out;
}

TEST(topology_verb, shows_this_machine) {
  const auto here = *topology::discover();
  EXPECT_THAT(done({"topology"}), testing::StartsWith("machine (this machine)\n"));
  const auto told = json::parse(done({"topology", "--json"}));
  EXPECT_EQ(told["this_machine"], true);
  EXPECT_EQ(told["cores"].size(), here.cores.size());
  EXPECT_EQ(told["usable_cpus"].size(), here.usable_cpus.size());
  EXPECT_EQ(told["nodes"].size(), here.nodes.size());
  EXPECT_FALSE(told.contains("line_latency"));
}

TEST(topology_verb, shows_another) {
  if (!topology::has_hwloc()) GTEST_SKIP() << "built without hwloc, which reads descriptions";
  const auto form = "[numa(memory=2GB)] pack:2 [numa(memory=1GB)] l3:1 core:2 pu:2";
  EXPECT_THAT(done({"topology", "--synthetic", form}), HasSubstr("core 3: CPU 6-7\n"));
  const auto told = json::parse(done({"topology", "--synthetic", form, "--json"}));
  EXPECT_EQ(told["this_machine"], false);
  EXPECT_EQ(told["nodes"][2]["cpus"], json::array());
  EXPECT_EQ(told["cores"][3]["node"], 1);
  EXPECT_EQ(told["cores"][3]["cpus"], json({6, 7}));
  const std::string file = TOOL_SOURCES "/../../tests/place/machines/sparse.xml";
  EXPECT_THAT(done({"topology", "--xml", file}), HasSubstr("node 72 ("));
}

TEST(topology_verb, refuses_what_it_cannot_read) {
  if (!topology::has_hwloc()) GTEST_SKIP() << "built without hwloc, which reads descriptions";
  const auto file = run_tool({"topology", "--xml", "/no/such.xml"});
  EXPECT_EQ(file.status, 3);
  EXPECT_THAT(file.err, HasSubstr("sequencer: /no/such.xml: is no topology"));
  EXPECT_EQ(run_tool({"topology", "--xml", "a", "--synthetic", "b"}).status, 3);
  EXPECT_EQ(run_tool({"topology", "--measure", "--synthetic", "pu:2"}).status, 3);
}

TEST(topology_verb, measures_every_pair) {
  const auto told = json::parse(done({"topology", "--measure", "--json"}));
  const auto& cpus = told["line_latency"]["cpus"];
  const auto& ns = told["line_latency"]["one_way_ns"];
  ASSERT_EQ(ns.size(), cpus.size());
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    ASSERT_EQ(ns[i].size(), cpus.size());
    for (std::size_t j = 0; j < cpus.size(); ++j) {
      EXPECT_EQ(ns[i][j], ns[j][i]);
      EXPECT_EQ(ns[i][j].get<double>() > 0, i != j);
    }
  }
  EXPECT_THAT(done({"topology", "--measure"}), HasSubstr("one way, in nanoseconds"));
}

class doctor_verb : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& text) {
    const std::filesystem::path at = dir_ / path;
    std::filesystem::create_directories(at.parent_path());
    std::ofstream(at) << text << '\n';
  }

  json found() {
    json by_topic;
    const auto all = json::parse(done({"doctor", "--json", "--root", dir_ / ""}));
    for (const auto& each : all) by_topic[each["topic"].get<std::string>()] = each;
    EXPECT_EQ(by_topic.size(), 10u);
    return by_topic;
  }

  command::scratch dir_;
};

TEST_F(doctor_verb, says_what_it_does_not_know) {
  const auto all = found();
  for (const auto& [topic, each] : all.items()) EXPECT_EQ(each["verdict"], "unknown") << topic;
  EXPECT_THAT(done({"doctor", "--root", dir_ / ""}),
              HasSubstr("Nothing was found that hurts latency.\n10 of 10 are unknown here.\n"));
  const auto nowhere = run_tool({"doctor", "--root", dir_ / "missing"});
  EXPECT_EQ(nowhere.status, 3);
  EXPECT_THAT(nowhere.err, HasSubstr("does not exist"));
}

TEST_F(doctor_verb, outlives_a_control_group_without_a_path) {
  put("proc/self/cgroup", "0::desk");
  EXPECT_EQ(found()["control group"]["verdict"], "good");
}

TEST_F(doctor_verb, knows_clocks_that_are_read_without_a_system_call) {
  const auto* at = "sys/devices/system/clocksource/clocksource0/current_clocksource";
  for (const auto* name : {"tsc", "kvm-clock", "hyperv_clocksource_tsc_page"}) {
    put(at, name);
    EXPECT_EQ(found()["clock"]["verdict"], "good") << name;
  }
  put(at, "acpi_pm");
  EXPECT_EQ(found()["clock"]["verdict"], "hurts");
}

// /proc/meminfo tells of pages of the default size alone.
TEST_F(doctor_verb, sees_reserved_pages_of_every_size) {
  put("proc/meminfo", "HugePages_Total:       0\nHugepagesize:    1048576 kB");
  put("sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0");
  put("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "512");
  put("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "12");
  EXPECT_EQ(found()["reserved huge pages"]["verdict"], "good");
  EXPECT_EQ(found()["reserved huge pages"]["found"], "512 of 2048kB, 12 free");
}

TEST_F(doctor_verb, finds_what_hurts) {
  const std::string cpu = "sys/devices/system/cpu";
  put(cpu + "/cpu0/cpufreq/scaling_governor", "powersave");
  put(cpu + "/cpu1/cpufreq/scaling_governor", "performance");
  put(cpu + "/smt/active", "1");
  put(cpu + "/isolated", "");
  put("sys/devices/system/node/node0/cpulist", "0");
  put("sys/devices/system/node/node1/cpulist", "1");
  put("proc/sys/kernel/numa_balancing", "1");
  put("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never");
  put("proc/meminfo", "HugePages_Total:       0\nHugepagesize:    2048 kB");
  put("proc/swaps", "Filename Type Size Used Priority\n/dev/sda2 partition 1 0 -2");
  put("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet");
  put("proc/stat", "cpu  100 0 100 700 0 0 0 100 0 0");
  put("proc/self/cgroup", "0::/");
  put("sys/fs/cgroup/cpu.max", "50000 100000");
  const auto all = found();
  for (const auto* topic : {"governor", "NUMA balancing", "transparent huge pages", "swap", "clock",
                            "time taken by a hypervisor", "control group"}) {
    EXPECT_EQ(all[topic]["verdict"], "hurts") << topic;
    EXPECT_TRUE(all[topic]["advice"].is_string()) << topic;
  }
  for (const auto* topic : {"hardware threads", "isolated cores", "reserved huge pages"}) {
    EXPECT_EQ(all[topic]["verdict"], "mind") << topic;
  }
  EXPECT_EQ(all["governor"]["found"], "performance on CPUs 1, powersave on CPUs 0");
  EXPECT_EQ(all["time taken by a hypervisor"]["found"], "10.00 % since it started");
  EXPECT_EQ(all["control group"]["found"], "0.50 CPUs' worth of time");
  EXPECT_THAT(done({"doctor", "--root", dir_ / ""}), HasSubstr("7 of 10 hurt latency.\n"));
}

TEST_F(doctor_verb, finds_a_quiet_host) {
  const std::string cpu = "sys/devices/system/cpu";
  put(cpu + "/cpu0/cpufreq/scaling_governor", "performance");
  put(cpu + "/smt/active", "0");
  put(cpu + "/isolated", "2-7");
  put(cpu + "/nohz_full", "2-7");
  put("proc/sys/kernel/numa_balancing", "0");
  put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never");
  put("proc/meminfo", "HugePages_Total:      64\nHugePages_Free:  60\nHugepagesize:    2048 kB");
  put("proc/swaps", "Filename Type Size Used Priority");
  put("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc");
  put("proc/stat", "cpu  100 0 100 700 0 0 0 0 0 0");
  put("proc/self/cgroup", "0::/");
  const auto all = found();
  for (const auto& [topic, each] : all.items()) {
    EXPECT_EQ(each["verdict"], "good") << topic;
    EXPECT_TRUE(each["advice"].is_null()) << topic;
  }
}

TEST(doctor_verb_here, has_a_line_for_each_topic) {
  const auto text = done({"doctor"});
  for (const auto* topic : {"governor", "hardware threads", "isolated cores", "NUMA balancing",
                            "transparent huge pages", "reserved huge pages", "swap", "clock",
                            "time taken by a hypervisor", "control group"}) {
    EXPECT_THAT(text, HasSubstr(topic));
  }
}

}  // namespace
