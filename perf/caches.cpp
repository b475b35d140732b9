// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "caches.hpp"

#include <fmt/format.h>

#include <charconv>
#include <fstream>

namespace perf {

namespace {

std::string line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "512K", "32M" or bytes.
std::uint64_t bytes_in(const std::string& size) {
  std::uint64_t number = 0;
  const auto* end = size.data() + size.size();
  const auto read = std::from_chars(size.data(), end, number);
  if (read.ec != std::errc{}) return 0;
  if (read.ptr == end) return number;
  if (*read.ptr == 'K') return number << 10;
  return *read.ptr == 'M' ? number << 20 : number;
}

// Of the cache of that level that holds data.
std::uint64_t size_of(const std::string& root, int cpu, const std::string& level) {
  for (int index = 0;; ++index) {
    const auto at = fmt::format("{}/cpu{}/cache/index{}", root, cpu, index);
    const auto found = line_of(at + "/level");
    if (found.empty()) return 0;
    if (found == level && line_of(at + "/type") != "Instruction") {
      return bytes_in(line_of(at + "/size"));
    }
  }
}

}  // namespace

cache_sizes read_caches(const std::string& root, int cpu) {
  return {size_of(root, cpu, "1"), size_of(root, cpu, "2"), size_of(root, cpu, "3")};
}

}  // namespace perf
