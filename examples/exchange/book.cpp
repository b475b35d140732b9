// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "book.hpp"

#include <boost/crc.hpp>

namespace examples::exchange {

namespace {

// CRC-64 as in xz.
using checksum = boost::crc_optimal<64, 0x42F0E1EBA9EA3693, ~std::uint64_t{0}, ~std::uint64_t{0},
                                    true, true>;

template <class Value>
void add(checksum& to, const Value& value) noexcept {
  to.process_bytes(&value, sizeof value);
}

void add(checksum& to, const side& of) noexcept {
  add(to, of.quote());
  for (const auto& each : of.orders()) add(to, each.at);
  add(to, of.orders().size());
}

}  // namespace

std::uint64_t book::digest() const noexcept {
  checksum all;
  add(all, asks_);
  add(all, bids_);
  for (const auto each : {orders_, trades_, volume_}) add(all, each);
  return all.checksum();
}

}  // namespace examples::exchange
