// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include <sequencer/block_source.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/tiers.hpp>

namespace sequencer::detail {

class checkpoint_state;
struct open_sequence;

// A sequence of a checkpoint as a block source. Each holder's position is mirrored in the live
// region, so that after a SIGKILL every unissued number is known. Compiled in sequencer::durable.
class durable_source {
 public:
  static constexpr bool slow = false;  // the reservation already runs ahead

  durable_source(std::shared_ptr<checkpoint_state> owner, open_sequence& from) noexcept
      : owner_(std::move(owner)), from_(&from) {}

  // Threads: any. Progress: blocking, a short critical section shared by the refills of this
  // sequence, or with tiers of this domain; waits when the keeper is late. Order: blocks increase.
  // Fails: as durable_sequence; unavailable also when all holder records are taken.
  result<block> acquire(const block_request& asked) noexcept;
  bool release(std::uint32_t holder, range tail) noexcept;
  atomic<sequence>* mirror(std::uint32_t holder) noexcept;

  // Of its tiers; without them 0.
  std::uint64_t held_bound() const noexcept;
  tier_figures figures() const noexcept;

 private:
  std::uint32_t as_holder(std::uint32_t of_handle) const noexcept;

  std::shared_ptr<checkpoint_state> owner_;  // kept while handles are; close() drops the cache
  open_sequence* from_;
};

}  // namespace sequencer::detail
