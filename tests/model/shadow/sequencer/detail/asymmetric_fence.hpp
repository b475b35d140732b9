// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sequencer/detail/atomic.hpp>

// Both sides as full fences, which is what they amount to where the heavy one is called; none in
// models where nobody sleeps, because there they would order what the library leaves unordered.
namespace sequencer::detail {

class asymmetric_fence {
 public:
  inline static bool fences = false;

  [[nodiscard]] static bool enroll() noexcept { return true; }
  static void light() noexcept {
    if (fences) fence("light fence");
  }
  [[nodiscard]] static bool heavy() noexcept {
    fence("heavy fence");
    return true;
  }

 private:
  static void fence(const char* which) {
    rl::atomic_thread_fence(rl::mo_seq_cst, rl::debug_info(which, __FILE__, __LINE__));
  }
};

}  // namespace sequencer::detail
