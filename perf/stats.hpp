// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace perf {

// The q-quantile (0 .. 1), linear between neighbours; NaN of nothing.
double quantile(std::vector<double> values, double q);

struct interval {
  double median = 0;
  double low = 0;  // 95 % interval of the median
  double high = 0;
};

// Median with its percentile-bootstrap interval.
interval bootstrap_median(const std::vector<double>& values, std::mt19937_64& random);

}  // namespace perf
