// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include <sequencer/mark_store.hpp>

namespace sequencer {

// A mark as a file is one: a write that failed may be seen all the same, until a crash decides
// whether it is there.
class unsure_mark {
 public:
  explicit unsure_mark(std::uint64_t start = 0) noexcept : seen_(start), durable_(start) {}

  std::uint64_t load() const noexcept { return seen_; }

  result<std::uint64_t> store(std::uint64_t number) noexcept {
    if (number > top) return errc::invalid;
    ++stores_;
    if (fails_) {
      if (seen_all_the_same_) seen_ = number;
      return errc::io;
    }
    seen_ = durable_ = number;
    return number;
  }

  // From now on writes fail, and are seen or not.
  void fail(bool seen_all_the_same) noexcept {
    fails_ = true;
    seen_all_the_same_ = seen_all_the_same;
  }
  void mend() noexcept { fails_ = false; }

  // The machine ends and comes back. What was seen and not synced may have reached the disk.
  void crash(bool unsynced_is_kept) noexcept {
    if (unsynced_is_kept) durable_ = seen_.load();
    seen_ = durable_.load();
    fails_ = false;
  }

  // An older copy of the file is put back.
  void put_back(std::uint64_t number) noexcept { seen_ = durable_ = number; }

  std::uint64_t durable() const noexcept { return durable_; }
  int stores() const noexcept { return stores_; }

 private:
  std::atomic<std::uint64_t> seen_;
  std::atomic<std::uint64_t> durable_;
  std::atomic<bool> fails_{false};
  std::atomic<bool> seen_all_the_same_{false};
  std::atomic<int> stores_{0};
};

static_assert(mark_store<unsure_mark>);

}  // namespace sequencer
