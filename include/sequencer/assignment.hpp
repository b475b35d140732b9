// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

// Who of a group has which partition, as Kafka's assignors say for one topic that all members
// follow. Members are numbers, 0 to members - 1, in the order of their names. Pure functions.
//
// Threads: any. Progress: linear in partitions + members; allocates. With no members nobody has
// anything. Each gives the member of every partition.
namespace sequencer::assignment {

inline constexpr std::uint32_t nobody = ~std::uint32_t{0};

enum class rule : std::uint8_t {
  range,        // neighbours together (RangeAssignor)
  round_robin,  // by turns (RoundRobinAssignor)
  sticky,       // each keeps what it has as far as that is fair (StickyAssignor)
  cooperative,  // the same, and what moves is given up before it is given (KIP-429)
};

// Of so many partitions each member has `least`, and the first `extra` of some order one more.
struct quota {
  std::uint32_t least = 0;
  std::uint32_t extra = 0;
};

inline quota quota_of(std::uint32_t partitions, std::uint32_t members) noexcept {
  if (members == 0) return {};
  return {partitions / members, partitions % members};
}

// The first members have one more where it does not come out even.
inline std::vector<std::uint32_t> by_range(std::uint32_t partitions, std::uint32_t members) {
  std::vector<std::uint32_t> owners;
  owners.reserve(partitions);
  const auto [least, extra] = quota_of(partitions, members);
  for (std::uint32_t member = 0; member != members; ++member) {
    owners.insert(owners.end(), least + (member < extra ? 1 : 0), member);
  }
  owners.resize(partitions, nobody);
  return owners;
}

inline std::vector<std::uint32_t> by_turns(std::uint32_t partitions, std::uint32_t members) {
  std::vector<std::uint32_t> owners(partitions, nobody);
  if (members == 0) return owners;
  for (std::uint32_t p = 0; p != partitions; ++p) owners[p] = p % members;
  return owners;
}

// `had`: the member that has each partition now, or nobody (one that left). As few partitions move
// as any even assignment can do: of a member that has too many the lowest stay, and those who have
// more than the least keep one more as long as there is one more for somebody. What nobody has goes
// by turns to those below the least, then one each.
// Source: AbstractStickyAssignor.constrainedAssign, with the number of larger shares bounded from
// the start, as its later versions do. Fails: a `had` that names no member counts as nobody.
inline std::vector<std::uint32_t> sticky(std::span<const std::uint32_t> had,
                                         std::uint32_t members) {
  std::vector<std::uint32_t> owners(had.size(), nobody);
  if (members == 0) return owners;
  auto [least, extra] = quota_of(static_cast<std::uint32_t>(had.size()), members);
  std::vector<std::uint32_t> has(members, 0);
  for (std::size_t p = 0; p != had.size(); ++p) {
    if (had[p] >= members || has[had[p]] > least) continue;
    if (has[had[p]] == least && extra == 0) continue;
    if (has[had[p]] == least) --extra;
    owners[p] = had[p];
    ++has[had[p]];
  }
  std::deque<std::uint32_t> below;  // the least
  std::deque<std::uint32_t> at;     // the least
  for (std::uint32_t member = 0; member != members; ++member) {
    if (has[member] < least) below.push_back(member);
    if (has[member] == least) at.push_back(member);
  }
  for (auto& owner : owners) {
    if (owner != nobody) continue;
    auto& from = below.empty() ? at : below;
    owner = from.front();
    from.pop_front();
    if (++has[owner] < least) below.push_back(owner);
    if (has[owner] == least) at.push_back(owner);
  }
  return owners;
}

}  // namespace sequencer::assignment
