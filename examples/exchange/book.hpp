// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "message.hpp"

namespace examples::exchange {

// One side of the book: the market's quote and the orders that rest, best first, by price and then
// by time. At one price orders go before the quote.
class side {
 public:
  static constexpr std::size_t most = 64;  // orders that rest

  struct resting {
    std::uint64_t number;
    level at;
  };

  explicit side(bool asks) : asks_(asks) { orders_.reserve(most + 1); }

  // Whether `a` comes before `b` here.
  bool better(std::int32_t a, std::int32_t b) const noexcept { return asks_ ? a < b : a > b; }
  // Whether there is a match for who would pay, or take, as little as `limit`.
  bool meets(std::int32_t limit) const noexcept {
    return top().size > 0 && !better(limit, top().price);
  }

  level top() const noexcept { return order_is_first() ? orders_.front().at : quote_; }

  // Takes up to `size` of the first in line: what was taken, where, and from which number.
  resting take(std::int32_t size) noexcept {
    resting taken{order_is_first() ? orders_.front().number : 0, top()};
    taken.at.size = std::min(taken.at.size, size);
    auto& from = order_is_first() ? orders_.front().at : quote_;
    from.size -= taken.at.size;
    if (taken.number != 0 && from.size == 0) orders_.erase(orders_.begin());
    return taken;
  }

  void set_quote(level now) noexcept { quote_ = now; }

  // Adds one behind those that are as good. What falls off the far end has a size.
  resting rest(std::uint64_t number, level at) noexcept {
    const auto behind = std::find_if(orders_.begin(), orders_.end(), [&](const resting& other) {
      return better(at.price, other.at.price);
    });
    orders_.insert(behind, resting{number, at});
    if (orders_.size() <= most) return {};
    const auto last = orders_.back();
    orders_.pop_back();
    return last;
  }

  level quote() const noexcept { return quote_; }
  const std::vector<resting>& orders() const noexcept { return orders_; }

 private:
  bool order_is_first() const noexcept {
    if (orders_.empty()) return false;
    return quote_.size == 0 || !better(quote_.price, orders_.front().at.price);
  }

  bool asks_;
  level quote_;
  std::vector<resting> orders_;  // never above its capacity: nothing is allocated
};

// The order book. The same orders make the same book and the same reports, whenever and however
// often they are handed to it.
class book {
 public:
  // Matches an order and tells what came of it: say(report), once and more; `top` is the last.
  template <class Say>
  void apply(const order& given, Say say) noexcept {
    if (given.what == kind::quote) {
      // What rests goes first, whatever the market says.
      asks_.set_quote({});
      bids_.set_quote({});
      bids_.set_quote(match(given, answer::bought, asks_, given.bid, say));
      asks_.set_quote(match(given, answer::sold, bids_, given.ask, say));
    } else if (given.what == kind::buy) {
      rest(given, bids_, match(given, answer::bought, asks_, given.bid, say), say);
    } else {
      rest(given, asks_, match(given, answer::sold, bids_, given.ask, say), say);
    }
    ++orders_;
    say(report{given.number, 0, asks_.top(), bids_.top(), given.gateway, answer::top});
  }

  std::uint64_t trades() const noexcept { return trades_; }
  // A checksum of all there is but numbers: with them left out here and there it is the same book.
  std::uint64_t digest() const noexcept;

 private:
  // Trades while the other side is good enough; what is left of `wanted`.
  template <class Say>
  level match(const order& given, answer what, side& other, level wanted, Say& say) noexcept {
    while (wanted.size > 0 && other.meets(wanted.price)) {
      const auto taken = other.take(wanted.size);
      wanted.size -= taken.at.size;
      ++trades_;
      volume_ += static_cast<std::uint64_t>(taken.at.size);
      say(told(given, what, what == answer::bought, taken));
    }
    return wanted;
  }

  template <class Say>
  static void rest(const order& given, side& mine, level left, Say& say) noexcept {
    if (left.size == 0) return;
    const auto out = mine.rest(given.number, left);
    if (out.at.size > 0) say(told(given, answer::cancelled, given.what == kind::sell, out));
  }

  static report told(const order& given, answer what, bool ask, side::resting met) noexcept {
    return {given.number, met.number, ask ? met.at : level{}, ask ? level{} : met.at,
            given.gateway, what};
  }

  side asks_{true};
  side bids_{false};
  std::uint64_t orders_ = 0;
  std::uint64_t trades_ = 0;
  std::uint64_t volume_ = 0;
};

}  // namespace examples::exchange
