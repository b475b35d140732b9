// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "stats.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace perf {

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(values.begin(), values.end());
  const double at = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, values.size() - 1);
  return values[below] + (values[above] - values[below]) * (at - std::floor(at));
}

interval bootstrap_median(const std::vector<double>& values, std::mt19937_64& random) {
  constexpr int resamples = 2000;
  if (values.empty()) return {};
  std::uniform_int_distribution<std::size_t> pick(0, values.size() - 1);
  std::vector<double> medians;
  std::vector<double> drawn(values.size());
  for (int i = 0; i < resamples; ++i) {
    for (auto& each : drawn) each = values[pick(random)];
    medians.push_back(quantile(drawn, 0.5));
  }
  return {quantile(values, 0.5), quantile(medians, 0.025), quantile(medians, 0.975)};
}

}  // namespace perf
