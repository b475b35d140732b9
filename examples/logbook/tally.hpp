// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>

#include "../shared/witness.hpp"

namespace examples::logbook {

// What one thread has done so far. `begun` - `taken` is 1 while it asks for a number.
struct alignas(128) thread_tally {
  std::atomic<std::uint64_t> begun;    // numbers asked for
  std::atomic<std::uint64_t> taken;    // numbers received
  std::atomic<std::uint64_t> written;  // lines handed to the operating system
};

// What holds for a whole run.
struct run_facts {
  char uuid[64];                 // of the checkpoint file
  char name[256];                // of the sequence
  std::uint64_t epoch;           // open epoch of the run: runs are ordered by it
  std::uint64_t first;           // the sequence's position when the run began
  std::uint64_t threads;
  std::uint64_t max_gap;
  std::uint64_t block;           // largest block; 0 is strict
  std::uint64_t each;            // 1: durability each
  std::uint64_t live;            // 1: with a live region
  std::uint64_t open_to_first_ns;
  std::uint64_t last_sync_ns;    // duration of the sync that opening waited for
  std::uint64_t ended;           // 1: the run ended orderly
};

using tally = witness<run_facts, thread_tally, 0x31594c4c41544c53>;
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// run-0000000007.tally, run-0000000007-2.log
std::filesystem::path tally_path(const std::filesystem::path& directory, std::uint64_t epoch);
std::filesystem::path log_path(const std::filesystem::path& directory, std::uint64_t epoch,
                               std::size_t thread);

}  // namespace examples::logbook
