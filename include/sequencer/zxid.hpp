// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/big_endian.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// (epoch, counter) in one word, as ZooKeeper numbers its transactions: 32 bits each, the epoch
// above. ZooKeeper keeps it in a signed long, so an epoch ends at 2^31 - 1, and the whole at `top`.
//
// The counter does not run over into the epoch: 2^32 - 1 is never issued, and who stands before it
// needs a new epoch (ZOOKEEPER-1277, XidRolloverException; before that, epochs grew by carry and
// two leaders could have the same one).
class zxid {
 public:
  static constexpr std::uint32_t last_epoch = 0x7fff'ffff;
  static constexpr std::uint32_t last_counter = 0xffff'fffe;

  constexpr zxid() noexcept = default;
  constexpr zxid(std::uint32_t epoch, std::uint32_t counter) noexcept
      : word_(std::uint64_t{epoch} << 32 | counter) {}
  constexpr explicit zxid(std::uint64_t packed) noexcept : word_(packed) {}

  constexpr std::uint32_t epoch() const noexcept { return static_cast<std::uint32_t>(word_ >> 32); }
  constexpr std::uint32_t counter() const noexcept { return static_cast<std::uint32_t>(word_); }
  constexpr std::uint64_t packed() const noexcept { return word_; }

  friend constexpr auto operator<=>(const zxid&, const zxid&) = default;

  // The next one of the same epoch, packed.
  // Threads: any. Progress: wait-free, no allocation.
  // Fails: exhausted, the epoch has no further counter; begin a new one.
  constexpr result<sequence> next() const noexcept {
    if (counter() >= last_counter || word_ >= top) return errc::exhausted;
    return word_ + 1;
  }

  // On the wire: 8 bytes, most significant first, as ZooKeeper writes a long.
  // Threads: any. Progress: wait-free, no allocation.
  constexpr std::array<std::byte, 8> bytes() const noexcept {
    std::array<std::byte, 8> bytes{};
    detail::put_big_endian(word_, bytes.data());
    return bytes;
  }

  // Reads what bytes() wrote, packed.
  // Threads: any. Progress: wait-free, no allocation.
  // Fails: corrupt, not exactly 8 bytes, or an epoch above last_epoch (a negative long).
  static constexpr result<sequence> parse(std::span<const std::byte> bytes) noexcept {
    if (bytes.size() != 8) return errc::corrupt;
    const auto word = detail::get_big_endian(bytes.data());
    if (word > top) return errc::corrupt;
    return word;
  }

 private:
  std::uint64_t word_ = 0;
};

static_assert(sizeof(zxid) == 8);

// Hands out zxids: the leader's counter. Each epoch begins at counter 0, which stands for the
// leader's own first word (NEWLEADER in ZooKeeper), so next() begins at 1.
class alignas(interference_size) zxid_counter {
 public:
  // Goes on after `last`, the highest one that is known.
  explicit zxid_counter(zxid last = {}) noexcept : last_(last.packed()) {
    if (last.packed() > top) detail::stop("a zxid's epoch is 2^31 - 1 or below");
  }
  zxid_counter(const zxid_counter&) = delete;
  zxid_counter& operator=(const zxid_counter&) = delete;

  // The next zxid, packed.
  // Threads: any. Progress: lock-free, one compare-and-swap. Order: linearizable, increasing, dense
  // within an epoch.
  // Fails: exhausted, until begin() opens a new epoch.
  result<sequence> next() noexcept {
    // relaxed: the modification order of this one word is all that is promised.
    auto last = last_.load(detail::relaxed);
    for (;;) {
      const auto next = zxid(last).next();
      if (!next) return next;
      // relaxed: as above
      if (last_.compare_exchange_weak(last, *next, detail::relaxed, detail::relaxed)) return next;
    }
  }

  // Opens an epoch, above the present one; its durability is the caller's (epoch.hpp).
  // Threads: any. Progress: lock-free. Order: what next() gives afterwards is above it.
  // Fails: invalid, above last_epoch; fenced, not above the present one.
  result<sequence> begin(std::uint64_t epoch) noexcept {
    if (epoch > zxid::last_epoch) return errc::invalid;
    const auto first = zxid(static_cast<std::uint32_t>(epoch), 0).packed();
    // relaxed: as in next()
    auto last = last_.load(detail::relaxed);
    for (;;) {
      if (epoch <= zxid(last).epoch()) return errc::fenced;
      // relaxed: as in next()
      if (last_.compare_exchange_weak(last, first, detail::relaxed, detail::relaxed)) return first;
    }
  }

  // The last one issued; stale at once while others take some.
  // Threads: any. Progress: wait-free.
  zxid last() const noexcept {
    // relaxed: a hint, publishes and receives nothing.
    return zxid(last_.load(detail::relaxed));
  }

 private:
  detail::atomic<std::uint64_t> last_;
};

static_assert(sizeof(zxid_counter) == interference_size);

}  // namespace sequencer
