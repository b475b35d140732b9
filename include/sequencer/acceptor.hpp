// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <utility>

#include <sequencer/ballot.hpp>
#include <sequencer/result.hpp>

namespace sequencer {

// What an acceptor of Paxos must not forget.
template <std::equality_comparable Value>
struct acceptance {
  ballot promised;  // nothing below is answered any more
  ballot accepted;  // of `value`; none: nothing was accepted
  Value value{};

  friend bool operator==(const acceptance&, const acceptance&) = default;
};

// Where it is kept, as mark_store keeps a number: store() returns when it would survive; after a
// failure either the old or the new one may be found.
template <class K, class Value>
concept acceptance_store = requires(K keep, const acceptance<Value>& now) {
  { keep.load() } -> std::same_as<acceptance<Value>>;
  { keep.store(now) } -> std::same_as<result<void>>;
};

// The answer to a prepare: the promise, and what was accepted before, which binds the proposer.
template <std::equality_comparable Value>
struct promise {
  ballot promised;
  ballot accepted;
  Value value{};
};

// One acceptor of single-decree Paxos: the rule of promise and accept, and that an answer leaves
// only when it is durable. Messages, quorums and learners are the user's.
// (Lamport, "Paxos Made Simple", 2001: P1a, P2.)
//
// Threads: one at a time, all calls.
template <std::equality_comparable Value, acceptance_store<Value> Keep>
class acceptor {
 public:
  explicit acceptor(Keep& keep) : keep_(&keep), now_(keep.load()) {}
  acceptor(const acceptor&) = delete;
  acceptor& operator=(const acceptor&) = delete;

  // Promises to answer nothing below `asked`. A repeated question is answered again, with what was
  // accepted since. Progress: as the store().
  // Fails: invalid, no ballot; fenced, a higher one was promised (promised() says which: go above
  // it); else what the store failed with: nothing was promised.
  result<promise<Value>> prepare(ballot asked) {
    if (asked.is_none()) return error{errc::invalid, 0, "prepare without a ballot"};
    if (asked < now_.promised) return error{errc::fenced, 0, "a higher ballot was promised"};
    auto next = now_;
    next.promised = asked;
    if (auto kept = keep_once(asked != now_.promised, std::move(next)); !kept) {
      return kept.failure();
    }
    return promise<Value>{now_.promised, now_.accepted, now_.value};
  }

  // Accepts the value of `offered`, unless a higher ballot was promised. A repeated offer has the
  // same answer.
  // Progress: as the store().
  // Fails: invalid, no ballot, or another value was accepted under this very one: its proposer used
  // it twice; fenced, a higher one was promised; else what the store failed with: nothing was
  // accepted.
  result<ballot> accept(ballot offered, Value value) {
    if (offered.is_none()) return error{errc::invalid, 0, "an offer without a ballot"};
    if (offered < now_.promised) return error{errc::fenced, 0, "a higher ballot was promised"};
    if (offered == now_.accepted) {
      if (value == now_.value) {
        if (auto kept = keep_once(false, now_); !kept) return kept.failure();
        return offered;
      }
      return error{errc::invalid, 0, "two values under one ballot: its proposer used it twice"};
    }
    if (auto kept = keep({offered, offered, std::move(value)}); !kept) return kept.failure();
    return offered;
  }

  ballot promised() const noexcept { return now_.promised; }
  const acceptance<Value>& state() const noexcept { return now_; }

 private:
  result<void> keep(acceptance<Value> next) {
    auto kept = keep_->store(next);
    if (kept) {
      now_ = std::move(next);
      confirmed_ = true;
    }
    return kept;
  }

  // What was found may lie in the cache of a process that died before its sync: it is stored again
  // before the first answer that rests on it.
  result<void> keep_once(bool is_new, acceptance<Value> next) {
    return is_new || !confirmed_ ? keep(std::move(next)) : result<void>();
  }

  Keep* keep_;
  acceptance<Value> now_;
  bool confirmed_ = false;  // stored by this process
};

// How many of n acceptors any two quorums share one in.
constexpr std::size_t quorum_of(std::size_t acceptors) noexcept { return acceptors / 2 + 1; }

// What a proposer must propose once a quorum promised its ballot: the value that was accepted under
// the highest ballot among them, and only where there is none a value of its own.
// Threads: any. Progress: wait-free.
template <std::equality_comparable Value>
const Value& value_to_propose(std::span<const promise<Value>> quorum, const Value& own) noexcept {
  const auto highest = std::max_element(
      quorum.begin(), quorum.end(),
      [](const auto& left, const auto& right) { return left.accepted < right.accepted; });
  return highest == quorum.end() || highest->accepted.is_none() ? own : highest->value;
}

}  // namespace sequencer
