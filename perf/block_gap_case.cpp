// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "cases.hpp"
#include "counter_contenders.hpp"
#include "sweeps.hpp"

// What a larger block buys, and what it may cost: numbers that nobody gets when everything stops.
namespace perf {

void run_block_gap(surroundings& in) {
  const auto threads = std::min(2u, in.workers.size());
  const std::vector<std::uint64_t> sizes{1, 16, 256, 4096, 65'536};
  auto how = in.how;
  if (!in.full) how.rounds = how.rounds / 2 + 1;
  for (const auto block : in.quick ? thinned(sizes, 2) : sizes) {
    contest of;
    of.name = "block_gap";
    of.params = {8, 1, threads, block, "one"};
    of.entries.push_back(make_counter<block_contender<memory_blocks>>("sequencer", block));
    of.entries.push_back(make_counter<block_contender<durable_blocks>>(
        "sequencer:live", fresh_file(in, "gap.seq"), block));
    of.entries.push_back(make_counter<dense_contender<raw_fetch_add>>("fetch_add"));
    of.ratios = {{"sequencer", "fetch_add"}, {"sequencer:live", "fetch_add"}};
    run_contest(of, how, in.workers, in.random, in.into);
  }
}

}  // namespace perf
