// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <string_view>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/partitioned.hpp>
#include <sequencer/result.hpp>

// Which partition a key belongs to, in bytes and bits as Kafka's clients decide it: a key that one
// of them wrote is found where it looks. The three hashes are a few lines each and no library in
// reach gives their bytes inline (zlib has the CRC alone, behind a call, and the core links
// nothing).
namespace sequencer {

namespace detail {

// Four bytes, the first of them the lowest, whatever this machine's order.
inline std::uint32_t little_endian_32(const char* at) noexcept {
  std::uint32_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap32(word);
  return word;
}

inline constexpr auto crc32_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte != 256; ++byte) {
    auto word = byte;
    for (int bit = 0; bit != 8; ++bit) word = word >> 1 ^ (word % 2 == 0 ? 0 : 0xedb88320U);
    table[byte] = word;
  }
  return table;
}();

}  // namespace detail

// Austin Appleby's MurmurHash2 (2008) with the seed of Kafka's Java client
// (org.apache.kafka.common.utils.Utils.murmur2), the whole 32 bits.
// Threads: any. Progress: wait-free.
inline std::uint32_t murmur2(std::string_view key) noexcept {
  constexpr std::uint32_t m = 0x5bd1e995;
  auto hash = 0x9747b28cU ^ static_cast<std::uint32_t>(key.size());
  const auto* at = key.data();
  auto left = key.size();
  for (; left >= 4; at += 4, left -= 4) {
    auto word = detail::little_endian_32(at) * m;
    word ^= word >> 24;
    hash = hash * m ^ word * m;
  }
  if (left != 0) {
    for (auto i = left; i != 0; --i) {
      hash ^= static_cast<std::uint32_t>(static_cast<unsigned char>(at[i - 1])) << 8 * (i - 1);
    }
    hash *= m;
  }
  hash ^= hash >> 13;
  hash *= m;
  return hash ^ hash >> 15;
}

// CRC-32 of IEEE 802.3 (zlib's, not CRC-32C), as librdkafka's `consistent` partitioner.
// Threads: any. Progress: wait-free.
inline std::uint32_t crc32(std::string_view key) noexcept {
  auto word = ~std::uint32_t{0};
  for (const char c : key) {
    word = word >> 8 ^ detail::crc32_table[(word ^ static_cast<unsigned char>(c)) & 0xff];
  }
  return ~word;
}

// FNV-1a (Fowler, Noll, Vo) of 32 bits, taken as a signed number and without its sign: so Sarama
// began it and librdkafka follows.
// Threads: any. Progress: wait-free.
inline std::uint32_t fnv1a(std::string_view key) noexcept {
  std::uint32_t hash = 0x811c9dc5;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 0x01000193U;
  return hash >> 31 == 0 ? hash : 0 - hash;
}

// How a partition is chosen. The names are librdkafka's (its option `partitioner`); Kafka's Java
// client is murmur2_random with sticky_partitions for what has no key.
enum class partitioning : std::uint8_t {
  murmur2,            // no key: as an empty one
  murmur2_random,     // no key: any partition
  consistent,         // CRC-32; no key: as an empty one
  consistent_random,  // CRC-32; no key or an empty one: any partition
  fnv1a,              // no key: as an empty one
  fnv1a_random,       // no key: any partition
};

// Numbers below a bound, evenly, for choices that nobody may foresee but that need no secrecy.
// Threads: one at a time.
class partition_dice {
 public:
  explicit partition_dice(std::uint64_t seed) noexcept : state_(seed) { state_.discard(2); }

  // The upper half of a 64-bit congruential generator (Knuth, MMIX), scaled (Lemire 2019).
  std::uint32_t below(std::uint32_t bound) noexcept {
    return static_cast<std::uint32_t>((state_() >> 32) * bound >> 32);
  }

 private:
  std::linear_congruential_engine<std::uint64_t, 6364136223846793005U, 1442695040888963407U, 0>
      state_;
};

namespace detail {

inline bool is_partition_count(std::uint32_t count) noexcept {
  return count != 0 && count <= partitioned::max_partitions;
}

}  // namespace detail

// The partition of a hash, 0 to count - 1: as Kafka's Java client does it, for murmur2.
// Threads: any. Progress: wait-free. Fails: invalid, count is 0 or above 2^20.
inline result<sequence> partition_of_positive(std::uint32_t hash, std::uint32_t count) noexcept {
  if (!detail::is_partition_count(count)) [[unlikely]] return errc::invalid;
  return sequence{(hash & 0x7fffffff) % count};
}

// The same for CRC-32 and FNV-1a, which keep all bits.
inline result<sequence> partition_of(std::uint32_t hash, std::uint32_t count) noexcept {
  if (!detail::is_partition_count(count)) [[unlikely]] return errc::invalid;
  return sequence{hash % count};
}

// Chooses by key. More partitions move most keys: count what is to come, not what is there.
// Threads: one at a time where a choice may be random, else any.
class partitioner {
 public:
  explicit partitioner(partitioning how = partitioning::murmur2_random,
                       std::uint64_t seed = 1) noexcept
      : how_(how), dice_(seed) {}

  // `key`: nothing is no key at all, which is not an empty one.
  // Progress: wait-free. Fails: invalid, count is 0 or above 2^20.
  result<sequence> operator()(std::optional<std::string_view> key, std::uint32_t count) noexcept {
    if (!detail::is_partition_count(count)) [[unlikely]] return errc::invalid;
    if (is_random(key)) return sequence{dice_.below(count)};
    const auto bytes = key.value_or(std::string_view{});
    switch (how_) {
      case partitioning::consistent:
      case partitioning::consistent_random: return partition_of(crc32(bytes), count);
      case partitioning::fnv1a:
      case partitioning::fnv1a_random: return partition_of(fnv1a(bytes), count);
      default: return partition_of_positive(murmur2(bytes), count);
    }
  }

 private:
  bool is_random(const std::optional<std::string_view>& key) const noexcept {
    switch (how_) {
      case partitioning::murmur2_random:
      case partitioning::fnv1a_random: return !key;
      case partitioning::consistent_random: return !key || key->empty();
      default: return false;
    }
  }

  partitioning how_;
  partition_dice dice_;
};

// For records without a key: one partition until a batch is full, then another. Fewer, fuller
// batches than by turns (Kafka KIP-480 and KIP-794).
// Threads: one at a time, a producer's own.
class sticky_partitions {
 public:
  static constexpr std::uint64_t kafka_batch = 16384;  // batch.size of Kafka's producer

  // Any seed; producers with different ones mostly begin in different partitions.
  explicit sticky_partitions(std::uint64_t seed, std::uint64_t batch_bytes = kafka_batch) noexcept
      : dice_(seed), batch_bytes_(batch_bytes) {}

  // Where a record of `bytes` goes. Progress: wait-free. Fails: invalid, count is 0 or above 2^20.
  result<sequence> operator()(std::uint64_t bytes, std::uint32_t count) noexcept {
    if (!detail::is_partition_count(count)) [[unlikely]] return errc::invalid;
    if (moves_ || current_ >= count) move(count);
    filled_ += bytes;
    if (filled_ < bytes || filled_ >= batch_bytes_) moves_ = true;
    return sequence{current_};
  }

  // The batch went out: the next record goes elsewhere, where there is an elsewhere.
  void end_batch() noexcept { moves_ = true; }

 private:
  static constexpr std::uint32_t nowhere = ~std::uint32_t{0};

  void move(std::uint32_t count) noexcept {
    if (current_ >= count) {
      current_ = dice_.below(count);
    } else if (count > 1) {
      // Any but the present one.
      const auto other = dice_.below(count - 1);
      current_ = other < current_ ? other : other + 1;
    }
    filled_ = 0;
    moves_ = false;
  }

  partition_dice dice_;
  std::uint64_t batch_bytes_;
  std::uint64_t filled_ = 0;
  std::uint32_t current_ = nowhere;
  bool moves_ = false;
};

// For records without a key: by turns, over all who share this (Kafka's RoundRobinPartitioner).
class alignas(interference_size) partition_turns {
 public:
  partition_turns() noexcept = default;
  partition_turns(const partition_turns&) = delete;
  partition_turns& operator=(const partition_turns&) = delete;

  // Threads: any. Progress: wait-free, one fetch_add. Order: none but that of the turns.
  // Fails: invalid, count is 0 or above 2^20.
  result<sequence> operator()(std::uint32_t count) noexcept {
    if (!detail::is_partition_count(count)) [[unlikely]] return errc::invalid;
    // relaxed: whose turn it is; publishes nothing.
    return turn_.fetch_add(1, detail::relaxed) % count;
  }

 private:
  detail::atomic<std::uint64_t> turn_{0};
};

}  // namespace sequencer
