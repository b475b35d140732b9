// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

namespace sequencer::crash {

inline std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

// 1: the quick subset; 20: everything.
inline std::uint64_t scale() {
  const auto asked = number_from("SEQUENCER_SCALE", 1);
  return asked == 0 ? 1 : asked;
}

// Printed, so that a failure can be repeated with SEQUENCER_SEED.
inline std::uint64_t seed() {
  static const std::uint64_t drawn = [] {
    const auto value = number_from("SEQUENCER_SEED", std::random_device{}());
    std::cout << "SEQUENCER_SEED=" << value << " SEQUENCER_SCALE=" << scale() << std::endl;
    return value;
  }();
  return drawn;
}

}  // namespace sequencer::crash
