// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <sequencer/tiered_source.hpp>

#include "cases.hpp"
#include "counter_contenders.hpp"

// What a hierarchy of blocks costs where there is nobody to be kept apart, and who refills from
// whom.
namespace perf {

namespace {

using flat = sequencer::memory_source;
using tiered = sequencer::tiered_source<flat>;

const flat& origin(flat& of) { return of; }
const flat& origin(tiered& of) { return of.source(); }

template <class Handle>
auto taker(Handle& from) {
  return [&from](std::uint64_t& number) {
    const auto got = from.next();
    if (!got) return false;
    number = *got;
    return true;
  };
}

// Pools keep what nobody was given, so the account is one of counts: what came from the source is
// issued, lost with a word, or held, and no more is held than may be. Checked slices look at every
// number, as those of the other contenders.
template <class Source>
class accounted : public contender {
 public:
  template <class... Args>
  explicit accounted(Args&&... source)
      : cache_(sequencer::block_options{.block = block_size}, std::forward<Args>(source)...) {}

  void prepare(unsigned threads) override {
    handles_.clear();
    for (unsigned i = 0; i < threads; ++i) handles_.push_back({cache_.local()});
  }
  void work(unsigned thread, std::uint64_t items, share& to) override {
    take_numbers(taker(handles_[thread].from), items, to);
  }
  void record(unsigned thread, std::uint64_t items, share& to) override {
    record_numbers(taker(handles_[thread].from), items, to);
  }
  std::string judge(std::span<const share> shares) override {
    if (auto failed = first_failure(shares); !failed.empty()) return failed;
    for (const auto& each : shares) issued_ += each.count;
    std::uint64_t known = issued_;
    for (const auto& each : cache_.holes()) known += each.lost;
    const auto carved = origin(cache_.source()).peek();
    if (known > carved) return "more numbers were issued than there are";
    if (carved - known > cache_.held_bound()) return "more numbers are held than may be";
    return judge_recorded(shares);
  }
  std::optional<std::uint64_t> gap() override { return cache_.held_bound(); }

  // Refills by level, in a million numbers.
  std::string refills() {
    const auto found = cache_.source().figures();
    const auto millions = static_cast<double>(std::max<std::uint64_t>(1, issued_)) / 1e6;
    const auto in_a_million = [&](std::uint64_t n) { return static_cast<double>(n) / millions; };
    return fmt::format("handles {:.1f}, domains {:.2f}, nodes {:.3f}; the source was asked {:.3f} "
                       "times, and {:.3f} requests went past a pool",
                       1e6 / static_cast<double>(block_size), in_a_million(found.domains.refills),
                       in_a_million(found.nodes.refills), in_a_million(found.from_source),
                       in_a_million(found.domains.passes + found.nodes.passes));
  }

 private:
  struct alignas(128) owned {
    typename sequencer::block_cache<Source>::handle from;
  };

  sequencer::block_cache<Source> cache_;
  std::vector<owned> handles_;
  std::uint64_t issued_ = 0;
};

// All CPUs in one domain below the source: as crowded as flat blocks, one step longer.
sequencer::tiers one_domain(unsigned cpus) {
  auto made = sequencer::tiers::even(1, 1, cpus);
  made.domain_block = 16 * block_size;
  made.node_block = 0;
  return made;
}

// Each CPU is a domain of its own below one node: as far apart as threads can be.
sequencer::tiers domain_each(unsigned cpus) {
  auto made = sequencer::tiers::even(1, std::min(cpus, 4096u), 1);
  made.domain_block = 16 * block_size;
  made.node_block = 128 * block_size;
  return made;
}

void run_with(surroundings& in, unsigned threads) {
  contest of;
  of.name = "block_tiers";
  of.params = {8, 1, threads, block_size, "one"};
  const auto cpus = std::max(1u, std::thread::hardware_concurrency());
  auto crowded = std::make_unique<accounted<tiered>>(one_domain(cpus));
  auto apart = std::make_unique<accounted<tiered>>(domain_each(cpus));
  auto* const in_one = crowded.get();
  auto* const in_each = apart.get();
  of.entries.push_back({"sequencer", std::move(apart)});
  of.entries.push_back({"sequencer:one_domain", std::move(crowded)});
  of.entries.push_back(make_counter<accounted<flat>>("sequencer:flat"));
  of.ratios = {{"sequencer", "sequencer:flat"}, {"sequencer:one_domain", "sequencer:flat"}};
  run_pinned_or_crowded(of, in, in.how);
  in.into.remarks.push_back(fmt::format("block_tiers, {} thread(s), refills in a million numbers, "
                                        "each CPU a domain: {}",
                                        threads, in_each->refills()));
  in.into.remarks.push_back(fmt::format("block_tiers, {} thread(s), refills in a million numbers, "
                                        "one domain: {}",
                                        threads, in_one->refills()));
}

}  // namespace

void run_block_tiers(surroundings& in) {
  std::set<unsigned> counts{1, std::min(2u, in.workers.size())};
  if (!in.quick) counts.insert(in.workers.size());
  for (const auto threads : counts) run_with(in, threads);
  const auto most = std::min(2u, in.workers.size());
  for (const auto* ours : {"sequencer", "sequencer:one_domain"}) {
    judge_ratio(in, fmt::format("blocks by tiers vs flat blocks, {}, {} thread(s)", ours, most),
                ">= 0.95 x", "block_tiers", most, ours, "sequencer:flat",
                [](const ratio& r) { return r.median >= 0.95; });
  }
}

}  // namespace perf
