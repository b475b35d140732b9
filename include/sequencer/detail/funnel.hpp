// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

// Where the threads of some cores meet, so that one of them goes to the shared word for all.
//
// Every caller takes a place in line. Who stands first leads: it takes numbers for all who have
// come by then in one go, gives the lead to the next place, whoever will have it, and then each
// follower its number. A caller waits on the word of its own place alone.
//
// Invariant: a place is in one state at a time, told by its turn, which only grows: free for the
// position p at 2p, given to it at 2p + 1, free for the next lap at 2(p + places). Only the leader
// of a position's batch gives, only the caller of the position frees. So no answer is written over
// before it was read, and nobody reads an answer meant for another lap.
//
// Linearizable: a batch's numbers are taken after each of its callers came and before any of them
// returns; that one fetch_add is the moment of all, in the order of their positions. A caller that
// came after another had returned is in a batch that is taken later: through its position it hands
// on what it knows to its leader.
//
// The idea: aggregating funnels (Roh et al., PPoPP 2025). Theirs keeps a list of batches for
// followers to search and reclaims it by epochs; here each follower is told, and nothing is freed.
template <std::size_t Places, wait::strategy Wait = wait::hybrid<wait::spin_ticks, wait::yield>>
class alignas(interference_size) funnel {
  static_assert(Places >= 2 && (Places & (Places - 1)) == 0, "places: a power of two, 2 or more");

 public:
  static constexpr std::uint64_t told_every = 256;  // batches

  funnel() noexcept {
    for (std::uint64_t p = 0; p != Places; ++p) {
      // relaxed: whoever shares this object hands it over.
      places_[p].turn.store(free_for(p), relaxed);
    }
    give(0, lead);
  }
  funnel(const funnel&) = delete;
  funnel& operator=(const funnel&) = delete;

  // One number. take(n) takes the next n of the shared word and returns the first; after(numbers)
  // is told by every 256th leader how many numbers as many batches had, before the next can lead.
  // Threads: any. Progress: blocking: a caller waits for its leader. Order: linearizable.
  template <class Take, class After>
  sequence next(Take take, After after) noexcept {
    // order: funnel-came -> funnel-gathered: what a caller has seen of earlier numbers
    const auto position = came_.fetch_add(1, release);
    const auto given = receive(position);
    return given != lead ? given : serve(position, take, after);
  }

 private:
  // No number is that large.
  static constexpr sequence lead = ~sequence{0};

  struct place {
    atomic<std::uint64_t> turn;
    plain<sequence> given;
  };

  static constexpr std::uint64_t free_for(std::uint64_t position) noexcept { return 2 * position; }

  place& at(std::uint64_t position) noexcept { return places_[position & (Places - 1)]; }

  void await_turn(const place& of, std::uint64_t turn) noexcept {
    Wait how;
    wait::await(
        how,
        // order: funnel-received <- funnel-given: the number, and what its leader has seen
        // order: funnel-reused <- funnel-freed: the answer before was read
        [&] { return of.turn.load(acquire) == turn; }, [] { return false; });
  }

  // Its place is free for the next lap once what was given is known.
  sequence receive(std::uint64_t position) noexcept {
    auto& mine = at(position);
    await_turn(mine, free_for(position) + 1);
    const sequence given = mine.given;
    // order: funnel-freed -> funnel-reused: the answer was read
    mine.turn.store(free_for(position + Places), release);
    return given;
  }

  void give(std::uint64_t position, sequence what) noexcept {
    auto& theirs = at(position);
    await_turn(theirs, free_for(position));
    theirs.given = what;
    // order: funnel-given -> funnel-received: the number, and what the leader has seen
    theirs.turn.store(free_for(position) + 1, release);
  }

  template <class Take, class After>
  sequence serve(std::uint64_t position, Take take, After after) noexcept {
    // order: funnel-gathered <- funnel-came: what those who came have seen of earlier numbers
    const auto come = came_.load(acquire);
    // The next leader's place must not be one of this batch's.
    const auto end = std::min<std::uint64_t>(come, position + Places - 1);
    const auto first = take(end - position);
    count(end - position, after);
    give(end, lead);
    for (auto p = position + 1; p != end; ++p) give(p, first + (p - position));
    return first;
  }

  template <class After>
  void count(std::uint64_t numbers, After after) noexcept {
    const std::uint64_t so_far = numbers_ + numbers;
    const std::uint64_t batches = batches_ + 1;
    const bool told = batches == told_every;
    numbers_ = told ? 0 : so_far;
    batches_ = told ? 0 : batches;
    if (told) after(so_far);
  }

  atomic<std::uint64_t> came_{0};
  // The leader's; handed on with the lead.
  alignas(interference_size) plain<std::uint64_t> numbers_{0};
  plain<std::uint64_t> batches_{0};
  alignas(interference_size) place places_[Places];
};

}  // namespace sequencer::detail
