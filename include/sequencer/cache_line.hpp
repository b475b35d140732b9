// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>

namespace sequencer {

// Distance in bytes that keeps two writers from disturbing each other: two 64-byte lines, because
// x86 prefetches lines in pairs (Intel Optimization Manual, "Spatial Prefetcher"; folly's
// lang/Align.h measured the same) and Apple and some Arm cores have 128-byte lines.
// Fixed, never std::hardware_destructive_interference_size: that one may differ between two
// translation units of one program and would change the layout of public types.
inline constexpr std::size_t interference_size = 128;

// A value alone on its own interference_size bytes.
template <class T>
struct alignas(interference_size) padded {
  T value{};

  constexpr T* operator->() noexcept { return &value; }
  constexpr const T* operator->() const noexcept { return &value; }
  constexpr T& operator*() noexcept { return value; }
  constexpr const T& operator*() const noexcept { return value; }
};

static_assert(sizeof(padded<char>) == interference_size);
static_assert(alignof(padded<char>) == interference_size);

}  // namespace sequencer
