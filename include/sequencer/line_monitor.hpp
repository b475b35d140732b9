// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sequencer/cpu.hpp>
#include <sequencer/detail/atomic.hpp>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace sequencer::cpu {

// Rests this core until a cache line is written: umwait where the processor has WAITPKG, mwaitx
// where it has MONITORX, nothing elsewhere. A rest may end early; it ends when its ticks are over,
// at an interrupt, and at once when the line was written since arm().
//
// Threads: any; what is armed belongs to the core.
class line_monitor {
 public:
  enum class kind : std::uint8_t { none, umwait, mwaitx };

  // Asked once of the processor.
  static kind here() noexcept {
    static const kind found = detect();
    return found;
  }
  static bool exists() noexcept { return here() != kind::none; }

  // Look at what the line says after this and before rest().
  static void arm(const void* line) noexcept {
#if defined(__x86_64__)
    if (here() == kind::umwait) arm_umwait(line);
    if (here() == kind::mwaitx) arm_mwaitx(line);
#endif
    static_cast<void>(line);
    detail::keep_program_order();  // the processor does: arming is a load
  }

  static void rest(std::uint32_t most_ticks) noexcept {
#if defined(__x86_64__)
    if (here() == kind::umwait) return rest_umwait(most_ticks);
    if (here() == kind::mwaitx) return rest_mwaitx(most_ticks);
#endif
    static_cast<void>(most_ticks);
  }

 private:
#if defined(__x86_64__)
  static kind detect() noexcept {
    constexpr unsigned waitpkg = 1u << 5;    // of leaf 7, ECX
    constexpr unsigned monitorx = 1u << 29;  // of leaf 8000_0001h, ECX
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & waitpkg) != 0) return kind::umwait;
    if (__get_cpuid(0x8000'0001, &a, &b, &c, &d) != 0 && (c & monitorx) != 0) return kind::mwaitx;
    return kind::none;
  }

  // The shallow state of each: a waiter of a ring wants to be back soon.
  [[gnu::target("waitpkg")]] static void arm_umwait(const void* line) noexcept {
    _umonitor(const_cast<void*>(line));
  }
  [[gnu::target("waitpkg")]] static void rest_umwait(std::uint32_t most_ticks) noexcept {
    constexpr unsigned shallow = 1;
    _umwait(shallow, ticks() + most_ticks);
  }
  [[gnu::target("mwaitx")]] static void arm_mwaitx(const void* line) noexcept {
    _mm_monitorx(const_cast<void*>(line), 0, 0);
  }
  [[gnu::target("mwaitx")]] static void rest_mwaitx(std::uint32_t most_ticks) noexcept {
    constexpr unsigned timed = 2;
    constexpr unsigned shallow = 0xf0;
    _mm_mwaitx(timed, shallow, most_ticks);
  }
#else
  static kind detect() noexcept { return kind::none; }
#endif
};

}  // namespace sequencer::cpu
