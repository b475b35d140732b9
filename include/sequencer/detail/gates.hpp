// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/bell.hpp>
#include <sequencer/detail/roster.hpp>
#include <sequencer/detail/thread_tag.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/slots.hpp>

namespace sequencer::detail {

// How far one consumer is; producers must not lap it.
struct alignas(interference_size) gate {
  static constexpr sequence open = ~sequence{0};  // holds nobody back

  atomic<sequence> position{open};
  atomic<bool> taken{true};
  atomic<std::uintptr_t> visitor{0};  // the thread that is in its handler
  atomic<std::uint64_t> waits{0};     // times that it found nothing
  plain<gate*> next{nullptr};
  bell moved;  // rung when the position rose; who sleeps at it is all that writes it

  // What is below `to` may be replaced, and seen by who follows this consumer.
  void rise(sequence to, bell& freed) noexcept {
    // order: gate-moved -> gate-seen: the reads and writes of the events below
    position.store(to, release);
    freed.ring();
    moved.ring();
  }

  void count_wait() noexcept {
    // relaxed: a statistic of one writer.
    waits.store(waits.load(relaxed) + 1, relaxed);
  }

  // Returns what exit() restores.
  std::uintptr_t enter() noexcept {
    // relaxed: read by the same thread, when it asks about itself.
    const auto before = visitor.load(relaxed);
    visitor.store(thread_tag(), relaxed);  // relaxed: as above
    return before;
  }
  void exit(std::uintptr_t before) noexcept {
    // relaxed: as above
    visitor.store(before, relaxed);
  }
  bool is_visited_by_caller() const noexcept {
    // relaxed: as above
    return visitor.load(relaxed) == thread_tag();
  }
};

// The consumers that gate the producers of one ring, and up to where positions are settled, that is
// published or skipped. Consumers come and go while producers run.
//
// Invariants. (1) Below a gate's position, and below `settled_`, every position is settled: a
// consumer has seen its stamp, or who walked there has. So a producer that stays within a capacity
// of either never gets a slot that another one is still filling.
// (2) Nothing that a consumer has not seen is replaced. A producer stores the position that it
// found settled, then scans: a read-modify-write on `scans_`, then a look at every gate; it goes no
// further than the least of what it stored and what it found. A newcomer enters its gate, then
// performs a read-modify-write of the same word, then reads `settled_` and walks on from there: at
// s it begins. A scan that comes later sees the gate. One that came before was of a producer whose
// stored position the newcomer sees, so s is no less. Either way nothing at s or above is lapped.
//
// One line for all of it: who claims reads the list of gates where he has just counted his scan.
class alignas(interference_size) gates {
 public:
  explicit gates(sequence start) noexcept : settled_(start) {}

  // Enters at the first position that was not settled a moment ago; nullptr without memory.
  gate* join(const stamps& of) noexcept {
    auto* mine = all_.enter();
    if (mine == nullptr) return nullptr;
    // relaxed: a statistic.
    mine->waits.store(0, relaxed);
    // order: gate-moved -> gate-seen: the reads of the events below, by who had the gate before
    mine->position.store(settled(), release);
    // order: gate-entered <-> gates-scanned: the gate; what earlier scans found settled
    scans_.fetch_add(1, acq_rel);
    // order: gate-moved -> gate-seen: the reads of the events below
    mine->position.store(of.settled(settled()), release);
    return mine;
  }

  static void leave(gate& mine) noexcept {
    // order: gate-moved -> gate-seen: the reads of the events below
    mine.position.store(gate::open, release);
    mine.exit(0);
    roster<gate>::leave(mine);
  }

  // Positions up to a capacity above this one may be claimed by the caller.
  sequence scan(const stamps& of) noexcept {
    const auto known = freed(of);
    settle(known);
    // order: gates-scanned <-> gate-entered: the gate; what earlier scans found settled
    scans_.fetch_add(1, acq_rel);
    return std::min(known, least());
  }

  // Where the last consumer is, or how far positions are settled where there is none. A hint.
  sequence freed(const stamps& of) const noexcept {
    const auto known = least();
    return known == gate::open ? of.settled(settled()) : known;
  }

  // Producers that found the ring full.
  void count_full() noexcept {
    // relaxed: a statistic.
    full_.fetch_add(1, relaxed);
  }
  std::uint64_t full() const noexcept {
    // relaxed: a statistic.
    return full_.load(relaxed);
  }

  // Whether the caller is in the handler of a consumer that holds producers at `limit` or below.
  bool caller_holds(sequence limit) const noexcept {
    for (const auto* at = all_.first(); at != nullptr; at = at->next) {
      // relaxed: the caller moves it itself.
      if (at->is_visited_by_caller() && at->position.load(relaxed) < limit) return true;
    }
    return false;
  }

  // The line of the consumer that is furthest behind; nullptr where there is none.
  const void* laggard_line() const noexcept {
    const gate* last = nullptr;
    auto least = gate::open;
    for (const auto* at = all_.first(); at != nullptr; at = at->next) {
      // relaxed: which line is watched; the look that follows decides.
      const auto here = at->position.load(relaxed);
      if (here < least) last = at;
      least = std::min(least, here);
    }
    return last;
  }

  // Wakes whoever follows a consumer.
  void ring() noexcept {
    for (auto* at = all_.first(); at != nullptr; at = at->next) at->moved.ring();
  }

  // Every position below is published or skipped. Up to a lap old.
  sequence settled() const noexcept {
    // order: settled-seen <- settled-raised: the events below
    return settled_.load(acquire);
  }

 private:
  // The least position that a consumer is at, or gate::open.
  sequence least() const noexcept {
    auto least = gate::open;
    for (const auto* at = all_.first(); at != nullptr; at = at->next) {
      // order: gate-seen <- gate-moved: the reads of the events below
      least = std::min(least, at->position.load(acquire));
    }
    return least;
  }

  void settle(sequence known) noexcept {
    // relaxed: only the first guess of the exchange below.
    auto seen = settled_.load(relaxed);
    // order: settled-raised -> settled-seen: the events below
    while (seen < known && !settled_.compare_exchange_weak(seen, known, release, relaxed)) {
    }  // relaxed: only the next guess
  }

  roster<gate> all_;
  atomic<std::uint64_t> scans_{0};
  atomic<sequence> settled_;
  atomic<std::uint64_t> full_{0};
};

}  // namespace sequencer::detail
