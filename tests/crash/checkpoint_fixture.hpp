// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <utility>

#include <sequencer/checkpoint.hpp>

#include <tests/crash/scratch.hpp>

namespace sequencer::crash {

// A test with a directory of its own, in which one file is opened again and again.
class checkpoint_fixture : public testing::Test {
 protected:
  checkpoint open(checkpoint_options options) {
    auto opened = checkpoint::open(here_.path(), std::move(options));
    if (!opened) {
      ADD_FAILURE() << opened.text();
      std::abort();
    }
    return std::move(*opened);
  }
  checkpoint open(bool create = false) { return open(here_.options(create)); }

  scratch here_;
};

}  // namespace sequencer::crash
