// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

// Rows of counts, compared and merged without a branch for each: loops that compilers turn into
// vector instructions, on x86 without any extension too. Counts are top or below, so the highest
// bit of a difference says which of the two is the larger.
namespace sequencer::detail {

// Where the highest bits are set, a count of the left or of the right row was the larger one.
struct excess {
  std::uint64_t left = 0;
  std::uint64_t right = 0;

  constexpr void note(std::uint64_t left_count, std::uint64_t right_count) noexcept {
    left |= right_count - left_count;
    right |= left_count - right_count;
  }
};

inline excess excess_of(const std::uint64_t* left, const std::uint64_t* right,
                        std::size_t size) noexcept {
  excess found;
  for (std::size_t i = 0; i != size; ++i) found.note(left[i], right[i]);
  return found;
}

// Each count of `to` becomes the larger one of both.
inline void merge_counts(std::uint64_t* to, const std::uint64_t* from, std::size_t size) noexcept {
  for (std::size_t i = 0; i != size; ++i) {
    const auto lead = static_cast<std::int64_t>(to[i] - from[i]);
    to[i] -= static_cast<std::uint64_t>(lead & (lead >> 63));  // what it lacks, where it does
  }
}

inline bool same_words(const std::uint64_t* left, const std::uint64_t* right,
                       std::size_t size) noexcept {
  std::uint64_t differ = 0;
  for (std::size_t i = 0; i != size; ++i) differ |= left[i] ^ right[i];
  return differ == 0;
}

}  // namespace sequencer::detail
