// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

#include <sequencer/detail/asymmetric_fence.hpp>
#include <sequencer/detail/bell.hpp>
#include <sequencer/detail/futex.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

// Several bells for one listener, whom any of them wakes.
//
// No wake-up is lost: the listener sets the bit of each bell, makes everybody fence once, and then
// looks at all the conditions. So for each bell by itself the fence is between setting its bit and
// looking at its condition, which is all that bell.hpp asks. The kernel then compares each word
// with its ticket as it queues the sleeper there; a ring in between has changed the word, or finds
// him.
//
// Who is woken by one bell leaves his bit at the others: the next ring there is one call in vain.
//
// Threads: one; the bells any.
template <std::size_t Count>
class bells {
 public:
  using ticket = std::array<bell::ticket, Count>;

  explicit bells(const std::array<bell*, Count>& all) noexcept : all_(all) {}

  // As bell::listen(), with one fence for all.
  ticket listen() noexcept {
    ticket heard;
    for (std::size_t i = 0; i < Count; ++i) heard[i] = all_[i]->announce();
    if (!asymmetric_fence::heavy()) {
      for (auto& each : heard) each = bell::stale(each);
    }
    return heard;
  }

  void sleep(const ticket& heard, time_point until) noexcept {
    std::array<quiet_word, Count> words;
    for (std::size_t i = 0; i < Count; ++i) words[i] = all_[i]->quiet(heard[i]);
    if (can_sleep_at_all_) can_sleep_at_all_ = futex_wait_any(words, until);
    if (!can_sleep_at_all_) doze(heard.front(), until);
  }

  void ring() noexcept {
    for (auto* each : all_) each->ring();
  }

 private:
  // At the first bell only: the others are heard when the slice is over.
  void doze(bell::ticket heard, time_point until) noexcept {
    const auto slice = slice_;
    slice_ = std::min(slice * 2, wait::backoff::longest);
    all_.front()->sleep(heard, std::min(until, now() + slice));
  }

  std::array<bell*, Count> all_;
  std::chrono::nanoseconds slice_ = wait::backoff::shortest;
  bool can_sleep_at_all_ = true;
};

}  // namespace sequencer::detail
