// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// docs/conformance.md against the tests that it names.

#include <algorithm>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <string_view>

#include "laws.hpp"

namespace house {

namespace {

constexpr std::string_view page_path = "docs/conformance.md";

// As `suite.Test`.
std::set<std::string> tests_of(const tree& all) {
  static const std::regex head("TEST(?:_F|_P)?\\(\\s*(\\w+),\\s*(\\w+)\\)");
  std::set<std::string> names;
  for (const auto& file : all) {
    if (!file.is_cpp() || !file.in("tests/")) continue;
    const auto code = file.code();
    for (std::sregex_iterator at(code.begin(), code.end(), head), end; at != end; ++at) {
      names.insert((*at)[1].str() + "." + (*at)[2].str());
    }
  }
  return names;
}

}  // namespace

findings conformance_page(const tree& all) {
  const auto page = std::find_if(all.begin(), all.end(),
                                 [](const source& each) { return each.path == page_path; });
  if (page == all.end()) return {{std::string(page_path), 1, "is not there"}};
  static const std::regex name("`(\\w+\\.(?!hpp|cpp|md)[^`]*)`");
  const auto ours = tests_of(all);
  findings broken;
  for (std::size_t i = 0; i < page->lines.size(); ++i) {
    const auto& text = page->lines[i].text;
    for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) {
      const auto named = (*at)[1].str();
      if (!ours.contains(named)) broken.push_back({page->path, i + 1, named + " is no test"});
    }
  }
  return broken;
}

}  // namespace house
