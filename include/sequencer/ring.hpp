// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <sequencer/cache_line.hpp>
#include <sequencer/claim.hpp>
#include <sequencer/detail/bell.hpp>
#include <sequencer/detail/claiming.hpp>
#include <sequencer/detail/gates.hpp>
#include <sequencer/detail/many_claimers.hpp>
#include <sequencer/detail/one_claimer.hpp>
#include <sequencer/detail/reader.hpp>
#include <sequencer/detail/traced_claimers.hpp>
#include <sequencer/poller.hpp>
#include <sequencer/producer.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/slots.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {
template <class Ring, wait::strategy How, class Handler, class Barrier>
class stage_thread;
template <class Ring>
struct crew;
}

namespace sequencer {

template <class Ring>
class flow;

// How many threads publish into a ring, as a type.
namespace producers {
using one = detail::one_claimer;
using many = detail::many_claimers;
// As many, and each claim is noted with its thread right after it was made: for
// ring::oldest_claim() and ring::unblock(). Costs a system call, gettid(2), and a few stores a
// claim. A claim is published or aborted by the thread that made it.
using traced = detail::traced_claimers;
}  // namespace producers

// Slots in a circle, the order of their events, and who may go how far.
//
// Producers claim positions, fill the events there and publish them; consumers see every position
// once, in order. After LMAX's Disruptor (Thompson et al., 2011), but a consumer learns what is
// readable from the slot's own stamp and never reads what producers write to claim.
//
// `Capacity`: where it is a constant, and slots are found without asking how many there are.
//
// Threads: any. It outlives its producers and pollers, and does not move.
template <class Event, class Producers = producers::one, std::size_t Capacity = dynamic_capacity>
class ring {
  static constexpr bool is_fixed = Capacity != dynamic_capacity;
  static_assert(!is_fixed || std::has_single_bit(Capacity), "a ring's capacity is a power of two");

 public:
  using event_type = Event;
  using producers_type = Producers;
  using places = sequencer::places<Event, Capacity>;
  using origin = typename Producers::origin;  // where positions come from

  // Events are made once, by Event{}. `start` is the first position, 0 where nothing is said; for
  // producers::durable the order that goes on. Stops the process when `capacity` is no power of two
  // or `start` is above 2^63 - 2, where positions end.
  explicit ring(std::size_t capacity, origin start = origin{})
    requires(!is_fixed)
      : ring(slots<Event>(capacity), std::move(start)) {}
  explicit ring(origin start = origin{})
    requires is_fixed
      : ring(slots<Event>(Capacity), std::move(start)) {}
  explicit ring(slots<Event> storage, origin start = origin{})
      : slots_(checked(std::move(storage))), gates_(first_of(start)), claims_(std::move(start)) {}
  ring(const ring&) = delete;
  ring& operator=(const ring&) = delete;

  std::size_t capacity() const noexcept { return is_fixed ? Capacity : slots_.capacity(); }

  // A thread's right to publish; `How` is how it waits for consumers while the ring is full. With
  // producers::one there is one at a time.
  // Fails: locked, when producers::one has its producer; unavailable, without memory; closed.
  template <wait::strategy How = wait::backoff>
  result<producer<ring, How>> make_producer();

  // A consumer on the caller's own thread. It sees every event from some position on, not later
  // than the oldest claim that is open, and gates producers at once.
  // Threads: any, while producers run. Fails: unavailable, without memory; closed.
  result<poller<ring>> join();

  // Refuses further claims; those that were granted are published still, and pollers say `closed`
  // when they have seen them all.
  // Threads: any. Idempotent. With producers::one it interrupts the process's running threads once.
  void close() noexcept {
    claims_.close();
    find_end();
  }

  // Releases whoever waits, at once; what was published and not consumed stays so, and pollers say
  // `closed` from their next look on.
  // Threads: any. Idempotent. Only for an end.
  void halt() noexcept {
    claims_.halt();
    find_end();
  }

  // ---- seeing in: pictures of a moment, for any thread

  // The first position that is not published or skipped yet: all below can be consumed.
  // Progress: walks over at most a lap of slots.
  sequence published() const noexcept { return slots_.stamps().settled(gates_.settled()); }

  // The first position that nobody has claimed. With producers::one it knows of no claim that is
  // open; with producers::many claims that wait for room count.
  sequence claimed() const noexcept {
    if constexpr (!Producers::single) return claims_.claimed();
    return std::max(claims_.claimed(), published());
  }

  // Slots that could be claimed without waiting: 0 to capacity().
  std::uint64_t free_slots() const noexcept {
    const auto from = gates_.freed(slots_.stamps());
    const auto to = claimed();
    return to <= from ? capacity() : capacity() - std::min<std::uint64_t>(to - from, capacity());
  }

  // Times that a producer found the ring full; stage_state::waits and poller::waits() say how often
  // a consumer found it empty.
  std::uint64_t full_stalls() const noexcept { return gates_.full(); }

  // The claim that holds consumers back, if there is one; who holds it is known to
  // producers::traced only. Of producers::one a run that is published one by one is not known.
  std::optional<open_claim> oldest_claim() const noexcept {
    const auto at = published();
    // The claim of a single producer marks its first slot.
    if (at >= claims_.claimed() && !slots_.stamps()[at].is_claimed()) return std::nullopt;
    open_claim found{at, 0, false};
    if constexpr (requires { claims_.holder_of(at); }) found = claims_.holder_of(at);
    // Meanwhile published: then the slot is the next lap's, and the note that of a later claim.
    if (published() != at) return std::nullopt;
    return found;
  }

  // Makes skips of what the owner of position `s`, which is dead, had claimed and not published.
  // Returns how many. Fails: invalid, `s` is not claimed or is published; locked, its owner lives;
  // unavailable, its owner is not known: of several claims that a producer has in hand only the
  // last is, and one who died in the very moment of a claim left no note of it.
  result<std::uint64_t> unblock(sequence s) noexcept
    requires requires(Producers& p) { p.holder_of(s); }
  {
    const auto stamps = slots_.stamps();
    if (s >= claims_.claimed() || stamps[s].is_of_or_after(s)) return errc::invalid;
    std::uint64_t skipped = 0;
    const auto skip = [&](sequence each) {
      auto& word = slots_[each].word;
      // relaxed: the exchange decides.
      auto seen = word.load(detail::relaxed);
      if (stamp(seen).is_of_or_after(each)) return;
      // Somebody else may have done it meanwhile, and the slot be another lap's.
      // order: slot-stamped -> slot-seen: the event
      skipped += word.compare_exchange_strong(seen, stamp::skipped(each), detail::release,
                                              detail::relaxed);  // relaxed: it is done
    };
    if (const auto why = claims_.release_dead(s, skip); why != errc{}) return why;
    ring_settled();
    return skipped;
  }

 private:
  template <class, wait::strategy>
  friend class producer;
  friend class poller<ring>;
  friend class detail::reader<ring>;
  template <class, wait::strategy, class, class>
  friend class detail::stage_thread;
  friend struct detail::crew<ring>;
  friend class flow<ring>;
  friend class claim<ring>;

  result<detail::reader<ring>> enter();
  places places_of_slots() const noexcept { return slots_.template places<Capacity>(); }

  bool halted() const noexcept { return claims_.halted(); }
  // Positions from `s` on that are published or skipped, at most a whole ring of them.
  std::uint64_t published_from(sequence s) const noexcept {
    return std::min<std::uint64_t>(slots_.stamps().settled(s) - s, capacity());
  }

  static sequence first_of(const origin& start) noexcept {
    const auto first = Producers::first_of(start);
    if (first > detail::beyond_ring) detail::stop("a ring starts at 2^63 - 2 or below");
    return first;
  }

  static slots<Event>&& checked(slots<Event>&& storage) noexcept {
    if (storage.capacity() == 0) detail::stop("a ring needs slots that no other one took over");
    if (is_fixed && storage.capacity() != Capacity) {
      detail::stop("a ring of constant capacity needs exactly as many slots");
    }
    return std::move(storage);
  }

  void ring_published() noexcept {
    const bool noticed = published_.ring();
    if constexpr (Producers::single) {
      if (noticed) [[unlikely]] look_for_end();
    }
  }

  // Without consumers it is the oldest open claim that holds producers back.
  void ring_settled() noexcept {
    ring_published();
    freed_.ring();
  }

  void find_end() noexcept {
    wake_all();
    if constexpr (Producers::single) look_for_end();
  }

  // Asks first to be called again by who settles a claim, in case one is open.
  [[gnu::noinline]] void look_for_end() noexcept {
    if (!claims_.closed()) return;
    published_.expect();
    if (claims_.look_for_end(around_)) wake_all();
  }

  void wake_all() noexcept {
    published_.ring();
    freed_.ring();
    gates_.ring();
  }

  slots<Event> slots_;
  // Made once: in a call it would be stored between two events, and that costs more than one.
  const detail::neighbours around_{gates_, freed_, published_, slots_.stamps(),
                                   slots_.capacity()};
  // Consumers that find lines far: a hint for producers. Beside what is hardly ever written.
  detail::atomic<std::uint32_t> far_readers_{0};
  detail::gates gates_;
  Producers claims_;
  // Nobody writes them while nobody sleeps.
  alignas(interference_size) detail::bell published_;  // or closed
  detail::bell freed_;                                 // or closed
};

template <class Event, class Producers, std::size_t Capacity>
template <wait::strategy How>
auto ring<Event, Producers, Capacity>::make_producer() -> result<producer<ring, How>> {
  typename Producers::ticket mine;
  const auto why = claims_.begin(mine);
  if (why == errc{}) return producer<ring, How>(*this, mine);
  if (why == errc::closed) return error{why, 0, "the ring is closed"};
  if (why == errc::unavailable) return error{why, 0, "out of memory"};
  return error{why, 0, "the ring has its producer; end that one first"};
}

template <class Event, class Producers, std::size_t Capacity>
auto ring<Event, Producers, Capacity>::enter() -> result<detail::reader<ring>> {
  auto* gate = gates_.join(slots_.stamps());
  if (gate == nullptr) return error{errc::unavailable, 0, "out of memory"};
  const bool late = !claims_.accepts_consumers();
  if (late) detail::gates::leave(*gate);
  freed_.ring();  // the gate moved up
  if (late) return error{errc::closed, 0, "the ring is closed"};
  return detail::reader<ring>(*this, *gate);
}

template <class Event, class Producers, std::size_t Capacity>
auto ring<Event, Producers, Capacity>::join() -> result<poller<ring>> {
  auto in = enter();
  if (!in) return in.failure();
  return poller<ring>(*std::move(in));
}

}  // namespace sequencer
