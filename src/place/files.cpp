// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "files.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

namespace sequencer::place {

namespace {

constexpr std::string_view blanks = " \t\n\r";

std::string trimmed(std::string text) {
  text.erase(text.find_last_not_of(blanks) + 1);
  text.erase(0, text.find_first_not_of(blanks));
  return text;
}

}  // namespace

std::optional<std::uint64_t> number_in(std::string_view text) noexcept {
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc{}) return std::nullopt;
  return value;
}

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream from{std::string(text)};
  return {std::istream_iterator<std::string>(from), {}};
}

file_tree::file_tree(std::string root) : root_(std::move(root)) {
  if (!root_.ends_with('/')) root_ += '/';
}

std::optional<std::string> file_tree::text(const std::string& path) const {
  std::error_code bad;
  if (std::filesystem::is_directory(root_ + path, bad)) return std::nullopt;
  std::ifstream from(root_ + path);
  if (!from) return std::nullopt;
  std::string all{std::istreambuf_iterator<char>(from), {}};
  if (from.bad()) return std::nullopt;
  return trimmed(std::move(all));
}

std::vector<std::string> file_tree::lines(const std::string& path) const {
  std::vector<std::string> all;
  std::istringstream from(text(path).value_or(""));
  for (std::string line; std::getline(from, line);) all.push_back(line);
  return all;
}

std::optional<std::uint64_t> file_tree::number(const std::string& path) const {
  const auto found = text(path);
  return found ? number_in(*found) : std::nullopt;
}

std::optional<index_set> file_tree::list(const std::string& path) const {
  const auto found = text(path);
  return found ? index_set::from_text(*found) : std::nullopt;
}

std::vector<std::string> file_tree::entries(const std::string& directory) const {
  std::vector<std::string> all;
  std::error_code bad;
  std::filesystem::directory_iterator at(root_ + directory, bad), end;
  while (!bad && at != end) {
    all.push_back(at->path().filename().string());
    at.increment(bad);
  }
  std::sort(all.begin(), all.end());
  return all;
}

index_set file_tree::numbered(const std::string& directory, std::string_view prefix) const {
  index_set all;
  for (const auto& each : entries(directory)) {
    if (!each.starts_with(prefix)) continue;
    const auto digits = std::string_view(each).substr(prefix.size());
    const bool number =
        !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
    if (const auto value = number ? number_in(digits) : std::nullopt) {
      all.insert(static_cast<unsigned>(*value));
    }
  }
  return all;
}

std::optional<std::string> file_tree::field(const std::string& path, std::string_view key) const {
  for (const auto& line : lines(path)) {
    if (!line.starts_with(key)) continue;
    auto rest = std::string_view(line).substr(key.size());
    if (!rest.empty() && rest[0] != ':' && rest[0] != ' ' && rest[0] != '\t') continue;
    if (rest.starts_with(':')) rest.remove_prefix(1);
    return trimmed(std::string(rest));
  }
  return std::nullopt;
}

}  // namespace sequencer::place
