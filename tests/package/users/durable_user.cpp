// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A stranger's program on the compiled library: numbers go on where an earlier opening stopped.
// usage: durable_user FILE, where FILE does not exist yet.

#include <cstdio>

#include <sequencer/checkpoint.hpp>
#include <sequencer/version.hpp>

namespace {

// Takes three numbers; returns the last one.
sequencer::sequence take_three(const char* path, bool create) {
  auto file = sequencer::checkpoint::open(path, {.create = create});
  auto trades = file->sequence("trades");
  for (int i = 0; i < 2; ++i) static_cast<void>(trades->next().value());
  return trades->next().value();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto before = take_three(argv[1], true);
  const auto after = take_three(argv[1], false);
  std::printf("sequencer %s: %llu, then %llu\n", SEQUENCER_VERSION,
              static_cast<unsigned long long>(before), static_cast<unsigned long long>(after));
  return after == before + 3 ? 0 : 1;
}
