// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// run_corpus FILE...: what the fuzzer does, without a fuzzer: every seed, and changes of it.

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <vector>

#include <tests/crash/scale.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::uint8_t> changed(std::vector<std::uint8_t> from, std::mt19937_64& random) {
  if (from.empty()) return from;
  for (auto changes = random() % 8; changes != 0; --changes) {
    from[random() % from.size()] = static_cast<std::uint8_t>(random());
  }
  if (random() % 8 == 0) from.resize(random() % from.size());
  return from;
}

}  // namespace

int main(int count, char** names) {
  std::mt19937_64 random(sequencer::crash::seed());
  std::uint64_t inputs = 0;
  for (int i = 1; i < count; ++i) {
    std::ifstream from(names[i], std::ios::binary);
    const std::vector<std::uint8_t> seed{std::istreambuf_iterator<char>(from), {}};
    if (seed.empty()) {
      std::cerr << names[i] << ": empty or missing\n";
      return 1;
    }
    LLVMFuzzerTestOneInput(seed.data(), seed.size());
    const std::uint64_t changes = seed.size() < 4096 ? 10'000 : 200;  // of files and of messages
    for (std::uint64_t n = 0; n < changes * sequencer::crash::scale(); ++n, ++inputs) {
      const auto input = changed(seed, random);
      LLVMFuzzerTestOneInput(input.data(), input.size());
    }
  }
  std::cout << inputs << " inputs\n";
  return inputs == 0 ? 1 : 0;
}
