// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/block_source.hpp>

#include <gtest/gtest.h>

namespace {

using sequencer::block_request;
using sequencer::errc;
using sequencer::memory_source;
using sequencer::range;
using sequencer::top;

TEST(MemorySource, HandsOutDenseIncreasingBlocks) {
  memory_source source(100);
  EXPECT_EQ(source.acquire({1, 10})->numbers, (range{100, 110}));
  EXPECT_EQ(source.acquire({1, 5})->numbers, (range{110, 115}));
  EXPECT_EQ(source.peek(), 115u);
}

TEST(MemorySource, RefusesSenselessRequests) {
  memory_source source;
  EXPECT_EQ(source.acquire({0, 10}).code(), errc::invalid);
  EXPECT_EQ(source.acquire({11, 10}).code(), errc::invalid);
  EXPECT_EQ(source.peek(), 0u);
}

TEST(MemorySource, TakesATailBackOnlyFromTheTop) {
  memory_source source;
  const auto low = source.acquire({1, 10})->numbers;
  const auto high = source.acquire({1, 10})->numbers;
  EXPECT_FALSE(source.release(0, {5, low.last}));
  EXPECT_EQ(source.peek(), 20u);
  EXPECT_TRUE(source.release(1, {13, high.last}));
  EXPECT_EQ(source.acquire({1, 3})->numbers, (range{13, 16}));
}

TEST(MemorySource, GivesWhatIsLeftAtTheTopAndThenNothing) {
  memory_source source(top - 4);
  EXPECT_EQ(source.acquire({6, 10}).code(), errc::exhausted);
  EXPECT_EQ(source.acquire({5, 10})->numbers, (range{top - 4, top + 1}));
  EXPECT_EQ(source.acquire({1, 1}).code(), errc::exhausted);
  EXPECT_EQ(source.acquire({1, 1}).code(), errc::exhausted);
}

TEST(MemorySourceDeathTest, RefusesAStartAboveTop) {
  EXPECT_DEATH(memory_source(top + 1), "2\\^63 - 1 or below");
}

TEST(ResultOfBlock, KeepsItsCode) {
  const sequencer::result<sequencer::block> failed(errc::timeout);
  EXPECT_FALSE(failed);
  EXPECT_EQ(failed.code(), errc::timeout);
}

}  // namespace
