// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "host.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

namespace perf {

namespace {

// The text behind "key : " in /proc/cpuinfo.
std::string cpuinfo(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1) != key) continue;
    if (colon != line.npos && colon + 2 <= line.size()) return line.substr(colon + 2);
  }
  return {};
}

bool has_flag(const std::string& flags, const std::string& flag) {
  return (" " + flags + " ").find(" " + flag + " ") != std::string::npos;
}

bool first_of_its_core(int cpu) {
  std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list",
                                 cpu));
  int first = cpu;
  file >> first;
  return first == cpu;
}

}  // namespace

host_facts look_at_host() {
  host_facts host;
  utsname names{};
  ::uname(&names);
  host.name = names.nodename;
  host.kernel = std::string(names.sysname) + " " + names.release + " " + names.machine;
  host.cpu_model = cpuinfo("model name");
  host.cpu_family = cpuinfo("cpu family");
  host.cpu_number = cpuinfo("model");
  host.cpu_stepping = cpuinfo("stepping");
  host.caches = read_caches(cpu_directory, usable_cpus().front());
  host.compiler = __VERSION__;
  host.cpus = std::thread::hardware_concurrency();
  const auto flags = cpuinfo("flags");
#if defined(__aarch64__)
  host.invariant_tsc = true;
#else
  host.invariant_tsc = has_flag(flags, "constant_tsc") && has_flag(flags, "nonstop_tsc");
#endif
  host.virtual_machine = has_flag(flags, "hypervisor");
  ::getloadavg(&host.load_average, 1);
  return host;
}

std::vector<int> usable_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &allowed)) cpus.push_back(cpu);
  }
  std::stable_partition(cpus.begin(), cpus.end(), first_of_its_core);
  return cpus;
}

sequencer::result<sequencer::place::line_latency> measure_host_lines() {
  namespace place = sequencer::place;
  constexpr std::size_t many_cores = 64;
  const auto here = place::topology::discover();
  if (!here) return here.failure();
  const bool many = here->cores.size() > many_cores;
  return place::measure_lines(*here, many ? place::measure_options{.rounds = 3, .passes = 500}
                                          : place::measure_options{});
}

std::uint64_t stolen_ticks() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  std::uint64_t user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, stolen = 0;
  file >> cpu >> user >> nice >> system >> idle >> wait >> irq >> soft >> stolen;
  return stolen;
}

const sequencer::cpu::tsc_clock& tsc() {
  static const auto clock = sequencer::cpu::tsc_clock::calibrate(std::chrono::milliseconds(200));
  return clock;
}

}  // namespace perf
