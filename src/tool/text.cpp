// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "text.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace sequencer::tool {

namespace {

// Bytes of the UTF-8 character that `text` begins with; 0 when it begins with none.
std::size_t utf8_length(std::string_view text) noexcept {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  const auto rest = text.substr(1, length - 1);
  const bool whole = std::all_of(rest.begin(), rest.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
  });
  return whole ? length : 0;
}

bool obeyed_by_terminals(std::string_view character) noexcept {
  const auto byte = static_cast<unsigned char>(character.front());
  const bool c1 = byte == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
  return byte < 0x20 || byte == 0x7f || c1;
}

std::size_t width(std::string_view cell) { return fmt::formatted_size("{:<1}", cell); }

}  // namespace

std::string grouped(std::uint64_t value) {
  auto digits = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string duration_text(std::uint64_t ns) {
  struct unit {
    double ns;
    const char* name;
  };
  constexpr unit units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}};
  const auto value = static_cast<double>(ns);
  for (const auto& each : units) {
    // Three digits; a value that rounds up to 1000 of a unit takes the next one.
    if (value < each.ns * 0.9995) continue;
    const auto in_units = value / each.ns;
    const int places = in_units < 9.995 ? 2 : in_units < 99.95 ? 1 : 0;
    return fmt::format("{:.{}f} {}", in_units, places, each.name);
  }
  return fmt::format("{} ns", ns);
}

std::string size_text(std::uint64_t bytes) {
  constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t at = 0;
  while (value >= 1023.95 && at + 1 < std::size(units)) {
    value /= 1024;
    ++at;
  }
  return fmt::format("{:.1f} {}", value, units[at]);
}

std::string span_text(std::uint64_t seconds) {
  if (seconds < 120) return fmt::format("{} s", seconds);
  if (seconds < 120 * 60) return fmt::format("{} min", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{} h", seconds / 3600);
  return fmt::format("{} days", seconds / 86'400);
}

std::string moment_text(std::int64_t wall_ns) {
  if (wall_ns <= 0) return "unknown";
  const auto seconds = static_cast<std::time_t>(wall_ns / 1'000'000'000);
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  const auto when = fmt::format("{:%F %T %z}", fmt::localtime(seconds));
  if (seconds > now) return when;
  return fmt::format("{} ({} ago)", when, span_text(static_cast<std::uint64_t>(now - seconds)));
}

std::string printable(std::string_view name) {
  std::string shown;
  while (!name.empty()) {
    const auto length = utf8_length(name);
    const bool plain = length != 0 && !obeyed_by_terminals(name.substr(0, length));
    const auto taken = plain ? length : 1;
    if (plain) {
      shown += name.substr(0, taken);
    } else {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(name.front()));
    }
    name.remove_prefix(taken);
  }
  return shown;
}

std::string_view kind_text(const sequence_status& of) noexcept {
  if (of.form == record_form::mark) return "mark";
  if (of.form == record_form::named) return "named";
  return !of.blocks ? "strict" : of.unordered ? "blocks, unordered" : "blocks";
}

// What the next number of a named sequence is counted from.
std::string named_text(const named_figures& of) {
  return fmt::format("{}{}", of.is_called ? "> " : "", of.last_value);
}

std::string next_text(const sequence_status& of) {
  if (of.named) return named_text(*of.named);
  if (!of.exact) return "<= " + grouped(of.high_water);
  return of.position > of.maximum ? "none left" : grouped(of.position);
}

std::string block_text(const sequence_status& of) {
  if (!of.blocks) return "-";
  if (of.block == of.max_block) return grouped(of.block);
  return grouped(of.block) + " to " + grouped(of.max_block);
}

table::table(std::vector<std::string> headings, std::string indent) : indent_(std::move(indent)) {
  for (auto& each : headings) {
    right_.push_back(each.front() == '>');
    if (right_.back()) each.erase(0, 1);
  }
  rows_.push_back(std::move(headings));
}

void table::row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

std::vector<std::string> table::lines() const {
  std::vector<std::size_t> widths(right_.size(), 0);
  for (const auto& cells : rows_) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      widths[i] = std::max(widths[i], width(cells[i]));
    }
  }
  std::vector<std::string> all;
  for (const auto& cells : rows_) {
    auto text = indent_;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i != 0) text += "  ";
      text += right_[i] ? fmt::format("{:>{}}", cells[i], widths[i])
                        : fmt::format("{:<{}}", cells[i], widths[i]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    all.push_back(std::move(text));
  }
  return all;
}

table table_of(const std::vector<sequence_status>& all, std::string indent) {
  table made({"NAME", "KIND", "DURABILITY", ">NEXT", ">DURABLE BELOW", ">MAX GAP", ">BLOCK"},
             std::move(indent));
  for (const auto& each : all) {
    made.row({printable(each.name), std::string(kind_text(each)),
              std::string(name(each.durability)), next_text(each),
              each.named ? "-" : grouped(each.high_water), grouped(each.max_gap),
              each.named ? grouped(each.named->cache) : block_text(each)});
  }
  return made;
}

}  // namespace sequencer::tool
