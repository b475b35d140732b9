// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A stranger's program on placement: what this machine is, a plan for three threads on it, and
// memory where the plan says, if the host lets it be.

#include <cstdio>

#include <sequencer/place/memory.hpp>
#include <sequencer/place/plan.hpp>
#include <sequencer/place/topology.hpp>

int main() {
  namespace place = sequencer::place;
  const auto here = place::topology::discover();
  if (!here || here->cores.empty()) return 1;
  const auto plan = place::plan::make(*here, place::workload::threads(3));
  if (!plan || plan->seats.size() != 3) return 1;
  std::fputs(plan->text(*here).c_str(), stdout);
  const auto* slots = plan->region_of("slots");
  if (slots == nullptr) return 0;
  const auto bytes = place::memory::make(*here, *slots, 1 << 16);
  if (bytes) return bytes->verify().as_planned() ? 0 : 1;
  std::printf("refused: %s\n", bytes.failure().text.c_str());
  return bytes.code() == sequencer::errc::denied ? 0 : 1;
}
