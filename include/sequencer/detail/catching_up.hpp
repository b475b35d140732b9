// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <sequencer/cpu.hpp>

namespace sequencer::detail {

// A consumer that is as fast as its producers walks at their heels, and then each line of the ring
// goes to and fro for every event in it. So one that has caught up stays where it is until a stride
// of events is there, for as long as they keep coming.
// Within a look it does so whenever it has walked a stride. From look to look it does once nine in
// a row have found a few events, and none of them nothing. Waits for which nothing came end that,
// one of them at first, four later, and each time it takes twice as many looks to begin again,
// until something comes: who publishes and polls by turns hardly ever waits.
class catching_up {
 public:
  // `capacity`: of the ring. A small one has no room for a distance.
  explicit catching_up(std::uint64_t capacity) noexcept
      : stride_(static_cast<std::uint16_t>(
            capacity < small ? 0 : std::min<std::uint64_t>(capacity / 16, 512))) {}

  // Events from one look at the distance to the next; in a small ring more than it ever holds.
  std::uint64_t stride() const noexcept { return stride_ == 0 ? no_stride : stride_; }

  // A look saw all that was there.
  void saw_all(std::uint64_t events) noexcept {
    if (events < stride_ && looks_ <= hopeful_looks()) ++looks_;
    due_ = true;
  }
  void saw_nothing() noexcept { looks_ = 0; }

  // The next look waits; one that only asks whether there is something counts, too.
  bool is_ahead() const noexcept { return due_ && looks_ > hopeful_looks(); }

  // is_there(n): the n-th of the events that were not handed out has come.
  template <class IsThere>
  void before_look(IsThere is_there) noexcept {
    if (!is_ahead()) [[likely]] return;
    due_ = false;
    if (is_there(stride_) || let_come(is_there)) {
      patience_ = 3;
      if (std::exchange(vain_, std::uint8_t{0}) != 0) looks_ = hopeful_looks() + 1;
    } else if (patience_ != 0) {
      --patience_;
    } else {
      looks_ = 0;
      if (vain_ < 7) ++vain_;
    }
  }
  template <class IsThere>
  void walked_a_stride(IsThere is_there) noexcept {
    if (!is_there(stride_)) [[unlikely]] static_cast<void>(let_come(is_there));
  }

 private:
  // 8 to 1,024.
  std::uint32_t hopeful_looks() const noexcept { return 8u << vain_; }

  static constexpr std::uint64_t small = 1024;
  static constexpr std::uint64_t no_stride = std::uint64_t{1} << 63;
  // As long as several transfers of a line, so that asking costs producers little. A step ends
  // after the pause that exceeds it: 100 ns and up to 40 more, and fifteen of them 2 us.
  static constexpr std::uint64_t step_ns = 100;
  static constexpr std::uint64_t most_steps = 15;
  static constexpr std::uint64_t worth_a_step = 8;  // two lines of small events

  // Whether something came.
  template <class IsThere>
  [[gnu::noinline]] bool let_come(IsThere is_there) const noexcept {
    auto come = already_there(is_there);
    const auto step = cpu::rough_ticks(step_ns);
    for (std::uint64_t n = 1; n <= most_steps; ++n) {
      const auto from = cpu::ticks();
      while (cpu::ticks() - from < step) cpu::relax();
      if (is_there(stride_)) return true;
      if (!is_there(come += worth_a_step)) return n > 1;
    }
    return true;
  }

  // In units of worth_a_step. From below, since who asks for a line that is not written yet takes
  // it from who is about to write it.
  template <class IsThere>
  std::uint64_t already_there(IsThere is_there) const noexcept {
    std::uint64_t come = 0;
    auto part = worth_a_step;
    const auto found = [&] { return come + part < stride_ && is_there(come + part); };
    for (; found(); part *= 2) come += part;
    while ((part /= 2) >= worth_a_step) {
      if (found()) come += part;
    }
    return come;
  }

  std::uint16_t stride_;
  bool due_ = false;           // nobody has waited since the last look
  std::uint8_t vain_ = 0;      // times in a row that it began in vain
  std::uint8_t patience_ = 0;  // waits for nothing that do not end it
  std::uint32_t looks_ = 0;    // that saw few events, since one that saw nothing; up to a bound
};

}  // namespace sequencer::detail
