// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sequencer/place/index_set.hpp>

// Small files of /sys and /proc, below a root that tests choose.
namespace sequencer::place {

class file_tree {
 public:
  // "/" is the machine's own.
  explicit file_tree(std::string root);

  const std::string& root() const noexcept { return root_; }
  bool is_this_machine() const noexcept { return root_ == "/"; }

  // Without blanks and newlines at its end; nothing when it cannot be read.
  std::optional<std::string> text(const std::string& path) const;
  std::vector<std::string> lines(const std::string& path) const;
  std::optional<std::uint64_t> number(const std::string& path) const;
  std::optional<index_set> list(const std::string& path) const;
  // N of each entry PREFIX<N>, rising.
  index_set numbered(const std::string& directory, std::string_view prefix) const;
  std::vector<std::string> entries(const std::string& directory) const;  // sorted
  // VALUE of "KEY: VALUE" or "KEY VALUE".
  std::optional<std::string> field(const std::string& path, std::string_view key) const;

 private:
  std::string root_;
};

// The decimal number that a text begins with.
std::optional<std::uint64_t> number_in(std::string_view text) noexcept;
std::vector<std::string> words_of(std::string_view text);

}  // namespace sequencer::place
