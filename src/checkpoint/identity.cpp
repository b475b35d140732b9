// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "identity.hpp"

namespace sequencer::detail {

std::string identity_trouble(os& system, int fd, const struct ::stat& file,
                             const format::file_header& header, bool same_boot) {
  if (header.flags & format::backup_copy) return "is a backup copy";
  if (header.inode != file.st_ino) {
    return "was copied or restored: its inode is " + std::to_string(file.st_ino) +
           ", its header says " + std::to_string(header.inode);
  }
  const auto born = system.birth_ns(fd);
  if (born != 0 && header.born_ns != 0 && born != header.born_ns) {
    return "was copied or restored: it has the inode number of the original, but another birth "
           "time";
  }
  if (same_boot && header.device != file.st_dev) return "was copied to another device";
  return {};
}

}  // namespace sequencer::detail
