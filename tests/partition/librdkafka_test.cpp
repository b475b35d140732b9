// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The same keys to librdkafka's partitioners and to ours.

#include <gtest/gtest.h>

#ifndef SEQUENCER_RDKAFKA

TEST(Librdkafka, AnswersAsWeDo) {
  GTEST_SKIP() << "skipped: librdkafka was not found (Debian: librdkafka-dev)";
}

#else

#include <librdkafka/rdkafka.h>

#include <array>
#include <cstdint>
#include <iostream>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <sequencer/partitioner.hpp>

#include "tests/stress/rounds.hpp"

namespace sequencer {
namespace {

using theirs = std::int32_t (*)(const rd_kafka_topic_t*, const void*, std::size_t, std::int32_t,
                                void*, void*);
using maybe_key = std::optional<std::string_view>;

struct pair_of_partitioners {
  partitioning ours;
  theirs peer;
};

constexpr pair_of_partitioners pairs[] = {
    {partitioning::murmur2, rd_kafka_msg_partitioner_murmur2},
    {partitioning::murmur2_random, rd_kafka_msg_partitioner_murmur2_random},
    {partitioning::consistent, rd_kafka_msg_partitioner_consistent},
    {partitioning::consistent_random, rd_kafka_msg_partitioner_consistent_random},
    {partitioning::fnv1a, rd_kafka_msg_partitioner_fnv1a},
    {partitioning::fnv1a_random, rd_kafka_msg_partitioner_fnv1a_random},
};

// A topic nobody ever reaches: a partitioner that chooses at random asks it which are there.
class Librdkafka : public testing::Test {
 protected:
  Librdkafka() {
    std::array<char, 200> why{};
    auto* quiet = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(quiet, nullptr);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, quiet, why.data(), why.size());
    EXPECT_NE(producer, nullptr) << why.data();
    topic = rd_kafka_topic_new(producer, "partitions", nullptr);
    EXPECT_NE(topic, nullptr);
  }
  ~Librdkafka() override {
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
  }

  sequence ask(theirs peer, maybe_key key, std::uint32_t count) const {
    const auto* data = key ? key->data() : nullptr;
    const auto size = key ? key->size() : 0;
    const auto found = peer(topic, data, size, static_cast<std::int32_t>(count), nullptr, nullptr);
    return static_cast<sequence>(found);
  }

  rd_kafka_t* producer;
  rd_kafka_topic_t* topic;
};

// The keys and hashes of its own test 0048; nothing: any partition.
TEST_F(Librdkafka, OurAnswersAreThoseOfItsOwnTest) {
  const std::string unaligned = "123456";
  const std::array<maybe_key, 5> keys{
      std::nullopt, "", std::string_view(unaligned).substr(1),
      "this is another string with more length to it perhaps", "hejsan"};
  using hashes = std::array<std::optional<std::uint32_t>, 5>;
  constexpr std::optional<std::uint32_t> any;
  const hashes expected[] = {
      {0x106e08d9, 0x106e08d9, 0x058d780f, 0x4f7703da, 0x5ec19395},
      {any, 0x106e08d9, 0x058d780f, 0x4f7703da, 0x5ec19395},
      {0, 0, 0xb1b451d7, 0xb0150df7, 0xd077037e},
      {any, any, 0xb1b451d7, 0xb0150df7, 0xd077037e},
      {0x7ee3623b, 0x7ee3623b, 0x27e6f469, 0x155e3e5f, 0x17b1e27a},
      {any, 0x7ee3623b, 0x27e6f469, 0x155e3e5f, 0x17b1e27a},
  };
  for (std::size_t which = 0; which != std::size(pairs); ++which) {
    partitioner ours(pairs[which].ours);
    for (std::size_t i = 0; i != keys.size(); ++i) {
      for (const std::uint32_t count : {7U, 17U}) {
        const auto mine = ours(keys[i], count).value();
        const auto peer = ask(pairs[which].peer, keys[i], count);
        if (const auto hash = expected[which][i]) {
          EXPECT_EQ(mine, *hash % count) << which << ' ' << i;
          EXPECT_EQ(peer, *hash % count) << which << ' ' << i;
        } else {
          EXPECT_LT(mine, count);
          EXPECT_LT(peer, count);
        }
      }
    }
  }
}

// Where one of them chooses at random for some key, so does the other.
TEST_F(Librdkafka, ChoosesAtRandomForTheSameKeys) {
  const auto varies = [](auto choose) {
    const auto first = choose();
    for (int i = 0; i != 200; ++i) {
      if (choose() != first) return true;
    }
    return false;
  };
  for (const auto& [how, peer] : pairs) {
    partitioner ours(how);
    for (const maybe_key key : {maybe_key{}, maybe_key{""}, maybe_key{"x"}}) {
      EXPECT_EQ(varies([&] { return ours(key, 50).value(); }),
                varies([&, peer = peer] { return ask(peer, key, 50); }));
    }
  }
}

// A million keys of all lengths to 64 and all bytes, at any place, and any count of partitions.
TEST_F(Librdkafka, AnswersAMillionRandomKeysAsWeDo) {
  std::mt19937_64 random(stress::seed_of_run());
  std::vector<char> bytes(1 << 16);
  std::uint64_t wrong = 0;
  std::vector<partitioner> ours;
  for (const auto& each : pairs) ours.emplace_back(each.ours);
  for (int i = 0; i != 1'000'000; ++i) {
    if (i % 10'000 == 0) {
      for (auto& byte : bytes) byte = static_cast<char>(random());
    }
    const auto any = random();
    const std::string_view key(bytes.data() + any % (bytes.size() - 64), 1 + (any >> 32) % 64);
    const auto count = static_cast<std::uint32_t>(1 + (any >> 40) % partitioned::max_partitions);
    for (std::size_t which = 0; which != std::size(pairs); ++which) {
      const auto mine = ours[which](key, count);
      if (mine && *mine == ask(pairs[which].peer, key, count)) continue;
      if (wrong++ < 5) ADD_FAILURE() << "key " << i << ", partitioner " << which;
    }
  }
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace sequencer

#endif
