// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sequencer/detail/thread_tag.hpp>
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
    const auto here = thread_tag();
    if (user_ == 0) user_ = here;
    if (user_ != here) {
      stop("a second thread uses the producer of a ring for one; give it a ring for many, or move "
           "the producer there");
    }
#endif
  }

 private:
  // In release builds too: one layout for both.
  [[maybe_unused]] std::uintptr_t user_ = 0;
};

}  // namespace sequencer::detail
