// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/epoch.hpp>
#include <sequencer/epoch_sequence.hpp>
#include <sequencer/zxid.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "taken.hpp"
#include "unsure_mark.hpp"

namespace sequencer {
namespace {

// ---- epoch

TEST(Epoch, GrowsAndIsDurableBeforeItIsUsed) {
  unsure_mark mark;
  epoch mine{mark};
  EXPECT_EQ(mine.current(), 0u);
  EXPECT_EQ(*mine.begin(), 1u);
  EXPECT_EQ(mark.durable(), 1u);
  EXPECT_EQ(mine.current(), 1u);
  EXPECT_EQ(*mine.begin(), 2u);
  EXPECT_EQ(mark.durable(), 2u);
}

TEST(Epoch, IsAboveEveryEarlierOwnersAndAboveWhatWasHeardOf) {
  unsure_mark mark;
  EXPECT_EQ(*epoch{mark}.begin(), 1u);
  EXPECT_EQ(*epoch{mark}.begin(), 2u);
  epoch mine{mark};
  EXPECT_EQ(*mine.begin(40), 41u);
  EXPECT_EQ(*mine.begin(7), 42u);
  EXPECT_EQ(*epoch{mark}.begin(), 43u);
}

TEST(Epoch, OneThatCouldNotBeStoredIsSkippedAndTheOldOneStands) {
  for (const bool seen : {false, true}) {
    unsure_mark mark;
    epoch mine{mark};
    ASSERT_EQ(*mine.begin(), 1u);
    mark.fail(seen);
    EXPECT_EQ(mine.begin().code(), errc::io);
    EXPECT_EQ(mine.current(), 1u);
    EXPECT_EQ(mark.durable(), 1u);
    mark.mend();
    EXPECT_EQ(*mine.begin(), 3u);
    EXPECT_EQ(mark.durable(), 3u);
  }
}

TEST(Epoch, RefusesAMarkThatWentBack) {
  unsure_mark mark{9};
  epoch mine{mark};
  ASSERT_EQ(*mine.begin(), 10u);
  mark.put_back(9);
  EXPECT_EQ(mine.begin().code(), errc::fenced);
  EXPECT_EQ(mine.begin(100).code(), errc::fenced);
  EXPECT_EQ(mine.current(), 10u);
  EXPECT_EQ(mark.durable(), 9u);
}

TEST(Epoch, EndsAtTheTop) {
  unsure_mark mark{top - 1};
  epoch mine{mark};
  EXPECT_EQ(*mine.begin(), top);
  EXPECT_EQ(mine.begin().code(), errc::exhausted);
  EXPECT_EQ(mine.current(), top);
  unsure_mark low;
  epoch heard{low};
  EXPECT_EQ(heard.begin(top).code(), errc::exhausted);
  EXPECT_EQ(heard.begin(std::numeric_limits<std::uint64_t>::max()).code(), errc::exhausted);
  EXPECT_EQ(low.stores(), 0);
}

// ---- (epoch, number)

TEST(EpochSequence, IsOrderedByEpochFirst) {
  EXPECT_LT((epoch_sequence{1, top}), (epoch_sequence{2, 0}));
  EXPECT_LT((epoch_sequence{2, 3}), (epoch_sequence{2, 4}));
  EXPECT_EQ((epoch_sequence{2, 3}), (epoch_sequence{2, 3}));
}

TEST(EpochSequence, HasTheseBytes) {
  const auto bytes = epoch_sequence{0x0102030405060708, 0x1112131415161718}.bytes();
  const unsigned char golden[] = {1, 2, 3, 4, 5, 6, 7, 8, 17, 18, 19, 20, 21, 22, 23, 24};
  static_assert(sizeof golden == sizeof bytes);
  EXPECT_EQ(std::memcmp(bytes.data(), golden, sizeof golden), 0);
  EXPECT_EQ(*epoch_sequence::parse(bytes), (epoch_sequence{0x0102030405060708,
                                                           0x1112131415161718}));
}

TEST(EpochSequence, RefusesWhatItDoesNotWrite) {
  const auto refused = [](std::span<const std::byte> bytes) {
    const auto read = epoch_sequence::parse(bytes);
    return !read && read.code() == errc::corrupt && !read.text().empty();
  };
  const auto good = epoch_sequence{top, top}.bytes();
  ASSERT_TRUE(epoch_sequence::parse(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(refused(std::span(good).first(size))) << size;
  }
  const std::vector<std::byte> longer(17);
  EXPECT_TRUE(refused(longer));
  EXPECT_TRUE(refused(epoch_sequence{top + 1, 0}.bytes()));
  EXPECT_TRUE(refused(epoch_sequence{0, top + 1}.bytes()));
}

// ---- zxid

TEST(Zxid, IsPackedAsZooKeepersIs) {
  constexpr zxid id{0x1234, 0xfedcba98};
  static_assert(id.packed() == 0x1234fedcba98);
  static_assert(id.epoch() == 0x1234 && id.counter() == 0xfedcba98);
  static_assert(zxid(0x1234fedcba98) == id);
  static_assert(zxid(1, 0xffffffff) < zxid(2, 0));
  const auto bytes = id.bytes();
  const unsigned char golden[] = {0, 0, 0x12, 0x34, 0xfe, 0xdc, 0xba, 0x98};
  EXPECT_EQ(std::memcmp(bytes.data(), golden, sizeof golden), 0);
  EXPECT_EQ(*zxid::parse(bytes), id.packed());
}

TEST(Zxid, TheCounterDoesNotRunOverIntoTheEpoch) {
  EXPECT_EQ(*zxid(7, 0).next(), zxid(7, 1).packed());
  EXPECT_EQ(*zxid(7, 0xfffffffd).next(), zxid(7, 0xfffffffe).packed());
  EXPECT_EQ(zxid(7, 0xfffffffe).next().code(), errc::exhausted);
  EXPECT_EQ(zxid(7, 0xffffffff).next().code(), errc::exhausted);
  EXPECT_EQ(zxid(zxid::last_epoch + 1, 5).next().code(), errc::exhausted) << "no long holds it";
  EXPECT_EQ(zxid(0xffffffff, 0xfffffff8).next().code(), errc::exhausted) << "no other failure";
}

TEST(Zxid, RefusesWhatIsNone) {
  const auto good = zxid(zxid::last_epoch, 0xffffffff).bytes();
  EXPECT_EQ(*zxid::parse(good), top);
  for (std::size_t size = 0; size < 8; ++size) {
    EXPECT_EQ(zxid::parse(std::span(good).first(size)).code(), errc::corrupt);
  }
  const std::vector<std::byte> longer(9);
  EXPECT_EQ(zxid::parse(longer).code(), errc::corrupt);
  EXPECT_EQ(zxid::parse(zxid(zxid::last_epoch + 1, 0).bytes()).code(), errc::corrupt);
}

TEST(ZxidCounter, CountsWithinAnEpochUntilThereIsANewOne) {
  zxid_counter ids{zxid(3, 0xfffffffc)};
  EXPECT_EQ(*ids.next(), zxid(3, 0xfffffffd).packed());
  EXPECT_EQ(*ids.next(), zxid(3, 0xfffffffe).packed());
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ids.next().code(), errc::exhausted);
  EXPECT_EQ(ids.last(), zxid(3, 0xfffffffe));
  EXPECT_EQ(*ids.begin(4), zxid(4, 0).packed());
  EXPECT_EQ(*ids.next(), zxid(4, 1).packed());
}

TEST(ZxidCounter, AnEpochGoesForwardOnlyAndEndsWhereALongDoes) {
  zxid_counter ids{zxid(3, 5)};
  EXPECT_EQ(ids.begin(3).code(), errc::fenced);
  EXPECT_EQ(ids.begin(2).code(), errc::fenced);
  EXPECT_EQ(ids.begin(zxid::last_epoch + 1).code(), errc::invalid);
  EXPECT_EQ(ids.begin((std::uint64_t{1} << 32) + 9).code(), errc::invalid) << "is not epoch 9";
  EXPECT_EQ(ids.last(), zxid(3, 5));
  EXPECT_EQ(*ids.begin(zxid::last_epoch), zxid(zxid::last_epoch, 0).packed());
  EXPECT_EQ(*ids.next(), zxid(zxid::last_epoch, 1).packed());
}

TEST(ZxidCounterDeathTest, StopsAtAnEpochThatALongDoesNotHold) {
  EXPECT_DEATH(zxid_counter{zxid(0x80000000, 0)}, "2\\^31 - 1 or below");
}

// However many are refused at once, nobody's try moves the counter into the next epoch.
TEST(ZxidCounter, ManyThatAreRefusedAtOnceLeaveItWhereItIs) {
  zxid_counter ids{zxid(6, 0xfffffff0)};
  std::atomic<int> taken{0}, otherwise{0};
  std::atomic<bool> moved{false};
  std::vector<std::thread> threads;
  for (int who = 0; who != 8; ++who) {
    threads.emplace_back([&] {
      for (int i = 0; i != 20'000; ++i) {
        const auto id = ids.next();
        taken += bool(id);
        otherwise += !id && id.code() != errc::exhausted;
        if (ids.last() > zxid(6, 0xfffffffe)) moved = true;
      }
    });
  }
  for (auto& each : threads) each.join();
  EXPECT_EQ(taken, 0xe);
  EXPECT_EQ(otherwise, 0);
  EXPECT_FALSE(moved);
  EXPECT_EQ(ids.last(), zxid(6, 0xfffffffe));
  EXPECT_EQ(*ids.begin(7), zxid(7, 0).packed());
}

// Threads count and open epochs at once, across the end of the counter: no id comes twice, and each
// thread's rise.
TEST(ZxidCounter, ManyThreadsTakeEachIdOnce) {
  constexpr int each_takes = 20'000;
  zxid_counter ids{zxid(1, 0xffffffff - 30'000)};
  const auto all = taken_at_once(4, [&](std::vector<sequence>& mine) {
    while (mine.size() < each_takes) {
      // Read before the number is asked for: an epoch read after a refusal may be a new one, and
      // opening the next would leave that one's ids unused.
      const auto epoch = ids.last().epoch();
      if (const auto id = ids.next()) {
        mine.push_back(*id);
      } else if (const auto first = ids.begin(epoch + 1)) {
        mine.push_back(*first);
      }
    }
  });
  EXPECT_TRUE(std::adjacent_find(all.begin(), all.end()) == all.end());
  for (const auto id : all) EXPECT_NE(zxid(id).counter(), 0xffffffff);
  EXPECT_EQ(ids.last().epoch(), 2u);
  EXPECT_EQ(ids.last().counter() + 29'999u, all.size() - 1);
}

}  // namespace
}  // namespace sequencer
