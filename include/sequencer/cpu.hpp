// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace sequencer::cpu {

// Tells the core that this is a polling loop: a few dozen cycles, frees a sibling hardware thread.
inline void relax() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");  // `yield` is a no-op on most cores; isb waits ~ as pause does
#else
#error "sequencer supports x86-64 and aarch64"
#endif
}

// Says that this line will be written soon, so that it is this core's own by then. The compiler's
// own builtin asks for a shared copy where it must run on any x86-64.
inline void prefetch_for_write(const void* line) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*static_cast<const char*>(line)));
#else
  __builtin_prefetch(line, 1);
#endif
}

// The time-stamp counter. Not ordered with the instructions around it. Units: ticks.
inline std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
  return __rdtsc();
#else
  std::uint64_t now;
  asm volatile("mrs %0, cntvct_el0" : "=r"(now));
  return now;
#endif
}

// The same, when the loads before it have their values, and before those behind it begin.
inline std::uint64_t ordered_ticks() noexcept {
#if defined(__x86_64__)
  _mm_lfence();
  const auto now = ticks();
  _mm_lfence();
  return now;
#else
  std::uint64_t now;
  asm volatile("dsb ld\n\tisb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(now)::"memory");
  return now;
#endif
}

// Ticks in about so many nanoseconds, as the counter of an x86 would run at 2.5 GHz.
inline std::uint64_t rough_ticks(std::uint64_t nanoseconds) noexcept {
#if defined(__x86_64__)
  return nanoseconds * 5 / 2;
#else
  std::uint64_t per_second;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(per_second));
  return nanoseconds * per_second / 1'000'000'000;
#endif
}

// Converts ticks to nanoseconds.
// Threads: immutable, share freely. Needs an invariant counter (constant_tsc, nonstop_tsc on x86).
class tsc_clock {
 public:
  // Measures the counter against CLOCK_MONOTONIC_RAW for `span`; on aarch64 reads its frequency.
  static tsc_clock calibrate(std::chrono::nanoseconds span = std::chrono::milliseconds(20)) {
#if defined(__aarch64__)
    std::uint64_t per_second;
    asm volatile("mrs %0, cntfrq_el0" : "=r"(per_second));
    static_cast<void>(span);
    return tsc_clock(1e9 / static_cast<double>(per_second));
#else
    const auto from = sample();
    auto to = sample();
    while (to.ns - from.ns < span.count()) to = sample();
    return tsc_clock(static_cast<double>(to.ns - from.ns) /
                     static_cast<double>(to.ticks - from.ticks));
#endif
  }

  constexpr double ns_per_tick() const noexcept { return ns_per_tick_; }
  constexpr double to_ns(std::uint64_t ticks) const noexcept {
    return static_cast<double>(ticks) * ns_per_tick_;
  }
  constexpr std::uint64_t to_ticks(std::chrono::nanoseconds span) const noexcept {
    return static_cast<std::uint64_t>(static_cast<double>(span.count()) / ns_per_tick_);
  }

 private:
  struct reading {
    std::int64_t ns;
    std::uint64_t ticks;
  };

  explicit constexpr tsc_clock(double ns_per_tick) noexcept : ns_per_tick_(ns_per_tick) {}

  // The tightest of a few readings: an interrupt between the two clocks would skew the rate.
  static reading sample() noexcept {
    reading best{};
    std::uint64_t narrowest = ~std::uint64_t{0};
    for (int attempt = 0; attempt < 8; ++attempt) {
      timespec now{};
      const auto before = ticks();
      ::clock_gettime(CLOCK_MONOTONIC_RAW, &now);
      const auto after = ticks();
      if (after - before < narrowest) {
        narrowest = after - before;
        best = {now.tv_sec * 1'000'000'000 + now.tv_nsec, before + (after - before) / 2};
      }
    }
    return best;
  }

  double ns_per_tick_;
};

}  // namespace sequencer::cpu
