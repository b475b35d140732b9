// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Where pages are, read back from the kernel.

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>

#include <sequencer/place/memory.hpp>

#include "files.hpp"
#include "mappings.hpp"
#include "os.hpp"

namespace sequencer::place {

namespace {

constexpr std::size_t pages_at_once = 4096;

// Counts the pages of one part, whose policy allows `planned`.
class census {
 public:
  explicit census(residence& into) : into_(into) {}

  void count(std::span<std::byte> part, const index_set& planned) {
    const auto page = into_.page_bytes;
    std::vector<void*> pages;
    for (std::size_t at = 0; at < part.size(); at += page) {
      pages.push_back(part.data() + at);
      if (pages.size() == pages_at_once || at + page >= part.size()) {
        ask(pages, planned);
        pages.clear();
      }
    }
  }

  void finish() {
    for (const auto& [node, pages] : by_node_) into_.by_node.push_back({node, pages});
    into_.known = into_.doubts.empty();
  }

  std::uint64_t pages_on(unsigned node) const {
    const auto at = by_node_.find(node);
    return at == by_node_.end() ? 0 : at->second;
  }

 private:
  void ask(const std::vector<void*>& pages, const index_set& planned) {
    std::vector<int> nodes(pages.size(), -EFAULT);
    into_.pages += pages.size();
    if (const int bad = os::nodes_of(pages, nodes); bad != 0) {
      doubt(std::string("Where pages are, the kernel does not say: ") + std::strerror(bad) + ".");
      return;
    }
    for (const auto node : nodes) {
      if (node == -ENOENT || node == -EFAULT) {
        ++into_.absent;  // EFAULT: nobody touched it, and the zero page stands for it
      } else if (node < 0) {
        doubt(std::string("Of a page the kernel says: ") + std::strerror(-node) + ".");
      } else {
        ++by_node_[static_cast<unsigned>(node)];
        if (!planned.contains(static_cast<unsigned>(node))) ++into_.elsewhere;
      }
    }
  }

  void doubt(std::string what) {
    auto& all = into_.doubts;
    if (std::find(all.begin(), all.end(), what) == all.end()) all.push_back(std::move(what));
  }

  residence& into_;
  std::map<unsigned, std::uint64_t> by_node_;
};

std::optional<std::uint64_t> hexadecimal(std::string_view text) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (read.ec != std::errc{}) return std::nullopt;
  return value;
}

}  // namespace

void read_mappings(std::span<std::byte> of, residence& into) {
  const auto first = reinterpret_cast<std::uintptr_t>(of.data());
  bool mine = false;
  const auto lines = file_tree("/").lines("proc/self/smaps");
  if (lines.empty()) {
    into.doubts.push_back("What is huge or locked is not known: /proc/self/smaps cannot be read.");
  }
  for (const auto& line : lines) {
    const auto dash = line.find('-');
    const auto colon = line.find(':');
    if (dash != line.npos && (colon == line.npos || dash < colon)) {
      const auto begin = hexadecimal(line);
      const auto end = hexadecimal(std::string_view(line).substr(dash + 1));
      if (begin && end) {
        mine = first <= *begin && *end <= first + of.size();
        continue;
      }
    }
    if (!mine || colon == line.npos) continue;
    const auto key = std::string_view(line).substr(0, colon);
    const auto words = words_of(std::string_view(line).substr(colon + 1));
    const auto bytes = words.empty() ? 0 : number_in(words[0]).value_or(0) << 10;
    if (key == "AnonHugePages" || key == "Private_Hugetlb" || key == "ShmemPmdMapped") {
      into.huge_bytes += bytes;
    } else if (key == "Locked") {
      into.locked_bytes += bytes;
    }
  }
}

residence memory::verify() const {
  residence found;
  found.page_bytes = os::page_bytes();
  census all(found);
  for (const auto& [part, planned] : parts()) all.count(part, planned);
  all.finish();
  read_mappings(bytes_, found);
  const bool whole = found.known && found.absent == 0 && found.pages != 0;
  if (where_.how != spread::interleave || !whole) return found;
  // In turn means evenly, give or take a page, which may be a huge one.
  const auto nodes = parts().front().second;
  const auto even = found.pages / nodes.size();
  const auto slack = small_ ? 1 : (std::uint64_t{2} << 20) / found.page_bytes;
  for (const auto node : nodes) {
    const auto there = all.pages_on(node);
    if (there + slack < even) found.elsewhere += even - there;
  }
  return found;
}

}  // namespace sequencer::place
