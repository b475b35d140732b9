// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace examples::exchange {

// What lies in the directory of an exchange, beside the tallies of its runs.
struct files {
  explicit files(const std::string& in) : directory(in) {}

  std::filesystem::path directory;
  std::filesystem::path checkpoint = directory / "exchange.seq";
  std::filesystem::path journal = directory / "journal";
  std::filesystem::path replica = directory / "replica";
  std::filesystem::path trades = directory / "trades";
};

// Name of the orders' sequence in the checkpoint.
inline constexpr const char* orders_name = "orders";

}  // namespace examples::exchange
