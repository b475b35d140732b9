// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <sequencer/clock/relation.hpp>
#include <sequencer/clock/vector.hpp>
#include <sequencer/detail/wire.hpp>
#include <sequencer/mark_store.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

// Values that were written by clients who had not heard of each other, kept beside each other until
// somebody has read them all: dotted version vectors. Preguica, Baquero, Almeida, Fonte, Goncalves,
// "Dotted Version Vectors: Logical Clocks for Optimistic Replication", 2010; Almeida, Baquero,
// Goncalves, Preguica, Fonte, "Scalable and Accurate Causality Tracking for Eventually Consistent
// Stores", 2014; Riak has them since 2.0.
namespace sequencer::clock {

// The one event of a replica that wrote a value.
struct dot {
  std::uint64_t actor = 0;
  sequence number = 0;
  friend constexpr auto operator<=>(const dot&, const dot&) = default;
};

// The values under one key at one replica, and the context: of each actor, how many of its writes
// this replica has heard of. A value that another replica has and this one has heard of, and does
// not have, was overwritten.
//
// An actor is one replica in one life: what it has issued must be in its context, or a write is
// taken for one that was overwritten and is lost. A replica whose state is not certainly the last
// one (a restored backup, a lost disk, a store that does not flush) starts a new actor; see
// next_actor().
//
// Threads: one at a time; any number may read.
template <class Value>
class siblings {
 public:
  struct entry {
    dot written;
    Value value;
    friend bool operator==(const entry&, const entry&) = default;
  };

  // What a client is given with the values, and sends back with its next write.
  const vector& context() const noexcept { return context_; }
  // By their dots, ascending; more than one where writes were concurrent.
  std::span<const entry> values() const noexcept { return values_; }

  // A client that had read `seen` (an empty one: nothing) writes through the replica `actor`: takes
  // the place of the values that it had read, and stands beside the others.
  // Fails, without a change: fenced, the client has read a write of `actor` that this replica has
  // not heard of: the replica has lost state, and goes on as a new actor; exhausted.
  result<sequence> put(std::uint64_t actor, const vector& seen, Value value) {
    if (seen[actor] > context_[actor]) return errc::fenced;
    if (context_[actor] == top) return errc::exhausted;
    if (const auto forgotten = forget(seen); !forgotten) return forgotten;
    const auto number = context_.tick(actor);
    place({{actor, *number}, std::move(value)});
    return number;
  }

  // The client deletes what it has read: no value takes their place. The context keeps that they
  // were here, so that no other replica brings them back.
  // Fails, without a change: unavailable, the contexts are pruned differently.
  result<sequence> forget(const vector& seen) {
    if (const auto merged = context_.merge(seen); !merged) return merged;
    std::erase_if(values_, [&](const entry& each) { return covers(seen, each.written); });
    return values_.size();
  }

  // Takes over what another replica has: of each value, it stays if both have it, or if the one
  // that has not has never heard of it.
  // Fails, without a change: unavailable, the contexts are pruned differently.
  result<sequence> sync(const siblings& other) {
    auto context = context_;
    if (const auto merged = context.merge(other.context_); !merged) return merged;
    std::erase_if(values_, [&](const entry& each) {
      return covers(other.context_, each.written) && !other.holds(each.written);
    });
    for (const auto& each : other.values_) {
      if (!covers(context_, each.written)) place(each);
    }
    context_ = std::move(context);
    return values_.size();
  }

  // before: a sync with `right` leaves what `right` is. Values with one dot are one value.
  friend relation compare(const siblings& left, const siblings& right) {
    const auto contexts = compare(left.context_, right.context_);
    const bool same = contexts == relation::equal;
    const bool at_most = (same || contexts == relation::before) && !right.keeps_what_went(left);
    const bool at_least = (same || contexts == relation::after) && !left.keeps_what_went(right);
    return relation_of(at_most, at_least);
  }
  friend bool operator==(const siblings&, const siblings&) = default;

  // Appends 4 bytes and more. Values are contiguous bytes, as std::string's are.
  void encode(std::vector<std::byte>& onto) const {
    detail::wire_writer to(onto, detail::form::siblings);
    context_.write(to);
    to.number(values_.size());
    for (const auto& each : values_) {
      to.number(each.written.actor);
      to.number(each.written.number);
      to.text(std::as_bytes(std::span(each.value.data(), each.value.size())));
    }
  }

  // All of `from` and nothing more. Fails: corrupt, version.
  static result<siblings> decode(std::span<const std::byte> from) {
    detail::wire_reader in(from, detail::form::siblings, "values of one key");
    siblings made;
    made.context_ = vector::read(in);
    const auto size = in.number();
    if (size > in.left() / 3) in.fail("more values than bytes for them");
    for (std::uint64_t i = 0; i != size && !in.failed(); ++i) {
      dot written;
      written.actor = in.number(~std::uint64_t{0});
      written.number = in.number();
      if (written.number == 0 || !covers(made.context_, written)) {
        in.fail("a value that its own context has not heard of");
      }
      if (i != 0 && written <= made.values_.back().written) in.fail("values out of order");
      const auto bytes = in.text();
      const auto* first = reinterpret_cast<const typename Value::value_type*>(bytes.data());
      static_assert(sizeof(*first) == 1, "values are sent as bytes");
      made.values_.push_back({written, Value(first, first + bytes.size())});
    }
    if (!in.ended()) return in.failure();
    return made;
  }

 private:
  static bool covers(const vector& context, const dot& one) noexcept {
    return one.number <= context[one.actor];
  }
  static bool is_before(const entry& each, const dot& one) noexcept { return each.written < one; }

  bool holds(const dot& one) const noexcept {
    const auto at = std::lower_bound(values_.begin(), values_.end(), one, is_before);
    return at != values_.end() && at->written == one;
  }
  void place(entry one) {
    const auto at = std::lower_bound(values_.begin(), values_.end(), one.written, is_before);
    values_.insert(at, std::move(one));
  }
  // Whether it has a value still that the other one has heard of and does not have.
  bool keeps_what_went(const siblings& other) const noexcept {
    return std::any_of(values_.begin(), values_.end(), [&](const entry& each) {
      return covers(other.context_, each.written) && !other.holds(each.written);
    });
  }

  vector context_;
  std::vector<entry> values_;
};

// A new actor number for a replica that begins, never the same for one node: the node in the high
// half, how often it began in the low half. The mark is kept before the number is returned.
// Threads: one at a time for a mark.
// Fails: invalid, a node of 2^31 or more; exhausted, it has begun 2^32 - 1 times; as the mark
// store.
template <mark_store Mark>
result<sequence> next_actor(std::uint64_t node, Mark& mark) noexcept {
  if (node >= std::uint64_t{1} << 31) return errc::invalid;
  const auto life = mark.load() + 1;
  if (life >= std::uint64_t{1} << 32) return errc::exhausted;
  if (const auto kept = mark.store(life); !kept) return kept.code();
  return node << 32 | life;
}

}  // namespace sequencer::clock
