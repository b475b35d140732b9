// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include <sequencer/block_source.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/tier_pool.hpp>
#include <sequencer/tiers.hpp>

#include "live_region.hpp"

namespace sequencer::detail {

// The tiers of a block sequence in a checkpoint. Each pool is a holder with a line in the live
// region, as a handle is, so that after a SIGKILL its unissued numbers are known.
//
// A block moves from pool to pool or handle by stores to two lines. The receiver's are first: for a
// moment both lines name the numbers, of which none is issued before the move is over, and
// recovery counts them once. So no note of intent is needed, only one move at a time from each
// pool: a mutex that the neighbours share, held for a few stores and never while waiting.
//
// Holders: nodes, then domains, then handles. Who walks the lines while numbers move reads them in
// this order, and finds a number in one of the two.
class durable_pool {
 public:
  durable_pool(std::vector<holder_line*>& lines, std::uint64_t size, std::uint32_t asks_as,
               durable_pool* above)
      : block(size), holder(asks_as), up(above), lines_(lines) {}

  // Threads: any. Progress: blocking, a few stores.
  tier_offer take(const block_request& asked) noexcept;

  // ---- at the desk
  bool drained() const noexcept;
  // The line has this block now: the pool may hand it out, first to who asked.
  result<sequencer::block> settle(const sequencer::block& granted,
                                  const block_request& asked) noexcept;
  // The tail of `from`, if nothing above it in this block was handed out since.
  bool put_back(const range& tail, holder_line& from) noexcept;
  // Nobody gets any more of it; the line keeps what is left.
  range close() noexcept;

  // ---- by anybody
  sequence beyond() const noexcept;
  range left() const noexcept;

  const std::uint64_t block;
  const std::uint32_t holder;
  durable_pool* const up;
  tier_desk desk;

 private:
  tier_offer take_locked(const block_request& asked) noexcept;

  std::vector<holder_line*>& lines_;  // by holder
  mutable std::mutex guard_;
  sequence first_ = 0;
  sequence next_ = 0;
  sequence last_ = 0;
  std::uint64_t epoch_ = 0;
};

struct durable_tiers {
  explicit durable_tiers(const tiers& how);

  durable_pool& domain_for(const block_request& asked) noexcept;
  // Holders below are pools.
  std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(pools.size()); }
  tier_figures figures() const noexcept;

  const tiers shape;
  const std::size_t nodes;
  // By holder, of a fixed length: each is written and read by its handle's thread, or at the desk.
  std::vector<holder_line*> lines;
  std::deque<durable_pool> pools;
  atomic<std::uint64_t> from_source{0};
};

}  // namespace sequencer::detail
