// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "offers.hpp"

#include <sstream>

namespace perf::peers {

std::vector<offer>& all_offers() {
  static std::vector<offer> all;
  return all;
}

std::vector<sized_offer>& all_sized_offers() {
  static std::vector<sized_offer> all;
  return all;
}

std::vector<sharing_offer>& all_sharing_offers() {
  static std::vector<sharing_offer> all;
  return all;
}

std::vector<std::string> absent() {
  std::vector<std::string> all;
  std::istringstream names(SEQUENCER_PERF_ABSENT);
  for (std::string each; std::getline(names, each, '|');) all.push_back(each);
  return all;
}

}  // namespace perf::peers
