// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <sequencer/result.hpp>

#include <tests/crash/scale.hpp>

// What every encoding of a clock promises: these bytes and no others, and an answer to any bytes.
namespace sequencer {

using bytes = std::vector<std::byte>;

template <class Clock>
bytes encoded(const Clock& clock) {
  bytes made;
  clock.encode(made);
  return made;
}

inline std::string hex(const bytes& of) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const auto each : of) {
    const auto value = std::to_integer<unsigned>(each);
    if (!text.empty()) text += ' ';
    text += digits[value >> 4];
    text += digits[value & 15];
  }
  return text;
}

inline bytes from_hex(const std::string& text) {
  bytes made;
  for (std::size_t at = 0; at + 1 < text.size(); at += 3) {
    made.push_back(static_cast<std::byte>(std::stoul(text.substr(at, 2), nullptr, 16)));
  }
  return made;
}

// From a buffer that ends where the bytes end, so that the address sanitizer sees a step beyond.
template <class Clock>
auto decoded(const bytes& from) {
  const auto exact = std::make_unique<std::byte[]>(from.size());
  std::copy(from.begin(), from.end(), exact.get());
  return Clock::decode(std::span<const std::byte>(exact.get(), from.size()));
}

template <class Clock>
errc refusal(const std::string& text) {
  const auto found = decoded<Clock>(from_hex(text));
  return found ? errc{} : found.code();
}

// Any bytes are refused, or are the one encoding of what they were read as.
template <class Clock>
void expect_an_answer(const bytes& from) {
  const auto found = decoded<Clock>(from);
  if (found) {
    EXPECT_EQ(hex(encoded(*found)), hex(from));
  } else {
    EXPECT_TRUE(found.code() == errc::corrupt || found.code() == errc::version);
    EXPECT_FALSE(found.text().empty());
  }
}

inline bytes changed(bytes from, std::mt19937_64& random) {
  for (auto changes = random() % 4; changes != 0 && !from.empty(); --changes) {
    auto& at = from[random() % from.size()];
    // Small numbers, and single bits: what most changes of meaning are made of.
    at = random() % 2 == 0 ? static_cast<std::byte>(random() % 4 == 0 ? random() : random() % 4)
                           : at ^ static_cast<std::byte>(1 << random() % 8);
  }
  const auto what = random() % 8;
  if (what == 0) from.resize(random() % (from.size() + 1));
  if (what == 1) from.push_back(static_cast<std::byte>(random()));
  if (what == 2 && !from.empty()) {
    from.erase(from.begin() + static_cast<std::ptrdiff_t>(random() % from.size()));
  }
  return from;
}

// The one clock under all of its prefixes, with a byte too many, and changed at random.
template <class Clock>
void check_wire(const bytes& good) {
  ASSERT_TRUE(decoded<Clock>(good)) << hex(good);
  for (std::size_t size = 0; size != good.size(); ++size) {
    EXPECT_EQ(decoded<Clock>({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)})
                  .code(),
              errc::corrupt);
  }
  auto longer = good;
  longer.push_back(std::byte{0});
  EXPECT_EQ(decoded<Clock>(longer).code(), errc::corrupt);
  auto newer = good;
  newer[0] ^= std::byte{2};
  EXPECT_EQ(decoded<Clock>(newer).code(), errc::version);
  std::mt19937_64 random(crash::seed());
  for (std::uint64_t n = 0; n != 20'000 * crash::scale() && !testing::Test::HasFailure(); ++n) {
    expect_an_answer<Clock>(changed(good, random));
  }
}

}  // namespace sequencer
