// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <sequencer/cpu.hpp>

namespace sequencer::detail {

// A consumer that is faster than its producers has caught up at every look, and then each line of
// the ring goes to and fro for every event in it. So one that finds a few events at look after
// look, and never nothing, lets some time pass from one look to the next, until some lines are
// full; what it does meanwhile counts as time. It stops that when a look finds nothing, or some
// waits have brought next to nothing: then the look after the last of them is one at once, and
// finds nothing where no backlog is.
class catching_up {
 public:
  // `capacity`: of the ring. A small one would be full before the wait is over.
  explicit catching_up(std::uint64_t capacity) noexcept
      : few_(static_cast<std::uint32_t>(std::min<std::uint64_t>(capacity / 64, 128))) {}

  // A look saw all that was there.
  void saw_all(std::uint64_t events) noexcept {
    if (looks_ > hopeful_looks && events < worth_a_wait) {
      --looks_;
    } else if (events < few_ && looks_ < hopeful_looks + idle_waits) {
      ++looks_;
    }
    due_ = true;
  }
  void saw_nothing() noexcept { looks_ = 0; }

  // The next look waits for its time; one that only asks whether there is something counts, too.
  bool is_ahead() const noexcept { return due_ && looks_ > hopeful_looks; }
  void before_look() noexcept {
    if (due_ && looks_ >= hopeful_looks) [[unlikely]] wait();
  }

 private:
  static constexpr std::uint16_t hopeful_looks = 8;
  static constexpr std::uint16_t idle_waits = 4;
  static constexpr std::uint64_t ns_per_event = 3;
  static constexpr std::uint64_t worth_a_wait = 16;  // some lines of small events

  void wait() noexcept {
    const auto span = cpu::rough_ticks(few_ * ns_per_event);
    auto now = cpu::ticks();
    for (; is_ahead() && now - looked_ < span; now = cpu::ticks()) cpu::relax();
    looked_ = now;
    due_ = false;
  }

  std::uint32_t few_;
  std::uint16_t looks_ = 0;   // that saw few events, since one that saw nothing; up to a bound
  bool due_ = false;          // nobody has waited since the last look
  std::uint64_t looked_ = 0;  // in ticks, from the last hopeful look on
};

}  // namespace sequencer::detail
