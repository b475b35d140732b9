// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace logbook {

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

// The witness of one run: a mapped file that outlives a SIGKILL and is independent of the
// checkpoint, so that a check can hold one against the other.
class tally {
 public:
  // Makes the file of a new run. Throws trouble.
  static tally create(const std::filesystem::path& directory, const run_facts& facts);
  // Reads the file of an earlier run. Throws trouble.
  static tally open(const std::filesystem::path& file);

  tally(tally&& other) noexcept;
  tally& operator=(tally&&) = delete;
  ~tally();

  run_facts& facts() const noexcept;
  std::span<thread_tally> threads() const noexcept;

 private:
  tally() = default;
  static tally map(const std::filesystem::path& file, int fd, std::size_t bytes);

  void* at_ = nullptr;
  std::size_t bytes_ = 0;
};

// run-0000000007.tally, run-0000000007-2.log
std::filesystem::path tally_path(const std::filesystem::path& directory, std::uint64_t epoch);
std::filesystem::path log_path(const std::filesystem::path& directory, std::uint64_t epoch,
                               std::size_t thread);

}  // namespace logbook
