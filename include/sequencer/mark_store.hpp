// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/result.hpp>

namespace sequencer {

// Where one 63-bit number is kept for whoever comes after a restart: memory, a checkpoint file, an
// engine. Clocks, epochs and partitions become durable through it and know no files.
// load: what the last store() left, whichever process made it. Any thread.
// store: returns when the number would survive; it may be lower than the one before. One thread at
//   a time. After a failure either number may be found, and nothing that needed the new one may go
//   on; a number above `top` is invalid.
template <class M>
concept mark_store = requires(M m, const M& seen, std::uint64_t number) {
  { seen.load() } noexcept -> std::same_as<std::uint64_t>;
  { m.store(number) } noexcept -> std::same_as<result<std::uint64_t>>;
};

// Survives nothing: for tests, and for orders that end with their process.
class memory_mark {
 public:
  explicit memory_mark(std::uint64_t start = 0) noexcept : number_(start) {
    if (start > top) detail::stop("a mark is 2^63 - 1 or below");
  }
  memory_mark(const memory_mark&) = delete;
  memory_mark& operator=(const memory_mark&) = delete;

  // Threads: any. Progress: wait-free. Order: sees what store() was called after.
  std::uint64_t load() const noexcept {
    // order: memory-mark-seen <- memory-mark-stored: what its writer did before
    return number_.load(detail::acquire);
  }

  // Threads: one at a time. Progress: wait-free. Fails: invalid above top.
  result<std::uint64_t> store(std::uint64_t number) noexcept {
    if (number > top) return errc::invalid;
    // order: memory-mark-stored -> memory-mark-seen: what its writer did before
    number_.store(number, detail::release);
    return number;
  }

 private:
  detail::atomic<std::uint64_t> number_;
};

static_assert(mark_store<memory_mark>);

}  // namespace sequencer
