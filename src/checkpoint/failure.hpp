// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include <sequencer/result.hpp>

namespace sequencer::detail {

// "PATH: SENTENCE" as an error.
inline error failure(errc code, const std::string& path, const std::string& sentence) {
  return {code, 0, path + ": " + sentence};
}

constexpr errc code_of(int os_error) noexcept {
  switch (os_error) {
    case EACCES:
    case EPERM:
    case EROFS: return errc::denied;
    case ENOENT:
    case EEXIST:
    case EISDIR:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP: return errc::invalid;
    default: return errc::io;
  }
}

// "PATH: WHAT: strerror (errno N); ADVICE" as an error; errno is kept in it.
inline error system_failure(int os_error, const std::string& path, const std::string& what,
                            const std::string& advice) {
  return {code_of(os_error), os_error,
          path + ": " + what + ": " + std::strerror(os_error) + " (errno " +
              std::to_string(os_error) + "); " + advice};
}

inline error refuse(const std::string& path, std::string_view name, const std::string& why) {
  return failure(errc::invalid, path, "sequence '" + std::string(name) + "': " + why);
}

inline error emptied() {
  return {errc::closed, 0, "the checkpoint object was moved from or is closed"};
}

}  // namespace sequencer::detail
