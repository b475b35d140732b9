// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

#include <sequencer/cpu.hpp>

namespace sequencer::detail {

// The processor's own time, as catching_up asks for it.
struct processor_time {
  static std::uint64_t now() noexcept { return cpu::ticks(); }
  // Of a load between two of these the difference is how long it took.
  static std::uint64_t ordered_now() noexcept { return cpu::ordered_ticks(); }
  static void pass() noexcept { cpu::relax(); }
};

// A consumer that is as fast as its producers walks at their heels, and then each line of the ring
// goes to and fro for every event in it. So one that has caught up stays where it is until a stride
// of events is there, for as long as they keep coming.
// Within a look it does so whenever it has walked a stride. From look to look it does once nine in
// a row have found a few events, and none of them nothing. Waits for which nothing came end that,
// one of them at first, four later, and each time it takes twice as many looks to begin again,
// until something comes: who publishes and polls by turns hardly ever waits.
//
// It notices how long a line is on its way. Where lines are far, a look at what is not there yet
// costs producers more than several events do. So there a step is longer, a stride of large events
// shorter, and a look that found nothing begins it, too, when events were dense before.
template <class Time = processor_time>
class catching_up {
 public:
  // `capacity`: of the ring, whose slots take so many bytes. A small one has no room for a
  // distance. `position`: of the first event.
  catching_up(std::uint64_t capacity, std::uint64_t slot_bytes, std::uint64_t position) noexcept
      : near_stride_(static_cast<std::uint16_t>(
            capacity < small ? 0 : std::min<std::uint64_t>(capacity / 16, 512))),
        far_stride_(static_cast<std::uint16_t>(std::min<std::uint64_t>(
            near_stride_, std::bit_floor(std::max<std::uint64_t>(far_bytes / slot_bytes, 16))))),
        stride_(near_stride_),
        dense_from_(position) {}

  // Events from one look at the distance to the next; in a small ring more than it ever holds.
  std::uint64_t stride() const noexcept { return stride_ == 0 ? no_stride : stride_; }

  bool finds_lines_far() const noexcept { return far_ >= far_enough; }

  // A look saw all that was there.
  void saw_all(std::uint64_t events) noexcept {
    if (events < stride_ && looks_ <= hopeful_looks()) ++looks_;
    due_ = true;
  }
  void saw_nothing() noexcept { looks_ = 0; }
  // The same, of who may wait for what comes at `position`.
  void saw_nothing_at(std::uint64_t position) noexcept {
    looks_ = 0;
    if (finds_lines_far() && position - dense_from_ >= hopeful_events()) [[unlikely]] {
      begin_if_dense(position);
    }
  }

  // The next look waits; one that only asks whether there is something counts, too.
  bool is_ahead() const noexcept { return due_ && looks_ > hopeful_looks(); }

  // is_there(n): the n-th of the events that were not handed out has come.
  template <class IsThere>
  void before_look(IsThere is_there) noexcept {
    if (!is_ahead()) [[likely]] return;
    due_ = false;
    if (is_there(stride_) || let_come(is_there)) {
      patience_ = 3;
      if (std::exchange(vain_, std::uint8_t{0}) != 0) begin();
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
  // 16 to 2,048.
  std::uint64_t hopeful_events() const noexcept { return 16u << vain_; }
  void begin() noexcept { looks_ = hopeful_looks() + 1; }

  std::uint64_t step() const noexcept {
    return cpu::rough_ticks(finds_lines_far() ? far_step_ns : near_step_ns);
  }

  static constexpr std::uint64_t small = 1024;
  static constexpr std::uint64_t no_stride = std::uint64_t{1} << 63;
  static constexpr std::uint64_t far_bytes = 16'384;
  // As long as several transfers of a line, so that asking costs producers little. A step ends
  // after the pause that exceeds it: 100 ns and up to 40 more, so that fifteen are 2 us.
  static constexpr std::uint64_t near_step_ns = 100;
  static constexpr int most_near_steps = 15;
  static constexpr std::uint64_t far_step_ns = 400;
  static constexpr int most_far_steps = 3;
  static constexpr std::uint64_t worth_a_step = 8;  // two lines of small events
  static constexpr std::uint64_t dense_step = 6;    // 15 million events a second, of far lines
  // From another core of the same cache a line comes within some 80 ns, from elsewhere in 100 to
  // 300. A question that was interrupted takes longer than either, so one alone says nothing.
  static constexpr std::uint64_t far_ns = 100;
  static constexpr std::uint64_t fine_ticks = 20;  // in that time, of a clock that can tell
  static constexpr std::uint8_t far_enough = 8;
  static constexpr std::uint8_t far_question = 4;
  static constexpr std::uint8_t most_far = 16;

  [[gnu::cold]] void begin_if_dense(std::uint64_t position) noexcept {
    const auto now = Time::now();
    const auto came = position - std::exchange(dense_from_, position);
    const auto passed = now - std::exchange(dense_since_, now);
    if (passed * dense_step > came * step()) return;
    begin();
    due_ = true;
  }

  // Whether it was worth it: where lines are near, that something came; where they are far, that
  // events did not cease to come. There a step that is too many takes longer than a line does, and
  // who only answers what was sent would wait for what comes after his answer.
  template <class IsThere>
  [[gnu::noinline]] bool let_come(IsThere is_there) noexcept {
    auto come = there_from(0, is_there);
    const bool far = finds_lines_far();
    const auto each = step();
    const auto most = far ? most_far_steps : most_near_steps;
    for (int n = 1; n <= most; ++n) {
      const auto from = Time::now();
      while (Time::now() - from < each) Time::pass();
      if (is_there(stride_)) return true;
      come += worth_a_step;
      if (!timed([&] { return is_there(come); })) return !far && n > 1;
      if (far) come = there_from(come, is_there);
    }
    return true;
  }

  // Notices how far lines are, by a question about one that was likely just written.
  template <class Question>
  bool timed(Question question) noexcept {
    const auto from = Time::ordered_now();
    const bool answer = question();
    const auto took = Time::ordered_now() - from;
    const auto long_time = cpu::rough_ticks(far_ns);
    if (took >= long_time && long_time >= fine_ticks) {
      far_ = std::min<std::uint8_t>(far_ + far_question, most_far);
    } else if (far_ != 0) {
      --far_;
    }
    stride_ = finds_lines_far() ? far_stride_ : near_stride_;
    return answer;
  }

  // How many have come, `come` of them for sure, in units of worth_a_step. From below, since who
  // asks for a line that is not written yet takes it from who is about to write it.
  template <class IsThere>
  std::uint64_t there_from(std::uint64_t come, IsThere is_there) const noexcept {
    auto part = worth_a_step;
    const auto found = [&] { return come + part < stride_ && is_there(come + part); };
    for (; found(); part *= 2) come += part;
    while ((part /= 2) >= worth_a_step) {
      if (found()) come += part;
    }
    return come;
  }

  std::uint16_t near_stride_;
  std::uint16_t far_stride_;
  std::uint16_t stride_;       // one of them
  bool due_ = false;           // nobody has waited since the last look
  std::uint8_t vain_ = 0;      // times in a row that it began in vain
  std::uint8_t patience_ = 0;  // waits for nothing that do not end it
  std::uint8_t far_ = 0;       // rises by a question that took long, falls by any other
  std::uint32_t looks_ = 0;    // that saw few events, since one that saw nothing; up to a bound
  std::uint64_t dense_from_;  // a position that it looked for in vain, or the first one
  std::uint64_t dense_since_ = 0;  // when that was
};

}  // namespace sequencer::detail
