// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sequencer/assignment.hpp>

namespace sequencer::detail {

// The members of a group in the order of their names: a member's place in it is its number for the
// assignment. Threads: one at a time.
class group_roll {
 public:
  std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(members_.size()); }
  std::uint64_t id_of(std::uint32_t number) const noexcept { return members_[number].id; }

  // 0: nobody has this name.
  std::uint64_t find(std::string_view name) const noexcept {
    const auto at = std::lower_bound(members_.begin(), members_.end(), name, before);
    return at != members_.end() && at->name == name ? at->id : 0;
  }
  bool has(std::uint64_t id) const noexcept {
    return std::any_of(members_.begin(), members_.end(),
                       [&](const member& each) { return each.id == id; });
  }

  void add(std::string_view name, std::uint64_t id) {
    const auto at = std::lower_bound(members_.begin(), members_.end(), name, before);
    members_.insert(at, member{std::string(name), id});
  }
  void drop(std::uint64_t id) {
    std::erase_if(members_, [&](const member& each) { return each.id == id; });
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& each : members_) all.push_back(each.name);
    return all;
  }

  // Of the members with these ids; what is no member's becomes nobody.
  std::vector<std::uint32_t> numbers_of(std::span<const std::uint64_t> ids) const {
    std::vector<std::pair<std::uint64_t, std::uint32_t>> known;
    for (const auto& each : members_) known.emplace_back(each.id, known.size());
    std::sort(known.begin(), known.end());
    std::vector<std::uint32_t> numbers(ids.size(), assignment::nobody);
    for (std::size_t i = 0; i != ids.size(); ++i) {
      const auto at = std::lower_bound(known.begin(), known.end(), std::pair{ids[i], 0U});
      if (at != known.end() && at->first == ids[i]) numbers[i] = at->second;
    }
    return numbers;
  }

 private:
  struct member {
    std::string name;
    std::uint64_t id;
  };

  static bool before(const member& each, std::string_view name) noexcept {
    return each.name < name;
  }

  std::vector<member> members_;
};

}  // namespace sequencer::detail
