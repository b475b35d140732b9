// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

#include <sequencer/detail/atomic.hpp>

// Time for Relacy: every look is a second later, so that nobody spins in hope.
namespace sequencer::cpu {

inline void relax() noexcept { rl::yield(1, rl::debug_info("relax", __FILE__, __LINE__)); }

inline std::uint64_t rough_ticks(std::uint64_t nanoseconds) noexcept { return nanoseconds; }

inline void prefetch_for_write(const void*) noexcept {}

inline std::uint64_t ticks() noexcept {
  static std::uint64_t now = 0;
  return now += 1'000'000'000;
}

inline std::uint64_t ordered_ticks() noexcept { return ticks(); }

class tsc_clock {
 public:
  static tsc_clock calibrate(std::chrono::nanoseconds = {}) { return {}; }
  constexpr double ns_per_tick() const noexcept { return 1; }
  constexpr double to_ns(std::uint64_t ticks) const noexcept {
    return static_cast<double>(ticks);
  }
  constexpr std::uint64_t to_ticks(std::chrono::nanoseconds span) const noexcept {
    return static_cast<std::uint64_t>(span.count());
  }
};

}  // namespace sequencer::cpu
