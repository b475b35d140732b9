// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <sequencer/checkpoint.hpp>

// Values as a person reads them.
namespace sequencer::tool {

std::string grouped(std::uint64_t value);           // 1,234,567
std::string duration_text(std::uint64_t ns);        // 850 ns, 12.3 us, 1.24 ms, 3.10 s
std::string size_text(std::uint64_t bytes);         // 512 B, 64.0 KiB
std::string moment_text(std::int64_t wall_ns);      // 2026-01-31 15:40:01 +0000 (3 min ago)
std::string span_text(std::uint64_t seconds);       // 42 s, 3 min, 2 h, 5 days
// Bytes that a terminal would obey, and those that are no UTF-8, as \xNN.
std::string printable(std::string_view name);

std::string_view kind_text(const sequence_status& of) noexcept;
// The next number; where only a bound is known, "<= bound".
std::string next_text(const sequence_status& of);
std::string block_text(const sequence_status& of);

// Rows under a heading, columns as wide as their widest cell.
class table {
 public:
  // A heading that starts with '>' is right-aligned, with its column.
  explicit table(std::vector<std::string> headings, std::string indent = "");

  void row(std::vector<std::string> cells);
  std::size_t size() const noexcept { return rows_.size() - 1; }
  std::vector<std::string> lines() const;

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<bool> right_;
  std::string indent_;
};

table table_of(const std::vector<sequence_status>& all, std::string indent = "");

}  // namespace sequencer::tool
