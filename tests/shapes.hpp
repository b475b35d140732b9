// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include <sequencer/ring.hpp>

// The shapes of rings that the scenarios of docs/conformance.md are tried with, and the few steps
// that most of them are made of.
namespace sequencer::shapes {

struct quote {
  std::uint64_t price = 0;
};

inline constexpr std::array<std::size_t, 5> capacities{1, 2, 4, 64, 65'536};
// About the words that a counter of 31, 32 or 63 bits would turn over at.
inline constexpr std::array<sequence, 4> starts{0, (1ull << 31) - 3, (1ull << 32) - 3,
                                                (1ull << 63) - (1ull << 20)};

using engines = testing::Types<producers::one, producers::many>;

struct engine_name {
  template <class Engine>
  static std::string GetName(int) {
    return std::is_same_v<Engine, producers::one> ? "one" : "many";
  }
};

// Calls look(capacity, start).
template <class Look>
void for_each(Look look) {
  for (const auto capacity : capacities) {
    for (const auto start : starts) {
      SCOPED_TRACE("capacity " + std::to_string(capacity) + ", start " + std::to_string(start));
      look(capacity, start);
    }
  }
}

// Calls look(ring) with a ring of each shape.
template <class Engine, class Look>
void for_each_ring(Look look) {
  for_each([&](std::size_t capacity, sequence start) {
    ring<quote, Engine> of(capacity, start);
    look(of, start);
  });
}

// Calls look.operator()<How>() for each way to wait.
template <class Look>
void for_each_strategy(Look look) {
  look.template operator()<wait::spin>();
  look.template operator()<wait::yield>();
  look.template operator()<wait::backoff>();
  look.template operator()<wait::park>();
  look.template operator()<wait::monitor>();
  look.template operator()<wait::hybrid<1'000>>();
}

template <class Out>
sequence put(Out& out, std::uint64_t price) {
  return out.publish([&](quote& q) { q.price = price; }).value();
}

// The positions that a poll shows, each of which carries itself as its price.
template <class In>
std::vector<sequence> take(In& in, std::uint64_t most = ~std::uint64_t{0}) {
  std::vector<sequence> seen;
  in.poll([&](const quote&, sequence s, bool) { seen.push_back(s); }, most);
  return seen;
}

template <class In>
polled look(In& in) {
  return in.poll([](const quote&, sequence, bool) {});
}

// Claims the next position and publishes it with itself as its price.
template <class Out>
sequence put_next(Out& out) {
  auto mine = out.claim();
  const auto at = mine.positions().first;
  mine[0].price = at;
  std::move(mine).publish();
  return at;
}

// Fills as many slots as the ring has.
template <class Out>
void fill(Out& out, std::size_t capacity) {
  for (std::size_t i = 0; i < capacity; ++i) put_next(out);
}

}  // namespace sequencer::shapes
