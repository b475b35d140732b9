// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <thread>
#include <vector>

#include <sequencer/sequence.hpp>

namespace sequencer {

// What so many threads take at once by take(onto), sorted; each thread's must rise.
template <class Take>
std::vector<sequence> taken_at_once(std::size_t count, Take take) {
  std::vector<std::vector<sequence>> got(count);
  std::vector<std::thread> threads;
  for (auto& mine : got) threads.emplace_back([&] { take(mine); });
  for (auto& each : threads) each.join();
  std::vector<sequence> all;
  for (const auto& mine : got) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  return all;
}

}  // namespace sequencer
