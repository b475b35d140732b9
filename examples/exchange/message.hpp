// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace examples::exchange {

// A price, in the input's own unit, and how much is wanted or offered there.
struct level {
  std::int32_t price = 0;
  std::int32_t size = 0;
  bool operator==(const level&) const noexcept = default;
};

enum class kind : std::uint16_t { quote = 1, buy, sell };

// What a gateway sends, as it stands in the ring and in the journal. A buy has a bid, a sell an
// ask, a quote both.
struct order {
  std::uint64_t number = 0;  // unique for ever; known once it is claimed, so not in the ring
  std::uint64_t own = 0;     // its number at its gateway: 1, 2, 3, ...
  level ask;
  level bid;
  std::uint16_t gateway = 0;
  kind what{};
  std::uint32_t seal = 0;  // in a file: a checksum of the above
};

enum class answer : std::uint16_t { bought = 1, sold, cancelled, top };

// What comes of an order: its trades, what it pushed out, and at last the top of the book. Who
// bought took `ask`, who sold took `bid`.
struct report {
  std::uint64_t number = 0;   // of the order that is answered
  std::uint64_t against = 0;  // of the resting order it met; 0: the market's quote
  level ask;
  level bid;
  std::uint16_t gateway = 0;
  answer what{};
  std::uint32_t seal = 0;
  bool operator==(const report&) const noexcept = default;
};

// On its way through a ring.
template <class Record>
struct timed {
  Record content;
  std::int64_t sent_ns = 0;  // when the gateway meant to send; steady clock, 0: in an earlier run
};

}  // namespace examples::exchange
