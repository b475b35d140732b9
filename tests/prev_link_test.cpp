// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/prev_link.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

namespace sequencer {
namespace {

using finding = prev_checker::finding;

TEST(PrevLink, HasTheseBytes) {
  const auto bytes = prev_link{0x0102030405060708, 0x1112131415161718}.bytes();
  const unsigned char golden[] = {1, 2, 3, 4, 5, 6, 7, 8, 17, 18, 19, 20, 21, 22, 23, 24};
  EXPECT_EQ(std::memcmp(bytes.data(), golden, sizeof golden), 0);
  EXPECT_EQ(*prev_link::parse(bytes), (prev_link{0x0102030405060708, 0x1112131415161718}));
}

TEST(PrevLink, RefusesWhatNoStamperWrites) {
  const auto refused = [](std::span<const std::byte> bytes) {
    const auto read = prev_link::parse(bytes);
    return !read && read.code() == errc::corrupt && !read.text().empty();
  };
  const auto good = prev_link{0, top}.bytes();
  ASSERT_TRUE(prev_link::parse(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(refused(std::span(good).first(size))) << size;
  }
  const std::vector<std::byte> longer(17);
  EXPECT_TRUE(refused(longer));
  EXPECT_TRUE(refused(prev_link{5, 5}.bytes()));
  EXPECT_TRUE(refused(prev_link{6, 5}.bytes()));
  EXPECT_TRUE(refused(prev_link{5, top + 1}.bytes()));
}

TEST(PrevStamper, LinksEachNumberToTheOneBefore) {
  prev_stamper stamps{10};
  EXPECT_EQ(link_of(*stamps.next()), (prev_link{10, 11}));
  EXPECT_EQ(link_of(*stamps.next(1'000)), (prev_link{11, 1'011}));
  EXPECT_EQ(link_of(*stamps.stamp(2'000)), (prev_link{1'011, 2'000}));
  EXPECT_EQ(stamps.last(), 2'000u);
}

TEST(PrevStamper, RefusesWhatIsNotAhead) {
  prev_stamper stamps{10};
  EXPECT_EQ(stamps.next(0).code(), errc::invalid);
  EXPECT_EQ(stamps.stamp(10).code(), errc::fenced);
  EXPECT_EQ(stamps.stamp(9).code(), errc::fenced);
  EXPECT_EQ(stamps.stamp(top + 1).code(), errc::invalid);
  EXPECT_EQ(stamps.next(top).code(), errc::exhausted);
  EXPECT_EQ(stamps.next(~std::uint64_t{0}).code(), errc::exhausted);
  EXPECT_EQ(stamps.last(), 10u);
  EXPECT_EQ(link_of(*stamps.next(top - 10)), (prev_link{10, top}));
  EXPECT_EQ(stamps.next().code(), errc::exhausted);
}

TEST(PrevStamperDeathTest, StopsAtAChainBeyondTheTop) {
  EXPECT_DEATH(prev_stamper{top + 1}, "2\\^63 - 1 or below");
}

TEST(PrevStamper, ManyThreadsStampOneChain) {
  constexpr int each_takes = 5'000;
  prev_stamper stamps;
  std::vector<std::vector<prev_link>> got(4);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < got.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int taken = 0; taken < each_takes; ++taken) {
        const auto issued = i == 0 ? stamps.stamp(stamps.last() + 3) : stamps.next(1 + i);
        if (issued) got[i].push_back(link_of(*issued));
      }
    });
  }
  for (auto& each : threads) each.join();
  std::vector<prev_link> all;
  for (const auto& mine : got) all.insert(all.end(), mine.begin(), mine.end());
  std::sort(all.begin(), all.end(),
            [](const auto& left, const auto& right) { return left.number < right.number; });
  ASSERT_GE(all.size(), 3u * each_takes);
  prev_checker reader;
  for (const auto& each : all) ASSERT_EQ(reader.see(each), finding::follows);
  EXPECT_EQ(reader.last(), stamps.last());
}

TEST(PrevChecker, TellsAHoleFromALoss) {
  prev_checker reader{10};
  EXPECT_EQ(reader.see({10, 11}), finding::follows);
  EXPECT_TRUE(reader.hole().empty());
  EXPECT_EQ(reader.see({11, 20}), finding::follows);
  EXPECT_EQ(reader.hole(), (range{12, 20}));
  EXPECT_EQ(reader.see({25, 30}), finding::lost);
  EXPECT_EQ(reader.missing(), (range{21, 26}));
  EXPECT_TRUE(reader.hole().empty());
  EXPECT_EQ(reader.last(), 20u);
  EXPECT_EQ(reader.see({20, 25}), finding::follows);  // it was only late
  EXPECT_EQ(reader.see({25, 30}), finding::follows);
  EXPECT_TRUE(reader.missing().empty());
}

TEST(PrevChecker, KnowsRepetitionsForksAndNonsense) {
  prev_checker reader{10};
  ASSERT_EQ(reader.see({10, 20}), finding::follows);
  EXPECT_EQ(reader.see({10, 20}), finding::repeated);
  EXPECT_EQ(reader.see({10, 15}), finding::repeated);
  EXPECT_EQ(reader.see({10, 25}), finding::forked);
  EXPECT_EQ(reader.see({15, 25}), finding::forked);
  EXPECT_EQ(reader.see({25, 25}), finding::broken);
  EXPECT_EQ(reader.see({20, top + 1}), finding::broken);
  EXPECT_EQ(reader.last(), 20u);
}

TEST(PrevChecker, GoesOnWithoutWhatIsLostWhenTold) {
  prev_checker reader{10};
  ASSERT_EQ(reader.see({25, 30}), finding::lost);
  EXPECT_EQ(reader.skip_to(9).code(), errc::invalid);
  EXPECT_EQ(reader.skip_to(top + 1).code(), errc::invalid);
  EXPECT_EQ(*reader.skip_to(25), 25u);
  EXPECT_EQ(reader.see({25, 30}), finding::follows);
}

}  // namespace
}  // namespace sequencer
