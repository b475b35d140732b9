// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sequencer/block_source.hpp>
#include <sequencer/detail/atomic.hpp>

namespace sequencer::detail {

// Hands the next block of one handle from whoever fetches it to the handle's owner.
//
// States, and who may leave them:  empty -owner-> wanted -fetcher-> fetching -fetcher-> ready
// -owner-> empty; and wanted -owner-> empty, when the owner cannot wait and fetches itself.
// Invariant: `grant_` belongs to the fetcher while fetching and to the owner otherwise, so it is
// written by one thread at a time and a block is taken once.
class spare_block {
 public:
  // Asks for a block of `want` numbers. Threads: owner; only when empty.
  void ask(const block_request& request) noexcept {
    request_ = request;
    // order: spare-asked -> spare-claimed: the request
    state_.store(wanted, release);
  }

  // Whether nothing is asked for or waiting. Threads: owner.
  bool idle() const noexcept {
    // relaxed: only the owner leaves or enters `empty`.
    return state_.load(relaxed) == empty;
  }

  // Whether a block, or a refusal, can be taken. Threads: owner.
  bool ready_to_take() const noexcept {
    // order: spare-seen <- spare-granted: the grant
    return state_.load(acquire) == ready;
  }

  // Takes the answer back. Threads: owner; only after ready_to_take().
  result<block> take() noexcept {
    const result<block> answer = grant_;
    // relaxed: the grant is the owner's until the next ask, which releases.
    state_.store(empty, relaxed);
    return answer;
  }

  // Withdraws a request that nobody has begun to fetch. Threads: owner.
  bool withdraw() noexcept {
    auto seen = wanted;
    // relaxed: on success nobody else touched the spare; on failure the owner looks again.
    return state_.compare_exchange_strong(seen, empty, relaxed, relaxed);
  }

  // Fetches the block if one is wanted; true when it answered. Threads: any.
  template <class Fetch>
  bool serve(Fetch fetch) noexcept {
    auto seen = wanted;
    // order: spare-claimed <- spare-asked: the request
    if (!state_.compare_exchange_strong(seen, fetching, acquire, relaxed)) {  // relaxed: no claim
      return false;
    }
    grant_ = fetch(static_cast<const block_request&>(request_));
    // order: spare-granted -> spare-seen: the grant
    state_.store(ready, release);
    return true;
  }

 private:
  static constexpr std::uint32_t empty = 0;
  static constexpr std::uint32_t wanted = 1;
  static constexpr std::uint32_t fetching = 2;
  static constexpr std::uint32_t ready = 3;

  atomic<std::uint32_t> state_{empty};
  plain<block_request> request_{};
  plain<result<block>> grant_{errc::unavailable};
};

}  // namespace sequencer::detail
