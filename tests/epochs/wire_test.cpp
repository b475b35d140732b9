// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Whatever bytes arrive: they are refused, or they are what the value that was read writes.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <sequencer/ballot.hpp>
#include <sequencer/epoch_sequence.hpp>
#include <sequencer/log_position.hpp>
#include <sequencer/prev_link.hpp>
#include <sequencer/zxid.hpp>

#include "tests/stress/rounds.hpp"

namespace sequencer {
namespace {

// Numbers near their ends, and any.
std::uint64_t a_number(std::mt19937_64& random) {
  constexpr std::uint64_t ends[] = {0, 1, 2, top - 1, top, top + 1, ~std::uint64_t{0}};
  return random() % 2 == 0 ? ends[random() % std::size(ends)] : random() >> random() % 64;
}

void change(std::vector<std::byte>& bytes, std::mt19937_64& random) {
  for (auto changes = random() % 4; changes != 0; --changes) {
    bytes[random() % bytes.size()] = static_cast<std::byte>(random());
  }
  if (random() % 16 == 0) bytes.resize(random() % (2 * bytes.size()));
}

// `Make` builds a value of two numbers, sound or not.
template <class Value, class Make>
void any_bytes(Make make) {
  std::mt19937_64 random(stress::seed_of_run());
  int read_well = 0;
  int refused = 0;
  for (int i = 0; i < 40'000; ++i) {
    const auto whole = make(a_number(random), a_number(random)).bytes();
    std::vector<std::byte> bytes(whole.begin(), whole.end());
    change(bytes, random);
    const auto read = Value::parse(bytes);
    if (!read) {
      ASSERT_EQ(read.code(), errc::corrupt);
      ++refused;
      continue;
    }
    const auto again = Value(*read).bytes();
    ASSERT_TRUE(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
    ++read_well;
  }
  EXPECT_GT(read_well, 1'000);
  EXPECT_GT(refused, 1'000);
}

// Bytes compare as the values do.
template <class Value, class Make>
void sorts_as_bytes(Make make) {
  std::mt19937_64 random(stress::seed_of_run());
  for (int i = 0; i < 20'000; ++i) {
    const Value left = make(a_number(random), a_number(random));
    const Value right = make(random() % 2 == 0 ? a_number(random) : 1, a_number(random));
    const auto order = std::memcmp(left.bytes().data(), right.bytes().data(),
                                   left.bytes().size());
    ASSERT_EQ(left < right, order < 0);
    ASSERT_EQ(left == right, order == 0);
  }
}

constexpr auto pair = [](std::uint64_t a, std::uint64_t b) { return epoch_sequence{a, b}; };
constexpr auto packed = [](std::uint64_t a, std::uint64_t b) {
  return zxid(static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b));
};
constexpr auto proposal = [](std::uint64_t a, std::uint64_t b) { return ballot{a, b}; };
constexpr auto position = [](std::uint64_t a, std::uint64_t b) { return log_position{a, b}; };
constexpr auto link = [](std::uint64_t a, std::uint64_t b) { return prev_link{a, b}; };

TEST(Wire, AnyBytesAreRefusedOrWrittenBack) {
  any_bytes<epoch_sequence>(pair);
  any_bytes<zxid>(packed);
  any_bytes<ballot>(proposal);
  any_bytes<log_position>(position);
  any_bytes<prev_link>(link);
}

TEST(Wire, BytesSortAsTheValuesDo) {
  sorts_as_bytes<epoch_sequence>(pair);
  sorts_as_bytes<zxid>(packed);
  sorts_as_bytes<ballot>(proposal);
  sorts_as_bytes<log_position>(position);
}

}  // namespace
}  // namespace sequencer
