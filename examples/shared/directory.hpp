// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace examples {

// Makes a directory where it is missing. Throws trouble where nothing can be written to it.
void prepare_directory(const std::string& directory);

// Makes the names in it survive a crash of the system, not what the files hold. Throws trouble.
void sync_directory(const std::string& directory);

}  // namespace examples
