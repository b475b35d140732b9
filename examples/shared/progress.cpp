// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace examples {

progress::progress(bool quiet, std::string_view of_what)
    : of_what_(of_what), shown_(!quiet && ::isatty(STDERR_FILENO) == 1) {}

progress::~progress() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
}

void progress::show(std::uint64_t done, std::uint64_t total) {
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began_;
  if (!shown_ || spent.count() < 2 || done == 0) return;
  const auto left = spent.count() * static_cast<double>(total - std::min(done, total)) /
                    static_cast<double>(done);
  fmt::print(stderr, "\r\033[K{} of {} {}, about {:.0f} s left", done, total, of_what_, left);
  drawn_ = true;
}

}  // namespace examples
