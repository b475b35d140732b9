// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <sequencer/cache_line.hpp>
#include <sequencer/cpu.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/funnel.hpp>
#include <sequencer/detail/homed.hpp>
#include <sequencer/unbound.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/tiers.hpp>

namespace sequencer::detail {

// Whether the lanes of a counter are in use, and what was seen of it.
struct company {
  enum class state : std::uint32_t { inherited = 0, alone, together };

  atomic<state> now{state::inherited};
  alignas(interference_size) atomic<std::uint32_t> slow_looks{0};
  atomic<std::uint32_t> wanted{3};  // slow looks in a row before they go together
};

// The lanes of a combining counter, and whether it uses them at the moment. They lie in memory that
// a forked child finds zeroed, which reads as alone: who stood in line may not exist there.
class lanes {
 public:
  static constexpr std::uint64_t cpus_a_lane = 8;
  // Company that makes a lane worth its way: numbers a batch.
  static constexpr std::uint64_t least_company = 3;

  struct wishes {
    bool begin_together = false;
    bool measure = true;
    std::chrono::nanoseconds slow{0};
  };

  // `node_of_lane`: the system's number of the node that a lane lies on; of a lane beyond its end,
  // where the system puts it.
  lanes(std::vector<std::uint32_t> lane_of_cpu, const std::vector<std::uint32_t>& node_of_lane,
        wishes asked)
      : lane_of_cpu_(std::move(lane_of_cpu)), measures_(asked.measure) {
    // Of those that are there: who comes later shares a lane, and each has its memory.
    const auto cpus = static_cast<std::uint64_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_CONF)));
    auto count = (cpus + cpus_a_lane - 1) / cpus_a_lane;
    for (const std::uint64_t each : lane_of_cpu_) count = std::max(count, each + 1);
    if (measures_) {
      slow_ticks_ = cpu::tsc_clock::calibrate(std::chrono::microseconds(200)).to_ticks(asked.slow);
    }
    if (!asked.measure && !asked.begin_together) return;
    auto* const head = heads_.make(unbound);
    if (head == nullptr) return;
    lanes_.reserve(count);
    for (std::uint64_t i = 0; i != count; ++i) {
      auto* const made = made_.make(i < node_of_lane.size() ? node_of_lane[i] : unbound);
      if (made == nullptr) return;
      lanes_.push_back(made);
    }
    head_ = head;
    go(asked.begin_together ? state::together : state::alone);
  }
  lanes(const lanes&) = delete;
  lanes& operator=(const lanes&) = delete;

  // Threads: any. Progress: wait-free.
  bool together() const noexcept { return now() == state::together; }

  const void* place_of(std::size_t which) const noexcept {
    return which < lanes_.size() ? lanes_[which] : nullptr;
  }

  // A number by way of the lane of the CPU that this thread runs on; take(n) takes n for a batch.
  // Threads: any. Progress: blocking.
  template <class Take>
  sequence next(Take take) noexcept {
    return lanes_[lane_here()]->next(take, [this](std::uint64_t numbers) { weigh(numbers); });
  }

  // Now and then, by whoever took a number alone: does it take long to get the word?
  // Threads: any. Progress: wait-free.
  void look(atomic<sequence>& word) noexcept {
    if (!measures_ || now() != state::alone) return;
    const auto from = cpu::ticks();
    // relaxed: writes back what is there; it is the way to the line that counts.
    word.fetch_add(0, relaxed);
    const bool slow = cpu::ticks() - from >= slow_ticks_;
    // relaxed: statistics that threads may mix up, and nothing depends on.
    const auto in_a_row = slow ? head_->slow_looks.load(relaxed) + 1 : 0;
    head_->slow_looks.store(in_a_row, relaxed);
    if (in_a_row >= head_->wanted.load(relaxed)) go(state::together);
  }

 private:
  using lane = funnel<256>;
  using state = company::state;
  static constexpr std::uint32_t most_wanted = 1024;

  state now() const noexcept {
    // relaxed: either way of taking a number is right at any time.
    return head_->now.load(relaxed);
  }

  void go(state to) noexcept {
    // relaxed: as now()
    head_->now.store(to, relaxed);
  }

  // By a leader: who leads mostly for himself has a longer way for nothing. Each time that this is
  // found, going together again needs twice as many slow looks.
  void weigh(std::uint64_t numbers) noexcept {
    if (!measures_ || numbers >= least_company * lane::told_every) return;
    // relaxed: as look()
    head_->wanted.store(std::min(head_->wanted.load(relaxed) * 2, most_wanted), relaxed);
    head_->slow_looks.store(0, relaxed);
    go(state::alone);
  }

  std::uint64_t lane_here() const noexcept {
    const std::uint64_t at = this_cpu{}();
    return at < lane_of_cpu_.size() ? lane_of_cpu_[at] : at / cpus_a_lane % lanes_.size();
  }

  static inline company nobody_;  // where there is no memory, or no wish

  std::vector<std::uint32_t> lane_of_cpu_;
  bool measures_;
  std::uint64_t slow_ticks_ = 0;
  homed<company> heads_;
  homed<lane> made_;
  company* head_ = &nobody_;
  std::vector<lane*> lanes_;
};

}  // namespace sequencer::detail
