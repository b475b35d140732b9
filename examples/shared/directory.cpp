// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "directory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "trouble.hpp"

namespace examples {

void prepare_directory(const std::string& directory) {
  std::error_code bad;
  std::filesystem::create_directories(directory, bad);
  if (bad) throw trouble(directory + ": making the directory: " + bad.message());
  if (!std::filesystem::is_directory(directory)) {
    throw trouble(directory + ": is not a directory");
  }
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    system_trouble(directory, "writing to the directory");
  }
}

void sync_directory(const std::string& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (!synced) system_trouble(directory, "syncing the directory");
  ::close(fd);
}

}  // namespace examples
