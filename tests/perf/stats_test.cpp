// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Whether an interval contains what it should: on rounds whose true ratio is known.

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "perf/stats.hpp"

namespace {

using perf::bootstrap_median;
using perf::interval;

constexpr std::uint64_t seed = 20'250'601;  // the same rounds in every run
constexpr std::size_t rounds = 41;

// A ratio per round of two builds, one of them `slower` times as slow; each slice has noise of its
// own, and now and then something disturbs it.
std::vector<double> ratios(double slower, std::mt19937_64& random) {
  std::lognormal_distribution<double> noise(0, 0.04);
  std::bernoulli_distribution disturbed(0.05);
  const auto slice = [&](double ns) { return ns * noise(random) * (disturbed(random) ? 2 : 1); };
  std::vector<double> all;
  for (std::size_t i = 0; i < rounds; ++i) all.push_back(slice(5) / slice(5 * slower));
  return all;
}

bool contains(const interval& of, double value) { return of.low <= value && value <= of.high; }

TEST(stats, a_build_beside_itself_has_1_in_its_interval_in_17_of_20_runs) {
  std::mt19937_64 random(seed);
  int held = 0;
  for (int run = 0; run < 20; ++run) {
    held += contains(bootstrap_median(ratios(1, random), random), 1);
  }
  EXPECT_GE(held, 17);
}

// 95 % of them, and what chance allows of 200: 95 % is 190, four standard deviations are 12.
TEST(stats, an_interval_contains_the_truth_as_often_as_it_says) {
  std::mt19937_64 random(seed);
  int held = 0;
  for (int run = 0; run < 200; ++run) {
    held += contains(bootstrap_median(ratios(1, random), random), 1);
  }
  EXPECT_GE(held, 178);
  EXPECT_LT(held, 200) << "an interval that is never wrong is too wide";
}

TEST(stats, a_tenth_slower_is_seen_to_be_slower) {
  std::mt19937_64 random(seed);
  for (int run = 0; run < 20; ++run) {
    const auto found = bootstrap_median(ratios(1.1, random), random);
    EXPECT_LT(found.high, 1);
    EXPECT_NEAR(found.median, 1 / 1.1, 0.05);
  }
}

TEST(stats, quantiles_lie_between_neighbours) {
  EXPECT_DOUBLE_EQ(perf::quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(perf::quantile({1, 2, 3}, 0), 1);
  EXPECT_DOUBLE_EQ(perf::quantile({1, 2, 3}, 1), 3);
  EXPECT_TRUE(std::isnan(perf::quantile({}, 0.5)));
}

}  // namespace
