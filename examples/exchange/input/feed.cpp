// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "feed.hpp"

#include <fmt/format.h>

#include <charconv>

#include "../../shared/lines.hpp"
#include "../../shared/trouble.hpp"

namespace examples::exchange {

namespace {

constexpr std::int32_t tick = 100;

std::int32_t below(std::uint64_t drawn, std::uint64_t bound) noexcept {
  return static_cast<std::int32_t>(drawn % bound);
}

}  // namespace

feed::feed(const std::string& file, std::uint64_t seed) : seed_(seed) {
  const input_lines lines(file);
  quotes_.reserve(lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) quotes_.push_back(parsed(lines[i], file, i + 1));
}

feed::quote feed::parsed(std::string_view line, const std::string& file, std::size_t at) {
  quote read;
  const auto* next = line.data();
  const auto* const end = line.data() + line.size();
  bool fine = true;
  for (auto* each : {&read.ask.price, &read.ask.size, &read.bid.price, &read.bid.size}) {
    const auto [stop, bad] = std::from_chars(next, end, *each);
    const bool last = each == &read.bid.size;
    fine = fine && bad == std::errc{} && *each >= 0 && (last ? stop == end : stop != end);
    next = fine && !last && *stop == ',' ? stop + 1 : stop;
  }
  if (fine) return read;
  throw trouble(fmt::format("{}: line {} is `{}`, not `ask price,ask size,bid price,bid size` in "
                            "whole numbers", file, at, line));
}

std::uint64_t feed::once(std::size_t gateways) const noexcept {
  return quotes_.size() * (gateways == 1 ? 2 : gateways);
}

order feed::at(std::size_t gateway, std::uint64_t own, std::size_t gateways) const noexcept {
  const bool alone = gateways == 1;
  const auto near = quote_at(alone ? (own - 1) / 2 : own - 1);
  order made;
  made.own = own;
  made.gateway = static_cast<std::uint16_t>(gateway);
  if (alone ? own % 2 == 1 : gateway == 0) {
    made.what = kind::quote;
    made.ask = near.ask;
    made.bid = near.bid;
    return made;
  }
  // Some take what is there, the others wait a little away from it.
  const auto drawn = draw(gateway + 1, own);
  const auto away = tick * (below(drawn >> 8, 7) - 4);
  const auto size = 1 + below(drawn >> 16, 200);
  made.what = (drawn & 1) != 0 ? kind::buy : kind::sell;
  if (made.what == kind::buy) made.bid = {near.ask.price + away, size};
  if (made.what == kind::sell) made.ask = {near.bid.price - away, size};
  return made;
}

feed::quote feed::quote_at(std::uint64_t i) const noexcept {
  if (!quotes_.empty()) return quotes_[i % quotes_.size()];
  const auto middle = 5'000'000 + tick * below(draw(0, i / 16), 64);
  const auto drawn = draw(0, i | 1ull << 63);
  const auto spread = tick * (1 + below(drawn, 4));
  return {{middle + spread, 1 + below(drawn >> 8, 300)}, {middle, 1 + below(drawn >> 24, 300)}};
}

// SplitMix64's mixing (Steele, Lea, Flood, 2014).
std::uint64_t feed::draw(std::uint64_t gateway, std::uint64_t n) const noexcept {
  auto z = seed_ + gateway * 0xD1342543DE82EF95 + n * 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

}  // namespace examples::exchange
