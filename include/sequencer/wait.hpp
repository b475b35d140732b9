// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <ctime>
#include <utility>

#include <sequencer/cpu.hpp>
#include <sequencer/detail/event.hpp>
#include <sequencer/line_monitor.hpp>

// How a thread spends its time while it cannot go on. There is one loop, await(); a strategy only
// says what one idle step is and how a waiter is woken. Deadlines and stopping belong to the loop.
namespace sequencer::wait {

// Steady-clock moment after which a wait gives up; `never` for none, `at_once` for a single look.
using deadline = std::chrono::steady_clock::time_point;
inline constexpr deadline never = deadline::max();
inline constexpr deadline at_once = deadline::min();

// `never` where the clock does not reach that far.
inline deadline in(std::chrono::nanoseconds span) noexcept {
  const auto now = detail::now();
  return span < never - now ? now + span : never;
}

enum class outcome : std::uint8_t { ready, timeout, stopped };

// A strategy makes a waiter per wait; step() is one bounded idle action, after which the loop
// looks again. wake() is called by whoever made the condition true.
template <class S>
concept strategy = requires(S s, deadline d) {
  { s.enter().step(d) } noexcept;
  { s.wake() } noexcept;
};

// Polls with the pause instruction. Never leaves the core.
class spin {
 public:
  struct waiter {
    void step(deadline) noexcept { cpu::relax(); }
  };
  waiter enter() noexcept { return {}; }
  void wake() noexcept {}
};

// Gives the core away between looks.
class yield {
 public:
  struct waiter {
    void step(deadline) noexcept { ::sched_yield(); }
  };
  waiter enter() noexcept { return {}; }
  void wake() noexcept {}
};

// Time-stamp ticks (2 to 5 per ns on x86; 1 or fewer on aarch64) that a hopeful waiter spins
// before it turns to the system: about what a futex sleep and wake would cost.
inline constexpr std::uint64_t spin_ticks = 10'000;

// Spins, then yields, then sleeps for growing spans up to `longest`. Needs no waker.
class backoff {
 public:
  static constexpr int yields = 16;
  static constexpr std::chrono::nanoseconds shortest{1'000};
  static constexpr std::chrono::nanoseconds longest{1'000'000};

  class waiter {
   public:
    void step(deadline until) noexcept {
      if (cpu::ticks() - entered_ < spin_ticks) return cpu::relax();
      if (yielded_ < yields) {
        ++yielded_;
        ::sched_yield();
        return;
      }
      doze(until);
    }

   private:
    void doze(deadline until) noexcept {
      auto span = span_;
      if (until != never) {
        span = std::min<std::chrono::nanoseconds>(span, until - detail::now());
      }
      span_ = std::min(span_ * 2, longest);
      if (span.count() <= 0) return;
      const timespec request{0, static_cast<long>(span.count())};
      ::nanosleep(&request, nullptr);
    }

    std::uint64_t entered_ = cpu::ticks();
    int yielded_ = 0;
    std::chrono::nanoseconds span_ = shortest;
  };
  waiter enter() noexcept { return {}; }
  void wake() noexcept {}
};

// The idle steps of who sleeps on an event, or on what is like one: spins briefly, then listens,
// and sleeps only when another look has found nothing.
template <class Event>
class sleeper {
 public:
  explicit sleeper(Event& event) noexcept : event_(&event) {}

  void step(deadline until) noexcept {
    if (listening_) {
      event_->sleep(ticket_, until);
      listening_ = false;
    } else if (cpu::ticks() - entered_ < spin_ticks) {
      cpu::relax();
    } else {
      ticket_ = event_->listen();
      listening_ = true;
    }
  }

 private:
  Event* event_;
  std::uint64_t entered_ = cpu::ticks();
  typename Event::ticket ticket_{};
  bool listening_ = false;
};

// Spins briefly, then sleeps in the kernel until wake(). Nothing is lost between look and sleep.
class park {
 public:
  using waiter = sleeper<detail::event>;
  waiter enter() noexcept { return waiter(event_); }
  void wake() noexcept { event_.notify_all(); }

 private:
  detail::event event_;
};

// For who waits for no line in particular.
struct no_line {
  const void* operator()() const noexcept { return nullptr; }
};

// The idle steps of who waits for a cache line to be written: arms the monitor, and rests only when
// another look has found nothing. line() names the line, which may be another one at each step;
// without one, and where the processor has no monitor, they are those of `spin`.
template <class Monitor, class Line>
class watcher {
 public:
  // About 20 us: what is not written to that line, such as an end, is seen as late as that.
  static constexpr std::uint32_t longest_rest = 50'000;

  explicit watcher(Line line) noexcept : line_(line) {}

  void step(deadline) noexcept {
    const void* const here = Monitor::exists() ? line_() : nullptr;
    const void* const armed = std::exchange(armed_, nullptr);
    if (here == nullptr) return cpu::relax();
    if (here == armed) return Monitor::rest(longest_rest);
    Monitor::arm(here);
    armed_ = here;
  }

 private:
  Line line_;
  const void* armed_ = nullptr;
};

// Rests the core on the line that the waiter of a ring waits for, with umwait or mwaitx: a sibling
// hardware thread has the core meanwhile, and less power is used than in `spin`. Elsewhere, and
// where the processor has neither, it is `spin`. `Monitor` is cpu::line_monitor, or a test's.
template <class Monitor>
class watch {
 public:
  using waiter = watcher<Monitor, no_line>;
  waiter enter() noexcept { return waiter({}); }
  void wake() noexcept {}
};
using monitor = watch<cpu::line_monitor>;

// The idle steps of who spins for so many ticks first, and then waits as `Then` does.
template <std::uint64_t Ticks, class Then>
class spinner {
 public:
  explicit spinner(Then then) noexcept : then_(then) {}

  void step(deadline until) noexcept {
    if (cpu::ticks() - entered_ < Ticks) return cpu::relax();
    then_.step(until);
  }

 private:
  std::uint64_t entered_ = cpu::ticks();
  Then then_;
};

// Spins for `Ticks` time-stamp ticks, then waits as `Then` does: for who knows how long a quick
// answer takes. The Disruptor's PhasedBackoffWaitStrategy, with the phases in the type.
template <std::uint64_t Ticks, strategy Then = park>
class hybrid {
 public:
  auto enter() noexcept { return spinner<Ticks, decltype(then_.enter())>(then_.enter()); }
  void wake() noexcept { then_.wake(); }

 private:
  Then then_;
};

static_assert(strategy<hybrid<100'000>> && strategy<hybrid<100'000, yield>>);
static_assert(strategy<spin> && strategy<yield> && strategy<backoff> && strategy<park>);
static_assert(strategy<monitor>);

// Waits until ready() holds.
// Threads: any number on one strategy object. Progress: blocking, by the strategy's means.
// Order: whatever ready() reads decides; the loop adds none.
// Fails: stopped when stopped() held first, timeout when `until` passed first. ready() is looked
// at before either, so a condition that already holds is never missed.
template <strategy S, std::predicate Ready, std::predicate Stopped>
outcome await(S& how, Ready ready, Stopped stopped, deadline until = never) noexcept {
  if (ready()) return outcome::ready;
  auto waiter = how.enter();
  for (;;) {
    if (stopped()) return outcome::stopped;
    if (until == at_once) return outcome::timeout;
    if (until != never && detail::now() >= until) return outcome::timeout;
    waiter.step(until);
    if (ready()) return outcome::ready;
  }
}

}  // namespace sequencer::wait
