// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sequencer::detail {

// Most significant byte first: such bytes sort as the numbers do.
constexpr void put_big_endian(std::uint64_t number, std::byte* to) noexcept {
  for (int shift = 56; shift >= 0; shift -= 8) *to++ = static_cast<std::byte>(number >> shift);
}

constexpr std::uint64_t get_big_endian(const std::byte* from) noexcept {
  std::uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | std::to_integer<std::uint64_t>(from[i]);
  return number;
}

// Two numbers, one after the other: what all pairs look like on the wire.
constexpr std::array<std::byte, 16> pair_bytes(std::uint64_t major, std::uint64_t minor) noexcept {
  std::array<std::byte, 16> bytes{};
  put_big_endian(major, bytes.data());
  put_big_endian(minor, bytes.data() + 8);
  return bytes;
}

}  // namespace sequencer::detail
