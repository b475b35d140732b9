// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/partitioned.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace sequencer {
namespace {

TEST(Partitioned, OffsetsAreDenseInEachPartitionFromZero) {
  partitioned log(3);
  EXPECT_EQ(log.count(), 3U);
  EXPECT_EQ(log.append(1).value(), 0U);
  EXPECT_EQ(log.append(1).value(), 1U);
  EXPECT_EQ(log.append(2).value(), 0U);
  EXPECT_EQ(log.append(1, 5).value(), (range{2, 7}));
  EXPECT_EQ(log.log_end(0), 0U);
  EXPECT_EQ(log.log_end(1), 7U);
  EXPECT_EQ(log.log_end(2), 1U);
}

TEST(Partitioned, CountsOfZeroAndAboveTheBoundAreRefusedWithASentence) {
  for (const std::uint32_t count : {0U, partitioned::max_partitions + 1, ~0U}) {
    const auto made = partitioned::make(count);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.code(), errc::invalid);
    EXPECT_EQ(made.text(),
              std::to_string(count) + " partitions were asked for: there are 1 to 1048576");
    EXPECT_EQ(partitioned::make(count, {}).code(), errc::invalid);
  }
}

TEST(Partitioned, TheLargestCountWorks) {
  auto made = partitioned::make(partitioned::max_partitions);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->append(partitioned::max_partitions - 1).value(), 0U);
  EXPECT_EQ(made->append(partitioned::max_partitions).code(), errc::invalid);
}

TEST(PartitionedDeathTest, AConstantCountThatIsRefusedStopsTheProcess) {
  EXPECT_DEATH(partitioned(0), "0 partitions were asked for");
}

TEST(Partitioned, LiesInMemoryOfTheCallersOrRefusesIt) {
  constexpr auto need = partitioned::bytes_for(4);
  alignas(partitioned::alignment) std::array<std::byte, need + 1> memory{};
  const std::span all(memory);
  auto log = partitioned::make(4, all.first(need));
  ASSERT_TRUE(log);
  const auto before = std::to_array(reinterpret_cast<const char(&)[need]>(memory));
  EXPECT_EQ(log->append(3).value(), 0U);
  EXPECT_FALSE(std::equal(before.begin(), before.end(),
                          reinterpret_cast<const char*>(memory.data())));
  EXPECT_EQ(partitioned::make(4, all.first(need - 1)).code(), errc::invalid);
  EXPECT_EQ(partitioned::make(4, all.last(need)).code(), errc::invalid);
  EXPECT_NE(partitioned::make(4, all.last(need)).text().find("aligned to 128"),
            std::string_view::npos);
}

TEST(Partitioned, MovedItKeepsItsOffsets) {
  partitioned log(2);
  ASSERT_TRUE(log.append(1));
  partitioned moved(std::move(log));
  EXPECT_EQ(moved.append(1).value(), 1U);
}

TEST(Partitioned, UnknownPartitionsAndBadSizesAreRefused) {
  partitioned log(2);
  EXPECT_EQ(log.append(2).code(), errc::invalid);
  EXPECT_EQ(log.append(2, 1).code(), errc::invalid);
  EXPECT_EQ(log.append(0, 0).code(), errc::invalid);
  EXPECT_EQ(log.append(0, partitioned::max_request + 1).code(), errc::invalid);
  EXPECT_EQ(log.publish(2, {0, 1}).code(), errc::invalid);
  EXPECT_EQ(log.raise_high_water(2, 0).code(), errc::invalid);
  EXPECT_EQ(log.raise_log_start(2, 0).code(), errc::invalid);
  EXPECT_EQ(log.restore(2, {}).code(), errc::invalid);
  EXPECT_EQ(log.marks(2), partition_marks{});
  EXPECT_EQ(log.high_water(2) + log.log_start(2) + log.log_end(2), 0U);
  EXPECT_EQ(log.marks(0), partition_marks{});
}

TEST(Partitioned, PublishesInTheOrderOfOffsets) {
  partitioned log(1);
  const auto first = log.append(0, 2).value();
  const auto second = log.append(0, 3).value();
  EXPECT_EQ(log.publish(0, second).code(), errc::unavailable);
  EXPECT_EQ(log.high_water(0), 0U);
  EXPECT_EQ(log.publish(0, first).value(), 2U);
  EXPECT_EQ(log.publish(0, second).value(), 5U);
  EXPECT_EQ(log.marks(0), (partition_marks{0, 5, 5}));
}

TEST(Partitioned, PublishesNothingTwiceAndNothingThatWasNotAppended) {
  partitioned log(1);
  const auto all = log.append(0, 4).value();
  EXPECT_EQ(log.publish(0, {0, 5}).code(), errc::invalid);
  EXPECT_EQ(log.publish(0, {2, 2}).code(), errc::invalid);
  EXPECT_EQ(log.publish(0, {3, 2}).code(), errc::invalid);
  ASSERT_TRUE(log.publish(0, all));
  EXPECT_EQ(log.publish(0, all).code(), errc::invalid);
  EXPECT_EQ(log.publish(0, {1, 4}).code(), errc::invalid);
}

TEST(Partitioned, MarksNeverPassEachOtherAndNeverGoBack) {
  partitioned log(1);
  ASSERT_TRUE(log.append(0, 10));
  EXPECT_EQ(log.raise_high_water(0, 11).code(), errc::invalid);
  EXPECT_EQ(log.raise_log_start(0, 1).code(), errc::invalid);
  EXPECT_EQ(log.raise_high_water(0, 8).value(), 8U);
  EXPECT_EQ(log.raise_high_water(0, 3).value(), 8U);
  EXPECT_EQ(log.raise_log_start(0, 9).code(), errc::invalid);
  EXPECT_EQ(log.raise_log_start(0, 5).value(), 5U);
  EXPECT_EQ(log.raise_log_start(0, 4).value(), 5U);
  EXPECT_EQ(log.marks(0), (partition_marks{5, 8, 10}));
}

TEST(Partitioned, GoesOnWhereItIsRestored) {
  partitioned log(2);
  EXPECT_EQ(log.restore(1, {3, 7, 9}).value(), 9U);
  EXPECT_EQ(log.marks(1), (partition_marks{3, 7, 9}));
  EXPECT_EQ(log.append(1).value(), 9U);
  EXPECT_EQ(log.restore(1, {4, 3, 9}).code(), errc::invalid);
  EXPECT_EQ(log.restore(1, {0, 10, 9}).code(), errc::invalid);
  EXPECT_EQ(log.restore(1, {0, 0, top + 1}).code(), errc::invalid);
  EXPECT_EQ(log.marks(1), (partition_marks{3, 7, 10}));
}

TEST(Partitioned, EndsBelowTheTopAndLeavesTheOthersAlone) {
  partitioned log(2);
  ASSERT_TRUE(log.restore(0, {0, 0, top - 3}));
  EXPECT_EQ(log.append(0, 4).code(), errc::exhausted);
  EXPECT_EQ(log.append(0, 2).value(), (range{top - 3, top - 1}));
  EXPECT_EQ(log.append(0, 2).code(), errc::exhausted);
  EXPECT_EQ(log.append(0).value(), top - 1);
  for (int i = 0; i != 3; ++i) {
    EXPECT_EQ(log.append(0).code(), errc::exhausted);
    EXPECT_EQ(log.append(0, 1).code(), errc::exhausted);
  }
  EXPECT_EQ(log.log_end(0), top);
  EXPECT_EQ(log.raise_high_water(0, top + 1).code(), errc::invalid);
  EXPECT_EQ(log.raise_high_water(0, top).value(), top);
  EXPECT_EQ(log.raise_log_start(0, top).value(), top);
  EXPECT_EQ(log.append(1).value(), 0U);
}

TEST(Partitioned, ManyAppendersGetEveryOffsetOnceAndReadersSeeWhatIsBelowTheHighWater) {
  constexpr std::uint64_t each = 1'000;
  constexpr std::uint32_t writers = 3;
  partitioned log(2);
  std::vector<std::vector<std::uint64_t>> written(2, std::vector<std::uint64_t>(each * writers));
  std::vector<std::thread> threads;
  for (std::uint32_t writer = 0; writer != writers; ++writer) {
    threads.emplace_back([&] {
      for (std::uint64_t i = 0; i != each * 2; ++i) {
        const auto p = static_cast<std::uint32_t>(i % 2);
        const auto mine = log.append(p).value();
        written[p][mine] = mine + 1;
        while (!log.publish(p, {mine, mine + 1})) std::this_thread::yield();
      }
    });
  }
  bool sound = true;
  for (std::uint32_t p = 0; p != 2; ++p) {
    for (sequence seen = 0; seen != each * writers;) {
      const auto marks = log.marks(p);
      if (marks.high_water == seen) std::this_thread::yield();
      sound = sound && marks.log_start <= marks.high_water && marks.high_water <= marks.log_end;
      for (; seen != marks.high_water; ++seen) sound = sound && written[p][seen] == seen + 1;
      sound = sound && log.raise_log_start(p, seen).value() >= seen;
    }
  }
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(sound);
  EXPECT_EQ(log.marks(0), (partition_marks{each * writers, each * writers, each * writers}));
}

}  // namespace
}  // namespace sequencer
