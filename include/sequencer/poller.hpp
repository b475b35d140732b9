// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <sequencer/detail/reader.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/wait.hpp>

namespace sequencer {

template <class Ring>
class flow;

// A consumer on the caller's own thread; `In` is what it reads by, see also flow::join().
//
// Threads: one at a time. Its position is kept until it ends; what it has not seen is not replaced.
template <class Ring, class In = detail::reader<Ring>>
class poller {
 public:
  using ring_type = Ring;
  using event_type = typename Ring::event_type;

  // The next position to be seen.
  sequence position() const noexcept { return in_.position(); }
  // Times that await() found nothing at first.
  std::uint64_t waits() const noexcept { return in_.waits(); }

  // Calls handler(const Event&, sequence, bool last) for what is readable, at most `most` of it
  // and a whole ring, in order; `last` of a batch, skips aside. A handler that returns false ends
  // the batch after its event; so does one that throws, and its event counts as seen.
  // Producers may replace what was seen when the call ends, and in it at every eighth of the ring.
  // A handler that polls its own poller stops the process.
  // Progress: bounded apart from the handler; wakes who sleeps. In a ring of 1,024 slots and more
  // who keeps up with busy producers spins for more of their events now and then, as long as such
  // come, at most 2 us at once: taking each event's line from them would cost both sides more.
  template <class Handler>
  [[gnu::always_inline]] polled poll(Handler&& handler, std::uint64_t most = ~std::uint64_t{0}) {
    return in_.look(
        [&](const event_type& event, sequence s, bool last) {
          return call(handler, event, s, last);
        },
        most);
  }

  // Waits, by How, until poll() would find something: batch; or the end: closed. Idle, or gated,
  // when `until` passed first.
  template <wait::strategy How = wait::backoff>
  polled await(wait::deadline until = wait::never) noexcept {
    return in_.template await<How>(until);
  }

  // Polls and waits, by How, until the ring is closed and everything in it was seen, or the handler
  // returned false.
  template <wait::strategy How = wait::backoff, class Handler>
  void run(Handler&& handler) {
    bool going = true;
    const auto each = [&](const event_type& event, sequence s, bool last) {
      return going = call(handler, event, s, last);
    };
    while (going && await<How>() == polled::batch) poll(each);
  }

 private:
  template <class, class, std::size_t>
  friend class ring;
  template <class...>
  friend class fan_in;
  template <class>
  friend class flow;
  explicit poller(In in) noexcept : in_(std::move(in)) {}

  template <class Handler>
  static bool call(Handler& handler, const event_type& event, sequence s, bool last) {
    using answer = std::invoke_result_t<Handler&, const event_type&, sequence, bool>;
    if constexpr (std::is_same_v<answer, bool>) {
      return handler(event, s, last);
    } else {
      handler(event, s, last);
      return true;
    }
  }

  In in_;
};

}  // namespace sequencer
