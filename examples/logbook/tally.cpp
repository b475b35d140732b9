// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "tally.hpp"

#include <fmt/format.h>

namespace examples::logbook {

std::filesystem::path tally_path(const std::filesystem::path& directory, std::uint64_t epoch) {
  return directory / fmt::format("run-{:010}.tally", epoch);
}

std::filesystem::path log_path(const std::filesystem::path& directory, std::uint64_t epoch,
                               std::size_t thread) {
  return directory / fmt::format("run-{:010}-{}.log", epoch, thread);
}

}  // namespace examples::logbook
