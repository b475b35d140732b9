// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "durable_tiers.hpp"

#include <algorithm>
#include <utility>

#include <sequencer/detail/tier_walk.hpp>

#include "checkpoint_state.hpp"

namespace sequencer::detail {

tier_offer durable_pool::take(const block_request& asked) noexcept {
  const std::lock_guard held(guard_);
  return take_locked(asked);
}

tier_offer durable_pool::take_locked(const block_request& asked) noexcept {
  if (asked.min > block || asked.holder >= lines_.size()) return {tier_offer::kind::unfit};
  if (next_ >= last_) return {tier_offer::kind::empty};  // without a line, perhaps
  auto* const to = lines_[asked.holder];
  auto* const from = lines_[holder];
  const bool lags = next_ < asked.floor || last_ - next_ < asked.min;
  if (lags || to == nullptr || from == nullptr) return {tier_offer::kind::unfit};
  const range moved{next_, next_ + std::min(asked.want, last_ - next_)};
  // The receiver's block is used up, and ends at its floor or below: empty until its end is stored.
  // relaxed, these: read by a successor after this process died, in program order.
  to->next.store(moved.first, relaxed);
  keep_program_order();
  to->last.store(moved.last, relaxed);  // relaxed: as above
  // order: tier-moved -> tier-visited: the receiver's line
  from->next.store(moved.last, release);
  next_ = moved.last;
  return {tier_offer::kind::granted, {moved, epoch_, 0}};
}

bool durable_pool::drained() const noexcept { return left().empty(); }

result<block> durable_pool::settle(const sequencer::block& granted,
                                   const block_request& asked) noexcept {
  const std::lock_guard held(guard_);
  first_ = next_ = granted.numbers.first;
  last_ = granted.numbers.last;
  epoch_ = granted.epoch;
  auto mine = asked;
  mine.floor = 0;  // as the source answered
  const auto offer = take_locked(mine);
  return offer.how == tier_offer::kind::granted ? result<sequencer::block>(offer.numbers)
                                                : errc::unavailable;
}

bool durable_pool::put_back(const range& tail, holder_line& from) noexcept {
  const std::lock_guard held(guard_);
  auto* const to = lines_[holder];
  if (to == nullptr || next_ != tail.last || tail.first < first_) return false;
  // relaxed, these: as in take(). Whoever walks the lines waits for the commit lock.
  to->next.store(tail.first, relaxed);
  keep_program_order();
  from.last.store(0, relaxed);  // relaxed: as above
  next_ = tail.first;
  return true;
}

range durable_pool::close() noexcept {
  const std::lock_guard held(guard_);
  return {std::exchange(next_, last_), last_};
}

sequence durable_pool::beyond() const noexcept {
  const std::lock_guard held(guard_);
  return last_;
}

range durable_pool::left() const noexcept {
  const std::lock_guard held(guard_);
  return {next_, last_};
}

durable_tiers::durable_tiers(const tiers& how)
    : shape(how), nodes(how.nodes()), lines(live_region::holders) {
  for (std::size_t i = 0; i < nodes + shape.domains(); ++i) {
    const bool node = i < nodes;
    auto* const up = node || nodes == 0 ? nullptr : &pools[shape.node_of_domain[i - nodes]];
    pools.emplace_back(lines, node ? shape.node_block : shape.domain_block,
                       static_cast<std::uint32_t>(i), up);
  }
}

durable_pool& durable_tiers::domain_for(const block_request& asked) noexcept {
  const bool named = asked.domain < shape.domains();
  return pools[nodes + (named ? asked.domain : shape.domain_of(this_cpu{}()))];
}

tier_figures durable_tiers::figures() const noexcept {
  tier_figures all;
  for (const auto& each : pools) {
    (each.holder < nodes ? all.nodes : all.domains).add(each.desk);
  }
  // relaxed: a figure.
  all.from_source = from_source.load(relaxed);
  return all;
}

// ---- the way through them

namespace {

struct way_up {
  checkpoint_state& owner;
  open_sequence& from;

  result<block> acquire(const block_request& asked) noexcept {
    // A pool that gave up, and found no line to go on with.
    const bool bare = asked.holder < from.tiers->count() && !from.tiers->lines[asked.holder];
    if (bare) static_cast<void>(owner.assign_line(from, asked.holder));
    // relaxed: a figure.
    from.tiers->from_source.fetch_add(1, relaxed);
    return owner.hand_over(from, asked);
  }
  result<block> settle(durable_pool& at, const block& granted,
                       const block_request& asked) noexcept {
    return at.settle(granted, asked);
  }
  // The rest becomes a hole as a handle's tail does, and the pool goes on with another line.
  void give_up(durable_pool& at) noexcept {
    const auto rest = at.close();
    at.desk.count_given_up(rest.size());
    static_cast<void>(owner.take_back(from, at.holder, rest));
    static_cast<void>(owner.assign_line(from, at.holder));
  }
};

}  // namespace

result<block> checkpoint_state::hand_down(open_sequence& from,
                                          const block_request& asked) noexcept {
  if (!in_owner_process()) return errc::closed;
  const bool known = asked.holder < from.tiers->lines.size() && from.tiers->lines[asked.holder];
  if (!known) return from.numbers.stopped() == errc{} ? errc::unavailable : errc::closed;
  way_up up{*this, from};
  auto& near = from.tiers->domain_for(asked);
  const auto got = tier_walk<durable_pool, way_up>(up).take(&near, asked);
  if (got || got.code() != errc::exhausted) return got;
  for (auto& each : from.tiers->pools) {  // the counter has no more; other domains may
    const auto offer = each.take(asked);
    if (offer.how == tier_offer::kind::granted) return offer.numbers;
  }
  return got;
}

bool checkpoint_state::put_back_in_pool(open_sequence& from, holder_line& line,
                                        range tail) noexcept {
  if (!from.tiers) return false;
  for (auto& each : from.tiers->pools) {
    if (each.left().first != tail.last || !each.desk.begin()) continue;
    const bool back = each.put_back(tail, line);
    each.desk.end();
    if (back) return true;
  }
  return false;
}

}  // namespace sequencer::detail
