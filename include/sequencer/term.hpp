// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include <sequencer/log_position.hpp>
#include <sequencer/mark_store.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// A node's term and its vote in it, as Raft keeps them: one durable number, the term above 16 bits
// of vote, so that neither is ever there without the other. A node that forgot its vote could vote
// twice in a term, and there would be two leaders of it.
// (Ongaro and Ousterhout 2014, figure 2: currentTerm, votedFor; 5.2, 5.4.1.)
//
// Threads: one at a time, all calls. The mark belongs to this node alone.
template <mark_store Mark>
class term {
 public:
  static constexpr std::uint64_t last = (std::uint64_t{1} << 47) - 1;
  static constexpr std::uint32_t last_node = 65'534;

  explicit term(Mark& mark) noexcept : mark_(&mark), word_(mark.load()) {}
  term(const term&) = delete;
  term& operator=(const term&) = delete;

  // The highest term that this node has heard of; 0 before the first.
  std::uint64_t current() const noexcept { return word_ >> vote_bits; }

  // Who has this node's vote in the current term.
  std::optional<std::uint32_t> vote() const noexcept {
    const auto vote = static_cast<std::uint32_t>(word_ & vote_mask);
    return vote == 0 ? std::nullopt : std::optional(vote - 1);
  }

  // Hears of a term, with whatever message. A higher one becomes the current one, without a vote,
  // and is durable before this returns: a leader or candidate of the old one is a follower now.
  // Progress: as the mark's store(), for a higher term and for the first answer; else wait-free.
  // Fails: fenced, the message is of an older term: answer with the current one; invalid, 0 or
  // above `last`; else what the store failed with: the term of before stands.
  result<sequence> hear(std::uint64_t other) noexcept {
    if (other == 0 || other > last) return errc::invalid;
    if (other < current()) return errc::fenced;
    if (other == current()) return confirm(other);
    return keep(other, 0);
  }

  // Stands for election: the next term, with the vote of `self`, durable.
  // Progress: as the mark's store().
  // Fails: invalid, a node above last_node; exhausted, no term is left; else what the store failed
  // with: nobody may be asked for a vote.
  result<sequence> stand(std::uint32_t self) noexcept {
    if (self > last_node) return errc::invalid;
    if (current() >= last) return errc::exhausted;
    return keep(current() + 1, self + 1);
  }

  // Asks for this node's vote for `candidate` in `asked`. Granted once a term, to a log that is at
  // least as up to date as `mine`, and durable before this returns; asked again by the same one, it
  // is granted again. Returns the term.
  // Progress: as the mark's store(), for a new vote or term and for the first answer; else
  // wait-free.
  // Fails: fenced, of an older term; locked, another one has the vote; unavailable, the candidate's
  // log lacks entries that are here (the term is heard of all the same); invalid, a term as in
  // hear(), a node above last_node, or a position that cannot be; else what the store failed with.
  result<sequence> grant(std::uint64_t asked, std::uint32_t candidate, log_position theirs,
                         log_position mine) noexcept {
    if (candidate > last_node || !theirs.is_sound()) return errc::invalid;
    if (asked == 0 || asked > last) return errc::invalid;
    if (asked < current()) return errc::fenced;
    const auto given = asked == current() ? vote() : std::nullopt;
    if (given) return *given == candidate ? confirm(asked) : errc::locked;
    if (theirs < mine) {
      const auto heard = hear(asked);
      return heard ? errc::unavailable : heard;
    }
    return keep(asked, candidate + 1);
  }

 private:
  static constexpr unsigned vote_bits = 16;
  static constexpr std::uint64_t vote_mask = (std::uint64_t{1} << vote_bits) - 1;

  result<sequence> keep(std::uint64_t number, std::uint32_t vote) noexcept {
    const auto next = number << vote_bits | vote;
    if (const auto stored = mark_->store(next); !stored) return stored.code();
    word_ = next;
    confirmed_ = true;
    return number;
  }

  // What was found may lie in the cache of a process that died before its sync.
  result<sequence> confirm(std::uint64_t number) noexcept {
    if (confirmed_) return number;
    return keep(number, static_cast<std::uint32_t>(word_ & vote_mask));
  }

  Mark* mark_;
  std::uint64_t word_;
  bool confirmed_ = false;  // stored by this process
};

}  // namespace sequencer
