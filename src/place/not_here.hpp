// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sequencer/place/topology.hpp>
#include <sequencer/result.hpp>

namespace sequencer::place {

// What every call that binds answers for a topology of another machine.
inline error not_here(const topology& of, const std::string& consequence) {
  return {errc::unsupported, 0, of.source + ": not this machine; " + consequence};
}

}  // namespace sequencer::place
