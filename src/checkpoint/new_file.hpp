// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <sequencer/result.hpp>

#include "format.hpp"
#include "os.hpp"

namespace sequencer::detail {

// The content of a file that is about to exist.
struct file_image {
  format::file_header header{};
  std::vector<format::page> ledger = std::vector<format::page>(format::ledger_pages);
  std::vector<format::page> records;
  std::uint32_t version = format::first_version;
};

// Writes a complete, synced file under a temporary name and links it to `path`, which must not
// exist; nobody ever sees half a file. Draws the uuid; fills in identity and time.
// With `replace` an existing file of that name gives way, atomically.
result<void> write_new_file(os& system, const std::string& path, file_image& image,
                            bool replace = false);

// Opens `path`, making an empty checkpoint first where it is missing and `create` allows.
result<int> open_or_create(os& system, const std::string& path, bool create, bool volatile_ok);

}  // namespace sequencer::detail
