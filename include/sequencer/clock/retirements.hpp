// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <sequencer/detail/wire.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer::clock {

// Members that left for good, each with the count of its last event, in one order that all nodes
// share: what vector clocks need to forget a member and still compare soundly. One node, or a log
// that all agree on, appends; everybody else has a prefix of it. Where it is kept is the program's.
//
// A retired member never ticks again, and its number is never given to another one.
// Threads: one at a time; any number may read.
class retirements {
 public:
  struct entry {
    std::uint64_t member = 0;
    sequence count = 0;
    friend bool operator==(const entry&, const entry&) = default;
  };

  // Appends a member whose last event had the number `count`.
  // Fails, without a change: invalid, the member is retired already, or the count is above top.
  result<sequence> retire(std::uint64_t member, sequence count) {
    if (count > top || contains(member)) return errc::invalid;
    all_.push_back({member, count});
    return all_.size();
  }

  // Takes what another node's list has more than this one.
  // Fails, without a change: fenced, neither is a prefix of the other: two nodes have appended.
  result<sequence> follow(const retirements& other) {
    const auto common = std::min(all_.size(), other.all_.size());
    if (!std::equal(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(common),
                    other.all_.begin())) {
      return errc::fenced;
    }
    if (other.all_.size() > common) all_ = other.all_;
    return all_.size();
  }

  bool contains(std::uint64_t member) const noexcept {
    return std::any_of(all_.begin(), all_.end(),
                       [&](const entry& each) { return each.member == member; });
  }
  std::span<const entry> entries() const noexcept { return all_; }
  std::size_t size() const noexcept { return all_.size(); }
  friend bool operator==(const retirements&, const retirements&) = default;

  // Appends 2 bytes and more.
  void encode(std::vector<std::byte>& onto) const {
    detail::wire_writer to(onto, detail::form::retirements);
    to.number(all_.size());
    for (const auto& each : all_) {
      to.number(each.member);
      to.number(each.count);
    }
  }

  // All of `from` and nothing more. Fails: corrupt, version.
  static result<retirements> decode(std::span<const std::byte> from) {
    detail::wire_reader in(from, detail::form::retirements, "a list of retired members");
    retirements made;
    const auto size = in.number();
    if (size > in.left() / 2) in.fail("more members than bytes for them");
    for (std::uint64_t i = 0; i != size && !in.failed(); ++i) {
      entry each;
      each.member = in.number(~std::uint64_t{0});
      each.count = in.number();
      made.all_.push_back(each);
    }
    if (!in.failed() && !made.all_different()) in.fail("a member that retires twice");
    if (!in.ended()) return in.failure();
    return made;
  }

 private:
  bool all_different() const {
    std::vector<std::uint64_t> members;
    for (const auto& each : all_) members.push_back(each.member);
    std::sort(members.begin(), members.end());
    return std::adjacent_find(members.begin(), members.end()) == members.end();
  }

  std::vector<entry> all_;
};

}  // namespace sequencer::clock
