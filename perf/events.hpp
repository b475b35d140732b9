// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

// Events of several sizes that carry a number, all of them in every word, so that an event that is
// torn or old is noticed.
namespace perf {

template <std::size_t Bytes>
struct wide {
  std::array<std::uint64_t, Bytes / 8> words;
};

template <std::size_t Bytes>
using event_of = std::conditional_t<Bytes == 8, std::uint64_t, wide<Bytes>>;

inline void write(std::uint64_t& event, std::uint64_t number) { event = number; }

template <std::size_t Bytes>
void write(wide<Bytes>& event, std::uint64_t number) {
  event.words.fill(number);
}

inline std::uint64_t number_in(std::uint64_t event) { return event; }

// All ones, which no number is, where the words differ.
template <std::size_t Bytes>
std::uint64_t number_in(const wide<Bytes>& event) {
  std::uint64_t differing = 0;
  for (const auto each : event.words) differing |= each ^ event.words[0];
  return differing == 0 ? event.words[0] : ~std::uint64_t{0};
}

// Slots of every ring and bounded queue: fewer where they would not fit a cache by far.
template <class Event>
inline constexpr std::size_t slots_for = sizeof(Event) <= 64 ? 65'536 : 4'096;

}  // namespace perf
