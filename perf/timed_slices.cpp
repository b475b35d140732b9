// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "timed_slices.hpp"

#include <limits>
#include <numeric>

#include "host.hpp"

namespace perf {

void run_timed(surroundings& in, contest of, std::vector<timed_entry> entries,
               std::chrono::nanoseconds span, std::uint64_t rounds,
               const std::string& unit) {
  std::erase_if(entries, [&](const timed_entry& each) { return !in.how.wants(each.name); });
  std::vector<std::size_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0);
  const auto none = std::numeric_limits<double>::quiet_NaN();
  std::vector<std::vector<double>> samples(entries.size(),
                                           std::vector<double>(rounds, none));
  std::vector<std::string> wrong(entries.size());
  std::vector<std::uint64_t> discarded(entries.size(), 0);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    std::shuffle(order.begin(), order.end(), in.random);
    for (const auto which : order) {
      const auto stolen = stolen_ticks();
      const auto found = entries[which].run(span);
      if (wrong[which].empty()) wrong[which] = found.wrong;
      const bool first_half = round * 2 < rounds;
      // Time stolen by the host: the round does not count, unless that is how it always is.
      if (stolen_ticks() != stolen && first_half) {
        ++discarded[which];
      } else {
        samples[which][round] = found.ns_per_item;
      }
    }
  }
  for (auto& each : entries) of.entries.push_back({each.name, nullptr});
  keep_wanted(of, in.how);
  add_rows(of, samples, discarded, wrong, unit, in.random, in.into);
}

}  // namespace perf
