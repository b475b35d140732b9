// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "tally.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace examples::exchange {

namespace {

orders_by_gateway most_in(const tallies& all, std::atomic<std::uint64_t> gateway_tally::*count) {
  orders_by_gateway most;
  for (const auto& [epoch, run] : all) {
    for (std::size_t i = 0; i < run.threads().size(); ++i) {
      most[i] = std::max(most[i], (run.threads()[i].*count).load());
    }
  }
  return most;
}

}  // namespace

std::filesystem::path tally_path(const std::filesystem::path& directory, std::uint64_t epoch) {
  return directory / fmt::format("run-{:010}.tally", epoch);
}

tallies tallies_in(const std::filesystem::path& directory) {
  tallies found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".tally") continue;
    auto read = tally::open(entry.path());
    const auto epoch = read.facts().epoch;
    found.emplace(epoch, std::move(read));
  }
  return found;
}

orders_by_gateway acknowledged_in(const tallies& all) {
  return most_in(all, &gateway_tally::acknowledged);
}

orders_by_gateway sent_in(const tallies& all) { return most_in(all, &gateway_tally::sent); }

}  // namespace examples::exchange
