// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/reservation.hpp>
#include <sequencer/named_sequence.hpp>

#include "named_order.hpp"

namespace sequencer::detail {

class checkpoint_state;
struct open_sequence;

// How often a named sequence was moved since it was opened, from 1 on; zero in a forked child, so
// no block fits there. Read by every call of nextval, written by moves only.
struct alignas(interference_size) move_line {
  atomic<std::uint64_t> moves{1};
};

// A named sequence that this process has opened. Its address is stable.
//
// Why no number of an old block leaves after a move returned: a session takes from its block only
// while `moves` is what it was when the block was taken. A move raises it, under the lock that
// blocks are taken under, before it returns and before a number of the new order can be taken. So
// (1) a call that began after the move returned has the raise before its load, and by the coherence
// of one word reads it or a later value: its block is void. And (2) who learned a number of the new
// order, from any thread, has the raise before him too, since that number was taken under the lock
// later; so the order of (epoch, number) is never seen to go back. A call that overlaps the move
// may still answer from the old block: it is ordered before the move, and its pair stays unique,
// because no ordinal stands for two pairs. Nothing else rests on the word: the rules and the anchor
// are read under the lock. That the raise is an exchange keeps it from waiting in a store buffer
// when the move returns.
struct open_named {
  open_named(open_sequence& ordinals, reservation& numbers, move_line& line,
             const named_rules& rules, const named_anchor& anchor)
      : ordinals(ordinals), numbers(numbers), moves(line.moves), rules(rules), anchor(anchor) {}

  void void_blocks() noexcept {
    // order: named-move-made <-> named-move-seen: the block is from before the move
    moves.fetch_add(1, acq_rel);
  }

  // ---- guard held

  // Why nothing may be taken. What failed may have changed what ordinals stand for; the place of a
  // dropped one may be somebody else's.
  errc refusal() const noexcept {
    // relaxed: written under the guard.
    return dropped.load(relaxed) ? errc::closed : numbers.stopped();
  }

  // From now on ordinals stand for that.
  void follow(const named_rules& next, const named_anchor& from, bool voids) noexcept {
    rules = next;
    anchor = from;
    if (voids) void_blocks();
  }

  // A block for a session, and its first number. take(n) gives n ordinals, or says why not.
  template <class Take>
  result<std::int64_t> take_block(named_view& to, Take take) noexcept {
    to.block_last = to.last;
    if (const auto why = refusal(); why != errc{}) return why;
    // Before the numbers: a close that comes between voids them.
    // order: named-move-seen <- named-move-made: the block is from before the move
    const auto moved = moves.load(acquire);
    const auto at = numbers.word();
    if (at > top) return numbers.refusal();
    const auto run = run_behind(rules, anchor.at, at - anchor.first);
    if (!run) return errc::exhausted;
    const result<range> taken = take(std::min(run->left, rules.cache));
    if (!taken) return taken.code();
    to.block_of = moved;
    to.last = run->number;
    to.increment = rules.increment;
    to.block_last = static_cast<std::int64_t>(
        static_cast<std::uint64_t>(run->number) +
        (taken->size() - 1) * static_cast<std::uint64_t>(rules.increment));
    to.epoch = run->epoch;
    to.has_last = true;
    *to.last_used = &to;
    return to.last;
  }

  open_sequence& ordinals;
  reservation& numbers;  // theirs
  atomic<std::uint64_t>& moves;

  // Blocks, ranges and moves, one at a time. Taken before the commit lock.
  mutex guard;
  named_rules rules;
  named_anchor anchor;
  atomic<bool> dropped{false};
};

struct named_session_state {
  std::shared_ptr<checkpoint_state> file;
  std::deque<named_view> views;
  const named_view* last_used = nullptr;
};

}  // namespace sequencer::detail
