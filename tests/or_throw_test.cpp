// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/or_throw.hpp>

#include <gtest/gtest.h>

#include <memory>

namespace {

using sequencer::errc;
using sequencer::error;
using sequencer::or_throw;
using sequencer::result;

TEST(OrThrow, ReturnsTheValue) {
  EXPECT_EQ(or_throw(result<sequencer::sequence>(7)), 7u);
  EXPECT_EQ(*or_throw(result<std::unique_ptr<int>>(std::make_unique<int>(3))), 3);
  or_throw(result<void>());
}

TEST(OrThrow, ThrowsTheSentenceWithItsCode) {
  try {
    or_throw(result<void>(error{errc::denied, 13, "desk.seq: not yours"}));
    FAIL() << "nothing was thrown";
  } catch (const sequencer::failed& caught) {
    EXPECT_EQ(caught.code(), errc::denied);
    EXPECT_STREQ(caught.what(), "desk.seq: not yours");
  }
  EXPECT_THROW(or_throw(result<sequencer::sequence>(errc::exhausted)), sequencer::failed);
}

}  // namespace
