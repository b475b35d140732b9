// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "trades.hpp"

#include <fmt/format.h>

#include "../disk/files.hpp"
#include "../disk/records.hpp"
#include "../message.hpp"

namespace examples::exchange {

namespace {

std::string shown(level at) {
  return at.size == 0 ? std::string("nothing") : fmt::format("{} at {}", at.size, at.price);
}

// Of whom something was bought, or to whom it was sold.
std::string other_side(const report& of) {
  return of.against == 0 ? std::string("the market") : fmt::format("order {}", of.against);
}

void print(const report& of) {
  switch (of.what) {
    case answer::bought:
      return fmt::print("order {} bought {} from {}\n", of.number, shown(of.ask), other_side(of));
    case answer::sold:
      return fmt::print("order {} sold {} to {}\n", of.number, shown(of.bid), other_side(of));
    case answer::cancelled:
      return fmt::print("order {} pushed {} out of the book, {}\n", of.number, other_side(of),
                        shown(of.ask.size != 0 ? of.ask : of.bid));
    case answer::top:
      return fmt::print("order {} left ask {}, bid {}\n", of.number, shown(of.ask),
                        shown(of.bid));
  }
}

}  // namespace

void print_trades(const std::string& directory, bool all) {
  const records<report> published(files(directory).trades);
  for (const auto& each : published.good()) {
    if (all || each.what != answer::top) print(each);
  }
}

}  // namespace examples::exchange
