// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace sequencer {

// How a cache per CPU gives out numbers: without any lock, in sections that the kernel restarts
// (rseq); or from as many shares that a thread enters, one at a time.
enum class cpu_mode : std::uint8_t { restartable, exclusive };

constexpr std::string_view name(cpu_mode how) noexcept {
  return how == cpu_mode::restartable ? "restartable" : "exclusive";
}

}  // namespace sequencer
