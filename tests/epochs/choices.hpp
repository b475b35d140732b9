// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace sequencer::epochs {

// What chance decides in a run, as a list: a run that fails can be shortened, and repeated.
class choices {
 public:
  explicit choices(std::vector<int> list) : list_(std::move(list)) {}

  static choices from_seed(std::uint64_t seed, std::size_t count) {
    std::mt19937_64 random(seed);
    std::vector<int> list(count);
    for (auto& each : list) each = static_cast<int>(random() % 65'536);
    return choices(std::move(list));
  }

  bool over() const { return at_ >= list_.size(); }

  // From 0 to bound - 1; 0 when the list is over.
  std::size_t below(std::size_t bound) {
    return over() || bound == 0 ? 0 : static_cast<std::size_t>(list_[at_++]) % bound;
  }
  bool in_percent(std::size_t percent) { return below(100) < percent; }

 private:
  std::vector<int> list_;
  std::size_t at_ = 0;
};

// Messages under way: lost, doubled and overtaken as chance has it.
template <class Message>
class network {
 public:
  void send(Message message) { under_way_.push_back(std::move(message)); }

  // Hands one over, or loses it; it may stay under way and come again.
  template <class Receive>
  void step(choices& chance, Receive receive) {
    if (under_way_.empty()) return;
    const auto at = chance.below(under_way_.size());
    const auto message = under_way_[at];
    const auto fate = chance.below(100);
    if (fate >= 12) {
      under_way_[at] = std::move(under_way_.back());
      under_way_.pop_back();
    }
    if (fate < 88) receive(message);
  }

 private:
  std::vector<Message> under_way_;
};

}  // namespace sequencer::epochs
