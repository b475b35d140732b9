// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include <sequencer/block_source.hpp>

namespace sequencer {

// A source that answers from a script and writes down what it was asked.
struct scripted_source {
  static constexpr bool slow = false;
  std::deque<result<block>>* answers;
  std::vector<block_request>* asked;

  result<block> acquire(const block_request& r) noexcept {
    asked->push_back(r);
    if (answers->empty()) return errc::exhausted;
    const auto next = answers->front();
    answers->pop_front();
    return next;
  }
  bool release(std::uint32_t, range) noexcept { return false; }
};

}  // namespace sequencer
