// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <sequencer/detail/bells.hpp>
#include <sequencer/detail/claiming.hpp>
#include <sequencer/poller.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/wait.hpp>

namespace sequencer {

// Several rings into one consumer on the caller's own thread: pollers, of any events and producers,
// that are looked at in turn. Events of one ring come in their order; between rings there is none.
//
// Handlers: one for each ring, in the order of the pollers, or one that takes the events of all.
// Each is called as poller::poll() calls it.
//
// Threads: one at a time. It keeps every ring's position until it ends.
template <class... Pollers>
class fan_in {
 public:
  static constexpr std::size_t count = sizeof...(Pollers);
  static_assert(count > 0, "a fan_in has at least one poller");
  static_assert((std::is_same_v<Pollers, poller<typename Pollers::ring_type>> && ...),
                "a poller that follows stages sleeps at theirs, and is polled beside a fan_in");

  explicit fan_in(Pollers... in) noexcept : in_(std::move(in)...) {}

  // The next position of the ring `Which`, counted from 0, to be seen.
  template <std::size_t Which>
  sequence position() const noexcept {
    return std::get<Which>(in_).position();
  }

  // Times that await() found nothing at first, and that the poller of that ring did before.
  template <std::size_t Which>
  std::uint64_t waits() const noexcept {
    return std::get<Which>(in_).waits();
  }

  // Looks at each ring once, and calls the handlers for what is readable, at most an eighth of each
  // ring. A handler that returns false ends the call after its event, as one does that throws; the
  // next call begins with the ring after that one, so nobody starves.
  // Returns batch, where any ring had something; closed, where all of them are; else idle.
  // Progress: bounded apart from the handlers; wakes who sleeps.
  template <class... Handlers>
  polled poll(Handlers&&... handlers) {
    bool going = true;
    return look_at_each(an_eighth, going, handlers...);
  }
  // The same with at most `most` events of each ring; 0: an eighth of it.
  template <class... Handlers>
  polled poll_at_most(std::uint64_t most, Handlers&&... handlers) {
    bool going = true;
    return look_at_each(most, going, handlers...);
  }

  // Waits, by How, until poll() would find something: batch; or all the ends: closed. Idle when
  // `until` passed first.
  template <wait::strategy How = wait::backoff>
  polled await(wait::deadline until = wait::never) noexcept {
    detail::bells all(published());
    auto pace = detail::waiting_at<How>(all);
    auto found = polled::idle;
    const auto ready = [&] {
      found = state();
      return found != polled::idle;
    };
    if (ready()) return found;
    for_each([&](auto which) { gate<which>().count_wait(); });
    static_cast<void>(wait::await(pace, ready, [] { return false; }, until));
    return found;
  }

  // Polls and waits, by How, until all rings are closed and everything in them was seen, or a
  // handler returned false.
  template <wait::strategy How = wait::backoff, class... Handlers>
  void run(Handlers&&... handlers) {
    bool going = true;
    while (going && await<How>() == polled::batch) look_at_each(an_eighth, going, handlers...);
  }

 private:
  static constexpr std::uint64_t an_eighth = 0;
  using each_index = std::make_index_sequence<count>;

  // In every ring's handler, whichever of them runs: who waits for room in one of the others waits
  // for himself, too.
  class presence {
   public:
    explicit presence(fan_in& of) noexcept : of_(of) {
      of_.for_each([&](auto which) { before_[which] = of_.template gate<which>().enter(); });
    }
    ~presence() {
      of_.for_each([&](auto which) { of_.template gate<which>().exit(before_[which]); });
    }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;

   private:
    fan_in& of_;
    std::array<std::uintptr_t, count> before_;
  };

  template <class... Handlers>
  polled look_at_each(std::uint64_t most, bool& going, Handlers&... handlers) {
    static_assert(sizeof...(Handlers) == 1 || sizeof...(Handlers) == count,
                  "a fan_in takes a handler for each ring, or one for all");
    const auto all = std::tie(handlers...);
    const presence here(*this);
    auto found = polled::closed;
    for (std::size_t looks = 0; going && looks < count; ++looks) {
      with(turn_, [&](auto which) {
        turn_ = (which + 1) % count;
        constexpr auto mine = std::min<std::size_t>(which, sizeof...(Handlers) - 1);
        found = either(found, look<which>(std::get<mine>(all), most, going));
      });
    }
    return found;
  }

  template <std::size_t Which, class Handler>
  polled look(Handler& handler, std::uint64_t most, bool& going) {
    using poller_type = std::tuple_element_t<Which, std::tuple<Pollers...>>;
    auto& in = std::get<Which>(in_);
    using event_type = typename poller_type::event_type;
    static_assert(std::is_invocable_v<Handler&, const event_type&, sequence, bool>,
                  "the handler of each ring is called with (const Event&, sequence, bool)");
    const auto share = std::max<std::uint64_t>(1, in.in_.of().capacity() / 8);
    const auto call = [&](const auto& event, sequence s, bool last) {
      return going = poller_type::call(handler, event, s, last);
    };
    return in.poll(call, most == an_eighth ? share : most);
  }

  polled state() noexcept {
    auto found = polled::closed;
    for_each([&](auto which) { found = either(found, std::get<which>(in_).in_.state()); });
    return found;
  }

  static polled either(polled one, polled other) noexcept {
    if (one == other) return one;
    return one == polled::batch || other == polled::batch ? polled::batch : polled::idle;
  }

  template <std::size_t Which>
  auto& gate() noexcept {
    return std::get<Which>(in_).in_.place();
  }

  std::array<detail::bell*, count> published() const noexcept {
    return std::apply([](const auto&... in) {
      return std::array<detail::bell*, count>{&in.in_.published()...};
    }, in_);
  }

  template <class Visit>
  static void for_each(Visit visit) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (visit(std::integral_constant<std::size_t, I>{}), ...);
    }(each_index{});
  }

  // Calls visit with `which` as a constant.
  template <class Visit>
  static void with(std::size_t which, Visit visit) {
    for_each([&](auto each) {
      if (each == which) visit(each);
    });
  }

  std::tuple<Pollers...> in_;
  std::size_t turn_ = 0;  // whose look is next
};

}  // namespace sequencer
