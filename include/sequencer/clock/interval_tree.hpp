// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/clock/relation.hpp>
#include <sequencer/detail/interval_nodes.hpp>
#include <sequencer/detail/wire.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer::clock {

// An interval tree clock: a vector clock without member numbers, for participants that come and go
// and know only each other. Almeida, Baquero, Fonte, "Interval Tree Clocks: A Logical Clock for
// Dynamic Systems", 2008.
//
// A stamp owns a part of [0, 1), disjoint from every other stamp's, and counts events over all of
// it. It begins as seed(), once in a system; newcomers get half of somebody's part by fork(), who
// leaves gives it back by join(). What a stamp had heard of is compared by compare().
//
// A part must have one owner: so a stamp can be moved and not copied, and peek() gives a copy that
// owns nothing. One that is kept in a backup, or decoded twice, is a second owner, and then order
// is made up. The part of who died without join() is lost for ever, and trees get deeper by it.
//
// Threads: one at a time; any number may read. Calls take time and memory as the trees are large.
class interval_tree {
 public:
  // Owns nothing and has heard of nothing.
  interval_tree() = default;
  // What is moved from is left so.
  interval_tree(interval_tree&& from) noexcept
      : owned_(std::exchange(from.owned_, {})), events_(std::exchange(from.events_, {})) {}
  interval_tree& operator=(interval_tree&& from) noexcept {
    auto owned = std::exchange(from.owned_, {});
    auto events = std::exchange(from.events_, {});
    owned_.swap(owned);
    events_.swap(events);
    return *this;
  }

  // The first one, which owns all. One in a system.
  static interval_tree seed() {
    interval_tree made;
    made.owned_.push_back({1, 1});
    return made;
  }

  // Parts with half of what it owns: another stamp that has heard of the same. Of nothing, nothing.
  // Fails, without a change: exhausted, the part that is halved lies max_interval_depth deep.
  result<interval_tree> fork() {
    if (owned().depth() >= detail::max_interval_depth) return too_deep();
    interval_tree other = peek();
    detail::interval_nodes mine;
    detail::split_interval(owned(), mine, other.owned_);
    owned_ = settled(std::move(mine));
    other.owned_ = settled(std::move(other.owned_));
    return other;
  }

  // Has now heard of all that either has, and owns what both did; `other` owns nothing and has
  // heard of nothing from then on. Fails, without a change of either: invalid, both own the same
  // part: one of them is a copy.
  result<sequence> join(interval_tree&& other) {
    detail::interval_nodes both;
    if (!detail::unite_intervals(owned(), other.owned(), both)) return errc::invalid;
    learn(other);
    owned_ = settled(std::move(both));
    other = interval_tree();
    return highest();
  }

  // An event here, sending included. Returns the greatest height, which is no number of the event.
  // Fails, without a change: invalid, it owns nothing; exhausted, its greatest height is top.
  result<sequence> event() {
    if (owned().is_leaf(0)) return errc::invalid;
    if (highest() >= top) return errc::exhausted;
    detail::interval_nodes after;
    detail::fill_events(owned(), events(), after);
    after = settled(std::move(after));
    if (after == events_) {
      after.clear();
      detail::grow_events(owned(), events(), after);
    }
    events_ = settled(std::move(after));
    return highest();
  }

  // Received a message with the stamp `seen`: an event that has heard of all in it. What `seen`
  // owns it keeps. Fails, without a change: as event(); exhausted, the greatest height of `seen` is
  // top.
  result<sequence> observe(const interval_tree& seen) {
    if (owned().is_leaf(0)) return errc::invalid;
    if (highest() >= top || seen.highest() >= top) return errc::exhausted;
    learn(seen);
    return event();
  }

  // A copy that owns nothing: to be sent with messages, or kept with data.
  interval_tree peek() const {
    interval_tree made;
    made.events_ = events_;
    return made;
  }

  bool owns_nothing() const noexcept { return owned_.empty(); }

  // By what they have heard of, not by what they own.
  friend relation compare(const interval_tree& left, const interval_tree& right) noexcept {
    return relation_of(detail::at_most(left.events(), right.events()),
                       detail::at_most(right.events(), left.events()));
  }
  // Whether both own and have heard of the same.
  friend bool operator==(const interval_tree&, const interval_tree&) = default;

  // Appends 4 bytes and more.
  void encode(std::vector<std::byte>& onto) const {
    detail::wire_writer to(onto, detail::form::interval_tree);
    bits shape{to};
    write_shape(owned(), shape, true);
    shape.end();
    write_shape(events(), shape, false);
    shape.end();
    if (events_.empty()) to.number(0);
    for (const auto& each : events_) to.number(each.number);
  }

  // All of `from` and nothing more. Bytes of whom one trusts: heights near 2^63 end the clock of
  // whoever joins or observes them. Fails: corrupt, also a tree of more than 2^20 nodes; version.
  static result<interval_tree> decode(std::span<const std::byte> from) {
    detail::wire_reader in(from, detail::form::interval_tree, "an interval tree clock");
    if (from.size() > largest) in.fail("more bytes than any clock has");
    interval_tree made;
    bit_reader shape{in};
    read_shape(shape, made.owned_, true, 0);
    shape.end();
    read_shape(shape, made.events_, false, 0);
    shape.end();
    for (auto& each : made.events_) each.number = in.number();
    if (!in.failed()) check(made, in);
    if (!in.ended()) return in.failure();
    made.owned_ = settled(std::move(made.owned_));
    made.events_ = settled(std::move(made.events_));
    return made;
  }

 private:
  static constexpr std::size_t largest = std::size_t{1} << 26;  // bytes
  static constexpr std::size_t most_nodes = std::size_t{1} << 20;  // of a tree that is sent

  // Eight in a byte, the highest first; what is left of a last byte is 0.
  struct bits {
    detail::wire_writer& to;
    unsigned held = 0;
    int count = 0;

    void put(bool one) {
      held = held << 1 | one;
      if (++count == 8) flush();
    }
    void end() {
      while (count != 0) put(false);
    }
    void flush() {
      to.byte(static_cast<std::uint8_t>(held));
      held = 0;
      count = 0;
    }
  };
  struct bit_reader {
    detail::wire_reader& in;
    unsigned held = 0;
    int count = 0;

    bool take() {
      if (count == 0) {
        held = in.byte();
        count = 8;
      }
      return (held >> --count & 1) != 0;
    }
    void end() {
      if ((held & ((1u << count) - 1)) != 0) in.fail("bits behind the end of a tree");
      count = 0;
    }
  };

  detail::interval_part owned() const noexcept { return detail::interval_part(owned_); }
  detail::interval_part events() const noexcept { return detail::interval_part(events_); }
  sequence highest() const noexcept { return events().highest(); }

  // A leaf 0 is no node.
  static detail::interval_nodes settled(detail::interval_nodes made) {
    if (made.size() == 1 && made[0].number == 0) made.clear();
    return made;
  }
  static error too_deep() {
    return {errc::exhausted, 0,
            "an interval tree clock cannot be forked " +
                std::to_string(detail::max_interval_depth) +
                " times below one stamp; join stamps that are not needed"};
  }

  void learn(const interval_tree& other) {
    detail::interval_nodes both;
    detail::unite_events(events(), other.events(), both);
    events_ = settled(std::move(both));
  }

  static void write_shape(detail::interval_part of, bits& to, bool with_leaves) {
    to.put(!of.is_leaf());
    if (of.is_leaf()) {
      if (with_leaves) to.put(of.number() == 1);
      return;
    }
    write_shape(of.left(), to, with_leaves);
    write_shape(of.right(), to, with_leaves);
  }

  static void read_shape(bit_reader& from, detail::interval_nodes& to, bool with_leaves,
                         unsigned depth) {
    if (depth > detail::max_interval_depth) from.in.fail("a tree that is too deep");
    if (to.size() >= most_nodes) from.in.fail("a tree of more than a million nodes");
    if (!from.take() || from.in.failed()) {
      return to.push_back({with_leaves && from.take() ? std::uint64_t{1} : 0, 1});
    }
    const auto node = detail::open_node(to);
    read_shape(from, to, with_leaves, depth + 1);
    read_shape(from, to, with_leaves, depth + 1);
    to[node].size = static_cast<std::uint32_t>(to.size() - node);
  }

  // Whether the trees are in normal form, and no height is above top.
  static void check(const interval_tree& made, detail::wire_reader& in) {
    for (std::size_t i = 0; i != made.owned_.size(); ++i) {
      if (made.owned_[i].size == 1) continue;
      const auto& left = made.owned_[i + 1];
      const auto& right = made.owned_[i + 1 + left.size];
      if (left.size == 1 && left == right) in.fail("an identity that is not in normal form");
    }
    for (std::size_t i = 0; i != made.events_.size(); ++i) {
      if (made.events_[i].size == 1) continue;
      const auto& left = made.events_[i + 1];
      const auto& right = made.events_[i + 1 + left.size];
      const bool lifted = left.number == 0 || right.number == 0;
      if (!lifted || (left.size == 1 && left == right)) {
        in.fail("events that are not in normal form");
      }
    }
    if (!in.failed() && !within_top(made.events())) in.fail("a height above 2^63 - 1");
  }
  // A height is known to be at most top before the next number, itself at most top, adds to it: so
  // no sum wraps.
  static bool within_top(detail::interval_part of) noexcept {
    return of.number() <= top &&
           (of.is_leaf() || (within_top(of.left()) && within_top(of.right())));
  }

  detail::interval_nodes owned_;
  detail::interval_nodes events_;
};

}  // namespace sequencer::clock
