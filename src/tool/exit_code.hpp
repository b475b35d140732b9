// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sequencer/result.hpp>

namespace sequencer::tool {

// What the process ends with. Stated in --help and in the manual page.
enum class exit_code : int {
  done = 0,         // verify: sound
  recoverable = 1,  // verify
  refused = 2,      // verify
  asked_wrongly = 3,
  exists = 4,
  locked = 5,
  not_permitted = 6,
  needs_repair = 7,
  no_numbers = 8,
  io = 9,
  output = 10,
  interrupted = 130,
};

constexpr exit_code exit_code_of(errc code) noexcept {
  switch (code) {
    case errc::invalid: return exit_code::asked_wrongly;
    case errc::locked:
    case errc::unavailable:
    case errc::timeout: return exit_code::locked;
    case errc::denied:
    case errc::unsupported: return exit_code::not_permitted;
    case errc::corrupt:
    case errc::version:
    case errc::fenced: return exit_code::needs_repair;
    case errc::exhausted:
    case errc::closed: return exit_code::no_numbers;
    case errc::io: return exit_code::io;
  }
  return exit_code::io;
}

}  // namespace sequencer::tool
