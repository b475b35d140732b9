// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sequencer/detail/big_endian.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// A number and the epoch of the owner who issued it: 128 bits, ordered by epoch first. Where each
// new owner has a larger epoch the pair grows for ever, whatever the numbers alone do.
struct epoch_sequence {
  std::uint64_t epoch = 0;  // at most top, so that a mark store can keep it
  sequence number = 0;

  friend constexpr auto operator<=>(const epoch_sequence&, const epoch_sequence&) = default;

  // On the wire: epoch, then number, 8 bytes each, most significant byte first. The bytes compare
  // (memcmp) as the pairs do.
  // Threads: any. Progress: wait-free, no allocation.
  constexpr std::array<std::byte, 16> bytes() const noexcept {
    return detail::pair_bytes(epoch, number);
  }

  // Reads what bytes() wrote.
  // Threads: any. Progress: wait-free.
  // Fails: corrupt, not exactly 16 bytes, or an epoch or number above top.
  static result<epoch_sequence> parse(std::span<const std::byte> bytes) {
    if (bytes.size() != 16) return error{errc::corrupt, 0, "an (epoch, number) takes 16 bytes"};
    const epoch_sequence read{detail::get_big_endian(bytes.data()),
                              detail::get_big_endian(bytes.data() + 8)};
    if (read.epoch > top || read.number > top) {
      return error{errc::corrupt, 0, "an (epoch, number) above 2^63 - 1"};
    }
    return read;
  }
};

static_assert(sizeof(epoch_sequence) == 16);

}  // namespace sequencer
