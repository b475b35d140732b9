// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/big_endian.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// The number of a record, and that of the record before it: numbers may have holes, and who reads
// them can still tell a number that never was from a record that was lost.
// (FoundationDB's master gives out (prevVersion, version) pairs for that reason.)
struct prev_link {
  sequence prev = 0;
  sequence number = 0;  // above prev

  friend constexpr bool operator==(const prev_link&, const prev_link&) = default;

  constexpr bool is_sound() const noexcept { return prev < number && number <= top; }

  // On the wire: prev, then number, 8 bytes each, most significant byte first.
  // Threads: any. Progress: wait-free, no allocation.
  constexpr std::array<std::byte, 16> bytes() const noexcept {
    return detail::pair_bytes(prev, number);
  }

  // Reads what bytes() wrote.
  // Threads: any. Progress: wait-free.
  // Fails: corrupt, not exactly 16 bytes, a number above top, or one not above its prev.
  static result<prev_link> parse(std::span<const std::byte> bytes) {
    if (bytes.size() != 16) return error{errc::corrupt, 0, "a prev link takes 16 bytes"};
    const prev_link read{detail::get_big_endian(bytes.data()),
                         detail::get_big_endian(bytes.data() + 8)};
    if (!read.is_sound()) {
      return error{errc::corrupt, 0, "a prev link whose number is not above the one before it"};
    }
    return read;
  }
};

static_assert(sizeof(prev_link) == 16);

// Numbers records and links each to the one before: one chain, whoever stamps.
class alignas(interference_size) prev_stamper {
 public:
  // The first record follows `last`: 0, or where the chain of before ended.
  explicit prev_stamper(sequence last = 0) noexcept : last_(last) {
    if (last > top) detail::stop("a chain goes on after 2^63 - 1 or below");
  }
  prev_stamper(const prev_stamper&) = delete;
  prev_stamper& operator=(const prev_stamper&) = delete;

  // Issues the number that is `advance` above the last one, with its link; what lies between is a
  // hole from the beginning.
  // Threads: any. Progress: lock-free, one compare-and-swap. Order: linearizable; each link begins
  // where the one before it ended.
  // Fails: invalid, advance 0; exhausted, beyond top. Then nothing was issued.
  // The answer is the range [prev, number): see link_of().
  result<range> next(std::uint64_t advance = 1) noexcept {
    if (advance == 0) return errc::invalid;
    // relaxed: the modification order of this one word is all that is promised.
    auto last = last_.load(detail::relaxed);
    for (;;) {
      if (advance > top - last) return errc::exhausted;
      const auto number = last + advance;
      // relaxed: as above
      if (last_.compare_exchange_weak(last, number, detail::relaxed, detail::relaxed)) {
        return range{last, number};
      }
    }
  }

  // Links a number that comes from elsewhere (a counter, a block) to the one stamped before.
  // Threads: any. Progress and order: as next().
  // Fails: fenced, a number of at least this one was stamped before: take another; invalid, above
  // top, or 0, which stands for the begin of the chain: count from 1.
  result<range> stamp(sequence number) noexcept {
    if (number == 0 || number > top) return errc::invalid;
    // relaxed: as in next()
    auto last = last_.load(detail::relaxed);
    for (;;) {
      if (number <= last) return errc::fenced;
      // relaxed: as in next()
      if (last_.compare_exchange_weak(last, number, detail::relaxed, detail::relaxed)) {
        return range{last, number};
      }
    }
  }

  // The last number stamped; stale at once while others stamp.
  // Threads: any. Progress: wait-free.
  sequence last() const noexcept {
    // relaxed: a hint, publishes and receives nothing.
    return last_.load(detail::relaxed);
  }

 private:
  detail::atomic<sequence> last_;
};

static_assert(sizeof(prev_stamper) == interference_size);

// The link in the answer of a stamper.
constexpr prev_link link_of(range issued) noexcept { return {issued.first, issued.last}; }

// Follows the chain at its reader.
// Threads: one at a time, all calls. Progress: wait-free.
class prev_checker {
 public:
  enum class finding : std::uint8_t {
    follows,   // the next record; what hole() names was never issued
    lost,      // records in missing() were issued and did not come, or not yet; nothing is taken
    repeated,  // was taken already, or lies within what was taken
    forked,    // its prev lies within what was taken: the chain has two ends. Stop
    broken,    // not above its own prev, or above top
  };

  // The chain goes on after `last`.
  explicit prev_checker(sequence last = 0) noexcept : last_(last) {}

  // Looks at a record, and takes it where it follows.
  finding see(prev_link link) noexcept {
    hole_ = missing_ = range{};
    if (!link.is_sound()) return finding::broken;
    if (link.number <= last_) return finding::repeated;
    if (link.prev < last_) return finding::forked;
    if (link.prev > last_) {
      missing_ = {last_ + 1, link.prev + 1};
      return finding::lost;
    }
    hole_ = {last_ + 1, link.number};
    last_ = link.number;
    return finding::follows;
  }

  // Goes on after the record of number `last` without what is missing: its loss is accepted. That
  // is missing().last - 1, or the prev of a later record. Not below where it is.
  // Fails: invalid, below last() or above top.
  result<sequence> skip_to(sequence last) noexcept {
    if (last < last_ || last > top) return errc::invalid;
    return last_ = last;
  }

  // The number of the record taken last.
  sequence last() const noexcept { return last_; }
  // After `follows`: the numbers that were never issued, between it and the one before.
  range hole() const noexcept { return hole_; }
  // After `lost`: where the missing records lie; its last number is one of them.
  range missing() const noexcept { return missing_; }

 private:
  sequence last_;
  range hole_;
  range missing_;
};

}  // namespace sequencer
