// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The memory-order ledger.

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <tuple>

#include "laws.hpp"
#include "rooms.hpp"

namespace house {
namespace {

constexpr std::size_t lines_above = 4;

bool is_library(const source& file) {
  return file.is_cpp() && (file.in("include/") || file.in("src/"));
}

// ---- operations

struct operation {
  std::size_t first_line;  // from 1
  std::size_t last_line;
  std::string on;  // the variable, where it is a plain one
  std::string name;
  std::vector<std::string> orders;

  bool has(std::string_view order) const {
    return std::find(orders.begin(), orders.end(), order) != orders.end();
  }
  bool is_relaxed() const {
    return std::all_of(orders.begin(), orders.end(), [](auto& o) { return o == "relaxed"; });
  }
  bool releases() const { return has("release") || has("acq_rel"); }
  bool acquires() const { return has("acquire") || has("acq_rel"); }
  std::size_t orders_needed() const { return name.starts_with("compare_exchange") ? 2 : 1; }
};

std::size_t closing_parenthesis(std::string_view code, std::size_t open) {
  int depth = 0;
  for (auto at = open; at < code.size(); ++at) {
    if (code[at] == '(') ++depth;
    if (code[at] == ')' && --depth == 0) return at;
  }
  return code.size();
}

// The arguments' top level only: an order inside a nested call belongs to that call.
std::vector<std::string> orders_in(std::string_view arguments) {
  std::string flat;
  int depth = 0;
  for (const char c : arguments) {
    if (c == '(') ++depth;
    if (depth == 0) flat += c;
    if (c == ')') --depth;
  }
  static const std::regex order(R"(\b(relaxed|acquire|release|acq_rel)\b)");
  std::vector<std::string> found;
  for (std::sregex_iterator at(flat.begin(), flat.end(), order), end; at != end; ++at) {
    found.push_back((*at)[1]);
  }
  return found;
}

std::vector<operation> operations_in(const source& file) {
  static const std::regex call(
      R"((\w*)(?:\.|->)\s*(load|store|exchange|fetch_\w+|compare_exchange_\w+|test_and_set)\s*\()");
  const auto code = file.code();
  std::vector<operation> all;
  for (std::sregex_iterator at(code.begin(), code.end(), call), end; at != end; ++at) {
    const auto open = static_cast<std::size_t>(at->position() + at->length() - 1);
    const auto close = closing_parenthesis(code, open);
    all.push_back({line_of(code, static_cast<std::size_t>(at->position(2))),
                   line_of(code, std::min(close, code.size() - 1)), (*at)[1], (*at)[2],
                   orders_in(std::string_view(code).substr(open + 1, close - open - 1))});
  }
  return all;
}

// ---- tags

struct entry {
  std::string tag;
  std::string direction;  // "->", "<-" or "<->"
  std::set<std::string> partners;
  std::string path;
  std::size_t line;

  bool gives() const { return direction != "<-"; }
  bool takes() const { return direction != "->"; }
};

std::optional<entry> entry_on(const source& file, std::size_t number) {
  static const std::regex form(
      R"(//\s*order:\s*([\w-]*\w)\s*(<->|->|<-)\s*([\w-]*\w(?:\s*,\s*[\w-]*\w)*)\s*:\s*\S.*)");
  static const std::regex word(R"([\w-]*\w)");
  std::smatch parts;
  const auto& comment = file.lines[number - 1].comment;
  if (!std::regex_search(comment, parts, form)) return std::nullopt;
  entry made{parts[1], parts[2], {}, file.path, number};
  const std::string partners = parts[3];
  for (std::sregex_iterator at(partners.begin(), partners.end(), word), end; at != end; ++at) {
    made.partners.insert(at->str());
  }
  return made;
}

bool claims_relaxed(const line& at) {
  static const std::regex form(R"(//.*\brelaxed(?:, [\w ]+)?:\s*\S)");
  return std::regex_search(at.comment, form);
}

bool opens_entry(const line& at) { return at.comment.find("// order:") != std::string::npos; }

// Whether a line that an operation may look at satisfies `wanted`.
template <class Wanted>
bool nearby(const operation& op, Wanted wanted) {
  const auto from = op.first_line > lines_above ? op.first_line - lines_above : 1;
  for (auto number = op.last_line; number >= from; --number) {
    if (wanted(number)) return true;
  }
  return false;
}

bool is_a_marks(const operation& op) {
  return op.orders.empty() && (op.name == "load" || op.name == "store") &&
         std::find(std::begin(names_of_marks), std::end(names_of_marks), op.on) !=
             std::end(names_of_marks);
}

void check_operation(const operation& op, const source& file, findings& broken) {
  const auto report = [&](std::string what) {
    broken.push_back({file.path, op.first_line, op.name + " " + std::move(what)});
  };
  if (is_a_marks(op)) return;
  if (op.orders.size() < op.orders_needed()) return report("does not name its memory order");
  if (op.is_relaxed()) {
    if (!nearby(op, [&](auto n) { return claims_relaxed(file.lines[n - 1]); })) {
      report("is relaxed and gives no reason (// relaxed: why)");
    }
    return;
  }
  const bool tagged = nearby(op, [&](auto n) {
    const auto found = entry_on(file, n);
    return found && (!op.releases() || found->gives()) && (!op.acquires() || found->takes());
  });
  if (!tagged) report("has no tag that fits its order (// order: tag -> partner: what)");
}

void check_pairs(const std::vector<entry>& entries, findings& broken) {
  const auto answers = [&](const entry& mine, const std::string& partner) {
    return std::any_of(entries.begin(), entries.end(), [&](const entry& other) {
      return other.tag == partner && other.partners.contains(mine.tag) &&
             ((mine.gives() && other.takes()) || (mine.takes() && other.gives()));
    });
  };
  for (const auto& mine : entries) {
    for (const auto& partner : mine.partners) {
      if (answers(mine, partner)) continue;
      broken.push_back({mine.path, mine.line,
                        "tag " + mine.tag + " names " + partner + ", which does not name it back"});
    }
  }
}

// Each entry stands by an operation: a tag that outlived its code is a lie.
void check_used(const source& file, const std::vector<operation>& operations, findings& broken) {
  for (std::size_t number = 1; number <= file.lines.size(); ++number) {
    if (!opens_entry(file.lines[number - 1])) continue;
    if (!entry_on(file, number)) {
      broken.push_back({file.path, number, "an order tag is written `tag -> partner: what`"});
      continue;
    }
    const bool used = std::any_of(operations.begin(), operations.end(), [&](const operation& op) {
      return !op.is_relaxed() && number <= op.last_line && number + lines_above >= op.first_line;
    });
    if (!used) broken.push_back({file.path, number, "an order tag without an operation"});
  }
}

void check_words(const source& file, findings& broken) {
  static const std::pair<std::string_view, std::string_view> words[] = {
      {"memory_order", "write detail::relaxed, acquire, release or acq_rel"},
      {"atomic_thread_fence", "fences are invisible to the thread sanitizer"},
      {"atomic_signal_fence", "keep compiler barriers in the atomics seam"},
      {"seq_cst", "sequential consistency is not used"},
      {"atomic_ref", "atomics reach the library through detail::atomic"},
  };
  static const std::regex standard_atomic(R"(std::(atomic(_\w+)?|memory_order\w*)\b)");
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const auto& code = file.lines[i].code;
    for (const auto& [word, instead] : words) {
      if (!find_word(code, word).empty()) {
        broken.push_back({file.path, i + 1, std::string(word) + ": " + std::string(instead)});
      }
    }
    if (std::regex_search(code, standard_atomic) && code.find("static_assert") == code.npos) {
      broken.push_back({file.path, i + 1, "atomics reach the library through detail::atomic"});
    }
  }
}

}  // namespace

findings memory_order_ledger(const tree& all) {
  findings broken;
  std::vector<entry> entries;
  for (const auto& file : all) {
    if (!is_library(file) || file.path == atomics_seam) continue;
    const auto operations = operations_in(file);
    for (const auto& op : operations) check_operation(op, file, broken);
    check_used(file, operations, broken);
    check_words(file, broken);
    for (std::size_t number = 1; number <= file.lines.size(); ++number) {
      if (auto found = entry_on(file, number)) entries.push_back(std::move(*found));
    }
  }
  check_pairs(entries, broken);
  return broken;
}

}  // namespace house
