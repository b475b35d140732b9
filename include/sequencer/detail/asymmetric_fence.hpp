// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include <sequencer/detail/atomic.hpp>

namespace sequencer::detail {

// A pair of fences of which one side pays for both. Store, light(), load on one thread and store,
// heavy(), load on another: at least one of the loads sees the other thread's store. Light is no
// instruction: the kernel makes every running thread of the process fence (membarrier(2), Linux
// 4.14). After folly's AsymmetricThreadFence.
class asymmetric_fence {
 public:
  // Before the first use of either side by the threads that are to meet. False where the kernel
  // cannot: then light() must be full_fence(). A word that the light side looks at anyway says so
  // best, see event.hpp.
  [[nodiscard]] static bool enroll() noexcept {
    // relaxed: whoever uses the fence got to know of its partner after this.
    if (enrolled_.load(relaxed)) return true;
    const bool can = call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    // relaxed: as above
    if (can) enrolled_.store(true, relaxed);
    return can;
  }

  static void light() noexcept { keep_program_order(); }

  // False where the kernel, which had promised it, refuses: then nothing is known of the others.
  [[nodiscard]] static bool heavy() noexcept {
    full_fence();
    // relaxed: as in enroll()
    if (!enrolled_.load(relaxed)) return true;
    if (call(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return true;
    // A child of fork may have to enroll anew.
    return call(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
           call(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
  }

 private:
  static bool call(int command) noexcept {
    const int kept = errno;
    const bool done = ::syscall(SYS_membarrier, command, 0, 0) == 0;
    errno = kept;
    return done;
  }

  inline static atomic<bool> enrolled_{false};
};

}  // namespace sequencer::detail
