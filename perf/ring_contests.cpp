// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "ring_contests.hpp"

#include "lmax_contender.hpp"

namespace perf {

void add_queues(contest& to, const surroundings& in,
                const std::function<bool(const peers::offer&)>& fits,
                const std::function<std::unique_ptr<contender>(const peers::offer&)>& make) {
  for (const auto& each : peers::all_offers()) {
    const bool wanted = (each.usual || in.full) && in.how.wants(each.name);
    if (fits(each) && wanted) to.entries.push_back({each.name, make(each)});
  }
}

void add_lmax(contest& to, const surroundings& in, const std::string& shape,
              const std::string& waiting, unsigned threads) {
  if (!lmax_contender::can_run() || !in.how.wants("lmax_" + waiting)) return;
  to.entries.push_back(
      {"lmax_" + waiting, std::make_unique<lmax_contender>(shape, waiting, threads, false)});
  if (in.plant_wrong && waiting == "spin") {
    to.entries.push_back({"planted_wrong_lmax",
                          std::make_unique<lmax_contender>(shape, waiting, threads, true)});
  }
}

void compare(contest& of, const std::string& ours) {
  for (const auto& each : of.entries) {
    const bool a_peer = !each.name.starts_with("sequencer") && !each.name.starts_with("planted");
    if (a_peer) of.ratios.emplace_back(ours, each.name);
  }
}

void judge_lmax(surroundings& in, const std::string& what, const std::string& name,
                const std::string& ours, double least) {
  if (lmax_contender::can_run()) {
    judge_fastest(in, what + ", vs LMAX (Java)", least, name, ours, is_lmax);
  }
}

}  // namespace perf
