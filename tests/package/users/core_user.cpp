// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A stranger's program on the headers alone: two threads take numbers, none comes twice.

#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

#include <sequencer/block_cache.hpp>
#include <sequencer/block_source.hpp>
#include <sequencer/counter.hpp>

namespace {

constexpr int per_thread = 1000;

template <class Take>
void take_many(std::vector<sequencer::sequence>& into, Take take) {
  for (int i = 0; i < per_thread; ++i) into.push_back(take().value());
}

bool all_different(std::vector<sequencer::sequence> first,
                   const std::vector<sequencer::sequence>& second) {
  first.insert(first.end(), second.begin(), second.end());
  std::sort(first.begin(), first.end());
  return first.size() == 2 * per_thread &&
         std::adjacent_find(first.begin(), first.end()) == first.end();
}

bool strict_numbers_are_unique() {
  sequencer::counter orders;
  std::vector<sequencer::sequence> mine, theirs;
  std::thread other([&] { take_many(theirs, [&] { return orders.next(); }); });
  take_many(mine, [&] { return orders.next(); });
  other.join();
  return all_different(mine, theirs);
}

bool block_numbers_are_unique() {
  sequencer::block_cache<sequencer::memory_source> traces({.block = 64});
  std::vector<sequencer::sequence> mine, theirs;
  std::thread other([&] {
    auto local = traces.local();
    take_many(theirs, [&] { return local.next(); });
  });
  auto local = traces.local();
  take_many(mine, [&] { return local.next(); });
  other.join();
  return all_different(mine, theirs);
}

}  // namespace

int main() {
  if (!strict_numbers_are_unique() || !block_numbers_are_unique()) return 1;
  std::puts("2000 strict and 2000 block-cached numbers, all different");
  return 0;
}
