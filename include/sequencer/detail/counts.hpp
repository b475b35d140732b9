// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

// Rows of counts, compared and merged without a branch for each, two at a time: every processor of
// 64 bits can, and compilers that are left to find it out do not where the row's size is known.
// Counts are top or below, so the highest bit of a difference says which of the two is the larger.
namespace sequencer::detail {

typedef std::uint64_t two_counts __attribute__((vector_size(16)));
typedef std::int64_t two_leads __attribute__((vector_size(16)));

inline two_counts two_at(const std::uint64_t* at) noexcept {
  two_counts found;
  std::memcpy(&found, at, sizeof found);
  return found;
}
inline std::uint64_t either(two_counts of) noexcept { return of[0] | of[1]; }

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
  two_counts lefts{}, rights{};
  std::size_t i = 0;
  for (; i + 2 <= size; i += 2) {
    const auto one = two_at(left + i), other = two_at(right + i);
    lefts |= other - one;
    rights |= one - other;
  }
  excess found{either(lefts), either(rights)};
  if (i != size) found.note(left[i], right[i]);
  return found;
}

// The same of counts with the names of their members beside them, in one pass; false where the
// names differ.
inline bool excess_of_named(const std::uint64_t* left_names, const std::uint64_t* right_names,
                            const std::uint64_t* left, const std::uint64_t* right, std::size_t size,
                            excess& found) noexcept {
  two_counts lefts{}, rights{}, differ{};
  std::size_t i = 0;
  for (; i + 2 <= size; i += 2) {
    const auto one = two_at(left + i), other = two_at(right + i);
    differ |= two_at(left_names + i) ^ two_at(right_names + i);
    lefts |= other - one;
    rights |= one - other;
  }
  found = {either(lefts), either(rights)};
  if (i == size) return either(differ) == 0;
  found.note(left[i], right[i]);
  return (either(differ) | (left_names[i] ^ right_names[i])) == 0;
}

// Each count of `to` becomes the larger one of both.
inline void merge_counts(std::uint64_t* to, const std::uint64_t* from, std::size_t size) noexcept {
  std::size_t i = 0;
  for (; i + 2 <= size; i += 2) {
    auto mine = two_at(to + i);
    const auto lead = reinterpret_cast<two_leads>(mine - two_at(from + i));
    mine -= reinterpret_cast<two_counts>(lead & (lead >> 63));  // what it lacks, where it does
    std::memcpy(to + i, &mine, sizeof mine);
  }
  if (i != size && to[i] < from[i]) to[i] = from[i];
}

inline bool same_words(const std::uint64_t* left, const std::uint64_t* right,
                       std::size_t size) noexcept {
  two_counts differ{};
  std::size_t i = 0;
  for (; i + 2 <= size; i += 2) differ |= two_at(left + i) ^ two_at(right + i);
  return (either(differ) | (i == size ? 0 : left[i] ^ right[i])) == 0;
}

}  // namespace sequencer::detail
