// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "source.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>

namespace house {
namespace {

// Walks through C++ text once and sorts every character into code or comment.
class splitter {
 public:
  explicit splitter(std::string_view text) : text_(text) { lines_.emplace_back(); }

  std::vector<line> run() {
    while (at_ < text_.size()) step();
    if (lines_.back().text.empty()) lines_.pop_back();
    return std::move(lines_);
  }

 private:
  enum class place { code, line_comment, block_comment };

  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void take(bool as_comment, char shown) {
    const char c = text_[at_++];
    if (c == '\n') {
      lines_.emplace_back();
      if (place_ == place::line_comment) place_ = place::code;
      return;
    }
    lines_.back().text += c;
    (as_comment ? lines_.back().comment : lines_.back().code) += shown;
  }

  void take_code() { take(false, peek()); }
  void take_comment() { take(true, peek()); }
  void take_blank() { take(false, ' '); }

  void step() {
    switch (place_) {
      case place::line_comment: return take_comment();
      case place::block_comment: return step_block_comment();
      case place::code: return step_code();
    }
  }

  void step_block_comment() {
    if (peek() == '*' && peek(1) == '/') {
      place_ = place::code;
      take_comment();
    }
    take_comment();
  }

  void step_code() {
    if (peek() == '/' && peek(1) == '/') {
      place_ = place::line_comment;
      take_comment();
      return take_comment();
    }
    if (peek() == '/' && peek(1) == '*') {
      place_ = place::block_comment;
      take_comment();
      return take_comment();
    }
    if (peek() == '"') return after_raw_prefix() ? take_raw_string() : take_quoted('"');
    if (peek() == '\'' && !after_digit()) return take_quoted('\'');
    take_code();
  }

  bool after_digit() const {
    return at_ > 0 && std::isxdigit(static_cast<unsigned char>(text_[at_ - 1])) != 0;
  }
  bool after_raw_prefix() const { return at_ > 0 && text_[at_ - 1] == 'R'; }

  void take_quoted(char quote) {
    take_code();
    while (at_ < text_.size() && peek() != quote && peek() != '\n') {
      if (peek() == '\\') take_blank();
      take_blank();
    }
    if (peek() == quote) take_code();
  }

  void take_raw_string() {
    const auto open = text_.find('(', at_);
    const auto delimiter = text_.substr(at_ + 1, open - at_ - 1);
    const auto close = ")" + std::string(delimiter) + "\"";
    const auto end = std::min(text_.find(close, open), text_.size() - close.size());
    take_code();
    while (at_ < end + close.size() - 1) take_blank();
    take_code();
  }

  std::string_view text_;
  std::size_t at_ = 0;
  place place_ = place::code;
  std::vector<line> lines_;
};

std::vector<line> split_plain(std::string_view text) {
  std::vector<line> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back({std::string(text.substr(0, end)), "", std::string(text.substr(0, end))});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool is_left_behind(const std::filesystem::path& relative) {
  const auto first = relative.begin()->string();
  return first == "build" || first == ".git" || first == ".cache";
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::string source::code() const {
  std::string all;
  for (const auto& each : lines) all += each.code + '\n';
  return all;
}

source split(std::string path, std::string_view text) {
  source made{std::move(path), {}};
  made.lines = made.is_cpp() ? splitter(text).run() : split_plain(text);
  return made;
}

tree read_tree(const std::filesystem::path& root) {
  namespace fs = std::filesystem;
  tree all;
  for (auto at = fs::recursive_directory_iterator(root); at != fs::end(at); ++at) {
    const auto relative = at->path().lexically_relative(root);
    if (is_left_behind(relative)) {
      at.disable_recursion_pending();
      continue;
    }
    if (!at->is_regular_file() || at->is_symlink()) continue;
    const auto text = read_file(at->path());
    if (text.find('\0') == std::string::npos) all.push_back(split(relative.string(), text));
  }
  std::sort(all.begin(), all.end(),
            [](const source& a, const source& b) { return a.path < b.path; });
  return all;
}

std::size_t line_of(std::string_view text, std::size_t at) {
  const auto before = text.substr(0, at);
  return 1 + static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
}

bool is_word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::vector<std::size_t> find_word(std::string_view text, std::string_view word) {
  std::vector<std::size_t> found;
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    const auto end = at + word.size();
    const bool opens = at == 0 || !is_word_character(text[at - 1]);
    const bool closes = end == text.size() || !is_word_character(text[end]);
    if (opens && closes) found.push_back(at);
  }
  return found;
}

}  // namespace house
