// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sequencer/named_sequence.hpp>

// The arithmetic of named sequences, without files and threads.
//
// A named sequence takes ordinals from a strict order of its own, which only grows and never issues
// one twice, and says which number each ordinal stands for. `anchor` is the last move: ordinals
// from `first` on are counted from its number. So a move backwards touches no mark, and what makes
// ordinals unique over any crash makes (epoch, number) unique: within an epoch numbers go in one
// direction only, and whatever would break that starts the next epoch.
namespace sequencer::detail {

struct named_rules {
  std::int64_t start = 1;
  std::int64_t increment = 1;
  std::int64_t minimum = 1;
  std::int64_t maximum = 0;
  std::uint64_t cache = 1;
  bool cycle = false;

  bool ascends() const noexcept { return increment > 0; }
  std::uint64_t step() const noexcept {  // without its sign
    const auto bits = static_cast<std::uint64_t>(increment);
    return ascends() ? bits : 0 - bits;
  }
};

// Where a sequence stands: its last number, and whether that one was taken.
struct named_state {
  std::int64_t last = 0;
  bool called = false;
  std::uint64_t epoch = 0;
  std::uint64_t cycles = 0;
};

struct named_anchor {
  sequence first = 0;  // ordinal of the first number after `at`
  named_state at{};
};

// Numbers in a row, from the one of an ordinal to the bound.
struct named_run {
  std::int64_t number = 0;
  std::uint64_t left = 0;  // at least 1; 2^63 or more is told as 2^63
  std::uint64_t epoch = 0;
  std::uint64_t cycles = 0;
};

// The run that begins `ahead` numbers behind the anchor; nothing where the sequence has ended, or
// its epochs have.
std::optional<named_run> run_behind(const named_rules& rules, const named_state& anchor,
                                    std::uint64_t ahead) noexcept;

// Where it stands once `taken` ordinals behind the anchor were taken, or skipped by a crash.
named_state state_behind(const named_rules& rules, const named_state& anchor,
                         std::uint64_t taken) noexcept;

// Whether going on from `to` under `next` could repeat a number of the epoch of `from`.
bool goes_back(const named_rules& rules, const named_state& from, const named_rules& next,
               const named_state& to) noexcept;

// The least state from which no number is below `floor`, if there is one (0: none); descending
// sequences know no floor.
named_state raised_to(const named_rules& rules, named_state from, sequence floor) noexcept;

// CREATE's and ALTER's options upon what is there (nullptr: create). "" or what is wrong.
std::string apply(const named_options& asked, const named_rules* there, named_rules& to);

// The bounds that a moved sequence must keep. "" or what is wrong.
std::string fault_of(const named_rules& rules, const named_state& at);

}  // namespace sequencer::detail
