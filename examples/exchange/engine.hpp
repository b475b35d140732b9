// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <sequencer/checkpoint.hpp>

namespace examples::exchange {

struct run_options {
  std::string directory;
  std::string input;         // empty: quotes by seed
  std::uint64_t orders = 0;  // in all, over all runs; 0: the input once
  std::uint64_t seed = 1;
  std::size_t gateways = 2;
  std::uint64_t rate = 0;  // orders a second over all gateways; 0: as fast as it goes
  sequencer::live_policy live = sequencer::live_policy::automatic;
  bool quiet = false;
};

// Recovers what earlier runs left, and trades until all orders were sent, or until SIGINT or
// SIGTERM; prints what it did. Throws trouble.
void run(const run_options& options);

}  // namespace examples::exchange
