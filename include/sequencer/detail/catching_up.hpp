// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <sequencer/cpu.hpp>

namespace sequencer::detail {

// A consumer that is faster than its producers has caught up at every look, and then each line of
// the ring goes to and fro for every event in it. So one that finds a few events at look after
// look, and never nothing, waits until some lines are full. Who finds nothing now and then, which
// is who waits for the next event, never waits here.
class catching_up {
 public:
  // `capacity`: of the ring. A small one would be full before the wait is over.
  explicit catching_up(std::uint64_t capacity) noexcept
      : few_(static_cast<std::uint32_t>(std::min<std::uint64_t>(capacity / 64, 128))) {}

  // A look saw all that was there.
  void saw_all(std::uint64_t events) noexcept {
    if (events < few_) ++looks_;
  }
  void saw_nothing() noexcept { looks_ = 0; }

  // The next look is not made at once.
  bool is_ahead() const noexcept { return looks_ > hopeful_looks; }
  void before_look() noexcept {
    if (!is_ahead()) [[likely]] return;
    --looks_;
    cpu::relax_for(few_ * ns_per_event);
  }

 private:
  static constexpr std::uint32_t hopeful_looks = 8;
  static constexpr std::uint64_t ns_per_event = 3;

  std::uint32_t few_;
  std::uint32_t looks_ = 0;  // that saw few events, since one that saw nothing
};

}  // namespace sequencer::detail
