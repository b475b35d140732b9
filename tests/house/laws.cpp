// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "laws.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <regex>

#include "rooms.hpp"

namespace house {
namespace {

constexpr std::size_t longest_header = 400;
constexpr std::size_t longest_line = 100;
constexpr std::size_t long_function = 70;

bool is_library(const source& file) {
  return file.is_cpp() && (file.in("include/") || file.in("src/checkpoint/") ||
                           file.in("src/place/"));
}

// This program speaks of what it forbids.
bool is_the_house_itself(const source& file) { return file.in("tests/house/"); }

// Runs `look(file, line number, line)` over every line of the files that `which` accepts.
template <class Which, class Look>
findings each_line(const tree& all, Which which, Look look) {
  findings broken;
  for (const auto& file : all) {
    if (!which(file)) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const std::optional<std::string> what = look(file.lines[i]);
      if (what) broken.push_back({file.path, i + 1, *what});
    }
  }
  return broken;
}

// ---- includes

struct inclusion {
  std::string path;  // as written, without the brackets
  bool quoted;
  std::size_t line;
};

std::vector<inclusion> inclusions(const source& file) {
  static const std::regex form(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<inclusion> all;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    std::smatch parts;
    if (file.lines[i].code.find('#') == std::string::npos) continue;
    if (!std::regex_search(file.lines[i].text, parts, form)) continue;
    all.push_back({parts[2], parts[1] == "\"", i + 1});
  }
  return all;
}

// The file of ours that an include means; empty for others.
std::string own_target(const source& from, const inclusion& what) {
  if (what.path.starts_with("sequencer/")) return "include/" + what.path;
  if (what.path.starts_with("checkpoint/") || what.path.starts_with("place/") ||
      what.path.starts_with("tool/")) {
    return "src/" + what.path;
  }
  if (what.path.starts_with("src/") || what.path.starts_with("tests/")) return what.path;
  if (!what.quoted) return "";
  const auto beside = std::filesystem::path(from.path).parent_path() / what.path;
  return beside.lexically_normal().string();
}

const room* room_of(std::string_view path) {
  const room* best = nullptr;
  for (const auto& each : rooms) {
    const bool inside = each.path.ends_with('/') ? path.starts_with(each.path) : path == each.path;
    if (inside && (best == nullptr || each.path.size() > best->path.size())) best = &each;
  }
  return best;
}

const guest* guest_of(std::string_view include_path) {
  const auto first = include_path.substr(0, include_path.find('/'));
  const auto at = std::find_if(std::begin(guests), std::end(guests),
                               [&](const guest& each) { return each.prefix == first; });
  return at == std::end(guests) ? nullptr : at;
}

bool is_standard_or_system(std::string_view include_path) {
  const auto slash = include_path.find('/');
  if (slash == include_path.npos) {
    return include_path.ends_with(".h") || include_path.find('.') == include_path.npos;
  }
  const auto first = include_path.substr(0, slash);
  return std::find(std::begin(system_prefixes), std::end(system_prefixes), first) !=
         std::end(system_prefixes);
}

std::optional<std::string> broken_floor(const source& from, const inclusion& what) {
  const auto target = own_target(from, what);
  if (target.empty()) return std::nullopt;
  const auto* mine = room_of(from.path);
  const auto* theirs = room_of(target);
  if (mine == nullptr) return "is in no room of the plan (tests/house/rooms.hpp)";
  if (theirs == nullptr) return "includes " + target + ", which is in no room of the plan";
  if (mine == theirs) return std::nullopt;
  if (theirs->floor < mine->floor) return std::nullopt;
  if (theirs->floor == mine->floor && theirs->step < mine->step) return std::nullopt;
  return "includes " + target + ", which is not below it";
}

// ---- functions

struct function {
  std::size_t first_line;
  std::size_t lines;
};

bool opens_scope(std::string_view head) {
  for (const std::string_view word : {"namespace", "class", "struct", "union", "enum", "extern"}) {
    if (!find_word(head, word).empty() && head.find(')') == head.npos) return true;
  }
  return false;
}

// Bodies that open directly in a namespace or class and follow a parameter list.
std::vector<function> functions_in(const source& file) {
  auto code = file.code();
  static const std::regex directive("(^|\n)[ \t]*#[^\n]*");
  code = std::regex_replace(code, directive, "$1");
  std::vector<function> all;
  std::size_t head = 0, depth = 0, opened = 0;
  std::size_t body_depth = 0;  // 0: not inside a function
  for (std::size_t at = 0; at < code.size(); ++at) {
    const char c = code[at];
    if (c == '{') {
      const auto text = std::string_view(code).substr(head, at - head);
      ++depth;
      if (body_depth == 0 && !opens_scope(text) && text.find(')') != text.npos) {
        body_depth = depth;
        opened = at;
      }
    } else if (c == '}') {
      if (body_depth == depth && body_depth != 0) {
        const auto from = line_of(code, opened);
        all.push_back({from, line_of(code, at) - from + 1});
        body_depth = 0;
      }
      if (depth > 0) --depth;
    }
    if (c == '{' || c == '}' || c == ';') head = at + 1;
  }
  return all;
}

std::optional<std::string> has_word(const std::string& code, std::string_view word,
                                    std::string_view why) {
  if (find_word(code, word).empty()) return std::nullopt;
  return std::string(word) + ": " + std::string(why);
}

}  // namespace

findings floors(const tree& all) {
  findings broken;
  for (const auto& file : all) {
    if (!file.is_cpp()) continue;
    if (room_of(file.path) == nullptr) {
      broken.push_back({file.path, 1, "is in no room of the plan (tests/house/rooms.hpp)"});
      continue;
    }
    for (const auto& what : inclusions(file)) {
      if (auto why = broken_floor(file, what)) broken.push_back({file.path, what.line, *why});
    }
  }
  return broken;
}

findings guests_in_their_rooms(const tree& all) {
  findings broken;
  for (const auto& file : all) {
    if (!file.is_cpp()) continue;
    for (const auto& what : inclusions(file)) {
      const auto report = [&](const std::string& why) {
        broken.push_back({file.path, what.line, what.path + why});
      };
      const bool inner = what.path.starts_with("sequencer/detail/");
      if (inner && (file.in("examples/") || file.in("src/tool/") || file.in("tests/package/"))) {
        report(" is no API");
      }
      if (!own_target(file, what).empty()) continue;
      if (const auto* third = guest_of(what.path)) {
        const bool welcome =
            std::any_of(std::begin(third->rooms), std::end(third->rooms),
                        [&](std::string_view room) { return !room.empty() && file.in(room); });
        if (!welcome) report(" may not be included here");
      } else if (!is_standard_or_system(what.path)) {
        report(" is neither standard, nor of the system, nor a known guest");
      }
    }
  }
  return broken;
}

findings lengths(const tree& all) {
  auto broken = each_line(
      all,
      [](const source& file) {
        const bool script = file.path.ends_with(".cmake") ||
                            file.path.ends_with("CMakeLists.txt") || file.path.ends_with("/run") ||
                            file.path.ends_with(".json");
        if (file.path.starts_with("perf/results/")) return false;
        return file.is_cpp() || script;
      },
      [](const line& at) -> std::optional<std::string> {
        if (at.text.size() <= longest_line) return std::nullopt;
        return std::to_string(at.text.size()) + " columns";
      });
  for (const auto& file : all) {
    if (!file.is_header() || file.lines.size() <= longest_header) continue;
    broken.push_back({file.path, longest_header, std::to_string(file.lines.size()) + " lines"});
  }
  return broken;
}

findings long_functions(const tree& all) {
  findings found;
  for (const auto& file : all) {
    if (!file.is_cpp()) continue;
    for (const auto& each : functions_in(file)) {
      if (each.lines <= long_function) continue;
      found.push_back(
          {file.path, each.first_line, "a function of " + std::to_string(each.lines) + " lines"});
    }
  }
  return found;
}

std::size_t count_functions(const tree& all) {
  std::size_t count = 0;
  for (const auto& file : all) {
    if (file.is_cpp()) count += functions_in(file).size();
  }
  return count;
}

findings no_throw(const tree& all) {
  return each_line(
      all,
      [](const source& file) {
        const auto& allowed = throwing_headers;
        return is_library(file) && std::find(std::begin(allowed), std::end(allowed), file.path) ==
                                       std::end(allowed);
      },
      [](const line& at) -> std::optional<std::string> {
        for (const std::string_view word : {"throw", "try", "catch"}) {
          if (auto what = has_word(at.code, word, "the library neither throws nor catches")) {
            return what;
          }
        }
        return std::nullopt;
      });
}

findings no_promises(const tree& all) {
  return each_line(
      all, [](const source& file) { return !is_the_house_itself(file); },
      [](const line& at) -> std::optional<std::string> {
        for (const std::string_view word : {"TODO", "FIXME", "XXX", "HACK"}) {
          if (auto what = has_word(at.text, word, "write it or leave it")) return what;
        }
        return std::nullopt;
      });
}

findings no_macros(const tree& all) {
  static const std::regex definition(R"(^\s*#\s*define\b)");
  return each_line(
      all,
      [](const source& file) {
        const bool home = std::find(std::begin(macro_homes), std::end(macro_homes), file.path) !=
                          std::end(macro_homes);
        return file.is_cpp() && (file.in("include/") || file.in("src/")) && !home;
      },
      [](const line& at) -> std::optional<std::string> {
        if (!std::regex_search(at.code, definition)) return std::nullopt;
        return "a macro outside version, export and assert";
      });
}

findings no_synonyms(const tree& all) {
  return each_line(
      all, [](const source& file) { return is_library(file) || file.in("src/tool/"); },
      [](const line& at) -> std::optional<std::string> {
        for (const auto& [word, say] : banned_synonyms) {
          if (auto what = has_word(at.text, word, "say " + std::string(say))) return what;
        }
        return std::nullopt;
      });
}

findings no_thread_local(const tree& all) {
  return each_line(
      all,
      [](const source& file) { return file.is_cpp() && (file.in("include/") || file.in("src/")); },
      [](const line& at) { return has_word(at.code, "thread_local", "state is per instance"); });
}

findings no_sleeping_tests(const tree& all) {
  return each_line(
      all, [](const source& file) { return file.is_cpp() && file.in("tests/"); },
      [](const line& at) -> std::optional<std::string> {
        for (const std::string_view word :
             {"sleep", "sleep_for", "sleep_until", "usleep", "nanosleep", "clock_nanosleep"}) {
          const auto found = find_word(at.code, word);
          const bool called = std::any_of(found.begin(), found.end(), [&](std::size_t position) {
            return at.code.substr(position + word.size()).starts_with("(");
          });
          if (called) return std::string(word) + ": wait for a condition, not for time";
        }
        return std::nullopt;
      });
}

findings form(const tree& all) {
  findings broken;
  static const std::string licence =
      "// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0";
  for (const auto& file : all) {
    if (!file.is_cpp()) continue;
    if (file.lines.empty() || file.lines[0].text != licence) {
      broken.push_back({file.path, 1, "does not start with the licence line"});
    }
    const bool guarded = std::any_of(file.lines.begin(), file.lines.end(),
                                     [](const line& at) { return at.code == "#pragma once"; });
    if (file.is_header() && !guarded) broken.push_back({file.path, 1, "has no #pragma once"});
    for (const auto& what : inclusions(file)) {
      if (what.quoted && what.path.starts_with("sequencer/")) {
        broken.push_back({file.path, what.line, "own headers are included in angle brackets"});
      }
    }
  }
  return broken;
}

}  // namespace house
