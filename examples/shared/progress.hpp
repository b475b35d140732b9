// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace examples {

// A line that is redrawn, on a terminal and only when it takes a while.
class progress {
 public:
  // `of_what`: "lines"
  progress(bool quiet, std::string_view of_what);
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress();

  void show(std::uint64_t done, std::uint64_t total);

 private:
  const std::string_view of_what_;
  const bool shown_;
  bool drawn_ = false;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace examples
