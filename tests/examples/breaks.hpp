// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <string_view>

// Whether the program is asked for that break.
inline bool breaks(std::string_view how) {
  const char* asked = std::getenv("EXCHANGE_BREAKS");
  return asked != nullptr && asked == how;
}
