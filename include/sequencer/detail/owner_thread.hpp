// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <sequencer/result.hpp>

namespace sequencer::detail {

// Of an object for one thread at a time: the thread that used it first since it was made or moved.
// Checked in debug builds only, and only for what a program does wrong: not by another thread's
// correct use, so it needs no order.
class owner_thread {
 public:
  owner_thread() noexcept = default;
  owner_thread(owner_thread&&) noexcept {}
  owner_thread& operator=(owner_thread&&) noexcept { return *this; }

  void check() noexcept {
#ifndef NDEBUG
    const auto here = ::pthread_self();
    if (user_ == nobody) user_ = here;
    if (::pthread_equal(user_, here) == 0) {
      stop("a second thread uses the producer of a ring for one; give it a ring for many, or move "
           "the producer there");
    }
#endif
  }

 private:
  static constexpr pthread_t nobody{};

  // In release builds too: one layout for both.
  [[maybe_unused]] pthread_t user_ = nobody;
};

}  // namespace sequencer::detail
