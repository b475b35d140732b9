// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/cursor.hpp>

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace {

using sequencer::cursor;
using sequencer::sequence;

TEST(Cursor, IsExclusiveAndStartsWhereAsked) {
  cursor done;
  EXPECT_EQ(done.position(), 0u);
  done.advance_to(3);
  EXPECT_EQ(done.position(), 3u);
  EXPECT_EQ(cursor(77).position(), 77u);
}

TEST(Cursor, ShowsWhatWasWrittenBelowIt) {
  constexpr sequence last = 20'000;
  std::vector<sequence> payload(last, 0);
  cursor done;
  std::thread writer([&] {
    for (sequence s = 0; s < last; ++s) {
      payload[s] = s + 1;
      done.advance_to(s + 1);
    }
  });
  sequence seen = 0;
  while (seen < last) {
    const auto now = done.position();
    ASSERT_GE(now, seen);
    for (; seen < now; ++seen) ASSERT_EQ(payload[seen], seen + 1);
    std::this_thread::yield();
  }
  writer.join();
}

}  // namespace
