// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <ctime>

namespace examples {

// SIGINT and SIGTERM arrive here instead of wherever a thread happens to be. Made before threads
// are.
class orderly_end {
 public:
  orderly_end() {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGINT);
    ::sigaddset(&set_, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  bool asked_within(std::chrono::milliseconds span) const {
    const timespec wait{span.count() / 1000, static_cast<long>(span.count() % 1000) * 1'000'000};
    return ::sigtimedwait(&set_, nullptr, &wait) > 0;
  }

 private:
  sigset_t set_{};
};

}  // namespace examples
