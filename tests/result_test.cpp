// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/result.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace {

using sequencer::errc;
using sequencer::error;
using sequencer::range;
using sequencer::remedy;
using sequencer::result;
using sequencer::sequence;
using sequencer::top;

constexpr errc all_codes[] = {errc::unavailable, errc::timeout,     errc::fenced, errc::exhausted,
                              errc::closed,      errc::corrupt,     errc::version, errc::locked,
                              errc::denied,      errc::unsupported, errc::invalid, errc::io};

TEST(Errc, EveryCodeHasANameASentenceAndARemedy) {
  for (const auto code : all_codes) {
    EXPECT_NE(sequencer::name(code), "unknown");
    EXPECT_NE(sequencer::message(code), "unknown error");
  }
  EXPECT_EQ(remedy_of(errc::timeout), remedy::retry);
  EXPECT_EQ(remedy_of(errc::exhausted), remedy::stop);
  EXPECT_EQ(remedy_of(errc::version), remedy::repair);
  EXPECT_EQ(remedy_of(errc::locked), remedy::configure);
  EXPECT_EQ(remedy_of(errc::io), remedy::io);
  EXPECT_EQ(sequencer::name(static_cast<errc>(200)), "unknown");
}

TEST(ResultOfSequence, KeepsEveryNumberFromZeroToTop) {
  for (const sequence number : {sequence{0}, sequence{1}, top - 1, top}) {
    const result<sequence> held(number);
    ASSERT_TRUE(held);
    EXPECT_EQ(*held, number);
  }
}

TEST(ResultOfSequence, KeepsEveryCode) {
  for (const auto code : all_codes) {
    const result<sequence> held(code);
    EXPECT_FALSE(held);
    EXPECT_EQ(held.code(), code);
    EXPECT_EQ(held.text(), sequencer::message(code));
  }
}

TEST(ResultOfSequence, AWordJustAboveTopMeansExhausted) {
  for (const sequence overshoot : {top + 1, top + 2, top + 1'000'000}) {
    const result<sequence> held(overshoot);
    EXPECT_FALSE(held);
    EXPECT_EQ(held.code(), errc::exhausted);
  }
}

TEST(ResultOfRange, KeepsRangesAndCodes) {
  const result<range> held(range{top, top + 1});
  ASSERT_TRUE(held);
  EXPECT_EQ(held->size(), 1u);
  EXPECT_EQ(*held, (range{top, top + 1}));
  for (const auto code : all_codes) EXPECT_EQ(result<range>(code).code(), code);
}

TEST(ResultDeathTest, ReadingAFailureStopsWithItsSentence) {
  EXPECT_DEATH(static_cast<void>(*result<sequence>(errc::closed)), "closed");
  EXPECT_DEATH(static_cast<void>(*result<range>(errc::timeout)), "deadline");
  result<std::string> failed(error{errc::io, 5, "disk.seq: on fire"});
  EXPECT_DEATH(static_cast<void>(failed->size()), "disk.seq: on fire");
  result<std::string> fine(std::string("fine"));
  EXPECT_DEATH(static_cast<void>(fine.failure()), "asked a successful result");
}

TEST(Result, CarriesMoveOnlyValuesAndErrors) {
  result<std::unique_ptr<int>> held(std::make_unique<int>(7));
  ASSERT_TRUE(held);
  EXPECT_EQ(**held, 7);
  const std::unique_ptr<int> taken = *std::move(held);
  EXPECT_EQ(*taken, 7);

  const result<std::unique_ptr<int>> failed(error{errc::denied, 13, "no"});
  EXPECT_FALSE(failed);
  EXPECT_EQ(failed.code(), errc::denied);
  EXPECT_EQ(failed.failure().os_error, 13);
  EXPECT_EQ(failed.text(), "no");
}

TEST(Result, AValueTakenFromATemporaryOutlivesIt) {
  const auto make = [] { return result<std::vector<int>>(std::vector<int>{1, 2, 3}); };
  int sum = 0;
  for (const int each : *make()) sum += each;
  EXPECT_EQ(sum, 6);
}

TEST(ResultOfVoid, IsSuccessUnlessGivenAnError) {
  EXPECT_TRUE(result<void>());
  const result<void> failed(error{errc::locked, 0, "held"});
  EXPECT_FALSE(failed);
  EXPECT_EQ(failed.code(), errc::locked);
}

}  // namespace
