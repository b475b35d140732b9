// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace sequencer::detail {

// CRC-32C (Castagnoli, RFC 3720 B.4): of "123456789" it is E3069283. By the CPU's instruction
// where there is one, else by Boost.CRC.
std::uint32_t crc32c(const void* data, std::size_t bytes) noexcept;

// The portable path, for comparison in tests.
std::uint32_t crc32c_portable(const void* data, std::size_t bytes) noexcept;

}  // namespace sequencer::detail
