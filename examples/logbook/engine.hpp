// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sequencer/checkpoint.hpp>

namespace examples::logbook {

struct run_options {
  std::string input;
  std::string directory;
  std::string checkpoint;      // empty: logbook.seq in the directory
  std::string name = "lines";  // of the sequence
  std::uint64_t lines = 0;     // 0: the file once
  std::size_t threads = 2;
  std::uint64_t rate = 0;  // lines a second over all threads; 0: as fast as it goes
  bool blocks = false;
  std::optional<std::uint64_t> block;
  std::optional<sequencer::durability> durability;
  std::optional<std::uint64_t> max_gap;
  sequencer::live_policy live = sequencer::live_policy::automatic;
  bool quiet = false;
};

// Stamps lines and writes them until there are no more, or until SIGINT or SIGTERM; prints what it
// did. Throws trouble.
void run(const run_options& options);

// The checkpoint of a directory.
std::string checkpoint_in(const std::string& directory);

}  // namespace examples::logbook
