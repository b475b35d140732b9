// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sequencer/checkpoint.hpp>

// Values as a program reads them: plain integers, times in nanoseconds, ranges half-open.
namespace sequencer::tool {

std::string json_of(const checkpoint_report& all);
std::string json_of_sequences(const checkpoint_report& all);
std::string json_of_verdict(const checkpoint_report& all);
// `complete`: nobody runs and nobody was killed, so the ledger holds every loss.
std::string json_of_holes(const std::string& name, const std::vector<hole>& lost, bool complete);

std::string_view state_text(checkpoint_report::verdict state) noexcept;

}  // namespace sequencer::tool
