// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <sequencer/place/doctor.hpp>
#include <sequencer/place/measure.hpp>
#include <sequencer/place/topology.hpp>

// Machines as a program reads them: sizes in bytes, latencies in nanoseconds, CPUs and nodes by
// the system's numbers, everything else by its position.
namespace sequencer::tool {

// `measured`: nothing, or what was measured on it.
std::string json_of(const sequencer::place::topology& of,
                    const sequencer::place::line_latency* measured);
std::string json_of(const std::vector<sequencer::place::finding>& all);

}  // namespace sequencer::tool
