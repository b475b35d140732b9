// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/partitioner.hpp>

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace sequencer {
namespace {

struct vector_of_hash {
  std::string_view key;
  std::uint32_t murmur2;
};

// Kafka's UtilsTest.testMurmur2 and librdkafka's rdmurmur2.c, the whole hash.
constexpr vector_of_hash published[] = {
    {"21", 0xc5f2f8ec},
    {"foobar", 0xd0e47bbe},
    {"a-little-bit-long-string", 0xc53b1da0},
    {"a-little-bit-longer-string", 0xa768c9c3},
    {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", 0xfc7d49cd},
    {"abc", 0x1c94221b},
    {"kafka", 0xd067cf64},
    {"giberish123456789", 0x8f552b0c},
    {"1234", 0x9fc97b14},
    {"234", 0xe7c009ca},
    {"34", 0x873930da},
    {"4", 0x5a4b5ca1},
    {"PreAmbleWillBeRemoved,ThePrePartThatIs", 0x78424f1c},
    {"reAmbleWillBeRemoved,ThePrePartThatIs", 0x4a62b377},
    {"eAmbleWillBeRemoved,ThePrePartThatIs", 0xe0e4e09e},
    {"AmbleWillBeRemoved,ThePrePartThatIs", 0x62b8b43f},
    {"", 0x106e08d9},
};

TEST(Murmur2, IsTheOneThatKafkaPublishes) {
  for (const auto& each : published) EXPECT_EQ(murmur2(each.key), each.murmur2) << each.key;
}

TEST(Murmur2, DoesNotCareWhereAKeyLies) {
  const std::string key = "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8";
  for (std::size_t shift = 0; shift != 8; ++shift) {
    const auto moved = std::string(shift, 'x') + key;
    EXPECT_EQ(murmur2(std::string_view(moved).substr(shift)), 0xfc7d49cd);
  }
}

TEST(Crc32, IsThatOfIeee) {
  EXPECT_EQ(crc32("123456789"), 0xcbf43926U);  // the check value of the catalogue
  EXPECT_EQ(crc32(""), 0U);
  EXPECT_EQ(crc32("23456"), 0xb1b451d7U);
  EXPECT_EQ(crc32("hejsan"), 0xd077037eU);
}

TEST(Fnv1a, IsSaramasWithoutItsSign) {
  EXPECT_EQ(fnv1a(""), 0x7ee3623bU);
  EXPECT_EQ(fnv1a("kafka"), 0x0d33c4e1U);
  EXPECT_EQ(fnv1a("23456"), 0x27e6f469U);
  EXPECT_EQ(fnv1a("hejsan"), 0x17b1e27aU);
}

TEST(PartitionOf, LeavesOutTheSignOfMurmur2Only) {
  EXPECT_EQ(partition_of_positive(0x80000005, 10).value(), 5U);
  EXPECT_EQ(partition_of(0x80000005, 10).value(), 0x80000005U % 10);
}

TEST(PartitionOf, CountsThatCannotBeAreRefused) {
  for (const std::uint32_t count : {0U, partitioned::max_partitions + 1, ~0U}) {
    EXPECT_EQ(partition_of(7, count).code(), errc::invalid);
    EXPECT_EQ(partition_of_positive(7, count).code(), errc::invalid);
    EXPECT_EQ(partitioner()("key", count).code(), errc::invalid);
    EXPECT_EQ(partitioner()(std::nullopt, count).code(), errc::invalid);
    EXPECT_EQ(sticky_partitions(1)(10, count).code(), errc::invalid);
    EXPECT_EQ(partition_turns()(count).code(), errc::invalid);
  }
}

TEST(Partitioner, ChoosesByTheHashItIsAskedFor) {
  using enum partitioning;
  const std::string_view key = "hejsan";
  for (const auto how : {murmur2, murmur2_random}) {
    EXPECT_EQ(partitioner(how)(key, 17).value(), 5U);
  }
  for (const auto how : {consistent, consistent_random}) {
    EXPECT_EQ(partitioner(how)(key, 17).value(), 14U);
  }
  for (const auto how : {fnv1a, fnv1a_random}) EXPECT_EQ(partitioner(how)(key, 17).value(), 4U);
}

std::set<sequence> choices(partitioning how, std::optional<std::string_view> key) {
  partitioner choose(how, 7);
  std::set<sequence> seen;
  for (int i = 0; i != 400; ++i) seen.insert(choose(key, 9).value());
  return seen;
}

// As librdkafka: of an empty key only `consistent_random` says that it is none.
TEST(Partitioner, NoKeyIsAnEmptyOneOrAnyPartition) {
  using enum partitioning;
  for (const auto how : {murmur2, consistent, fnv1a}) {
    EXPECT_EQ(choices(how, std::nullopt), choices(how, ""));
    EXPECT_EQ(choices(how, std::nullopt).size(), 1U);
  }
  for (const auto how : {murmur2_random, consistent_random, fnv1a_random}) {
    EXPECT_EQ(choices(how, std::nullopt).size(), 9U);
    EXPECT_EQ(choices(how, "").size(), how == consistent_random ? 9U : 1U);
  }
}

TEST(PartitionDice, IsEvenAndStaysBelowItsBound) {
  partition_dice dice(3);
  std::array<int, 10> times{};
  for (int i = 0; i != 100'000; ++i) ++times[dice.below(10)];
  for (const int each : times) EXPECT_NEAR(each, 10'000, 600);  // six deviations
  EXPECT_EQ(dice.below(1), 0U);
  EXPECT_LT(dice.below(~0U), ~0U);
}

TEST(StickyPartitions, StaysUntilTheBatchIsFullAndThenGoesElsewhere) {
  sticky_partitions choose(5, 100);
  std::set<sequence> seen;
  auto last = choose(60, 4).value();
  for (int batch = 0; batch != 200; ++batch) {
    EXPECT_EQ(choose(60, 4).value(), last);  // 120 bytes now
    const auto next = choose(60, 4).value();
    EXPECT_NE(next, last);
    seen.insert(last = next);
  }
  EXPECT_EQ(seen.size(), 4U);
}

TEST(StickyPartitions, ABatchThatGoesOutEarlyEndsTheStay) {
  sticky_partitions choose(5);
  auto last = choose(1, 3).value();
  for (int i = 0; i != 50; ++i) {
    choose.end_batch();
    const auto next = choose(1, 3).value();
    EXPECT_NE(next, last);
    last = next;
  }
  choose.end_batch();
  EXPECT_EQ(choose(1, 1).value(), 0U);
  choose.end_batch();
  EXPECT_EQ(choose(1, 1).value(), 0U);  // there is no elsewhere
}

TEST(StickyPartitions, ARecordOfAnySizeCounts) {
  sticky_partitions choose(5, 100);
  const auto first = choose(99, 8).value();
  EXPECT_EQ(choose(~std::uint64_t{0}, 8).value(), first);
  EXPECT_NE(choose(1, 8).value(), first);
}

TEST(PartitionTurns, GoesRoundForAllThreadsTogether) {
  partition_turns turns;
  std::array<std::array<int, 5>, 2> times{};
  std::vector<std::thread> threads;
  for (auto& mine : times) {
    threads.emplace_back([&] {
      for (int i = 0; i != 5'000; ++i) ++mine[turns(5).value()];
    });
  }
  for (auto& each : threads) each.join();
  for (std::size_t p = 0; p != 5; ++p) EXPECT_EQ(times[0][p] + times[1][p], 2'000);
}

}  // namespace
}  // namespace sequencer
