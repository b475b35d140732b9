// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>

#include <sequencer/batch.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/stage.hpp>

// Needs exceptions; without them there is nothing to guard against.
#ifdef __cpp_exceptions
namespace sequencer {

// What is to become of an event whose handler threw, or of what is left of a batch: all of it that
// was not released.
enum class verdict : std::uint8_t {
  retry,  // call the handler again, at once
  skip,   // it counts as handled
  halt,   // halt the ring; it does not count as handled
};

struct thrown {
  std::exception_ptr what;
  std::string_view stage;
  sequence position;  // of the event; of a batch, the first that was not released
};

// Makes a stage's handler of one that throws: on_error(const thrown&, Event&) answers what becomes
// of the event; who answers `retry` for ever holds up the end, too. Should it throw itself, the
// ring is halted. The handler's hooks are passed on.
//
// Of a handler of batches it is on_error(const thrown&, batch<Event>&), which may release events
// itself: who releases up to behind the event that failed, and retries, skips that one alone.
template <class Handler, class OnError>
class guarded {
 public:
  guarded(Handler handler, OnError on_error)
      : handler_(std::move(handler)), on_error_(std::move(on_error)) {}

  template <class Event>
    requires event_handler<Handler, Event>
  handled operator()(Event& event, sequence s, bool last) noexcept {
    for (;;) {
      try {
        return call(event, s, last);
      } catch (...) {
        const auto what = judge(thrown{std::current_exception(), stage_, s}, event);
        if (what == verdict::skip) return handled::next;
        if (what == verdict::halt) return handled::halt;
      }
    }
  }

  template <class Event>
    requires batch_handler<Handler, Event>
  handled operator()(batch<Event>& all) noexcept {
    for (;;) {
      try {
        return call(all);
      } catch (...) {
        const auto first = all.positions().first;
        const auto what = judge(thrown{std::current_exception(), stage_, first}, all);
        if (what == verdict::halt) return handled::halt;
        if (what == verdict::skip || all.positions().empty()) return handled::next;
      }
    }
  }

  void on_start(std::string_view stage) noexcept {
    stage_ = stage;
    if constexpr (hooks::start<Handler>) {
      static_assert(noexcept(handler_.on_start(stage)), "a handler's hooks are noexcept");
      handler_.on_start(stage);
    }
  }
  void on_stop() noexcept(noexcept(std::declval<Handler&>().on_stop()))
    requires hooks::stop<Handler>
  {
    handler_.on_stop();
  }
  void on_batch_end() noexcept(noexcept(std::declval<Handler&>().on_batch_end()))
    requires hooks::batch_end<Handler>
  {
    handler_.on_batch_end();
  }
  void on_idle() noexcept(noexcept(std::declval<Handler&>().on_idle()))
    requires hooks::idle<Handler>
  {
    handler_.on_idle();
  }
  void on_batch_start(std::uint64_t size, std::uint64_t depth) noexcept(
      noexcept(std::declval<Handler&>().on_batch_start(size, depth)))
    requires hooks::batch_start<Handler>
  {
    handler_.on_batch_start(size, depth);
  }
  template <class Event>
    requires hooks::give_up<Handler, Event>
  void on_give_up(Event& event, sequence s) noexcept(
      noexcept(std::declval<Handler&>().on_give_up(event, s))) {
    handler_.on_give_up(event, s);
  }
  template <class Event>
    requires hooks::give_up_batch<Handler, Event>
  void on_give_up(batch<Event>& all) noexcept(
      noexcept(std::declval<Handler&>().on_give_up(all))) {
    handler_.on_give_up(all);
  }

 private:
  template <class Event>
  handled call(batch<Event>& all) {
    if constexpr (std::is_void_v<std::invoke_result_t<Handler&, batch<Event>&>>) {
      handler_(all);
      return handled::next;
    } else {
      return handler_(all);
    }
  }

  template <class Event>
  handled call(Event& event, sequence s, bool last) {
    if constexpr (std::is_void_v<std::invoke_result_t<Handler&, Event&, sequence, bool>>) {
      handler_(event, s, last);
      return handled::next;
    } else {
      return handler_(event, s, last);
    }
  }

  template <class Failed>
  verdict judge(const thrown& what, Failed& failed) noexcept {
    try {
      return on_error_(what, failed);
    } catch (...) {
      return verdict::halt;
    }
  }

  Handler handler_;
  OnError on_error_;
  std::string_view stage_;  // the stage's own name, which outlives its handler's work
};

}  // namespace sequencer
#endif
