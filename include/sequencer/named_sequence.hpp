// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <sequencer/cache_line.hpp>
#include <sequencer/checkpoint.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/result.hpp>
#include <sequencer/signed_result.hpp>

// Named sequences as SQL has them, with PostgreSQL as the reference: start, increment, bounds,
// cache, cycle; nextval, currval, lastval, setval, restart, alter, drop. What differs on purpose is
// listed in docs/orders.md.
namespace sequencer {

namespace detail {

struct open_named;
struct named_session_state;

// What a session holds of one sequence: the rest of its block and its last number. Read and
// written by the session's thread alone; `moves` is everybody's.
struct alignas(interference_size) named_view {
  const atomic<std::uint64_t>* moves = nullptr;  // zero in a forked child
  std::uint64_t block_of = 0;                    // moves at which the block was taken
  std::int64_t last = 0;
  std::int64_t block_last = 0;  // equal to `last`: nothing is left of the block
  std::int64_t increment = 0;
  std::uint64_t epoch = 0;  // of `last`
  bool has_last = false;
  const named_view** last_used = nullptr;  // the session's
  open_named* of = nullptr;
  named_session_state* session = nullptr;

  // Takes the next number of the block; false where there is none, or a move has voided it.
  bool step(std::int64_t& next) noexcept {
    // order: named-move-seen <- named-move-made: the block is from before the move
    const auto moved = moves->load(acquire);
    const auto before = last;
    if (before == block_last || block_of != moved) [[unlikely]] return false;
    next = static_cast<std::int64_t>(static_cast<std::uint64_t>(before) +
                                     static_cast<std::uint64_t>(increment));
    last = next;
    *last_used = this;
    return true;
  }
};

}  // namespace detail

// What is not set takes SQL's default when the sequence is created, and stays when it is altered.
struct named_options {
  std::optional<std::int64_t> start = std::nullopt;      // minimum, or maximum if it descends
  std::optional<std::int64_t> increment = std::nullopt;  // 1; not 0
  std::optional<std::int64_t> minimum = std::nullopt;    // 1, or -2^63 if it descends
  std::optional<std::int64_t> maximum = std::nullopt;    // 2^63 - 1, or -1 if it descends
  bool no_minimum = false;                               // alter: back to the default
  bool no_maximum = false;
  std::optional<std::uint64_t> cache = std::nullopt;  // 1; numbers that a session takes at once
  std::optional<bool> cycle = std::nullopt;           // false; true: go on at the other bound
  std::optional<sequencer::durability> durability = std::nullopt;  // ahead; fixed at creation
  std::optional<std::uint64_t> max_gap = std::nullopt;  // 2^20; at least twice the cache; see P4
};

struct named_change {
  named_options options{};
  bool restart = false;                                     // at start, or where it says below
  std::optional<std::int64_t> restart_with = std::nullopt;  // implies restart
};

// n numbers in a row, as SQL Server's sp_sequence_get_range tells them.
struct named_range {
  std::int64_t first = 0;
  std::int64_t last = 0;  // inclusive
  std::uint64_t cycles = 0;  // how often it went round on the way
  std::int64_t increment = 0;
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
  std::uint64_t epoch = 0;  // of the first; one more for each time round
};

// One sequence within one session. A handle; copies are the same session's. Threads: one at a
// time for all handles of a session. It may outlive the session and the checkpoint.
class named_sequence {
 public:
  // Takes the next number: PostgreSQL's nextval.
  // Progress: one load and the caller's own memory within a block of `cache` numbers; a new block
  // takes a lock and parks while the keeper is late.
  // Order: increasing (by the increment) within an epoch where cache is 1; with a cache each
  // session's numbers are, and others' lie between. A call that began after setval, restart or
  // alter returned never answers with a number from before it. (epoch(), number) is unique.
  // Fails: exhausted (past the bound without cycle); closed (also in a forked child, and after
  // drop); io and fenced after the file failed.
  result<std::int64_t> nextval() noexcept {
    std::int64_t next;
    if (!view_->step(next)) [[unlikely]] return next_block();
    return next;
  }

  // The last number that this session took here, or set by setval.
  // Progress: wait-free. Fails: unavailable before the first; closed after drop.
  result<std::int64_t> currval() const noexcept;

  // The epoch of currval(): it grows when the sequence is moved backwards or goes round.
  std::uint64_t epoch() const noexcept { return view_->epoch; }

  // Moves the sequence: the next number is the one after `number`, or `number` itself where it is
  // not called yet. Other sessions' blocks are void when it returns. Durable when it returns; a
  // move backwards has a new epoch by then.
  // Progress: two syncs. Fails: invalid out of bounds; exhausted (no epoch left); closed; io and
  // fenced.
  result<void> setval(std::int64_t number, bool called = true);

  // Takes n numbers in a row at once; currval stays. At most half of max_gap without a write of
  // its own, above that at two syncs.
  // Fails: invalid for n of 0 or above 2^63 - 1; exhausted (fewer are left and it does not cycle;
  // takes nothing); closed; io and fenced.
  result<named_range> range(std::uint64_t n) noexcept;

 private:
  friend class named_session;

  named_sequence() = default;
  [[gnu::noinline]] result<std::int64_t> next_block() noexcept;

  std::shared_ptr<detail::named_session_state> session_;
  detail::named_view* view_ = nullptr;
};

// What SQL calls a session: whose currval and lastval they are. Threads: one at a time; make one a
// thread. It may outlive the checkpoint.
class named_session {
 public:
  // The sequence of that name, once more or again.
  // Fails: invalid (unknown, or of another kind), fenced (durability memory on a new boot), as
  // checkpoint::open.
  result<named_sequence> open(std::string_view name);

  // The last number that this session took by nextval, of whichever sequence.
  // Fails: unavailable before the first, and after that sequence was dropped.
  result<std::int64_t> lastval() const noexcept;

 private:
  friend class named_sequences;

  named_session() = default;

  std::shared_ptr<detail::named_session_state> state_;
};

// The named sequences of a checkpoint: checkpoint::named(). A handle. Threads: any. Each call is
// durable when it returns, and answers `closed` after the checkpoint closed and in a forked child.
// The first creation makes the file one of format version 2, which older libraries refuse.
class named_sequences {
 public:
  // CREATE SEQUENCE. In an adopted file an ascending one starts at the file's floor or above, as
  // far as its bounds reach; one that goes round is told apart by its epoch.
  // Fails: invalid (the name exists, or is none; options that contradict each other or PostgreSQL
  // refuses; max_gap below twice the cache; a cache above 2^32), exhausted (no room), io, fenced.
  result<void> create(std::string_view name, const named_options& options = {});

  // ALTER SEQUENCE, while others take numbers: what they hold is void when it returns.
  // Fails: invalid (unknown name; options that do not fit those it has; durability), exhausted (no
  // epoch left), io, fenced.
  result<void> alter(std::string_view name, const named_change& change);

  // ALTER SEQUENCE ... RESTART [WITH number]. Fails: as alter().
  result<void> restart(std::string_view name) { return alter(name, {.restart = true}); }
  result<void> restart(std::string_view name, std::int64_t number) {
    return alter(name, {.restart_with = number});
  }

  // DROP SEQUENCE: handles answer `closed` from then on. One that is created under the same name is
  // another one, and begins with a higher epoch. Some hundred bytes stay until the file is closed.
  // Fails: invalid (unknown, or of another kind), io, fenced.
  result<void> drop(std::string_view name);

  // How it stands: its last value is the last one taken from it by anybody.
  // Fails: invalid (unknown, or of another kind).
  result<sequence_status> status(std::string_view name) const;

  // Progress: allocates.
  named_session session() const;

 private:
  friend class checkpoint;

  explicit named_sequences(std::shared_ptr<detail::checkpoint_state> state) noexcept
      : state_(std::move(state)) {}

  std::shared_ptr<detail::checkpoint_state> state_;
};

}  // namespace sequencer
