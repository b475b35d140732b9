// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <sequencer/cpu.hpp>

namespace sequencer::detail {

// A consumer that is as fast as its producers walks at their heels, and then each line of the ring
// goes to and fro for every event in it. So one that has caught up stays where it is until a stride
// of events is there, for as long as they keep coming. It does so within a look, when it has walked
// a stride; and from look to look, when it found a few events at some in a row and never nothing.
// It stops that when a look finds nothing, or some waits have brought next to nothing: then the
// look after the last of them is one at once, and finds nothing where no backlog is.
class catching_up {
 public:
  // `capacity`: of the ring. A small one has no room for a distance.
  explicit catching_up(std::uint64_t capacity) noexcept
      : stride_(static_cast<std::uint16_t>(
            capacity < small ? 0 : std::min<std::uint64_t>(capacity / 16, 512))) {}

  // Events from one look at the distance to the next; a small ring's is as long as its positions.
  std::uint64_t stride() const noexcept { return stride_ == 0 ? no_stride : stride_; }

  // A look saw all that was there.
  void saw_all(std::uint64_t events) noexcept {
    if (looks_ > hopeful_looks && events < worth_a_wait) {
      --looks_;
    } else if (events < stride_ && looks_ < hopeful_looks + idle_waits) {
      ++looks_;
    }
    due_ = true;
  }
  void saw_nothing() noexcept { looks_ = 0; }

  // The next look waits; one that only asks whether there is something counts, too.
  bool is_ahead() const noexcept { return due_ && looks_ > hopeful_looks; }

  // is_there(n): n events have come that were not handed out.
  template <class IsThere>
  void before_look(IsThere is_there) noexcept {
    if (!is_ahead()) [[likely]] return;
    due_ = false;
    walked_a_stride(is_there);
  }
  template <class IsThere>
  void walked_a_stride(IsThere is_there) noexcept {
    if (!is_there(stride_)) [[unlikely]] let_come(is_there);
  }

 private:
  static constexpr std::uint64_t small = 1024;
  static constexpr std::uint64_t no_stride = std::uint64_t{1} << 63;
  static constexpr std::uint16_t hopeful_looks = 8;
  static constexpr std::uint16_t idle_waits = 4;
  static constexpr std::uint64_t worth_a_wait = 16;  // some lines of small events
  static constexpr std::uint64_t step_ns = 100;
  static constexpr std::uint64_t most_steps = 15;
  static constexpr std::uint64_t worth_a_step = 8;

  template <class IsThere>
  [[gnu::noinline]] void let_come(IsThere is_there) const noexcept {
    const auto step = cpu::rough_ticks(step_ns);
    for (std::uint64_t n = 1; n <= most_steps; ++n) {
      const auto from = cpu::ticks();
      while (cpu::ticks() - from < step) cpu::relax();
      if (is_there(stride_) || !is_there(n * worth_a_step)) return;
    }
  }

  std::uint16_t stride_;
  std::uint16_t looks_ = 0;  // that saw few events, since one that saw nothing; up to a bound
  bool due_ = false;         // nobody has waited since the last look
};

}  // namespace sequencer::detail
