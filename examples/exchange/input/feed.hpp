// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../message.hpp"

namespace examples::exchange {

// What the gateways have to send. The n-th order of a gateway is always the same one, so that a
// gateway that starts again goes on where it stopped.
//
// Gateway 0 sends the market's quotes, in their order; the others send orders near the quotes. A
// gateway that is alone sends both in turn.
class feed {
 public:
  // Quotes by seed.
  explicit feed(std::uint64_t seed) : seed_(seed) {}
  // Quotes from the lines of a file, `ask price,ask size,bid price,bid size`; from its start again
  // at its end. Throws trouble.
  feed(const std::string& file, std::uint64_t seed);

  // Orders of all gateways together that send the file once; 0 without a file.
  std::uint64_t once(std::size_t gateways) const noexcept;
  // The order with that number, from 1, of a gateway.
  order at(std::size_t gateway, std::uint64_t own, std::size_t gateways) const noexcept;

 private:
  struct quote {
    level ask;
    level bid;
  };

  static quote parsed(std::string_view line, const std::string& file, std::size_t at);
  quote quote_at(std::uint64_t i) const noexcept;
  // Something that looks random and depends on seed, gateway and n alone.
  std::uint64_t draw(std::uint64_t gateway, std::uint64_t n) const noexcept;

  std::uint64_t seed_;
  std::vector<quote> quotes_;
};

}  // namespace examples::exchange
