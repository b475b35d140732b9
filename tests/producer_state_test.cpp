// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/producer_state.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <string>

#include <sequencer/partitioned.hpp>

#include "stress/rounds.hpp"

namespace sequencer {
namespace {

using enum batch_verdict;
constexpr auto last_number = producer_state::last_number;

class ProducerState : public testing::Test {
 protected:
  batch_outcome send(const producer_batch& batch) {
    return state.admit(batch, [&](std::uint64_t n) { return log.append(0, n); });
  }
  batch_verdict verdict(const producer_batch& batch) { return send(batch).verdict; }

  partitioned log{1};
  producer_state state{8};
};

TEST_F(ProducerState, ABatchSentAgainIsThereOnceAtItsOffsets) {
  const auto first = send({.producer = 7, .epoch = 0, .first = 0, .count = 3});
  EXPECT_EQ(first.verdict, appended);
  EXPECT_EQ(first.offsets, (range{0, 3}));
  const auto second = send({.producer = 7, .epoch = 0, .first = 3, .count = 2});
  EXPECT_EQ(second.offsets, (range{3, 5}));
  const auto again = send({.producer = 7, .epoch = 0, .first = 0, .count = 3});
  EXPECT_EQ(again.verdict, duplicate);
  EXPECT_EQ(again.offsets, (range{0, 3}));
  EXPECT_EQ(log.log_end(0), 5U);
}

TEST_F(ProducerState, ABatchWhosePredecessorIsMissingIsRefused) {
  EXPECT_EQ(verdict({.producer = 7, .first = 0}), appended);
  const auto found = send({.producer = 7, .first = 2});
  EXPECT_EQ(found.verdict, out_of_order);
  EXPECT_EQ(found.expected, 1);
  EXPECT_EQ(verdict({.producer = 7, .first = 1}), appended);
  EXPECT_EQ(log.log_end(0), 2U);
}

TEST_F(ProducerState, TheNextOneIsNoOldOneThoughItsNumbersCameBefore) {
  ASSERT_EQ(verdict({.producer = 7, .first = 0, .count = last_number}), appended);
  ASSERT_EQ(verdict({.producer = 7, .first = last_number, .count = 1}), appended);
  EXPECT_EQ(verdict({.producer = 7, .first = 0, .count = last_number}), appended);
}

TEST_F(ProducerState, RemembersFiveBatchesOfEach) {
  for (std::int32_t i = 0; i != 6; ++i) {
    EXPECT_EQ(verdict({.producer = 7, .first = i}), appended);
    EXPECT_EQ(verdict({.producer = 8, .first = i}), appended);
  }
  for (std::int32_t i = 1; i != 6; ++i) {
    const auto found = send({.producer = 7, .first = i});
    EXPECT_EQ(found.verdict, duplicate) << i;
    EXPECT_EQ(found.offsets.first, static_cast<sequence>(2 * i));
  }
  const auto old = send({.producer = 7, .first = 0});
  EXPECT_EQ(old.verdict, out_of_order);
  EXPECT_EQ(old.expected, 6);
}

// Only a batch with the same first and last number is the same batch, as in Kafka.
TEST_F(ProducerState, PartOfABatchIsNoDuplicate) {
  EXPECT_EQ(verdict({.producer = 7, .first = 0, .count = 4}), appended);
  EXPECT_EQ(verdict({.producer = 7, .first = 0, .count = 3}), out_of_order);
  EXPECT_EQ(verdict({.producer = 7, .first = 1, .count = 3}), out_of_order);
  EXPECT_EQ(verdict({.producer = 7, .first = 0, .count = 5}), out_of_order);
}

TEST_F(ProducerState, NumbersGoOnAtZeroAfterTheLast) {
  EXPECT_EQ(producer_state::after(last_number, 1), 0);
  EXPECT_EQ(producer_state::after(last_number - 1, 4), 2);
  EXPECT_EQ(producer_state::after(last_number, last_number), last_number - 1);
  EXPECT_EQ(verdict({.producer = 7, .first = last_number - 2, .count = 2}), appended);
  EXPECT_EQ(verdict({.producer = 7, .first = 0}), out_of_order);
  const producer_batch across{.producer = 7, .first = last_number, .count = 3};
  EXPECT_EQ(verdict(across), appended);
  EXPECT_EQ(send({.producer = 7, .first = 0}).expected, 2);
  EXPECT_EQ(verdict({.producer = 7, .first = 2}), appended);
  EXPECT_EQ(verdict(across), duplicate);
}

TEST_F(ProducerState, ANewEpochBeginsAtZeroAndFencesTheOld) {
  EXPECT_EQ(verdict({.producer = 7, .epoch = 1, .first = 0}), appended);
  EXPECT_EQ(verdict({.producer = 7, .epoch = 1, .first = 1}), appended);
  EXPECT_EQ(send({.producer = 7, .epoch = 2, .first = 2}).expected, 0);
  EXPECT_EQ(verdict({.producer = 7, .epoch = 1, .first = 2}), appended);
  EXPECT_EQ(verdict({.producer = 7, .epoch = 3, .first = 0}), appended);
  const auto late = send({.producer = 7, .epoch = 1, .first = 3});
  EXPECT_EQ(late.verdict, fenced);
  EXPECT_EQ(late.epoch, 3);
  EXPECT_EQ(verdict({.producer = 7, .epoch = 1, .first = 2}), fenced);  // though it is a duplicate
  EXPECT_EQ(verdict({.producer = 7, .epoch = 3, .first = 1}), appended);
}

TEST_F(ProducerState, AnUnknownProducerBeginsAnywhereOrAtZero) {
  EXPECT_EQ(verdict({.producer = 7, .first = 41}), appended);
  producer_state strict(8, true);
  const auto append = [&](std::uint64_t n) { return log.append(0, n); };
  EXPECT_EQ(strict.admit({.producer = 7, .first = 41}, append).verdict, out_of_order);
  EXPECT_EQ(strict.admit({.producer = 7, .first = 0}, append).verdict, appended);
}

TEST_F(ProducerState, NumbersOutOfBoundsAreMalformedAndChangeNothing) {
  for (const producer_batch& bad :
       {producer_batch{.producer = -1}, producer_batch{.epoch = -1}, producer_batch{.first = -1},
        producer_batch{.count = 0}, producer_batch{.count = -2147483647 - 1}}) {
    EXPECT_EQ(verdict(bad), malformed);
    EXPECT_FALSE(state.replay(bad, {0, 1}));
  }
  EXPECT_EQ(state.size(), 0U);
  EXPECT_EQ(log.log_end(0), 0U);
}

TEST_F(ProducerState, WhatTheAppendRefusesIsNotRemembered) {
  const auto no = [](std::uint64_t) { return result<range>(errc::exhausted); };
  const auto found = state.admit({.producer = 7}, no);
  EXPECT_EQ(found.verdict, refused);
  EXPECT_EQ(found.why, errc::exhausted);
  EXPECT_EQ(state.size(), 0U);
  EXPECT_EQ(verdict({.producer = 7}), appended);
}

TEST_F(ProducerState, HasRoomForSoManyAndForgetsWhatIsBelowAnOffset) {
  for (std::int64_t id = 0; id != 8; ++id) EXPECT_EQ(verdict({.producer = id}), appended);
  EXPECT_EQ(verdict({.producer = 8}), no_room);
  EXPECT_FALSE(state.replay({.producer = 8}, {8, 9}));
  EXPECT_EQ(verdict({.producer = 3, .first = 1}), appended);
  EXPECT_EQ(state.forget_below(4), 3U);  // 0, 1 and 2; that of 3 is later
  EXPECT_EQ(verdict({.producer = 8}), appended);
  EXPECT_EQ(verdict({.producer = 3, .first = 1}), duplicate);
}

TEST_F(ProducerState, ExamineSaysWhatAdmitWouldAndDoesNothing) {
  EXPECT_EQ(state.examine({.producer = 7, .first = 5}).verdict, appended);
  EXPECT_EQ(state.size(), 0U);
  EXPECT_EQ(verdict({.producer = 7, .first = 5}), appended);
  EXPECT_EQ(state.examine({.producer = 7, .first = 5}).verdict, duplicate);
  EXPECT_EQ(state.examine({.producer = 7, .first = 5}).offsets, (range{0, 1}));
}

TEST_F(ProducerState, ReplayedItSaysTheSame) {
  std::deque<std::pair<producer_batch, range>> history;
  for (std::int32_t i = 0; i != 9; ++i) {
    const producer_batch batch{.producer = i % 2, .epoch = 4, .first = i / 2 * 3, .count = 3};
    history.emplace_back(batch, send(batch).offsets);
  }
  producer_state again(8);
  for (const auto& [batch, offsets] : history) EXPECT_TRUE(again.replay(batch, offsets));
  for (const auto& [batch, offsets] : history) {
    const auto expected = state.examine(batch);
    const auto found = again.examine(batch);
    EXPECT_EQ(found.verdict, expected.verdict);
    EXPECT_EQ(found.offsets, expected.offsets);
  }
  EXPECT_FALSE(again.replay({.producer = 1, .epoch = 3}, {27, 28}));
  EXPECT_FALSE(again.replay({.producer = 1, .epoch = 4, .first = 12, .count = 3}, {27, 28}));
}

TEST(BatchVerdict, HasANameForEach) {
  EXPECT_EQ(name(appended), "appended");
  EXPECT_EQ(name(refused), "refused");
  EXPECT_EQ(name(static_cast<batch_verdict>(99)), "unknown");
}

// A list of all that was ever appended, looked through: the oracle.
struct oracle {
  struct entry {
    producer_batch batch;
    sequence offset;
  };
  std::map<std::int64_t, std::deque<entry>> entries;

  batch_verdict judge(const producer_batch& batch) const {
    const auto at = entries.find(batch.producer);
    if (at == entries.end()) return appended;
    const auto& mine = at->second;
    const auto epoch = mine.back().batch.epoch;
    if (batch.epoch != epoch) {
      return batch.epoch < epoch ? fenced : batch.first == 0 ? appended : out_of_order;
    }
    std::size_t looked = 0;
    for (auto each = mine.rbegin(); each != mine.rend() && looked != 5; ++each, ++looked) {
      if (each->batch.epoch != epoch) break;
      if (each->batch.first == batch.first && each->batch.count == batch.count) return duplicate;
    }
    const auto& newest = mine.back().batch;
    const auto next = (std::int64_t{newest.first} + newest.count) % (std::int64_t{1} << 31);
    return batch.first == next ? appended : out_of_order;
  }
};

// Producers that resend, skip, restart and come from nowhere, near the wrap.
TEST(ProducerStateAgainstAnOracle, RandomBatchesHaveTheSameVerdicts) {
  std::mt19937_64 random(stress::seed_of_run());
  const auto below = [&](std::size_t n) { return static_cast<std::int32_t>(random() % n); };
  for (int round = 0; round != 40; ++round) {
    partitioned log(1);
    producer_state state(100);
    oracle known;
    std::map<batch_verdict, int> times;
    for (int i = 0; i != 1'500; ++i) {
      producer_batch batch{.producer = below(3), .epoch = 0, .first = 0, .count = 1 + below(3)};
      const auto at = known.entries.find(batch.producer);
      if (at == known.entries.end()) {
        batch.first = below(2) == 0 ? 0 : last_number - below(20);
      } else {
        const auto& mine = at->second;
        const auto back = 1 + random() % std::min<std::size_t>(8, mine.size());
        batch = mine[mine.size() - back].batch;
        if (below(3) != 0) {
          batch = mine.back().batch;
          batch.first = producer_state::after(batch.first, batch.count - (below(8) == 0 ? 1 : 0));
          batch.count = 1 + below(3);
        }
        if (below(100) == 0) {
          ++batch.epoch;
          batch.first = below(2);
        }
      }
      const auto expected = known.judge(batch);
      const auto found = state.admit(batch, [&](std::uint64_t n) { return log.append(0, n); });
      ASSERT_EQ(found.verdict, expected) << name(found.verdict) << " for " << name(expected);
      ++times[expected];
      if (expected == appended) {
        known.entries[batch.producer].push_back({batch, found.offsets.first});
      }
    }
    for (const auto each : {appended, duplicate, out_of_order}) EXPECT_GT(times[each], 20);
  }
}

}  // namespace
}  // namespace sequencer
