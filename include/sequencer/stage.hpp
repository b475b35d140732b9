// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sequencer/batch.hpp>
#include <sequencer/sequence.hpp>

// What a stage of a graph is made of: a handler, and how it is to be run.
namespace sequencer {

// What a handler may answer; one that answers nothing goes on.
enum class handled : std::uint8_t {
  next,    // go on
  rewind,  // begin the batch again, from what was not released yet
  halt,    // halt the ring, and so whoever uses it; this event was not handled
};

struct stage_options {
  // Events a batch, at most; 0: an eighth of the ring.
  std::uint64_t max_batch = 0;
  // The CPU of its thread; -1: any.
  int cpu = -1;
  // After so long without an event on_idle() is called, again and again; 0: never.
  std::chrono::nanoseconds idle{0};
  // Before a batch is begun again; a halt, or a leave of the whole stage, ends it.
  std::chrono::nanoseconds rewind_pause{0};
  // Times that a batch may be begun again in a row; beyond, on_give_up() is called where there is
  // one, and the event, or what is left of the batch, counts as handled; else the ring is halted.
  std::uint64_t rewinds = ~std::uint64_t{0};
};

// Called with one event after the other: handler(Event&, sequence, bool last_of_batch).
template <class Handler, class Event>
concept event_handler = std::invocable<Handler&, Event&, sequence, bool>;

// Called with many: handler(batch<Event>&).
template <class Handler, class Event>
concept batch_handler = std::invocable<Handler&, batch<Event>&>;

// A handler may have these besides; all on its own thread, and noexcept:
//   on_start(std::string_view stage)   before the first event
//   on_stop()                          after the last
//   on_batch_start(size, depth)        positions of the batch, and all that could be handled then,
//                                      for workers as of their last look at the stages before
//   on_batch_end()                     after a batch, also one that ended in skips or held none
//   on_idle()                          see stage_options::idle
//   on_give_up(Event&, sequence)       see stage_options::rewinds; an event handler's
//   on_give_up(batch<Event>&)          the same, a batch handler's
namespace hooks {
template <class H>
concept start = requires(H h, std::string_view name) { h.on_start(name); };
template <class H>
concept stop = requires(H h) { h.on_stop(); };
template <class H>
concept batch_start = requires(H h, std::uint64_t n) { h.on_batch_start(n, n); };
template <class H>
concept batch_end = requires(H h) { h.on_batch_end(); };
template <class H>
concept idle = requires(H h) { h.on_idle(); };
template <class H, class Event>
concept give_up = requires(H h, Event& event, sequence s) { h.on_give_up(event, s); };
template <class H, class Event>
concept give_up_batch = requires(H h, batch<Event>& all) { h.on_give_up(all); };

// Those that it has are noexcept.
template <class H, class Event>
constexpr bool are_noexcept() noexcept {
  bool all = true;
  if constexpr (start<H>) all = all && noexcept(std::declval<H&>().on_start(std::string_view()));
  if constexpr (stop<H>) all = all && noexcept(std::declval<H&>().on_stop());
  if constexpr (batch_start<H>) all = all && noexcept(std::declval<H&>().on_batch_start(0u, 0u));
  if constexpr (batch_end<H>) all = all && noexcept(std::declval<H&>().on_batch_end());
  if constexpr (idle<H>) all = all && noexcept(std::declval<H&>().on_idle());
  if constexpr (give_up<H, Event>) {
    all = all && noexcept(std::declval<H&>().on_give_up(std::declval<Event&>(), sequence{}));
  }
  if constexpr (give_up_batch<H, Event>) {
    all = all && noexcept(std::declval<H&>().on_give_up(std::declval<batch<Event>&>()));
  }
  return all;
}
}  // namespace hooks

}  // namespace sequencer
