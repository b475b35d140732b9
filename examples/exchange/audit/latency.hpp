// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <boost/histogram.hpp>
#include <chrono>
#include <cstdint>
#include <tuple>

namespace examples::exchange {

inline std::int64_t now_ns() noexcept {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

// Spans in nanoseconds, each known to one per cent.
class latency {
 public:
  void add(std::int64_t ns) noexcept {
    spans_(static_cast<double>(ns));
    most_ = std::max(most_, ns);
    ++count_;
  }

  std::uint64_t count() const noexcept { return count_; }
  std::int64_t most() const noexcept { return most_; }
  // A span that a share `q` of all are not above.
  double quantile(double q) const {
    auto left = q * static_cast<double>(count_);
    for (auto&& bin : boost::histogram::indexed(spans_, boost::histogram::coverage::all)) {
      left -= static_cast<double>(*bin);
      if (left <= 0) return std::min(bin.bin().upper(), static_cast<double>(most_));
    }
    return static_cast<double>(most_);
  }

 private:
  using axis = boost::histogram::axis::regular<double, boost::histogram::axis::transform::log>;
  // 1 us to 1000 s
  boost::histogram::histogram<std::tuple<axis>,
                              boost::histogram::dense_storage<std::uint64_t>>
      spans_{axis(2083, 1e3, 1e12)};
  std::int64_t most_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace examples::exchange
