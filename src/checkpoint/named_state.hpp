// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
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
  open_named(open_sequence& ordinals, move_line& line, const named_rules& rules,
             const named_anchor& anchor)
      : ordinals(ordinals), moves(line.moves), rules(rules), anchor(anchor) {}

  void void_blocks() noexcept {
    // order: named-move-made <-> named-move-seen: the block is from before the move
    moves.fetch_add(1, acq_rel);
  }

  // Why nothing may be taken; guard held. What failed may have changed what ordinals stand for; the
  // place of a dropped one may be somebody else's.
  errc refusal() const noexcept;

  open_sequence& ordinals;
  atomic<std::uint64_t>& moves;

  // Blocks, ranges and moves, one at a time. Taken before the commit lock.
  std::mutex guard;
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
