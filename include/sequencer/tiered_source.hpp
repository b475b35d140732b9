// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include <sequencer/block_source.hpp>
#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/hole_ledger.hpp>
#include <sequencer/detail/homed.hpp>
#include <sequencer/detail/tier_pool.hpp>
#include <sequencer/detail/tier_walk.hpp>
#include <sequencer/hole.hpp>
#include <sequencer/result.hpp>
#include <sequencer/tiers.hpp>

namespace sequencer {

// A source whose blocks come down through the tiers of a machine: block_cache<tiered_source<S>> is
// a block cache whose handles refill from a pool of their cache domain, that from one of its NUMA
// node, that from S. `Where` tells the CPU of the caller.
//
// Which domain serves a request is looked up when it is made, so a thread may move; a handle made
// for a domain that there is always asks there. Blocks that a block cache fetches ahead of need
// come from where they are fetched. Unique across handles, and a handle's numbers still rise; what
// a move costs says tier_walk.hpp.
//
// In a forked child acquire() answers `closed`: the numbers stay the parent's.
template <block_source Source, class Where = this_cpu>
class tiered_source {
  static_assert(!mirrored_source<Source>,
                "numbers that a pool holds have no mirror; a checkpoint has tiers of its own");

 public:
  static constexpr bool slow = Source::slow;

  // Threads: one. Fails: stops the process with a sentence when the tiers make no sense.
  template <class... Args>
  explicit tiered_source(tiers how, Args&&... source)
      : tiers_(checked(std::move(how))),
        source_(detail::make_source<Source>(std::forward<Args>(source)...)) {
    make_pools();
  }
  tiered_source(const tiered_source&) = delete;
  tiered_source& operator=(const tiered_source&) = delete;
  ~tiered_source() { give_everything_back(); }

  // Threads: any. Progress: lock-free while the pool lasts; one thread refills it, as the source's
  //   acquire, and who finds it empty meanwhile waits until `until`.
  // Order: as the class. Fails: what the source answers, exhausted only when no pool has a number
  //   that would do; unavailable or timeout while another thread refills; closed in a forked
  //   child; unavailable without memory
  //   where the pools are to lie.
  result<block> acquire(const block_request& asked) noexcept {
    if (asked.min == 0 || asked.min > asked.want) return errc::invalid;
    if (!in_owner_process()) return alive_ == nullptr ? errc::unavailable : errc::closed;
    auto own = asked;
    own.holder = as_holder(asked.holder);
    root up{*this};
    const auto got = detail::tier_walk<pool, root>(up).take(pools_[domain_for(asked)], own);
    return got || got.code() != errc::exhausted ? got : take_what_is_left(own);
  }

  // To the pool that it is on top of, or to the source, unless a pool is further on: the source
  // would hand out once more what no pool takes.
  // Threads: any. Progress: lock-free, looks at every pool.
  bool release(std::uint32_t holder, range tail) noexcept {
    if (!in_owner_process()) return false;
    const range nothing{tail.last, tail.last};
    bool further_on = false;
    bool back = false;
    for (std::size_t i = 0; i < pools_.size() && !tail.empty() && !back; ++i) {
      further_on = further_on || pools_[i]->beyond() > tail.first;
      back = put_back_in(*pools_[i], tail);
    }
    const bool all = !back && !further_on;
    return (source_.release(as_holder(holder), all ? tail : nothing) && all) || back;
  }

  // Most numbers that pools hold at any moment; in a forked child 0.
  std::uint64_t held_bound() const noexcept {
    return in_owner_process() ? tiers_.held_bound() : 0;
  }

  // What pools gave up. Threads: any. Progress: blocking (a mutex), allocates.
  std::vector<hole> holes() const {
    if (!in_owner_process()) return {};
    const std::lock_guard held(guard_);
    return ledger_.holes();
  }

  // Since it was made; a reading while threads work is between two moments.
  // Threads: any. Progress: wait-free, looks at every pool.
  tier_figures figures() const noexcept {
    tier_figures all;
    if (!in_owner_process()) return all;
    for (const auto* each : pools_) {
      (each->holder < tiers_.domains() ? all.domains : all.nodes).add(each->desk);
    }
    // relaxed: a figure.
    all.from_source = asked_source_.load(detail::relaxed);
    return all;
  }

  // Where the pool of a domain lies, or of a node behind them, for who asks the kernel for the NUMA
  // node; nullptr without pools.
  const void* place_of(std::size_t which) const noexcept {
    return which < pools_.size() ? pools_[which] : nullptr;
  }

  Source& source() noexcept { return source_; }
  const tiers& shape() const noexcept { return tiers_; }

 private:
  using pool = detail::tier_pool;

  // What a walk through the pools ends at.
  struct root {
    tiered_source& of;

    result<block> acquire(const block_request& asked) noexcept {
      // relaxed: a figure.
      of.asked_source_.fetch_add(1, detail::relaxed);
      return of.source_.acquire(asked);
    }

    result<block> settle(pool& at, const block& granted, const block_request& asked) noexcept {
      auto [numbers, epoch, lineage] = granted;
      const auto mine = std::min(asked.want, numbers.size());
      const range rest{numbers.first + mine, numbers.last};
      if (!at.fill(granted, mine) && !of.source_.release(at.holder, rest)) of.lose(rest, epoch);
      return block{{numbers.first, rest.first}, epoch, lineage};
    }

    void give_up(pool& at) noexcept {
      const auto epoch = at.epoch();
      const auto rest = at.take_all();
      at.desk.count_given_up(rest.size());
      if (at.up == nullptr || !of.put_back_in(*at.up, rest)) of.lose(rest, epoch);
    }
  };

  static tiers checked(tiers how) {
    if (const auto wrong = how.fault(); !wrong.empty()) detail::stop(wrong);
    return how;
  }

  // In memory that a forked child finds zero, none where one of them cannot lie where it is to.
  // Domains first, their nodes behind them.
  void make_pools() {
    const auto domains = tiers_.domains();
    std::vector<pool*> all(domains + tiers_.nodes());
    for (auto i = all.size(); i-- != 0;) {
      const bool domain = i < domains;
      pool* up = nullptr;
      if (domain && tiers_.nodes() != 0) up = all[domains + tiers_.node_of_domain[i]];
      all[i] = made_.make(domain ? tiers_.memory_of(i) : tiers_.memory_of_node(i - domains),
                          domain ? tiers_.domain_block : tiers_.node_block,
                          static_cast<std::uint32_t>(i), up);
      if (all[i] == nullptr) return;
    }
    alive_ = flags_.make(unbound, std::uint64_t{1});
    pools_ = std::move(all);
  }

  bool in_owner_process() const noexcept { return alive_ != nullptr && *alive_ != 0; }

  // Pools are holders of the source, too, and come first.
  std::uint32_t as_holder(std::uint32_t of_handle) const noexcept {
    return of_handle + static_cast<std::uint32_t>(pools_.size());
  }

  std::size_t domain_for(const block_request& asked) const noexcept {
    return asked.domain < tiers_.domains() ? asked.domain : tiers_.domain_of(Where{}());
  }

  // The source has no more; other domains may.
  result<block> take_what_is_left(const block_request& asked) noexcept {
    for (auto* each : pools_) {
      const auto offer = each->take(asked);
      if (offer.how == detail::tier_offer::kind::granted) return offer.numbers;
    }
    return errc::exhausted;
  }

  static bool put_back_in(pool& at, range tail) noexcept {
    if (at.left().first != tail.last || !at.desk.begin()) return false;
    const bool back = at.put_back(tail);
    at.desk.end();
    return back;
  }

  void lose(range numbers, std::uint64_t epoch) noexcept {
    const std::lock_guard held(guard_);
    ledger_.add({numbers, numbers.size(), epoch, loss::discarded, true, false});
  }

  // From the highest down, so that each is on top when its turn comes.
  void give_everything_back() noexcept {
    if (!in_owner_process()) return;
    std::vector<std::pair<range, std::uint32_t>> rest;
    for (auto* each : pools_) rest.emplace_back(each->take_all(), each->holder);
    std::sort(rest.begin(), rest.end(),
              [](const auto& a, const auto& b) { return a.first.first > b.first.first; });
    for (const auto& [numbers, holder] : rest) {
      static_cast<void>(source_.release(holder, numbers));
    }
  }

  const tiers tiers_;
  Source source_;
  detail::homed<pool> made_;
  detail::homed<std::uint64_t> flags_;
  std::uint64_t* alive_ = nullptr;  // 0 in a forked child
  std::vector<pool*> pools_;
  detail::atomic<std::uint64_t> asked_source_{0};
  mutable detail::mutex guard_;
  detail::hole_ledger ledger_{1024};
};

}  // namespace sequencer
