// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "rules.hpp"

#include <algorithm>
#include <type_traits>

#include <sequencer/hole.hpp>
#include <sequencer/sequence.hpp>

#include "ledger_page.hpp"
#include "records.hpp"

namespace sequencer::detail {

using namespace format;

namespace {

constexpr std::uint64_t largest_block = std::uint64_t{1} << 32;

template <class T>
constexpr bool within(T least, std::type_identity_t<T> value, std::type_identity_t<T> most) {
  return least <= value && value <= most;
}

// Kinds that came with version 2.
bool is_known(record_kind kind, std::uint32_t version) {
  switch (kind) {
    case record_kind::strict:
    case record_kind::blocks: return true;
    case record_kind::mark:
    case record_kind::named: return version >= 2;
  }
  return false;
}

// A mark is exact in each copy, and no copy steps ahead of it.
bool is_sane_mark(const record& of) {
  const bool exact = (of.flags & clean) != 0 && of.mark == of.next && of.settled == of.next;
  return exact && of.next <= top && of.max_step == 0;
}

bool is_sane_named(const record& of) {
  const auto rules = rules_of(of);
  const bool bounded = rules.minimum < rules.maximum && rules.increment != 0 &&
                       within(rules.minimum, rules.start, rules.maximum) &&
                       within(rules.minimum, of.anchor_last, rules.maximum);
  return bounded && within(of.anchor_first, of.next, top + 1) && of.anchor_first <= of.mark &&
         of.mark <= top + 1 && of.settled <= top + 1 && within<std::uint64_t>(2, of.max_gap, top) &&
         within<std::uint64_t>(1, of.block, std::min(largest_block, of.max_gap / 2));
}

bool is_sane(const record& of, std::uint32_t version) {
  const auto kind = static_cast<record_kind>(of.kind);
  const bool blocks = kind == record_kind::blocks;
  if (!is_known(kind, version)) return false;
  if (!within(1u, of.durability, 3u) || of.name_bytes == 0 || of.id == 0) return false;
  if (of.max_step > top || of.window > top) return false;
  if (kind == record_kind::named) return is_sane_named(of);
  if (kind == record_kind::mark && !is_sane_mark(of)) return false;
  if (of.start < 0 || of.maximum < of.start || of.increment != 1) return false;
  const auto beyond = static_cast<sequence>(of.maximum) + 1;
  if (of.mark > beyond || of.next > beyond || of.settled > beyond) return false;
  if (!within<std::uint64_t>(2, of.max_gap, top)) return false;
  return !blocks ||
         (within<std::uint64_t>(1, of.block, of.max_block) && of.max_block <= largest_block);
}

bool records_are_sane(const page& of) {
  const auto* records = reinterpret_cast<const record*>(of.body.data());
  for (std::size_t i = 0; i < records_per_page; ++i) {
    const auto state = static_cast<record_state>(records[i].state);
    if (state > record_state::name_tail) return false;
    if (state != record_state::used) continue;
    if (!is_sane(records[i], of.header.version)) return false;
    if (records[i].name_bytes <= inline_name_bytes) continue;
    const bool has_tail =
        i + 1 < records_per_page &&
        static_cast<record_state>(records[i + 1].state) == record_state::name_tail;
    if (!has_tail) return false;
  }
  return true;
}

bool ledger_is_sane(const page& of) {
  const auto& body = *reinterpret_cast<const ledger_body*>(of.body.data());
  if (body.count > entries_per_ledger_page) return false;
  return std::all_of(body.entries, body.entries + body.count, [](const ledger_entry& each) {
    return each.first < each.last && each.last <= top + 1 &&
           within(1u, each.why, static_cast<std::uint32_t>(loss::adopted));
  });
}

}  // namespace

bool keeps_the_rules(const page& of, page_kind kind) noexcept {
  switch (kind) {
    case page_kind::header: return true;  // its numbers are checked where the file is at hand
    case page_kind::ledger: return ledger_is_sane(of);
    case page_kind::records: return records_are_sane(of);
  }
  return false;
}

}  // namespace sequencer::detail
