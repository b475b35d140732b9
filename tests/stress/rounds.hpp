// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace sequencer::stress {

inline std::uint64_t seed_of_run() {
  static const std::uint64_t seed = [] {
    const char* asked = std::getenv("SEQUENCER_SEED");
    const auto chosen = asked ? std::strtoull(asked, nullptr, 10) : std::random_device{}();
    std::cout << "SEQUENCER_SEED=" << chosen << std::endl;
    return chosen;
  }();
  return seed;
}

// Runs rounds until this case, one of so many in its program, has had its share of the time, at
// least one.
template <class Round>
void in_rounds(int cases, Round round) {
  const char* minutes = std::getenv("SEQUENCER_MINUTES");
  const std::chrono::duration<double> share(minutes ? std::strtod(minutes, nullptr) * 60 / cases
                                                    : 2.0);
  const auto end = std::chrono::steady_clock::now() + share;
  std::uint64_t index = 0;
  do {
    SCOPED_TRACE("round " + std::to_string(index));
    round(seed_of_run() + index);
    ++index;
  } while (std::chrono::steady_clock::now() < end && !::testing::Test::HasFailure());
  std::cout << index << " rounds\n";
}

}  // namespace sequencer::stress
