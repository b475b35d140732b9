// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include <sequencer/checkpoint.hpp>

namespace examples {

inline void add_live_option(CLI::App& to, sequencer::live_policy& chosen) {
  static const std::map<std::string, sequencer::live_policy> policies{
      {"auto", sequencer::live_policy::automatic},
      {"off", sequencer::live_policy::off},
      {"required", sequencer::live_policy::required}};
  to.add_option_function<std::string>(
      "--live", [&](const std::string& word) { chosen = policies.at(word); },
      "the live region, in which counters survive SIGKILL exactly: auto, off or required")
      ->check(CLI::IsMember(policies));
}

}  // namespace examples
