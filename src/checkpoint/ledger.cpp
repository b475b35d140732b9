// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "checkpoint_state.hpp"
#include "ledger_page.hpp"
#include "records.hpp"

// The account of lost numbers, kept in memory as one bounded ledger a sequence and in the file as
// pages of entries.
namespace sequencer::detail {

using namespace format;

namespace {

ledger_body& body_of(page& of) { return *reinterpret_cast<ledger_body*>(of.body.data()); }

ledger_entry encode(std::uint64_t id, const hole& from) {
  return {id,
          from.numbers.first,
          from.numbers.last,
          from.lost,
          from.epoch,
          static_cast<std::uint32_t>(from.why),
          (from.certain ? certain : 0u) | (from.merged ? merged : 0u)};
}

hole decode(const ledger_entry& from) {
  return {{from.first, from.last},
          from.lost,
          from.epoch,
          static_cast<loss>(from.why),
          (from.flags & certain) != 0,
          (from.flags & merged) != 0};
}

}  // namespace

std::optional<hole> folded_hole(const record& of) noexcept {
  if (of.folded_lost == 0) return std::nullopt;
  return hole{{of.folded_first, of.folded_last}, of.folded_lost, 0,
              static_cast<loss>(of.folded_why), false, true};
}

void fold_hole(record& into, const hole& lost) noexcept {
  const bool first_one = into.folded_lost == 0;
  const auto first = first_one ? lost.numbers.first
                               : std::min<sequence>(into.folded_first, lost.numbers.first);
  const auto last = first_one ? lost.numbers.last
                              : std::max<sequence>(into.folded_last, lost.numbers.last);
  into.folded_lost = std::min(last - first, into.folded_lost + lost.lost);
  into.folded_first = first;
  into.folded_last = last;
  into.folded_why = static_cast<std::uint8_t>(lost.why);
}

std::vector<std::pair<std::uint64_t, hole>> decode_ledger(page_store& pages) {
  std::vector<std::pair<std::uint64_t, hole>> all;
  for (std::size_t index = 0; index < ledger_pages; ++index) {
    const auto& body = body_of(*pages.ledger(index).image);
    const auto count = std::min<std::uint64_t>(body.count, entries_per_ledger_page);
    for (std::size_t i = 0; i < count; ++i) {
      all.emplace_back(body.entries[i].id, decode(body.entries[i]));
    }
  }
  return all;
}

// An opening that died may have listed as lost what another one finds in the live region.
void checkpoint_state::settle_holes(const record& of, const continuation& to) {
  for (auto& each : ledgers_) {
    if (each.id != of.id) continue;
    if (each.holes.forget_from(to.next)) ledger_changed_ = true;
    const auto known = std::max<sequence>(of.settled, to.counted_from);
    if (to.from_live && each.holes.forget_guesses(known)) ledger_changed_ = true;
  }
  if (of.kind == static_cast<std::uint8_t>(record_kind::named)) return;  // ordinals tell nobody
  for (const auto& lost : to.lost) add_hole(of.id, lost);
}

void checkpoint_state::load_ledger() {
  for (const auto& [id, lost] : decode_ledger(pages_)) add_hole(id, lost);
  ledger_changed_ = false;
  for (std::size_t index = 0; index < ledger_pages; ++index) {
    auto& page = pages_.ledger(index);
    if (page.one_damaged) page.copies_due = 1;
  }
}

void checkpoint_state::add_hole(std::uint64_t id, const hole& lost) {
  if (lost.numbers.empty()) return;
  auto of = std::find_if(ledgers_.begin(), ledgers_.end(),
                         [&](const ledger_of& each) { return each.id == id; });
  if (of == ledgers_.end()) of = ledgers_.insert(of, {id, hole_ledger(ledger_capacity)});
  of->holes.add(lost);
  ledger_changed_ = true;
}

std::vector<hole> checkpoint_state::holes_of(const record& of) const {
  std::vector<hole> all;
  if (const auto folded = folded_hole(of)) all.push_back(*folded);
  for (const auto& each : ledgers_) {
    if (each.id != of.id) continue;
    all.insert(all.end(), each.holes.holes().begin(), each.holes.holes().end());
  }
  return all;
}

// The file has room for ledger_capacity entries over all sequences: who has most gives way, and
// where all have one left, the first ones fold theirs into their own records. Those are durable
// before the ledger lets go of them.
errc checkpoint_state::make_room() noexcept {
  std::size_t total = 0;
  for (const auto& each : ledgers_) total += each.holes.holes().size();
  while (total > ledger_capacity) {
    auto& largest = *std::max_element(
        ledgers_.begin(), ledgers_.end(), [](const ledger_of& a, const ledger_of& b) {
          return a.holes.holes().size() < b.holes.holes().size();
        });
    if (!largest.holes.shrink()) break;
    --total;
  }
  if (total <= ledger_capacity) return {};
  constexpr std::size_t folded_at_once = 32;
  const auto leaving = std::min(ledgers_.size(), total - ledger_capacity + folded_at_once);
  page_list pages;
  for_each_record(pages_, [&](std::size_t place, const record& of) {
    for (std::size_t i = 0; i < leaving; ++i) {
      if (ledgers_[i].id != of.id) continue;
      for (const auto& lost : ledgers_[i].holes.holes()) {
        fold_hole(pages_.record_at(place), lost);
      }
      pages.push_back(&pair_of(place));
    }
  });
  const auto written = write(std::move(pages), false);
  if (written == errc{}) {
    ledgers_.erase(ledgers_.begin(), ledgers_.begin() + static_cast<std::ptrdiff_t>(leaving));
  }
  return written;
}

void checkpoint_state::encode_ledger() {
  if (make_room() != errc{}) return;
  std::vector<ledger_entry> entries;
  for (const auto& each : ledgers_) {
    for (const auto& lost : each.holes.holes()) entries.push_back(encode(each.id, lost));
  }
  entries.resize(std::min(entries.size(), ledger_capacity));
  for (std::size_t index = 0; index < ledger_pages; ++index) {
    ledger_body next{};
    const auto from = std::min(index * entries_per_ledger_page, entries.size());
    next.count = std::min(entries.size() - from, entries_per_ledger_page);
    std::copy_n(entries.begin() + static_cast<std::ptrdiff_t>(from), next.count, next.entries);
    auto& page = pages_.ledger(index);
    auto& body = body_of(*page.image);
    if (std::memcmp(&body, &next, sizeof next) != 0) {
      body = next;
      page.copies_due = 2;
    }
  }
}

// One copy makes the account durable; the other follows with the next mark or at close.
void checkpoint_state::add_ledger(page_list& pages) {
  if (ledger_changed_) encode_ledger();
  for (std::size_t index = 0; index < ledger_pages; ++index) {
    if (pages_.ledger(index).copies_due != 0) pages.push_back(&pages_.ledger(index));
  }
}

errc checkpoint_state::write_ledger() noexcept {
  if (!ledger_changed_) return {};
  page_list pages;
  add_ledger(pages);
  if (const auto bad = write(std::move(pages), false); bad != errc{}) return bad;
  ledger_is_written();
  return {};
}

void checkpoint_state::ledger_is_written() noexcept {
  ledger_changed_ = false;
  for (auto* ended : ended_holders_) {
    // relaxed: read after this process died, or by the next holder under the commit lock.
    ended->id.store(0, relaxed);
    free_holders_.push_back(ended);
  }
  ended_holders_.clear();
}

}  // namespace sequencer::detail
