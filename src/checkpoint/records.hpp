// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sequencer/checkpoint.hpp>

#include "live_region.hpp"
#include "named_order.hpp"
#include "page_store.hpp"

namespace sequencer::detail {

// Reading and placing records in pages. `place` counts records over all pages.

std::string record_name(page_store& pages, std::size_t place);
std::optional<std::size_t> find_record(page_store& pages, std::string_view name);

// 1, or 2 for a name that does not fit into its record.
std::size_t records_needed(std::string_view name) noexcept;

// First of `count` free records in a row on one page.
std::optional<std::size_t> free_run(page_store& pages, std::size_t page, std::size_t count);

void put_record(page_store& pages, std::size_t place, const format::record& content,
                std::string_view name);

// The first number, or ordinal, that this sequence never issues.
sequence beyond_of(const format::record& of) noexcept;

// A named sequence's rules and its last move.
named_rules rules_of(const format::record& of) noexcept;
named_anchor anchor_of(const format::record& of) noexcept;
named_state state_at(const format::record& of, sequence ordinal) noexcept;
void put_order(format::record& to, const named_rules& rules, const named_anchor& anchor) noexcept;
// How it stands at that ordinal, for onlookers.
void describe_named(const format::record& of, sequence ordinal, sequence_status& to);

// What the file alone says of a sequence.
sequence_status describe_record(page_store& pages, std::size_t place);

// Holes as the file's ledger has them, with the id of their sequence.
std::vector<std::pair<std::uint64_t, hole>> decode_ledger(page_store& pages);

// The hole that a record keeps of those the ledger had no room for; and one more of them.
std::optional<hole> folded_hole(const format::record& of) noexcept;
void fold_hole(format::record& into, const hole& lost) noexcept;

checkpoint_metrics read_figures(const live_figures& from) noexcept;

// Calls visit(place, record) for every sequence.
template <class Visit>
void for_each_record(page_store& pages, Visit visit) {
  for (std::size_t place = 0; place < pages.pairs() * format::records_per_page; ++place) {
    const auto& of = pages.record_at(place);
    if (of.state == static_cast<std::uint8_t>(format::record_state::used)) visit(place, of);
  }
}

}  // namespace sequencer::detail
