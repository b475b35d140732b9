// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace examples {

// Reads a whole file, or "-" for standard input. Throws trouble.
std::string read_file(const std::string& path);

// The lines of a file, without their newlines. Throws trouble where there is none.
class input_lines {
 public:
  explicit input_lines(const std::string& path);
  input_lines(const input_lines&) = delete;
  input_lines& operator=(const input_lines&) = delete;

  std::size_t size() const noexcept { return lines_.size(); }
  // The i-th line of the file repeated for ever.
  std::string_view operator[](std::uint64_t i) const noexcept { return lines_[i % lines_.size()]; }

 private:
  std::string text_;
  std::vector<std::string_view> lines_;
};

}  // namespace examples
