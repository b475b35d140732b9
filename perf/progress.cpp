// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace perf {

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

progress::progress(double seconds)
    : terminal_(::isatty(STDERR_FILENO) == 1), all_(seconds), began_(now()) {}

progress::~progress() {
  if (terminal_) fmt::print(stderr, "\r\033[K");
}

// What is left goes by how long the cases that are done really took.
void progress::next(const std::string& name, double seconds) {
  planned_ += current_;
  current_ = seconds;
  const auto spent = now() - began_;
  const auto pace = planned_ > 0 ? std::clamp(spent / planned_, 0.2, 10.0) : 1.0;
  const auto left = (all_ - planned_) * pace;
  fmt::print(stderr, "{}{}: {:.0f} s so far, about {:.0f} s left{}", terminal_ ? "\r\033[K" : "  ",
             name, spent, left, terminal_ ? "" : "\n");
  std::fflush(stderr);
}

}  // namespace perf
