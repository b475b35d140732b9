// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace logbook {

// Something that the user can put right; main() prints it and exits 2.
class trouble : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void system_trouble(const std::string& path, const std::string& doing) {
  const int why = errno;
  throw trouble(path + ": " + doing + ": " + std::strerror(why));
}

}  // namespace logbook
