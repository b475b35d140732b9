// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sequencer/detail/asymmetric_fence.hpp>
#include <sequencer/detail/event.hpp>
#include <sequencer/detail/futex.hpp>

namespace sequencer::detail {

// An event for a condition that is made true far more often than anybody sleeps on it: ringing is
// one load of a line that nobody writes meanwhile, without a fence.
//
// No wake-up is lost: a listener sets the bit, makes everybody fence, and looks at the condition;
// who rings sets the condition, then reads the bit. One of the two sees the other.
class bell {
 public:
  using ticket = event::ticket;

  bell() noexcept : event_(!asymmetric_fence::enroll()) {}

  // As event::listen(). Costs the fence of every running thread, so only before a sleep.
  ticket listen() noexcept {
    const auto heard = announce();
    return asymmetric_fence::heavy() ? heard : stale(heard);
  }
  // listen() without its fence, for who listens at several bells: see bells.hpp.
  ticket announce() noexcept { return event_.listen(); }
  // A ticket of long ago does not sleep.
  static ticket stale(ticket heard) noexcept { return heard - long_ago; }
  quiet_word quiet(ticket heard) noexcept { return event_.quiet(heard); }

  void sleep(ticket heard, time_point until) noexcept { event_.sleep(heard, until); }

  // Call after the condition was set. True when somebody may have slept, or expects it.
  // Never a call, as publishing promises: where a program rings at many places the compiler would
  // make it one.
  [[gnu::always_inline]] bool ring() noexcept {
    asymmetric_fence::light();
    if (!event_.wants_attention()) [[likely]] return false;
    return wake();
  }

  // The next ring() says true.
  void expect() noexcept { static_cast<void>(event_.listen()); }

 private:
  // Out of the loops that ring.
  [[gnu::noinline]] bool wake() noexcept {
    full_fence();
    if (!event_.may_have_sleepers()) return false;
    event_.notify_all();
    return true;
  }

  static constexpr ticket long_ago = 1u << 31;

  event event_;
};

}  // namespace sequencer::detail
