// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include <sequencer/place/index_set.hpp>

namespace sequencer::place {

namespace {

constexpr unsigned highest = 1u << 20;

bool take_number(std::string_view& from, unsigned& into) {
  const auto read = std::from_chars(from.data(), from.data() + from.size(), into);
  if (read.ec != std::errc{} || into > highest) return false;
  from.remove_prefix(static_cast<std::size_t>(read.ptr - from.data()));
  return true;
}

bool take(std::string_view& from, char sign) {
  if (!from.starts_with(sign)) return false;
  from.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<index_set> index_set::from_text(std::string_view text) {
  index_set all;
  while (!text.empty()) {
    unsigned first = 0;
    if (!take_number(text, first)) return std::nullopt;
    unsigned last = first;
    if (take(text, '-') && (!take_number(text, last) || last < first)) return std::nullopt;
    for (auto each = first; each <= last; ++each) all.insert(each);
    if (!text.empty() && (!take(text, ',') || text.empty())) return std::nullopt;
  }
  return all;
}

}  // namespace sequencer::place
