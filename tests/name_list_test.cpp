// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/name_list.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace sequencer {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(NameList, EveryChildThatIsMadeTakesANumberAndNoneThatIsRemovedGivesOneBack) {
  counter numbers;
  name_list list("/l", numbers);
  EXPECT_EQ(*list.create("/l/a-"), "/l/a-0000000000");
  EXPECT_EQ(*list.create("/l/b-"), "/l/b-0000000001");
  ASSERT_TRUE(list.add("/l/plain"));
  EXPECT_EQ(*list.create("/l/a-"), "/l/a-0000000003");
  ASSERT_TRUE(list.remove("/l/a-0000000003"));
  ASSERT_TRUE(list.remove("/l/plain"));
  EXPECT_EQ(*list.create("/l/"), "/l/0000000004");
  EXPECT_THAT(list.names(), ElementsAre("/l/0000000004", "/l/a-0000000000", "/l/b-0000000001"));
}

TEST(NameList, RefusesWhatIsNotBelowItAndCountsNothing) {
  counter numbers;
  name_list list("/l", numbers);
  for (const auto* bad : {"/a-", "/l", "/l/x/a-", "/ll/a-", "l/a-", "/l//a", ""}) {
    const auto refused = list.create(bad);
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.code(), errc::invalid);
    EXPECT_THAT(std::string(refused.text()), HasSubstr("'" + std::string(bad) + "'"));
    EXPECT_EQ(list.add(bad).code(), errc::invalid);
  }
  EXPECT_EQ(list.add("/l/").code(), errc::invalid);
  EXPECT_EQ(list.remove("/l/none").code(), errc::invalid);
  ASSERT_TRUE(list.add("/l/a"));
  EXPECT_EQ(list.add("/l/a").code(), errc::locked);
  EXPECT_EQ(numbers.peek(), 1u);
}

TEST(NameList, PassesOverANumberWhoseNameIsThere) {
  counter numbers;
  name_list list("/l", numbers);
  ASSERT_TRUE(list.add("/l/a-0000000001"));
  EXPECT_EQ(*list.create("/l/a-"), "/l/a-0000000002");
}

TEST(NameList, EndsWithItsFormat) {
  counter numbers{2'147'483'647};
  name_list list("/l", numbers);
  EXPECT_EQ(*list.create("/l/a-"), "/l/a-2147483647");
  EXPECT_EQ(list.create("/l/a-").code(), errc::exhausted);
  EXPECT_THAT(list.names(), ElementsAre("/l/a-2147483647"));
}

TEST(NameList, TheRootHasChildrenToo) {
  counter numbers;
  name_list list("/", numbers);
  EXPECT_EQ(*list.create("/a-"), "/a-0000000000");
  EXPECT_EQ(*list.create("/"), "/0000000001");
  EXPECT_EQ(list.create("/a/b").code(), errc::invalid);
}

TEST(NameListDeathTest, StopsAtAParentThatIsNoPath) {
  counter numbers;
  EXPECT_DEATH(name_list("/l/", numbers), "'/l/' is no path");
}

TEST(NameList, NamesThePredecessor) {
  counter numbers;
  name_list list("/l", numbers);
  const auto first = *list.create("/l/z-");
  const auto second = *list.create("/l/a-");
  const auto third = *list.create("/l/m-");
  EXPECT_EQ(list.predecessor(first), std::nullopt);
  EXPECT_EQ(list.predecessor(third), second);
  ASSERT_TRUE(list.remove(second));
  EXPECT_EQ(list.predecessor(third), first);
}

TEST(NameList, ARemovedNameNeedsNoWaitAndAPresentOneTimesOut) {
  counter numbers;
  name_list list("/l", numbers);
  EXPECT_EQ(list.await_removal("/l/none"), wait::outcome::ready);
  const auto name = *list.create("/l/a-");
  EXPECT_EQ(list.await_removal(name, wait::at_once), wait::outcome::timeout);
  ASSERT_TRUE(list.remove(name));
  EXPECT_EQ(list.await_removal(name), wait::outcome::ready);
}

// The recipe for a lock: who has no predecessor has it. The plain number is what it guards.
TEST(NameList, IsALockWhoseWaitersWakeOneAfterAnother) {
  constexpr int threads_count = 4;
  constexpr int each_locks = 200;
  counter numbers;
  name_list list("/lock", numbers);
  int guarded = 0;
  std::atomic<int> inside{0};
  std::vector<sequence> order;
  std::vector<std::thread> threads;
  for (int i = 0; i < threads_count; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < each_locks; ++n) {
        const auto mine = *list.create("/lock/n-");
        while (const auto before = list.predecessor(mine)) list.await_removal(*before);
        EXPECT_EQ(inside.fetch_add(1), 0);
        ++guarded;
        order.push_back(parse_name(mine)->number);
        inside.fetch_sub(1);
        ASSERT_TRUE(list.remove(mine));
      }
    });
  }
  for (auto& each : threads) each.join();
  EXPECT_EQ(guarded, threads_count * each_locks);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_TRUE(list.names().empty());
}

}  // namespace
}  // namespace sequencer
