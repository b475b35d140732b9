// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include "format.hpp"

namespace sequencer::detail {

// What lies behind the page header of a ledger page.
struct ledger_body {
  std::uint64_t count;
  format::ledger_entry entries[format::entries_per_ledger_page];
};
static_assert(sizeof(ledger_body) <= format::page_bytes - format::page_header_bytes);

}  // namespace sequencer::detail
