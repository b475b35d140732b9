// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <sequencer/clock/relation.hpp>
#include <sequencer/clock/retirements.hpp>
#include <sequencer/detail/counts.hpp>
#include <sequencer/detail/wire.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

// Vector clocks: Fidge, "Timestamps in Message-Passing Systems That Preserve the Partial Ordering",
// 1988; Mattern, "Virtual Time and Global States of Distributed Systems", 1989. A clock says of
// each member how many of its events it has heard of. One event happened before another exactly
// when its clock is below the other's in every count, and differs.
//
// Threads, of every function here: one at a time; any number may read. A clock belongs to one
// process or one object, so many threads that tick one would only queue: give each its own member,
// or use a hybrid clock.
namespace sequencer::clock {

// A vector clock of members that are numbered 0 to Members - 1 and never change.
template <std::size_t Members>
class fixed_vector {
  static_assert(Members > 0, "somebody must be there to count");

 public:
  static constexpr std::size_t members = Members;

  // How many events of `member` it has heard of. Another member stops the process.
  sequence operator[](std::size_t member) const noexcept {
    if (member >= Members) detail::stop("a member outside of this vector clock");
    return counts_[member];
  }

  // An event of `member`: its number.
  // Progress: wait-free. Fails, without a change: invalid, no such member; exhausted.
  result<sequence> tick(std::size_t member) noexcept {
    if (member >= Members) return errc::invalid;
    if (counts_[member] == top) return errc::exhausted;
    return ++counts_[member];
  }

  // `member` received a message with the clock `seen`: an event that has heard of all in it.
  // Fails, without a change: as tick(); fenced, `seen` knows more events of `member` than have
  // happened here: this clock is a copy, or has lost what it knew, and needs a new member.
  result<sequence> observe(std::size_t member, const fixed_vector& seen) noexcept {
    if (member >= Members) return errc::invalid;
    if (seen.counts_[member] > counts_[member]) return errc::fenced;
    const auto ticked = tick(member);
    if (ticked) merge(seen);
    return ticked;
  }

  // Has now heard of all that either has: the least clock that is not below one of them.
  // Progress: wait-free.
  void merge(const fixed_vector& other) noexcept {
    detail::merge_counts(counts_.data(), other.counts_.data(), Members);
  }

  // Progress: wait-free.
  friend relation compare(const fixed_vector& left, const fixed_vector& right) noexcept {
    return relation_of(detail::excess_of(left.counts_.data(), right.counts_.data(), Members));
  }
  friend bool operator==(const fixed_vector&, const fixed_vector&) = default;

  // Appends Members + 2 bytes and more.
  void encode(std::vector<std::byte>& onto) const {
    detail::wire_writer to(onto, detail::form::fixed_vector);
    to.number(Members);
    for (const auto count : counts_) to.number(count);
  }

  // All of `from` and nothing more. Fails: corrupt, version.
  static result<fixed_vector> decode(std::span<const std::byte> from) {
    detail::wire_reader in(from, detail::form::fixed_vector, "a vector clock");
    if (in.number() != Members) in.fail("another number of members");
    fixed_vector made;
    for (auto& count : made.counts_) count = in.number();
    if (!in.ended()) return in.failure();
    return made;
  }

 private:
  std::array<sequence, Members> counts_{};
};

// A vector clock of members that come and go. A member that was never heard of counts 0, so
// nothing needs to be said when one comes. One that left keeps its place in every clock, unless it
// was retired and clocks are pruned.
//
// Pruning. A clock that has heard of all events of a retired member has the same count of it as
// every other such clock: the count may go, if the clock says that it did. pruned() says of how
// many of the retirements that is so, in their order. Two clocks that are pruned alike are compared
// as they are; two that are not are compared exactly by who has the list, and are concurrent for
// who has not. So pruning can hide an order, and never makes one up. (Dropping the oldest entries,
// as Dynamo and Riak do, can: of {x: 1, y: 5} and {x: 2}, which are concurrent, it makes {x: 1} and
// {x: 2}.)
class vector {
 public:
  // How many events of `member` it has heard of: 0 also for one that was pruned.
  sequence operator[](std::uint64_t member) const noexcept {
    const auto at = position(member);
    return holds(at, member) ? counts_[at] : 0;
  }

  // An event of `member`: its number.
  // Fails, without a change: exhausted.
  result<sequence> tick(std::uint64_t member) {
    const auto now = (*this)[member];
    if (now == top) return errc::exhausted;
    return advance(member, now + 1);
  }

  // An event of `member` that has a number already, from a source that a restart does not set back:
  // a durable_lamport, a sequence of a checkpoint.
  // Fails, without a change: invalid, the number is not above the last one, or is above top.
  result<sequence> advance(std::uint64_t member, sequence number) {
    const auto at = position(member);
    if (number > top || number == 0) return errc::invalid;
    if (!holds(at, member)) {
      insert(at, member, number);
    } else if (number <= counts_[at]) {
      return errc::invalid;
    } else {
      counts_[at] = number;
    }
    return number;
  }

  // `member` received a message with the clock `seen`: an event that has heard of all in it.
  // Fails, without a change: as tick() and merge(); fenced, `seen` knows more events of `member`
  // than have happened here: this clock is a copy, or has lost what it knew, and needs a new
  // member.
  result<sequence> observe(std::uint64_t member, const vector& seen,
                           const retirements& known = {}) {
    const auto own = (*this)[member];
    if (seen[member] > own) return errc::fenced;
    if (own == top) return errc::exhausted;
    if (const auto merged = merge(seen, known); !merged) return merged.code();
    return tick(member);
  }

  // Has now heard of all that either has: the least clock that is not below one of them.
  // Fails, without a change: unavailable, the two are pruned differently and `known` does not
  // reach as far as the further one; corrupt, one of them has heard more of a retired member than
  // there was. The answer is the number of retirements that the further one is pruned by.
  result<sequence> merge(const vector& other, const retirements& known = {}) {
    if (pruned_ != other.pruned_) return merge_pruned(other, known);
    if (same_members(other)) {
      detail::merge_counts(counts_.data(), other.counts_.data(), counts_.size());
    } else {
      merge_entries(other);
    }
    return pruned_;
  }

  // Forgets the members of which it has heard everything, up to the first of which it has not.
  // Fails, without a change: corrupt, it has heard more of a retired member than there was.
  result<sequence> prune(const retirements& known) {
    const auto all = known.entries();
    auto upto = std::min<std::uint64_t>(pruned_, all.size());
    for (std::size_t i = 0; i != all.size(); ++i) {
      if ((*this)[all[i].member] > (i < upto ? 0 : all[i].count)) return errc::corrupt;
    }
    const auto first = upto;
    while (upto < all.size() && (*this)[all[upto].member] == all[upto].count) ++upto;
    forget(known, first, upto);
    return pruned_ = std::max(pruned_, upto);
  }

  // Of two that are pruned differently: exact where `known` reaches as far as the further one;
  // concurrent where it does not. Progress: wait-free where both are pruned alike.
  friend relation compare(const vector& left, const vector& right, const retirements& known = {}) {
    if (left.pruned_ == right.pruned_) return relation_of(left.excess_over(right));
    if (left.pruned_ < right.pruned_) return reversed(compare(right, left, known));
    if (known.size() < left.pruned_) return relation::concurrent;
    // What the one that is pruned further has forgotten, it has heard of all.
    auto rest = right;
    detail::excess found;
    for (auto i = right.pruned_; i != left.pruned_; ++i) {
      const auto& gone = known.entries()[i];
      found.note(gone.count, rest[gone.member]);
    }
    rest.forget(known, right.pruned_, left.pruned_);
    const auto others = left.excess_over(rest);
    return relation_of(detail::excess{found.left | others.left, found.right | others.right});
  }

  // Whether they hold the same; of two that are pruned differently compare() knows more.
  friend bool operator==(const vector&, const vector&) = default;

  // Of how many retirements, from the first, it has forgotten the members.
  std::uint64_t pruned() const noexcept { return pruned_; }
  // The members that it has a count of, ascending, and their counts.
  std::span<const std::uint64_t> members() const noexcept { return members_; }
  std::span<const sequence> counts() const noexcept { return counts_; }

  // Appends 3 bytes and more.
  void encode(std::vector<std::byte>& onto) const {
    detail::wire_writer to(onto, detail::form::vector);
    write(to);
  }

  // All of `from` and nothing more. Fails: corrupt, version.
  static result<vector> decode(std::span<const std::byte> from) {
    detail::wire_reader in(from, detail::form::vector, "a vector clock");
    auto made = read(in);
    if (!in.ended()) return in.failure();
    return made;
  }

  // The same inside of another encoding.
  void write(detail::wire_writer& to) const {
    to.number(pruned_);
    to.number(members_.size());
    for (std::size_t i = 0; i != members_.size(); ++i) {
      to.number(i == 0 ? members_[0] : members_[i] - members_[i - 1] - 1);
      to.number(counts_[i]);
    }
  }
  static vector read(detail::wire_reader& in) {
    vector made;
    made.pruned_ = in.number();
    const auto size = in.number();
    if (size > in.left() / 2) in.fail("more members than bytes for them");
    for (std::uint64_t i = 0; i != size && !in.failed(); ++i) {
      auto member = in.number(~std::uint64_t{0});
      if (i != 0) member += made.members_.back() + 1;
      if (i != 0 && member <= made.members_.back()) in.fail("a member above 2^64 - 1");
      const auto count = in.number();
      if (count == 0) in.fail("a member that counts nothing");
      made.members_.push_back(member);
      made.counts_.push_back(count);
    }
    return made;
  }

 private:
  std::size_t position(std::uint64_t member) const noexcept {
    const auto at = std::lower_bound(members_.begin(), members_.end(), member);
    return static_cast<std::size_t>(at - members_.begin());
  }
  bool holds(std::size_t at, std::uint64_t member) const noexcept {
    return at != members_.size() && members_[at] == member;
  }
  void insert(std::size_t at, std::uint64_t member, sequence count) {
    members_.insert(members_.begin() + static_cast<std::ptrdiff_t>(at), member);
    counts_.insert(counts_.begin() + static_cast<std::ptrdiff_t>(at), count);
  }
  // Drops the members of those retirements in one walk.
  void forget(const retirements& known, std::uint64_t first, std::uint64_t upto) {
    std::vector<std::uint64_t> gone;
    for (auto i = first; i != upto; ++i) gone.push_back(known.entries()[i].member);
    std::sort(gone.begin(), gone.end());
    std::size_t kept = 0;
    auto next = gone.begin();
    for (std::size_t i = 0; i != members_.size(); ++i) {
      while (next != gone.end() && *next < members_[i]) ++next;
      if (next != gone.end() && *next == members_[i]) continue;
      members_[kept] = members_[i];
      counts_[kept++] = counts_[i];
    }
    members_.resize(kept);
    counts_.resize(kept);
  }

  bool same_members(const vector& other) const noexcept {
    return members_.size() == other.members_.size() &&
           detail::same_words(members_.data(), other.members_.data(), members_.size());
  }

  // Calls `with(member, own count, other's count)` for every member of either, ascending.
  template <class With>
  void walk(const vector& other, With with) const {
    std::size_t i = 0, j = 0;
    while (i != members_.size() || j != other.members_.size()) {
      const bool mine =
          j == other.members_.size() || (i != members_.size() && members_[i] <= other.members_[j]);
      const bool theirs =
          i == members_.size() || (j != other.members_.size() && other.members_[j] <= members_[i]);
      with(mine ? members_[i] : other.members_[j], mine ? counts_[i] : 0,
           theirs ? other.counts_[j] : 0);
      i += mine;
      j += theirs;
    }
  }

  detail::excess excess_over(const vector& other) const noexcept {
    detail::excess found;
    if (members_.size() == other.members_.size() &&
        detail::excess_of_named(members_.data(), other.members_.data(), counts_.data(),
                                other.counts_.data(), members_.size(), found)) {
      return found;
    }
    found = {};
    walk(other, [&](std::uint64_t, sequence mine, sequence theirs) { found.note(mine, theirs); });
    return found;
  }

  void merge_entries(const vector& other) {
    vector both;
    both.pruned_ = pruned_;
    walk(other, [&](std::uint64_t member, sequence mine, sequence theirs) {
      both.members_.push_back(member);
      both.counts_.push_back(std::max(mine, theirs));
    });
    *this = std::move(both);
  }

  // What either has forgotten, it has heard of all: so has the merged one.
  result<sequence> merge_pruned(const vector& other, const retirements& known) {
    const auto upto = std::max(pruned_, other.pruned_);
    if (known.size() < upto) return errc::unavailable;
    const auto first = std::min(pruned_, other.pruned_);
    for (auto i = first; i != upto; ++i) {
      const auto& gone = known.entries()[i];
      if (std::max((*this)[gone.member], other[gone.member]) > gone.count) return errc::corrupt;
    }
    auto rest = other;
    rest.forget(known, first, upto);
    forget(known, first, upto);
    pruned_ = rest.pruned_ = upto;
    return merge(rest);
  }

  std::uint64_t pruned_ = 0;
  std::vector<std::uint64_t> members_;
  std::vector<sequence> counts_;
};

}  // namespace sequencer::clock
