// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

// The two trees of an interval tree clock, over the interval [0, 1): every node that is no leaf
// halves what it stands for. Both are rows of nodes in preorder, and always in normal form, so that
// there is one row for each function. No nodes at all are a leaf 0.
namespace sequencer::detail {

// A leaf of the identity's tree is 1 where the interval is owned and 0 where it is not. A number of
// the events' tree adds to all below it; the smaller child of a node has 0.
struct interval_node {
  std::uint64_t number = 0;
  std::uint32_t size = 1;  // of the subtree: 1 for a leaf
  friend bool operator==(const interval_node&, const interval_node&) = default;
};
using interval_nodes = std::vector<interval_node>;

// Forks that follow each other below one leaf make a tree so deep; the functions recurse as deep.
inline constexpr unsigned max_interval_depth = 1024;

// A subtree. Below a leaf there are two more of the same number, as often as one asks.
class interval_part {
 public:
  explicit interval_part(const interval_nodes& of) noexcept
      : at_(of.empty() ? nullptr : of.data()) {}

  bool is_leaf() const noexcept { return at_ == nullptr || at_->size == 1; }
  // With all that is added on the way: the least height of an events' subtree, what an identity's
  // leaf is.
  std::uint64_t number() const noexcept { return base_ + (at_ == nullptr ? 0 : at_->number); }
  bool is_leaf(std::uint64_t of) const noexcept { return is_leaf() && number() == of; }
  interval_part left() const noexcept {
    return is_leaf() ? interval_part(nullptr, number()) : interval_part(at_ + 1, number());
  }
  interval_part right() const noexcept {
    if (is_leaf()) return left();
    return interval_part(at_ + 1 + (at_ + 1)->size, number());
  }

  std::uint64_t highest() const noexcept {
    return is_leaf() ? number() : std::max(left().highest(), right().highest());
  }
  unsigned depth() const noexcept {
    return is_leaf() ? 0 : 1 + std::max(left().depth(), right().depth());
  }

  // Appends the subtree to a tree that already adds `base` to it.
  void copy(interval_nodes& to, std::uint64_t base) const {
    if (at_ == nullptr) return to.push_back({number() - base, 1});
    const auto root = to.size();
    to.insert(to.end(), at_, at_ + at_->size);
    to[root].number = number() - base;
  }

 private:
  interval_part(const interval_node* at, std::uint64_t base) noexcept : at_(at), base_(base) {}

  const interval_node* at_;
  std::uint64_t base_ = 0;
};

// A node whose two children are appended next.
inline std::size_t open_node(interval_nodes& to) {
  to.push_back({});
  return to.size() - 1;
}

// Both are there. Equal leaves become one.
inline void close_node(interval_nodes& to, std::size_t node) {
  const auto& left = to[node + 1];
  const auto& right = to[node + 1 + left.size];
  if (left.size == 1 && left == right) {
    to[node].number = left.number;
    to.resize(node + 1);
  } else {
    to[node].size = static_cast<std::uint32_t>(to.size() - node);
  }
}

// The same for events, whose nodes add up: what both children have in common goes to the node.
inline void close_events(interval_nodes& to, std::size_t node) {
  auto& left = to[node + 1];
  auto& right = to[node + 1 + left.size];
  const auto common = std::min(left.number, right.number);
  left.number -= common;
  right.number -= common;
  close_node(to, node);
  to[node].number = common;
}

// ---- identities

inline void split_interval(interval_part id, interval_nodes& first, interval_nodes& second) {
  if (id.is_leaf(0)) {
    first.push_back({0, 1});
    second.push_back({0, 1});
    return;
  }
  const auto at_first = open_node(first);
  const auto at_second = open_node(second);
  if (id.is_leaf(1) || (!id.left().is_leaf(0) && !id.right().is_leaf(0))) {
    id.left().copy(first, 0);
    first.push_back({0, 1});
    second.push_back({0, 1});
    id.right().copy(second, 0);
  } else if (id.left().is_leaf(0)) {
    first.push_back({0, 1});
    second.push_back({0, 1});
    split_interval(id.right(), first, second);
  } else {
    split_interval(id.left(), first, second);
    first.push_back({0, 1});
    second.push_back({0, 1});
  }
  close_node(first, at_first);
  close_node(second, at_second);
}

// False where both own the same part: then one of them was copied.
[[nodiscard]] inline bool unite_intervals(interval_part one, interval_part other,
                                          interval_nodes& to) {
  if (one.is_leaf(0)) return other.copy(to, 0), true;
  if (other.is_leaf(0)) return one.copy(to, 0), true;
  if (one.is_leaf() || other.is_leaf()) return false;
  const auto node = open_node(to);
  if (!unite_intervals(one.left(), other.left(), to)) return false;
  if (!unite_intervals(one.right(), other.right(), to)) return false;
  close_node(to, node);
  return true;
}

// ---- events

// Whether no height of `one` is above that of `other`.
inline bool at_most(interval_part one, interval_part other) noexcept {
  if (one.number() > other.number()) return false;
  return one.is_leaf() ||
         (at_most(one.left(), other.left()) && at_most(one.right(), other.right()));
}

inline void unite_events(interval_part one, interval_part other, interval_nodes& to) {
  if (one.is_leaf() && other.is_leaf()) {
    return to.push_back({std::max(one.number(), other.number()), 1});
  }
  const auto node = open_node(to);
  unite_events(one.left(), other.left(), to);
  unite_events(one.right(), other.right(), to);
  close_events(to, node);
}

// Raises what is owned as far as the tree gets simpler by it, and nothing gets higher than it is.
inline void fill_events(interval_part id, interval_part events, interval_nodes& to) {
  if (id.is_leaf(0) || events.is_leaf()) return events.copy(to, 0);
  if (id.is_leaf(1)) return to.push_back({events.highest(), 1});
  const auto node = open_node(to);
  if (id.left().is_leaf(1)) {
    to.push_back({events.left().highest(), 1});
    fill_events(id.right(), events.right(), to);
    to[node + 1].number = std::max(to[node + 1].number, to[node + 2].number);
  } else {
    fill_events(id.left(), events.left(), to);
    const auto beside = to[node + 1].number;
    if (id.right().is_leaf(1)) {
      to.push_back({std::max(events.right().highest(), beside), 1});
    } else {
      fill_events(id.right(), events.right(), to);
    }
  }
  close_events(to, node);
}

// What an event costs where nothing is owned.
inline constexpr std::uint64_t no_growth = std::uint64_t{1} << 62;

// Adds an event to a leaf that is owned, where it costs least: a level of depth costs something, a
// leaf that becomes a node more than any depth. Returns the cost; appends nothing for no_growth.
inline std::uint64_t grow_events(interval_part id, interval_part events, interval_nodes& to) {
  if (id.is_leaf(0)) return no_growth;
  if (id.is_leaf()) return to.push_back({events.number() + 1, 1}), 0;
  const auto node = open_node(to);
  auto cost = grow_events(id.left(), events.left(), to);
  if (cost != no_growth) events.right().copy(to, 0);
  if (!id.right().is_leaf(0)) {
    interval_nodes other;
    events.left().copy(other, 0);
    const auto right = grow_events(id.right(), events.right(), other);
    if (right <= cost) {
      cost = right;
      to.resize(node + 1);
      to.insert(to.end(), other.begin(), other.end());
    }
  }
  close_events(to, node);
  return cost + 1 + (events.is_leaf() ? 2 * max_interval_depth : 0);
}

}  // namespace sequencer::detail
