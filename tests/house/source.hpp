// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

// The source of the project as the laws see it: lines, split into code and comment.
namespace house {

struct line {
  std::string text;     // as written
  std::string code;     // without comments; the contents of strings and characters blanked
  std::string comment;  // what a comment on this line says
};

struct source {
  std::string path;  // from the root of the project, with '/'
  std::vector<line> lines;

  bool is_cpp() const { return path.ends_with(".hpp") || path.ends_with(".cpp"); }
  bool is_header() const { return path.ends_with(".hpp"); }
  bool in(std::string_view directory) const { return path.starts_with(directory); }
  // The code of all lines, each ended by '\n', so that a position tells its line.
  std::string code() const;
};

using tree = std::vector<source>;

// Splits one file; `path` decides whether it is C++.
source split(std::string path, std::string_view text);

// Every text file of the project, without what builds leave behind.
tree read_tree(const std::filesystem::path& root);

// The line, counted from 1, that holds position `at` of `text`.
std::size_t line_of(std::string_view text, std::size_t at);

bool is_word_character(char c);

// Positions at which `word` stands by itself in `text`.
std::vector<std::size_t> find_word(std::string_view text, std::string_view word);

}  // namespace house
