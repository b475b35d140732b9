// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/futex.hpp>

namespace sequencer::detail {

// A condition variable for lock-free code (folly's EventCount is the model): listen, look at the
// condition once more, sleep only if nobody notified since.
//
// The word holds an epoch in its upper 30 bits, "somebody may sleep" in bit 0, and in bit 1, which
// is constant, that whoever asks must fence.
// No wake-up is lost: listen and notify are both read-modify-writes of the same word. Either
// notify comes second and finds bit 0 set, so it wakes; or listen comes second, reads what notify
// released, and the look that follows sees the condition.
class event {
 public:
  using ticket = std::uint32_t;

  event() noexcept = default;
  explicit event(bool fences) noexcept : word_(fences ? fencing : 0) {}

  // Announces a sleeper. Look at the condition after this and before sleep().
  ticket listen() noexcept {
    // order: event-listen <- event-notify: the condition set before notify
    return word_.fetch_or(sleepers, acquire) | sleepers;
  }

  // Sleeps until a notify that follows listen(), or until `until`; may return early.
  void sleep(ticket heard, time_point until) noexcept { futex_wait(word_, heard, until); }

  // What sleep() would sleep at, for who sleeps at several events.
  quiet_word quiet(ticket heard) noexcept { return {&word_, heard}; }

  // Whether notify_all() would make a system call. Says the truth only to who has a fence between
  // what he set and this; see bell.hpp.
  bool may_have_sleepers() const noexcept {
    // relaxed: ordered by that fence.
    return (word_.load(relaxed) & sleepers) != 0;
  }
  // The same, or that a fence is still to come.
  bool wants_attention() const noexcept {
    // relaxed: as above
    return (word_.load(relaxed) & (sleepers | fencing)) != 0;
  }

  // Wakes everybody who listens. Call after the condition was set.
  // One read-modify-write; a system call only if somebody may sleep.
  void notify_all() noexcept {
    // relaxed: only the first guess of the exchange below.
    auto seen = word_.load(relaxed);
    // order: event-notify -> event-listen: the condition set before notify
    while (!word_.compare_exchange_weak(seen, (seen & ~sleepers) + next_epoch, release, relaxed)) {
    }  // relaxed: only the next guess
    if ((seen & sleepers) != 0) futex_wake_all(word_);
  }

 private:
  static constexpr std::uint32_t sleepers = 1;
  static constexpr std::uint32_t fencing = 2;
  static constexpr std::uint32_t next_epoch = 4;

  atomic<std::uint32_t> word_{0};
};

}  // namespace sequencer::detail
