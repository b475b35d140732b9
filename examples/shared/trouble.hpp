// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <sequencer/result.hpp>

namespace examples {

// Something that the user can put right; main() prints it and exits 2.
class trouble : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void system_trouble(const std::string& path, const std::string& doing) {
  const int why = errno;
  throw trouble(path + ": " + doing + ": " + std::strerror(why));
}

template <class T>
T or_trouble(sequencer::result<T> outcome) {
  if (!outcome) throw trouble(std::string(outcome.text()));
  if constexpr (!std::is_void_v<T>) return std::move(*outcome);
}

}  // namespace examples
