// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// Of one partition: what may still be read begins at log_start, what may be read ends before
// high_water, what was appended ends before log_end. Never any other way round.
struct partition_marks {
  sequence log_start = 0;
  sequence high_water = 0;
  sequence log_end = 0;

  friend constexpr bool operator==(const partition_marks&, const partition_marks&) = default;
};

// Many orders side by side, as Kafka's topic has them: each partition hands out offsets of its own,
// from 0 and dense. Two offsets say something about each other only in the same partition.
//
// An appender takes offsets, writes what belongs there, and publishes them; readers read below the
// high water. What offsets stand for (records, slots) lies elsewhere.
//
// Offsets end at top - 1, so that what follows an offset, and hence each mark, is a number too.
//
// Invariant: log_start <= high_water <= log_end, and none of them ever decreases (but in restore).
// Each is raised only by who saw the next one at that height or above, and by a release that
// readers acquire: hence marks() finds them in this order although it is three loads.
//
// Offsets, and who writes which line: the appenders of a partition share one, which nobody reads
// often; its high water and log start are on another, which readers look at. Partitions share
// nothing, so P of them on P cores are P counters.
class partitioned {
 public:
  static constexpr std::uint32_t max_partitions = std::uint32_t{1} << 20;
  // Largest n that append(p, n) accepts: keeps racing refused callers from wrapping (counter.hpp).
  static constexpr std::uint64_t max_request = std::uint64_t{1} << 32;
  static constexpr std::size_t alignment = interference_size;

  // Bytes that `count` partitions need.
  static constexpr std::size_t bytes_for(std::uint32_t count) noexcept {
    return std::size_t{count} * sizeof(line);
  }

  // `count` partitions, all empty, in memory of their own: bytes_for(count), asked for once.
  // Threads: a plain owner. Fails: invalid, 0 partitions or above 2^20; unavailable, no memory.
  static result<partitioned> make(std::uint32_t count) {
    if (!is_count(count)) return refused(count);
    auto* at = ::operator new(bytes_for(count), std::align_val_t{alignment}, std::nothrow);
    if (at == nullptr) {
      return error{errc::unavailable, 0,
                   "no memory for " + std::to_string(count) + " partitions: they need " +
                       std::to_string(bytes_for(count)) + " bytes; ask for fewer"};
    }
    partitioned made(count, static_cast<std::byte*>(at));
    made.owned_.reset(static_cast<std::byte*>(at));
    return made;
  }

  // The same in memory of the caller's (a NUMA node's, huge pages), which must outlive them.
  // Fails: invalid, as above, or memory that is too small or not aligned to `alignment`.
  static result<partitioned> make(std::uint32_t count, std::span<std::byte> memory) {
    if (!is_count(count)) return refused(count);
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    if (memory.size() < bytes_for(count) || address % alignment != 0) {
      return error{errc::invalid, 0,
                   "memory for " + std::to_string(count) + " partitions is " +
                       std::to_string(memory.size()) + " bytes at " + std::to_string(address) +
                       ": it must be " + std::to_string(bytes_for(count)) +
                       " bytes or more, aligned to " + std::to_string(alignment)};
    }
    return partitioned(count, memory.data());
  }

  // As make(count), where the program knows the count: what make() refuses stops the process.
  explicit partitioned(std::uint32_t count) : partitioned(*make(count)) {}

  partitioned(partitioned&& other) noexcept
      : owned_(std::move(other.owned_)),
        lines_(std::exchange(other.lines_, nullptr)),
        count_(std::exchange(other.count_, 0)) {}
  partitioned& operator=(partitioned&&) = delete;
  ~partitioned() { std::destroy_n(lines_, count_); }

  std::uint32_t count() const noexcept { return count_; }

  // Takes the next offset of partition `p`.
  // Threads: any. Progress: wait-free, one fetch_add. Order: linearizable, dense and increasing in
  // the partition; between partitions none. Fails: invalid, there is no such partition; exhausted,
  // after top - 1; stays so.
  result<sequence> append(std::uint32_t p) noexcept {
    if (p >= count_) [[unlikely]] return errc::invalid;
    // relaxed: the modification order of this one word is all that is promised.
    const auto offset = lines_[p].end.fetch_add(1, detail::relaxed);
    if (offset >= top) [[unlikely]] return errc::exhausted;
    return offset;
  }

  // Takes the next n, consecutive, 1 <= n <= max_request. As append(p). Fails: as append(p);
  // invalid also, n out of bounds; exhausted, fewer than n are left (a refused call takes nothing,
  // unless it raced with another one for the last offsets).
  result<range> append(std::uint32_t p, std::uint64_t n) noexcept {
    if (p >= count_ || n == 0 || n > max_request) [[unlikely]] return errc::invalid;
    if (log_end_of(p) > top - n) return errc::exhausted;
    // relaxed: as append(p).
    const auto first = lines_[p].end.fetch_add(n, detail::relaxed);
    if (first > top - n) return errc::exhausted;
    return range{first, first + n};
  }

  // Lets readers have `written`, which the caller appended and wrote, if all below it is published
  // already; says `unavailable` while a predecessor is not.
  // Threads: any. Progress: wait-free, one compare-and-swap. Order: who sees the high water sees
  // all that was done before below it. Fails: unavailable, as said, try again; invalid, no such
  // partition, an empty range, or one that was not appended or was published before.
  result<sequence> publish(std::uint32_t p, range written) noexcept {
    if (p >= count_ || written.first >= written.last) return errc::invalid;
    if (written.last > log_end_of(p)) return errc::invalid;
    auto expected = written.first;
    // order: partition-published -> high-water-seen: what the caller did. What predecessors did is
    // seen by way of theirs: all who change the word read and write it in one.
    // relaxed, if it fails: nothing is read but whether it has to be tried again.
    if (lines_[p].high_water.compare_exchange_strong(expected, written.last, detail::release,
                                                     detail::relaxed)) {
      return written.last;
    }
    return expected < written.first ? errc::unavailable : errc::invalid;
  }

  // For who knows by other means how far a partition was written (a replicator, a single writer):
  // raises the high water to `to`. Where it is there or above already nothing happens.
  // Gives the high water. Threads: any. Progress: lock-free. Order: towards readers as publish();
  // the number that it returns shows nothing of what others did, marks() does.
  // Fails: invalid, no such partition, or beyond its log end.
  result<sequence> raise_high_water(std::uint32_t p, sequence to) noexcept {
    if (p >= count_ || to > log_end_of(p)) return errc::invalid;
    // relaxed: a first guess.
    auto seen = lines_[p].high_water.load(detail::relaxed);
    while (seen < to) {
      // order: high-water-raised -> high-water-seen: all that was done below
      // relaxed, if it fails: as the guess.
      if (lines_[p].high_water.compare_exchange_weak(seen, to, detail::release, detail::relaxed)) {
        return to;
      }
    }
    return seen;
  }

  // Gives up what is below `to`: retention, or a deletion of records. Where the log starts there or
  // above already nothing happens. Gives the log start.
  // Threads: any. Progress: lock-free. Order: who sees the log start in marks() sees what its
  // raiser did; the number that it returns shows nothing.
  // Fails: invalid, no such partition, or beyond its high water (Kafka: OFFSET_OUT_OF_RANGE).
  result<sequence> raise_log_start(std::uint32_t p, sequence to) noexcept {
    if (p >= count_ || to > high_water_of(p)) return errc::invalid;
    // relaxed: a first guess.
    auto seen = lines_[p].log_start.load(detail::relaxed);
    while (seen < to) {
      // order: log-start-raised -> log-start-seen: that the high water is no lower
      // relaxed, if it fails: as the guess.
      if (lines_[p].log_start.compare_exchange_weak(seen, to, detail::release, detail::relaxed)) {
        return to;
      }
    }
    return seen;
  }

  // Sets a partition to what was found after a restart. Threads: the owner, before any other thread
  // has these partitions. Fails: invalid, no such partition, a mark above `top`, or marks that are
  // not in order.
  result<sequence> restore(std::uint32_t p, partition_marks found) noexcept {
    if (p >= count_ || found.log_end > top) return errc::invalid;
    if (found.log_start > found.high_water || found.high_water > found.log_end) {
      return errc::invalid;
    }
    std::destroy_at(&lines_[p]);
    std::construct_at(&lines_[p], found);
    return found.log_end;
  }

  // The first offset that may not be read yet; 0 where there is no such partition.
  // Threads: any. Progress: wait-free, one load. Order: all that was done below it is seen.
  sequence high_water(std::uint32_t p) const noexcept { return p < count_ ? high_water_of(p) : 0; }

  // The first offset that may still be read. Threads: any. Progress: wait-free.
  sequence log_start(std::uint32_t p) const noexcept { return p < count_ ? log_start_of(p) : 0; }

  // The offset that the next append takes; top when there is none. Threads: any. Progress:
  // wait-free. Order: none; what is below may not be written yet.
  sequence log_end(std::uint32_t p) const noexcept { return p < count_ ? log_end_of(p) : 0; }

  // All three, each as of some moment during the call, and in order.
  // Threads: any. Progress: wait-free.
  partition_marks marks(std::uint32_t p) const noexcept {
    if (p >= count_) return {};
    const auto start = log_start_of(p);
    const auto high = high_water_of(p);
    return {start, high, log_end_of(p)};
  }

 private:
  struct alignas(interference_size) line {
    line() noexcept = default;
    explicit line(partition_marks found) noexcept
        : end(found.log_end), high_water(found.high_water), log_start(found.log_start) {}

    detail::atomic<sequence> end{0};
    alignas(interference_size) detail::atomic<sequence> high_water{0};
    detail::atomic<sequence> log_start{0};
  };
  static_assert(sizeof(line) == 2 * interference_size);

  struct release_memory {
    void operator()(std::byte* at) const noexcept {
      ::operator delete(at, std::align_val_t{alignment});
    }
  };

  partitioned(std::uint32_t count, std::byte* memory) noexcept
      : lines_(reinterpret_cast<line*>(memory)), count_(count) {
    std::uninitialized_default_construct_n(lines_, count);
  }

  static constexpr bool is_count(std::uint32_t count) noexcept {
    return count != 0 && count <= max_partitions;
  }
  static error refused(std::uint32_t count) {
    return {errc::invalid, 0,
            std::to_string(count) + " partitions were asked for: there are 1 to 1048576"};
  }

  sequence high_water_of(std::uint32_t p) const noexcept {
    // order: high-water-seen <- high-water-raised, partition-published: all that was done below
    return lines_[p].high_water.load(detail::acquire);
  }
  sequence log_start_of(std::uint32_t p) const noexcept {
    // order: log-start-seen <- log-start-raised: that the high water is no lower
    return lines_[p].log_start.load(detail::acquire);
  }
  sequence log_end_of(std::uint32_t p) const noexcept {
    // relaxed: who must see what is below waits for the high water.
    const auto next = lines_[p].end.load(detail::relaxed);
    return next < top ? next : top;
  }

  std::unique_ptr<std::byte, release_memory> owned_;
  line* lines_;
  std::uint32_t count_;
};

}  // namespace sequencer
