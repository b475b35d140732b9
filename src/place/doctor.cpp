// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <map>

#include <sequencer/place/doctor.hpp>

#include "reading.hpp"

namespace sequencer::place {

namespace {

const std::string all_cpus_at = "sys/devices/system/cpu";

std::string percent(double part, double all) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", all > 0 ? 100 * part / all : 0);
  return text;
}

// The word in brackets: "always [madvise] never".
std::string chosen(const std::string& text) {
  const auto open = text.find('[');
  const auto close = text.find(']', open);
  if (open == text.npos || close == text.npos) return text;
  return text.substr(open + 1, close - open - 1);
}

finding not_told(const std::string& topic, const std::string& where) {
  return {topic, verdict::unknown, "not told (" + where + ")", ""};
}

finding governor(const file_tree& from) {
  std::map<std::string, index_set> all;
  for (const auto cpu : from.numbered(all_cpus_at, "cpu")) {
    const auto found =
        from.text(all_cpus_at + "/cpu" + std::to_string(cpu) + "/cpufreq/scaling_governor");
    if (found) all[*found].insert(cpu);
  }
  if (all.empty()) {
    return {"governor", verdict::unknown,
            "no cpufreq: the clock is the firmware's or the hypervisor's affair",
            "On bare metal, choose the performance profile in the firmware."};
  }
  std::string text;
  for (const auto& [name, cpus] : all) {
    text += (text.empty() ? "" : ", ") + name + " on CPUs " + cpus.text();
  }
  if (all.size() == 1 && all.contains("performance")) return {"governor", verdict::good, text, ""};
  return {"governor", verdict::hurts, text,
          "Cores that waited wake up slow: cpupower frequency-set -g performance."};
}

finding hardware_threads(const file_tree& from) {
  const auto control = from.text(all_cpus_at + "/smt/control");
  const auto active = from.text(all_cpus_at + "/smt/active");
  std::size_t shared = 0;
  for (const auto cpu : from.numbered(all_cpus_at, "cpu")) {
    const auto siblings =
        from.list(all_cpus_at + "/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    if (siblings && siblings->size() > 1) ++shared;
  }
  if (!active && !control && shared == 0) {
    return not_told("hardware threads", all_cpus_at + "/smt");
  }
  if (active.value_or(shared > 0 ? "1" : "0") == "0") {
    return {"hardware threads", verdict::good, "one a core", ""};
  }
  return {"hardware threads", verdict::mind,
          "several a core (" + std::to_string(shared) + " CPUs have a sibling)",
          "Give a spinning thread its core alone, as plans do, and keep others off the sibling; or "
          "boot with nosmt."};
}

finding transparent_pages(const file_tree& from) {
  const auto at = std::string("sys/kernel/mm/transparent_hugepage/enabled");
  const auto text = from.text(at);
  if (!text) return not_told("transparent huge pages", at);
  const auto how = chosen(*text);
  if (how == "madvise") {
    return {"transparent huge pages", verdict::good, "given where they are asked for", ""};
  }
  if (how == "always") {
    return {"transparent huge pages", verdict::hurts,
            "always: also for stacks and heaps, assembled while threads wait",
            "echo madvise > /" + at + ", and let memory that wants them ask."};
  }
  return {"transparent huge pages", verdict::mind, how + ": nobody gets them",
          "echo madvise > /" + at + ", or set huge pages aside (below)."};
}

// Pools of every size: /proc/meminfo tells of the default one alone.
std::string pools_text(const file_tree& from) {
  const auto at = std::string("sys/kernel/mm/hugepages");
  std::string text;
  for (const auto& each : from.entries(at)) {
    const auto pages = from.number(at + '/' + each + "/nr_hugepages").value_or(0);
    if (!each.starts_with("hugepages-") || pages == 0) continue;
    const auto free = from.text(at + '/' + each + "/free_hugepages").value_or("?");
    text += (text.empty() ? "" : "; ") + std::to_string(pages) + " of " +
            each.substr(each.find('-') + 1) + ", " + free + " free";
  }
  return text;
}

finding reserved_pages(const file_tree& from) {
  if (auto pools = pools_text(from); !pools.empty()) {
    return {"reserved huge pages", verdict::good, std::move(pools), ""};
  }
  const auto total = from.field("proc/meminfo", "HugePages_Total");
  if (!total) return not_told("reserved huge pages", "proc/meminfo");
  const auto free = from.field("proc/meminfo", "HugePages_Free").value_or("?");
  const auto size = from.field("proc/meminfo", "Hugepagesize").value_or("?");
  if (number_in(*total).value_or(0) != 0) {
    return {"reserved huge pages", verdict::good, *total + " of " + size + ", " + free + " free",
            ""};
  }
  return {"reserved huge pages", verdict::mind, "none",
          "For rings that must have them: write a number to "
          "/sys/devices/system/node/nodeN/hugepages/hugepages-2048kB/nr_hugepages early after "
          "booting."};
}

finding balancing(const file_tree& from) {
  const auto nodes = from.numbered("sys/devices/system/node", "node");
  const auto value = from.number("proc/sys/kernel/numa_balancing");
  if (!value) return not_told("NUMA balancing", "proc/sys/kernel/numa_balancing");
  if (*value == 0) return {"NUMA balancing", verdict::good, "off", ""};
  if (nodes.size() < 2) {
    return {"NUMA balancing", verdict::good, "on, with one node: nothing to balance", ""};
  }
  return {"NUMA balancing", verdict::hurts,
          "on: pages are made to fault so that the kernel sees who uses them",
          "sysctl kernel.numa_balancing=0, where memory is placed on purpose."};
}

finding isolated(const file_tree& from) {
  const auto at = all_cpus_at + "/isolated";
  const auto cpus = from.list(at);
  if (!cpus) return not_told("isolated cores", at);
  const auto quiet = from.text(all_cpus_at + "/nohz_full").value_or("");
  if (cpus->empty()) {
    return {"isolated cores", verdict::mind,
            "none: any process may be put beside a spinning thread",
            "Boot with isolcpus=, nohz_full= and rcu_nocbs= for the cores that must not be "
            "disturbed, and bind threads there."};
  }
  const bool ticks = quiet.empty() || quiet == "(null)";
  return {"isolated cores", ticks ? verdict::mind : verdict::good,
          cpus->text() + (ticks ? ", which still get the timer's tick" : ", without the tick"),
          ticks ? "Add nohz_full= and rcu_nocbs= for the same cores." : ""};
}

finding stolen_time(const file_tree& from) {
  const auto line = from.field("proc/stat", "cpu");
  const auto words = words_of(line.value_or(""));
  constexpr std::size_t steal = 7;
  if (words.size() <= steal) return not_told("time taken by a hypervisor", "proc/stat");
  double all = 0, taken = 0;
  for (std::size_t i = 0; i <= steal; ++i) {
    const auto value = static_cast<double>(number_in(words[i]).value_or(0));
    all += value;
    if (i == steal) taken = value;
  }
  const auto text = percent(taken, all) + " since it started";
  if (taken == 0) return {"time taken by a hypervisor", verdict::good, "none since it started", ""};
  return {"time taken by a hypervisor", taken > all / 1000 ? verdict::hurts : verdict::mind, text,
          "Ask for dedicated CPUs: a thread that is not running cannot be on time."};
}

finding clock_source(const file_tree& from) {
  const auto at = std::string("sys/devices/system/clocksource/clocksource0/current_clocksource");
  const auto name = from.text(at);
  if (!name) return not_told("clock", at);
  // Those that the kernel's vDSO reads for a program.
  constexpr std::string_view fast[] = {"tsc",
                                       "arch_sys_counter",
                                       "kvm-clock",
                                       "hyperv_clocksource_tsc_page",
                                       "riscv_clocksource",
                                       "timebase",
                                       "tod"};
  if (std::find(std::begin(fast), std::end(fast), *name) != std::end(fast)) {
    return {"clock", verdict::good, *name + ": read without a system call", ""};
  }
  return {"clock", verdict::hurts, *name + ": each reading is a system call",
          "Find out why the kernel gave tsc up (dmesg), and boot with clocksource=tsc "
          "tsc=reliable where that is sound."};
}

finding swap(const file_tree& from) {
  const auto areas = from.lines("proc/swaps");
  const auto eager = from.number("proc/sys/vm/swappiness");
  if (areas.empty()) return not_told("swap", "proc/swaps");
  if (areas.size() == 1) return {"swap", verdict::good, "none", ""};
  return {"swap", verdict::hurts,
          std::to_string(areas.size() - 1) + " in use, swappiness " +
              (eager ? std::to_string(*eager) : "unknown"),
          "A page that was taken away costs milliseconds: swapoff -a, or lock what must be there."};
}

finding group(const file_tree& from) {
  if (!from.text("proc/self/cgroup")) return not_told("control group", "proc/self/cgroup");
  const auto limits = limits_of_process(from);
  if (limits.cpus <= 0 && limits.bytes == 0) {
    return {"control group", verdict::good, "limits neither time nor memory", ""};
  }
  std::string text;
  if (limits.cpus > 0) {
    char cpus[48];
    std::snprintf(cpus, sizeof cpus, "%.2f CPUs' worth of time", limits.cpus);
    text = cpus;
  }
  if (limits.bytes != 0) {
    text += (text.empty() ? "" : ", ") + std::to_string(limits.bytes >> 20) + " MiB of memory";
  }
  if (limits.cpus <= 0) return {"control group", verdict::mind, text, "Locked memory counts too."};
  return {"control group", verdict::hurts, text,
          "A thread that spins uses its share up and is then held for the rest of the period: give "
          "whole CPUs by cpuset, without a quota."};
}

}  // namespace

std::string_view name(verdict of) noexcept {
  switch (of) {
    case verdict::good: return "good";
    case verdict::mind: return "mind";
    case verdict::hurts: return "hurts";
    case verdict::unknown: return "unknown";
  }
  return "unknown";
}

std::vector<finding> examine(const std::string& root) {
  const file_tree from(root);
  return {governor(from),  hardware_threads(from),  isolated(from),
          balancing(from), transparent_pages(from), reserved_pages(from),
          swap(from),      clock_source(from),      stolen_time(from),
          group(from)};
}

}  // namespace sequencer::place
