// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include <sequencer/sequence.hpp>

namespace sequencer {

// Why numbers were never issued, or may never have been.
enum class loss : std::uint8_t {
  handle_ended = 1,   // the unused tail of a block whose handle ended
  discarded,          // a block that lay below its handle's last number
  closed,             // the tail of a block still held when its source closed
  killed,             // the process died; the live region knew the unused numbers
  crashed,            // the process or machine died with no live region to ask
  rotten_copy,        // one copy of a mark was unreadable, the step it may have taken is skipped
  adopted,            // an operator raised the floor
};

constexpr std::string_view name(loss why) noexcept {
  constexpr std::string_view names[] = {"none",    "handle_ended", "discarded",   "closed",
                                        "killed",  "crashed",      "rotten_copy", "adopted"};
  const auto at = static_cast<std::size_t>(why);
  return at < std::size(names) ? names[at] : "unknown";
}

// Numbers that were lost. `certain`: none of them was ever issued. Otherwise some may have been
// (after power loss nobody can know), and `lost` is the most that can be missing.
struct hole {
  range numbers;
  std::uint64_t lost = 0;   // how many of them are missing, at most; less than size() once merged
  std::uint64_t epoch = 0;  // owner epoch that lost them; 0 where there is none
  loss why = loss::handle_ended;
  bool certain = true;
  bool merged = false;  // neighbouring holes folded into one to keep the ledger bounded
};

}  // namespace sequencer
