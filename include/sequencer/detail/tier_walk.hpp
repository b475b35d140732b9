// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <sequencer/block_source.hpp>
#include <sequencer/detail/tier_pool.hpp>

namespace sequencer::detail {

// The way of a request up through the pools to the source and down again. `Root` is who owns them:
//   result<block> acquire(request)              asks the source
//   result<block> settle(pool, block, request)  fills the pool, at its desk, with a block that came
//                                               for it, and hands the asker's part over
//   void give_up(pool)                          empties the pool, at its desk, and accounts for it
//
// A handle's numbers only rise, so a thread that comes from where blocks are further on cannot use
// a pool that lags behind: its request goes past, one block at a time. When handles were given as
// much past the pool as it has left, it is lagging for good and gives up the rest: a fresh block
// serves whoever comes from then on. So a level gives up no more than handles were given past it,
// and for each arrival at most one block's worth of requests meets who is no neighbour. What counts
// is the handle's own block, also where its domain goes past its node for a larger one.
template <class Pool, class Root>
class tier_walk {
 public:
  explicit tier_walk(Root& root) noexcept : root_(root) {}

  // What `asked` wants, from `level`; without one from the source.
  result<block> take(Pool* level, const block_request& asked) noexcept {
    return take(level, asked, asked.want);
  }

 private:
  // `due`: what the handle wants for whom all this is done.
  result<block> take(Pool* level, const block_request& asked, std::uint64_t due) noexcept {
    if (level == nullptr) return root_.acquire(asked);
    for (;;) {
      const auto offer = level->take(asked);
      if (offer.how == tier_offer::kind::granted) return offer.numbers;
      if (offer.how == tier_offer::kind::unfit) return go_past(*level, asked, due);
      if (level->desk.begin()) {
        const bool drained = level->drained();
        const auto got = drained ? refill(*level, asked, due) : result<block>(errc::unavailable);
        level->desk.end();
        if (drained) return got;
      } else if (const auto why = level->desk.await_end(asked.until); why != errc{}) {
        return why;
      }
    }
  }

  result<block> refill(Pool& level, const block_request& asked, std::uint64_t due) noexcept {
    auto wanted = asked;
    wanted.want = level.block;
    wanted.floor = std::max(asked.floor, level.beyond());
    wanted.holder = level.holder;
    const auto granted = take(level.up, wanted, due);
    if (!granted) return granted;
    level.desk.count_refill();
    return root_.settle(level, *granted, asked);
  }

  result<block> go_past(Pool& level, const block_request& asked, std::uint64_t due) noexcept {
    const auto got = take(level.up, asked, due);
    if (!got) return got;
    const auto left = level.left().size();
    const auto passed = level.desk.count_pass(due);
    const bool lags_for_good = left != 0 && passed >= left;
    // An account of what is given up may have to wait.
    if (lags_for_good && asked.until != wait::at_once && level.desk.begin()) {
      root_.give_up(level);
      level.desk.end();
    }
    return got;
  }

  Root& root_;
};

}  // namespace sequencer::detail
