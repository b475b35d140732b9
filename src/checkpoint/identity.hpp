// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "format.hpp"
#include "os.hpp"

namespace sequencer::detail {

// Why the open file is not the one its header was written for: copied, restored, or a recycled
// inode number. Empty when it is. The device number counts within one boot only.
std::string identity_trouble(os& system, int fd, const struct ::stat& file,
                             const format::file_header& header, bool same_boot);

}  // namespace sequencer::detail
