// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/mark_store.hpp>

#include <gtest/gtest.h>

namespace sequencer {
namespace {

TEST(MemoryMark, KeepsTheLastNumberAlsoALowerOne) {
  memory_mark mark{7};
  EXPECT_EQ(mark.load(), 7U);
  EXPECT_EQ(mark.store(top).value(), top);
  EXPECT_EQ(mark.store(3).value(), 3U);
  EXPECT_EQ(mark.load(), 3U);
}

TEST(MemoryMark, RefusesANumberAboveTheTopAndKeepsWhatItHas) {
  memory_mark mark{7};
  const auto refused = mark.store(top + 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.code(), errc::invalid);
  EXPECT_EQ(mark.load(), 7U);
}

TEST(MemoryMarkDeathTest, StopsAtAStartAboveTheTop) {
  EXPECT_DEATH(memory_mark{top + 1}, "a mark is 2\\^63 - 1 or below");
}

}  // namespace
}  // namespace sequencer
