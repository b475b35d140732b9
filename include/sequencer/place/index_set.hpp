// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sequencer::place {

// A set of the numbers that the system gives to CPUs or to NUMA nodes, in rising order. They may be
// sparse and have no upper bound, so it is neither a mask of 64 bits nor an index into anything.
//
// Threads: a plain value. Progress: never waits. Order: rising. Fails: without memory only.
class index_set {
 public:
  index_set() = default;
  index_set(std::initializer_list<unsigned> all) {
    for (const auto each : all) insert(each);
  }

  void insert(unsigned number) {
    const auto at = std::lower_bound(numbers_.begin(), numbers_.end(), number);
    if (at == numbers_.end() || *at != number) numbers_.insert(at, number);
  }
  void insert(const index_set& all) {
    for (const auto each : all) insert(each);
  }
  void erase(unsigned number) { std::erase(numbers_, number); }

  bool contains(unsigned number) const noexcept {
    return std::binary_search(numbers_.begin(), numbers_.end(), number);
  }
  bool contains(const index_set& all) const noexcept {
    return std::includes(begin(), end(), all.begin(), all.end());
  }
  bool meets(const index_set& other) const noexcept {
    return std::any_of(begin(), end(), [&](unsigned each) { return other.contains(each); });
  }
  // Those that are in both.
  index_set common(const index_set& other) const {
    index_set both;
    std::set_intersection(begin(), end(), other.begin(), other.end(),
                          std::back_inserter(both.numbers_));
    return both;
  }

  bool empty() const noexcept { return numbers_.empty(); }
  std::size_t size() const noexcept { return numbers_.size(); }
  unsigned first() const noexcept { return numbers_.front(); }
  unsigned last() const noexcept { return numbers_.back(); }
  std::vector<unsigned>::const_iterator begin() const noexcept { return numbers_.begin(); }
  std::vector<unsigned>::const_iterator end() const noexcept { return numbers_.end(); }

  // As the system writes it: "0-3,8"; empty for none.
  std::string text() const {
    std::string all;
    for (std::size_t i = 0; i < numbers_.size();) {
      auto beyond = i + 1;
      while (beyond < numbers_.size() && numbers_[beyond] == numbers_[beyond - 1] + 1) ++beyond;
      if (!all.empty()) all += ',';
      all += std::to_string(numbers_[i]);
      if (beyond - i > 1) all += '-' + std::to_string(numbers_[beyond - 1]);
      i = beyond;
    }
    return all;
  }

  // Reads what text() writes; nothing where that is no such list, or has a number above 2^20.
  static std::optional<index_set> from_text(std::string_view text);

  friend bool operator==(const index_set&, const index_set&) = default;

 private:
  std::vector<unsigned> numbers_;
};

}  // namespace sequencer::place
