// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sequencer/detail/big_endian.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// Where an entry of a replicated log stands: the term of the leader who made it, and its index.
// Terms and indices begin at 1; {0, 0} is before the first entry.
//
// The order is Raft's "at least as up to date": by the term first, by the index within a term. A
// vote goes to nobody whose last position is below one's own.
// (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014, 5.4.1.)
struct log_position {
  std::uint64_t term = 0;
  sequence index = 0;

  friend constexpr auto operator<=>(const log_position&, const log_position&) = default;

  // Whether there can be such a position.
  constexpr bool is_sound() const noexcept {
    return (term == 0) == (index == 0) && term <= top && index <= top;
  }

  // On the wire: term, then index, 8 bytes each, most significant byte first. The bytes compare
  // (memcmp) as the positions do.
  // Threads: any. Progress: wait-free, no allocation.
  constexpr std::array<std::byte, 16> bytes() const noexcept {
    return detail::pair_bytes(term, index);
  }

  // Reads what bytes() wrote.
  // Threads: any. Progress: wait-free.
  // Fails: corrupt, not exactly 16 bytes, above top, or only one of both is 0.
  static result<log_position> parse(std::span<const std::byte> bytes) {
    if (bytes.size() != 16) return error{errc::corrupt, 0, "a log position takes 16 bytes"};
    const log_position read{detail::get_big_endian(bytes.data()),
                            detail::get_big_endian(bytes.data() + 8)};
    if (!read.is_sound()) return error{errc::corrupt, 0, "no (term, index) that a log can have"};
    return read;
  }
};

static_assert(sizeof(log_position) == 16);

// The terms of a log's entries. last(): {0, 0} of an empty log. term_at(): of an index from 1 to
// the last.
template <class L>
concept term_log = requires(const L& log, sequence index) {
  { log.last() } -> std::same_as<log_position>;
  { log.term_at(index) } -> std::same_as<std::uint64_t>;
};

// What a follower does with entries that a leader sent.
struct append_plan {
  bool matches = false;  // the entry before them is the leader's, and so is all before it
  // Where they match: entries above `keep` are removed, the first `known` of those that were sent
  // are there already, the rest follows.
  sequence keep = 0;
  std::size_t known = 0;
  // Where they do not: an entry before which the leader may try next, so that he skips a term at a
  // time; at most the entry before those that were sent.
  sequence try_before = 0;
};

namespace detail {

template <term_log Log>
sequence first_of_term(const Log& log, sequence index) {
  const auto term = log.term_at(index);
  while (index > 1 && log.term_at(index - 1) == term) --index;
  return index;
}

// Terms of sent entries never fall, and none is below that of the entry before them.
inline bool terms_are_sound(std::uint64_t before, std::span<const std::uint64_t> terms) noexcept {
  for (const auto term : terms) {
    if (term == 0 || term < before || term > top) return false;
    before = term;
  }
  return true;
}

}  // namespace detail

// The prefix rule of Raft's AppendEntries: entries are taken only behind an entry that is the same
// here and there; then all before it is the same too (the log matching property). Only an entry
// that contradicts a sent one is removed, with all behind it: a late message, which has fewer
// entries than are here, removes nothing.
// `before`: position of the entry in front of those sent; `terms`: their terms, in order;
// `committed`: index up to which entries are known to be committed.
// Threads: as the log's. Progress: by the number of entries looked at; no allocation.
// Fails: invalid, terms that fall or a position that cannot be; corrupt, a committed entry would be
// removed: this log or its leader broke the rules, and nothing may be changed.
// (Ongaro and Ousterhout 2014, figure 2 and 5.3.)
template <term_log Log>
result<append_plan> plan_append(const Log& log, log_position before,
                                std::span<const std::uint64_t> terms, sequence committed = 0) {
  if (!before.is_sound() || !detail::terms_are_sound(before.term, terms) ||
      terms.size() > top - before.index) {
    return error{errc::invalid, 0, "entries that no log can have: terms fall, or are 0"};
  }
  const auto last = log.last().index;
  append_plan plan;
  if (before.index > last) {
    plan.try_before = last;
    return plan;
  }
  if (before.index != 0 && log.term_at(before.index) != before.term) {
    if (before.index <= committed) {
      return error{errc::corrupt, 0, "a leader without a committed entry"};
    }
    plan.try_before = detail::first_of_term(log, before.index) - 1;
    return plan;
  }
  plan.matches = true;
  plan.keep = last;
  while (plan.known < terms.size()) {
    const auto index = before.index + 1 + plan.known;
    if (index > last) break;
    if (log.term_at(index) != terms[plan.known]) {
      plan.keep = index - 1;
      break;
    }
    ++plan.known;
  }
  if (plan.keep < std::min(committed, last)) {
    return error{errc::corrupt, 0, "an entry that contradicts a committed one"};
  }
  return plan;
}

}  // namespace sequencer
