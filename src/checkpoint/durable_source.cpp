// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/durable_source.hpp>

#include <algorithm>

#include "block_intent.hpp"
#include "checkpoint_state.hpp"

// Block mode. A refill moves a block from the counter to the handle's line in the live region; the
// refill lock makes it one refill at a time a sequence, so that one note of intent suffices to
// know after a kill what had moved.
namespace sequencer::detail {

result<block> durable_source::acquire(const block_request& asked) noexcept {
  if (!from_->tiers) return owner_->hand_over(*from_, asked);
  auto own = asked;
  own.holder = as_holder(asked.holder);
  return owner_->hand_down(*from_, own);
}

bool durable_source::release(std::uint32_t holder, range tail) noexcept {
  return owner_->take_back(*from_, as_holder(holder), tail);
}

atomic<sequence>* durable_source::mirror(std::uint32_t holder) noexcept {
  auto* line = owner_->assign_line(*from_, as_holder(holder));
  return line == nullptr ? nullptr : &line->next;
}

std::uint64_t durable_source::held_bound() const noexcept {
  return from_->tiers ? from_->tiers->shape.held_bound() : 0;
}

tier_figures durable_source::figures() const noexcept {
  return from_->tiers ? from_->tiers->figures() : tier_figures{};
}

// Pools of tiers are holders, too, and come first.
std::uint32_t durable_source::as_holder(std::uint32_t of_handle) const noexcept {
  return from_->tiers ? of_handle + from_->tiers->count() : of_handle;
}

holder_line* checkpoint_state::assign_line(open_sequence& from, std::uint32_t holder) noexcept {
  if (!in_owner_process()) return nullptr;
  const std::lock_guard held(commit_);
  return closed_ ? nullptr : assign_line_locked(from, holder);
}

holder_line* checkpoint_state::assign_line_locked(open_sequence& from,
                                                  std::uint32_t holder) noexcept {
  const std::lock_guard refill(from.refill);
  free_holders_.insert(free_holders_.end(), from.spent.begin(), from.spent.end());
  from.spent.clear();
  if (free_holders_.empty() && !ended_holders_.empty() && failed_ == errc{}) write_ledger();
  if (free_holders_.empty()) {
    if (!live_) {
      free_holders_.push_back(&private_holders_.emplace_back());
    } else if (live_.back_holder(live_holders_)) {
      free_holders_.push_back(&live_.holder(live_holders_++));
    } else {
      return nullptr;
    }
  }
  auto* line = free_holders_.back();
  free_holders_.pop_back();
  // relaxed, these: only a successor reads them after this process died; empty before named.
  line->next.store(0, relaxed);
  line->last.store(0, relaxed);  // relaxed: as above
  line->id.store(pages_.record_at(from.place).id, relaxed);  // relaxed: as above
  if (from.holders.size() <= holder) from.holders.resize(holder + 1);
  if (from.tiers && holder < from.tiers->lines.size()) from.tiers->lines[holder] = line;
  return from.holders[holder] = line;
}

void checkpoint_state::set_intent(open_sequence& of, const holder_line& line, int kind,
                                  range moved) noexcept {
  const auto index = live_ ? static_cast<std::size_t>(&line - &live_.holder(0)) : 0;
  // relaxed: stored before the word below.
  of.tickets.intent_first.store(moved.first, relaxed);
  of.tickets.intent_last.store(moved.last, relaxed);  // relaxed: as above
  const block_intent intent{static_cast<block_intent::kind_of>(kind), index};
  // order: intent-set -> intent-seen: the range of the hand-over
  of.tickets.intent.store(intent.encode(), release);
}

// The word alone goes: a kill must never find it beside another range.
void checkpoint_state::clear_intent(open_sequence& of) noexcept {
  // order: intent-cleared -> intent-seen: the holder's line
  of.tickets.intent.store(block_intent{}.encode(), release);
}

result<range> checkpoint_state::carve(open_sequence& from, holder_line& to,
                                      std::uint64_t n) noexcept {
  // relaxed: moves under the refill lock only.
  const auto first = from.tickets.next.load(relaxed);
  set_intent(from, to, block_intent::take, {first, first + n});
  const auto taken = from.numbers.take(n);
  if (taken) {
    // relaxed, these: the intent covers them until it is cleared.
    to.next.store(taken->first, relaxed);
    to.last.store(taken->last, relaxed);  // relaxed: as above
  }
  clear_intent(from);
  return taken;
}

// An unordered sequence hands tails out again. Two lines name the tail for a moment, with nothing
// of it issued: the ledger counts it once.
std::optional<range> checkpoint_state::reuse_tail(open_sequence& from,
                                                  const block_request& asked) noexcept {
  const auto fits = [&](const auto& tail) {
    return tail.first.size() >= asked.min && tail.first.first >= asked.floor;
  };
  const auto found = std::find_if(from.tails.begin(), from.tails.end(), fits);
  if (found == from.tails.end()) return std::nullopt;
  const auto [numbers, line] = *found;
  auto& to = *from.holders[asked.holder];
  // The tail is not below the line's end: the line is empty until its own end is stored.
  // relaxed, these: read by a successor after this process died, in program order.
  to.next.store(numbers.first, relaxed);
  keep_program_order();
  to.last.store(numbers.last, relaxed);  // relaxed: as above
  keep_program_order();
  line->id.store(0, relaxed);  // relaxed: as above
  from.spent.push_back(line);
  from.tails.erase(found);
  return numbers;
}

result<block> checkpoint_state::hand_over(open_sequence& from,
                                          const block_request& asked) noexcept {
  if (!in_owner_process()) return errc::closed;
  auto n = asked.want;
  for (;;) {
    {
      const std::lock_guard refill(from.refill);
      const bool known = asked.holder < from.holders.size() && from.holders[asked.holder];
      if (!known) return from.numbers.stopped() == errc{} ? errc::unavailable : errc::closed;
      if (const auto tail = reuse_tail(from, asked)) return block{*tail, open_epoch_, 0};
      const auto taken = carve(from, *from.holders[asked.holder], n);
      if (taken) return block{*taken, open_epoch_, 0};
      if (taken.code() == errc::exhausted && n > asked.min) {
        const auto position = from.numbers.position();
        const auto left = from.numbers.beyond() - std::min(position, from.numbers.beyond());
        if (left < asked.min) return errc::exhausted;
        n = std::min(n, left);
        continue;
      }
      if (taken.code() != errc::unavailable) return taken.code();
    }
    if (const auto why = from.numbers.await_room(n, asked.until); why != errc{}) return why;
  }
}

bool checkpoint_state::put_back_on_top(open_sequence& from, holder_line& line,
                                       range tail) noexcept {
  set_intent(from, line, block_intent::give_back, tail);
  auto on_top = tail.last;
  // relaxed: moves under the refill lock only; close() shows in its top bit.
  const bool back = from.tickets.next.compare_exchange_strong(on_top, tail.first, relaxed,
                                                              relaxed);  // relaxed: as above
  // relaxed: the intent covers it until it is cleared.
  if (back) line.last.store(0, relaxed);
  clear_intent(from);
  return back;
}

// With tiers a tail goes to its pool or is a hole: no pool takes numbers below those it had.
static bool keeps_tails(const open_sequence& of) noexcept { return of.unordered && !of.tiers; }

bool checkpoint_state::take_back(open_sequence& from, std::uint32_t holder,
                                 range tail) noexcept {
  if (!in_owner_process()) return true;
  const std::lock_guard held(commit_);  // first: no mark is settled above a tail on its way
  holder_line* line = nullptr;
  bool kept = false;
  {
    const std::lock_guard refill(from.refill);
    if (from.numbers.stopped() != errc{} || holder >= from.holders.size()) return true;
    line = std::exchange(from.holders[holder], nullptr);
    if (line == nullptr) return true;
    if (from.tiers && holder < from.tiers->lines.size()) from.tiers->lines[holder] = nullptr;
    if (!tail.empty() && !put_back_in_pool(from, *line, tail) &&
        !put_back_on_top(from, *line, tail)) {
      kept = true;
      if (keeps_tails(from)) from.tails.emplace_back(tail, line);
    }
  }
  if (kept && keeps_tails(from)) return true;
  if (kept) {
    add_hole(pages_.record_at(from.place).id,
             {tail, tail.size(), open_epoch_, loss::handle_ended, true, false});
    ended_holders_.push_back(line);
    return true;
  }
  // relaxed: its block is used up or back on the counter.
  line->id.store(0, relaxed);
  free_holders_.push_back(line);
  return true;
}

}  // namespace sequencer::detail
