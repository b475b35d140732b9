// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sequencer/detail/big_endian.hpp>
#include <sequencer/mark_store.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// (round, node): the number of a proposal in Paxos. Ordered by round first; the node makes it
// unique without anybody being asked, where an epoch is unique because somebody gave it out.
// (Lamport, "Paxos Made Simple", 2001.)
struct ballot {
  sequence round = 0;      // from 1; 0: no ballot, below all
  std::uint64_t node = 0;  // who proposes; 0 in no ballot

  friend constexpr auto operator<=>(const ballot&, const ballot&) = default;

  constexpr bool is_none() const noexcept { return round == 0; }

  // On the wire: round, then node, 8 bytes each, most significant byte first. The bytes compare
  // (memcmp) as the ballots do.
  // Threads: any. Progress: wait-free, no allocation.
  constexpr std::array<std::byte, 16> bytes() const noexcept {
    return detail::pair_bytes(round, node);
  }

  // Reads what bytes() wrote.
  // Threads: any. Progress: wait-free.
  // Fails: corrupt, not exactly 16 bytes, a round above top, or a node without a round.
  static result<ballot> parse(std::span<const std::byte> bytes) {
    if (bytes.size() != 16) return error{errc::corrupt, 0, "a ballot takes 16 bytes"};
    const ballot read{detail::get_big_endian(bytes.data()),
                      detail::get_big_endian(bytes.data() + 8)};
    if (read.round > top) return error{errc::corrupt, 0, "a ballot of a round above 2^63 - 1"};
    if (read.round == 0 && read.node != 0) {
      return error{errc::corrupt, 0, "a ballot of a node, but of no round"};
    }
    return read;
  }
};

static_assert(sizeof(ballot) == 16);

// The ballots of one node. Each has a round of its own that is durable before the ballot is used:
// a node that came back and used a round once more could propose two values under one ballot.
template <mark_store Mark>
class ballots {
 public:
  // The mark belongs to this node alone.
  ballots(Mark& mark, std::uint64_t node) noexcept : mark_(&mark), node_(node) {}
  ballots(const ballots&) = delete;
  ballots& operator=(const ballots&) = delete;

  // This node's next ballot: above all it had, and above `seen`, the highest that it heard of.
  // Threads: one at a time. Progress: as the mark's store().
  // Order: greater than `seen` and than every ballot of this node, restarts included.
  // Fails: exhausted, no round is left; else what the store failed with: that round is skipped.
  result<ballot> next_above(ballot seen = {}) {
    const auto below = std::max({mark_->load(), tried_, seen.round});
    if (below >= top) return error{errc::exhausted, 0, "no round is left above 2^63 - 1"};
    tried_ = below + 1;
    if (const auto stored = mark_->store(tried_); !stored) {
      return error{stored.code(), 0, "the round could not be made durable; it is not used"};
    }
    return ballot{tried_, node_};
  }

  std::uint64_t node() const noexcept { return node_; }

 private:
  Mark* mark_;
  std::uint64_t node_;
  std::uint64_t tried_ = 0;
};

}  // namespace sequencer
