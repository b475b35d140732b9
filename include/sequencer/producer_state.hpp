// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <unordered_map>

#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// What a producer numbers by itself: a run of records in one partition. The first has the number
// `first`; after 2147483647 comes 0, also inside a batch.
struct producer_batch {
  std::int64_t producer = 0;  // who, for all time
  std::int16_t epoch = 0;     // which of those who had this name, the latest is the highest
  std::int32_t first = 0;
  std::int32_t count = 1;
};

enum class batch_verdict : std::uint8_t {
  appended = 1,
  duplicate,     // it is here already, at the offsets that are given
  out_of_order,  // a batch before it is missing, or it is older than all that are remembered
  fenced,        // a newer epoch of this producer was here
  malformed,     // a number out of its bounds
  no_room,       // too many producers; forget some
  refused,       // whoever was to append it did not
};

constexpr std::string_view name(batch_verdict of) noexcept {
  constexpr std::string_view names[] = {"none",   "appended",  "duplicate", "out_of_order",
                                        "fenced", "malformed", "no_room",   "refused"};
  const auto at = static_cast<std::size_t>(of);
  return at < std::size(names) ? names[at] : "unknown";
}

// What became of a batch.
struct batch_outcome {
  batch_verdict verdict = batch_verdict::malformed;
  range offsets{};             // appended, duplicate: where it is
  std::int32_t expected = -1;  // out_of_order: the number that was to come
  std::int16_t epoch = -1;     // fenced: the newest
  errc why{};                  // refused: what the append said
};

// What one partition remembers of its producers, so that a batch sent twice is there once and none
// is there before its predecessor: Kafka's idempotent producer (KIP-98, ProducerStateManager). The
// last five batches of each are known by their offsets, as many as a Kafka producer has under way.
//
// Threads: one at a time: whoever appends to the partition. Progress: wait-free but for append();
// a producer that was not here before allocates. Unknown producers begin anywhere, as in Kafka,
// where the records of the beginning may have been deleted; or at 0 if that is asked for.
class producer_state {
 public:
  static constexpr std::size_t window = 5;
  static constexpr std::int32_t last_number = std::numeric_limits<std::int32_t>::max();

  // Remembers so many producers at most.
  explicit producer_state(std::size_t max_producers, bool begin_at_zero = false)
      : max_producers_(max_producers), begin_at_zero_(begin_at_zero) {
    known_.reserve(max_producers < 1024 ? max_producers : 1024);
  }

  // The number that comes `by` after `number`. Both 0 or above.
  static constexpr std::int32_t after(std::int32_t number, std::int32_t by) noexcept {
    const auto sum = std::int64_t{number} + by;
    return static_cast<std::int32_t>(sum <= last_number ? sum : sum - last_number - 1);
  }

  // Asks whether `batch` is the next of its producer, and only then calls `append(count)`, which
  // gives its offsets (result<range>: partitioned::append) or an error, and is then forgotten.
  template <class Append>
  batch_outcome admit(const producer_batch& batch, Append append) {
    const auto at = known_.find(batch.producer);
    const auto found = look(batch, at == known_.end() ? nullptr : &at->second);
    if (found.verdict != batch_verdict::appended) return found;
    const result<range> offsets = append(static_cast<std::uint64_t>(batch.count));
    if (!offsets) return {.verdict = batch_verdict::refused, .why = offsets.code()};
    enter(batch, *offsets);
    return {.verdict = batch_verdict::appended, .offsets = *offsets};
  }

  // What admit() would say, without doing it.
  batch_outcome examine(const producer_batch& batch) const {
    const auto at = known_.find(batch.producer);
    return look(batch, at == known_.end() ? nullptr : &at->second);
  }

  // A batch that is in the partition, told again in the order of offsets: after a restart, or by
  // who follows another's partition. Only an older epoch and what is no batch is left out; false
  // then, and where there is no room.
  bool replay(const producer_batch& batch, range offsets) {
    if (!is_sound(batch) || offsets.size() != static_cast<std::uint64_t>(batch.count)) {
      return false;
    }
    const auto at = known_.find(batch.producer);
    if (at == known_.end() && known_.size() >= max_producers_) return false;
    if (at != known_.end() && at->second.epoch > batch.epoch) return false;
    enter(batch, offsets);
    return true;
  }

  // Drops all producers whose last batch lies below `offset`: those whose records are gone, or who
  // were idle for long. Gives how many.
  std::size_t forget_below(sequence offset) {
    return std::erase_if(known_, [&](const auto& each) {
      return each.second.newest().offsets.last <= offset;
    });
  }

  std::size_t size() const noexcept { return known_.size(); }

 private:
  struct remembered {
    std::int32_t first = 0;
    std::int32_t last = 0;
    range offsets{};
  };

  struct producer {
    std::int16_t epoch = 0;
    std::uint8_t count = 0;
    std::uint8_t next = 0;  // where the next one is put, over the oldest
    std::array<remembered, window> batches{};

    const remembered& newest() const noexcept { return batches[(next + window - 1) % window]; }
    const remembered* find(std::int32_t first, std::int32_t last) const noexcept {
      for (std::size_t i = 0; i != count; ++i) {
        if (batches[i].first == first && batches[i].last == last) return &batches[i];
      }
      return nullptr;
    }
    void put(remembered batch) noexcept {
      batches[next] = batch;
      next = static_cast<std::uint8_t>((next + 1) % window);
      if (count != window) ++count;
    }
  };

  static bool is_sound(const producer_batch& batch) noexcept {
    return batch.producer >= 0 && batch.epoch >= 0 && batch.first >= 0 && batch.count > 0;
  }
  static std::int32_t last_of(const producer_batch& batch) noexcept {
    return after(batch.first, batch.count - 1);
  }

  batch_outcome look(const producer_batch& batch, const producer* known) const {
    using enum batch_verdict;
    if (!is_sound(batch)) return {.verdict = malformed};
    if (known == nullptr) {
      if (begin_at_zero_ && batch.first != 0) return {.verdict = out_of_order, .expected = 0};
      return {.verdict = known_.size() < max_producers_ ? appended : no_room};
    }
    if (batch.epoch < known->epoch) return {.verdict = fenced, .epoch = known->epoch};
    if (batch.epoch > known->epoch) {
      if (batch.first != 0) return {.verdict = out_of_order, .expected = 0};
      return {.verdict = appended};
    }
    // First of all the next one: after 2^31 numbers within the window it looks like an old one.
    const auto expected = after(known->newest().last, 1);
    if (batch.first == expected) return {.verdict = appended};
    if (const auto* same = known->find(batch.first, last_of(batch))) {
      return {.verdict = duplicate, .offsets = same->offsets};
    }
    return {.verdict = out_of_order, .expected = expected};
  }

  void enter(const producer_batch& batch, range offsets) {
    auto& of = known_[batch.producer];
    if (of.epoch != batch.epoch) of = {.epoch = batch.epoch};
    of.put({batch.first, last_of(batch), offsets});
  }

  std::unordered_map<std::int64_t, producer> known_;
  std::size_t max_producers_;
  bool begin_at_zero_;
};

}  // namespace sequencer
