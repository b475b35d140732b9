// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sequencer/result.hpp>

#include "os.hpp"

namespace sequencer::detail {

// Refuses what cannot keep a mark: remote file systems (locks and syncs may be lost silently), and
// memory-backed ones unless `volatile_ok`. Local disks and overlayfs (whose upper layer is one)
// are accepted.
result<void> check_file_system(os& system, int fd, const std::string& path, bool volatile_ok);

// Opens a regular file for reading and writing. Fails with a sentence.
result<int> open_existing(os& system, const std::string& path);

}  // namespace sequencer::detail
