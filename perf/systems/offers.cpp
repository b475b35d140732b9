// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "offers.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace perf::systems {

std::vector<offer>& all_offers() {
  static std::vector<offer> all;
  return all;
}

std::string find_program(const std::string& name, const std::vector<std::string>& also) {
  auto places = also;
  const char* path = std::getenv("PATH");
  std::istringstream parts(path == nullptr ? "" : path);
  for (std::string each; std::getline(parts, each, ':');) places.push_back(each);
  for (const auto& each : places) {
    const auto found = (std::filesystem::path(each) / name).string();
    if (::access(found.c_str(), X_OK) == 0) return found;
  }
  return {};
}

}  // namespace perf::systems
