// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "lmax_contender.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "host.hpp"
#include "numbers.hpp"

namespace perf {

namespace {

// What CMakeLists.txt found; empty without.
constexpr std::string_view java = SEQUENCER_PERF_JAVA;
constexpr std::string_view classes = SEQUENCER_PERF_LMAX;

// On as many CPUs as it has threads, the ones that the team is pinned to.
std::vector<std::string> command_line(const std::string& shape, const std::string& waiting,
                                      unsigned threads, bool wrong) {
  auto cpus = usable_cpus();
  cpus.resize(std::min<std::size_t>(cpus.size(), threads));
  std::vector<std::string> line{"taskset", "-c", fmt::format("{}", fmt::join(cpus, ",")),
                                std::string(java)};
  // No garbage is made while it works; the memory is there from the start.
  for (const char* each : {"-Xms256m", "-Xmx256m", "-XX:+UseParallelGC", "-cp"}) {
    line.emplace_back(each);
  }
  line.emplace_back(classes);
  for (const auto& each : {std::string("Lmax"), shape, waiting}) line.push_back(each);
  if (wrong) line.emplace_back("wrong");
  return line;
}

}  // namespace

bool lmax_contender::can_run() { return !java.empty() && !classes.empty(); }

lmax_contender::lmax_contender(std::string shape, std::string waiting, unsigned threads, bool wrong)
    : shape_(std::move(shape)), java_(command_line(shape_, waiting, threads, wrong)) {
  const auto answer = java_.said();
  if (answer != "warm") throw std::runtime_error("LMAX's Disruptor did not start: " + answer);
}

void lmax_contender::work(unsigned thread, std::uint64_t items, share& to) {
  to.count = items;
  if (thread != 0) return;
  java_.tell(fmt::format("run {} {}", shape_, items));
  std::istringstream answer(java_.said());
  std::uint64_t seen = 0;
  std::string verdict;
  answer >> ns_ >> seen >> verdict;
  if (!answer || verdict != "right") to.failure = "Java: " + answer.str();
  if (seen % items != 0 || seen < items) to.failure = "Java: events were lost";
}

std::string lmax_contender::judge(std::span<const share> shares) { return first_failure(shares); }

}  // namespace perf
