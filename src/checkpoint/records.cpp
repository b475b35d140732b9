// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "records.hpp"

#include <algorithm>
#include <cstring>

namespace sequencer::detail {

using namespace format;

namespace {

// The rest of a long name lies in the record behind.
const name_tail& tail_of(page_store& pages, std::size_t place) {
  return reinterpret_cast<const name_tail&>(pages.record_at(place + 1));
}

bool has_name(page_store& pages, std::size_t place, std::string_view name) {
  const auto& of = pages.record_at(place);
  if (of.name_bytes != name.size()) return false;
  const auto head = std::min(name.size(), inline_name_bytes);
  if (std::memcmp(of.name.data(), name.data(), head) != 0) return false;
  return head == name.size() || std::memcmp(tail_of(pages, place).name.data(),
                                            name.data() + head, name.size() - head) == 0;
}

}  // namespace

std::string record_name(page_store& pages, std::size_t place) {
  const auto& of = pages.record_at(place);
  const std::size_t head = std::min<std::size_t>(of.name_bytes, inline_name_bytes);
  std::string name(of.name.data(), head);
  const bool has_tail = of.name_bytes > head && (place + 1) % records_per_page != 0;
  if (has_tail) name.append(tail_of(pages, place).name.data(), of.name_bytes - head);
  return name;
}

std::optional<std::size_t> find_record(page_store& pages, std::string_view name) {
  for (std::size_t place = 0; place < pages.pairs() * records_per_page; ++place) {
    const auto& of = pages.record_at(place);
    const bool used = of.state == static_cast<std::uint8_t>(record_state::used);
    if (used && has_name(pages, place, name)) return place;
  }
  return std::nullopt;
}

std::size_t records_needed(std::string_view name) noexcept {
  return name.size() > inline_name_bytes ? 2 : 1;
}

std::optional<std::size_t> free_run(page_store& pages, std::size_t page, std::size_t count) {
  std::size_t run = 0;
  for (std::size_t slot = 0; slot < records_per_page; ++slot) {
    const auto place = page * records_per_page + slot;
    const bool free =
        pages.record_at(place).state == static_cast<std::uint8_t>(record_state::free);
    run = free ? run + 1 : 0;
    if (run == count) return place + 1 - count;
  }
  return std::nullopt;
}

void put_record(page_store& pages, std::size_t place, const record& content,
                std::string_view name) {
  auto& to = pages.record_at(place);
  to = content;
  to.name_bytes = static_cast<std::uint8_t>(name.size());
  const auto head = std::min(name.size(), inline_name_bytes);
  std::copy_n(name.begin(), head, to.name.begin());
  if (head == name.size()) return;
  auto& tail = reinterpret_cast<name_tail&>(pages.record_at(place + 1));
  tail = {};
  tail.state = static_cast<std::uint8_t>(record_state::name_tail);
  std::copy(name.begin() + static_cast<std::ptrdiff_t>(head), name.end(), tail.name.begin());
}

sequence beyond_of(const record& of) noexcept {
  const bool named = of.kind == static_cast<std::uint8_t>(record_kind::named);
  return named ? top + 1 : static_cast<sequence>(of.maximum) + 1;
}

named_rules rules_of(const record& of) noexcept {
  return {of.start, of.increment, of.minimum, of.maximum, of.block, (of.flags & cycles) != 0};
}

named_anchor anchor_of(const record& of) noexcept {
  return {of.anchor_first,
          {of.anchor_last, (of.flags & called) != 0, of.epoch, of.cycle_count}};
}

named_state state_at(const record& of, sequence ordinal) noexcept {
  const auto anchor = anchor_of(of);
  return state_behind(rules_of(of), anchor.at, ordinal - std::min(ordinal, anchor.first));
}

void put_order(record& to, const named_rules& rules, const named_anchor& anchor) noexcept {
  to.start = rules.start;
  to.increment = rules.increment;
  to.minimum = rules.minimum;
  to.maximum = rules.maximum;
  to.block = to.max_block = rules.cache;
  to.anchor_first = anchor.first;
  to.anchor_last = anchor.at.last;
  to.epoch = anchor.at.epoch;
  to.cycle_count = anchor.at.cycles;
  unsigned flags = to.flags & ~unsigned{called | cycles};
  if (anchor.at.called) flags |= called;
  if (rules.cycle) flags |= cycles;
  to.flags = static_cast<std::uint8_t>(flags);
}

void describe_named(const record& of, sequence ordinal, sequence_status& to) {
  const auto at = state_at(of, ordinal);
  to.epoch = at.epoch;
  to.named = named_figures{of.start,   of.increment, of.minimum, of.maximum, of.block,
                           (of.flags & cycles) != 0, at.last, at.called, at.cycles};
}

sequence_status describe_record(page_store& pages, std::size_t place) {
  const auto& of = pages.record_at(place);
  sequence_status status;
  status.name = record_name(pages, place);
  status.form = static_cast<record_form>(of.kind);
  status.blocks = of.kind == static_cast<std::uint8_t>(record_kind::blocks);
  status.durability = static_cast<durability>(of.durability);
  status.start = static_cast<sequence>(of.start);
  status.maximum = static_cast<sequence>(of.maximum);
  status.exact = (of.flags & clean) != 0;
  status.position = of.next;
  status.high_water = of.mark;
  status.max_gap = of.max_gap;
  status.max_step = of.max_step;
  status.window = of.window;
  status.block = of.block;
  status.max_block = of.max_block;
  status.unordered = (of.flags & unordered) != 0;
  status.epoch = of.epoch;
  if (status.form == record_form::named) describe_named(of, of.next, status);
  return status;
}

checkpoint_metrics read_figures(const live_figures& from) noexcept {
  const auto get = [](const atomic<std::uint64_t>& figure) {
    // relaxed: figures, each good by itself.
    return figure.load(relaxed);
  };
  checkpoint_metrics to;
  to.syncs = get(from.syncs);
  to.pages_written = get(from.pages);
  to.bytes_written = get(from.bytes);
  to.requests = get(from.requests);
  to.last_sync_ns = get(from.last_sync_ns);
  to.mean_sync_ns = get(from.mean_sync_ns);
  to.slowest_sync_ns = get(from.slowest_sync_ns);
  to.last_lag_ns = get(from.last_lag_ns);
  to.slowest_lag_ns = get(from.slowest_lag_ns);
  return to;
}

}  // namespace sequencer::detail
