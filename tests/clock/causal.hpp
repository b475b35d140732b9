// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <rapidcheck.h>

#include <sequencer/clock/relation.hpp>

// What clocks are held against: the events themselves. A history is the set of all events that
// happened before, and one of them is before another exactly when its history is part of the
// other's.
namespace sequencer::causal {

inline constexpr std::size_t most_events = 256;
using history = std::bitset<most_events>;

inline clock::relation relation_of(const history& left, const history& right) {
  return clock::relation_of((left & ~right).none(), (right & ~left).none());
}

// Numbers events, of any number of processes.
class events {
 public:
  bool any_left() const { return next_ != most_events; }
  void happen(history& in) { in.set(next_++); }

 private:
  std::size_t next_ = 0;
};

// One step of a random program: what its numbers mean is the program's. The parts are small, so
// that a failing program shrinks to something that can be read.
struct step {
  unsigned what;
  unsigned who;
  unsigned with;
};
using program = std::vector<step>;

inline std::ostream& operator<<(std::ostream& to, const step& of) {
  return to << of.what << '/' << of.who << '/' << of.with;
}

inline rc::Gen<program> programs(unsigned whats, unsigned whos) {
  const auto below = [](unsigned n) { return rc::gen::inRange(0u, n); };
  const auto one = rc::gen::construct<step>(below(whats), below(whos), below(1'000));
  return rc::gen::scale(2.0, rc::gen::container<program>(one));
}

// Says the seed, which repeats a run, and takes SEQUENCER_SEED and SEQUENCER_SCALE as other tests
// do; RC_PARAMS, where it is set, counts more.
inline const bool configured = [] {
  const auto number = [](const char* variable) -> std::string {
    const char* text = std::getenv(variable);
    return text == nullptr ? "" : text;
  };
  std::string words = "max_success=" + std::to_string(
      500 * std::max(1ul, std::strtoul(number("SEQUENCER_SCALE").c_str(), nullptr, 10)));
  if (const auto seed = number("SEQUENCER_SEED"); !seed.empty()) words += " seed=" + seed;
  return ::setenv("RC_PARAMS", words.c_str(), 0) == 0;
}();

}  // namespace sequencer::causal
