// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <charconv>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

// Names with a number at their end, as ZooKeeper makes them: a path, then the number in decimal
// with leading zeros, so that names of one prefix sort as they were made.
namespace sequencer {

// Wherever numbers come from: counter, durable_sequence, a handle of a block cache.
template <class N>
concept number_source = requires(N numbers) {
  { numbers.next() } noexcept -> std::same_as<result<sequence>>;
};

// How many digits a name ends in, and the last number that it may have. All names of a format have
// the same number of digits: one more would sort before its predecessors.
class name_format {
 public:
  static constexpr unsigned least_digits = 1;
  static constexpr unsigned most_digits = 19;

  // Threads: any. Fails: stops the process (or does not compile) where digits are out of bounds or
  // do not hold `last`.
  constexpr name_format(unsigned digits, sequence last) noexcept : digits_(digits), last_(last) {
    if (digits < least_digits || digits > most_digits) {
      detail::stop("a name ends in 1 to 19 digits");
    }
    if (last > largest(digits)) detail::stop("the last number of a name has too many digits");
  }

  // As many numbers as the digits hold.
  explicit constexpr name_format(unsigned digits) noexcept
      : name_format(digits, largest(digits)) {}

  constexpr unsigned digits() const noexcept { return digits_; }
  constexpr sequence last() const noexcept { return last_; }

 private:
  static constexpr sequence largest(unsigned digits) noexcept {
    if (digits >= most_digits) return top;
    sequence bound = 1;
    for (unsigned i = 0; i < digits; ++i) bound *= 10;
    return bound - 1;
  }

  unsigned digits_;
  sequence last_;
};

// ZooKeeper's: "%010d" of a signed 32-bit number. Ours ends at 2147483647, where ZooKeeper's goes
// on with -2147483648, which sorts before all others (ZOOKEEPER-2944).
inline constexpr name_format int32_names(10, 2'147'483'647);
// Ten digits as well, and all numbers that they hold.
inline constexpr name_format ten_digit_names(10);
// Every number there is.
inline constexpr name_format wide_names(19);

// A name taken apart; `prefix` points into it. The order is that of the numbers, whatever the
// prefixes: clients put an id of their own there (Curator's "_c_" prefix).
struct sequential_name {
  std::string_view prefix;
  sequence number = 0;

  friend constexpr auto operator<=>(const sequential_name& left,
                                    const sequential_name& right) noexcept {
    if (const auto by_number = left.number <=> right.number; by_number != 0) return by_number;
    return left.prefix <=> right.prefix;
  }
  friend constexpr bool operator==(const sequential_name&, const sequential_name&) = default;
};

namespace detail {

// The next code point of UTF-8, taken off the front; nothing where the bytes are no UTF-8.
constexpr std::optional<std::uint32_t> take_code_point(std::string_view& text) noexcept {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2
                           : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (size == 0 || size > text.size()) return std::nullopt;
  std::uint32_t point = size == 1 ? first : first & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return std::nullopt;
    point = point << 6 | (next & 0x3fU);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < least[size]) return std::nullopt;
  text.remove_prefix(size);
  return point;
}

// What ZooKeeper allows in a name (PathUtils.validatePath). It looks at UTF-16, so that nothing
// beyond the basic plane passes: those are pairs of surrogates there.
constexpr bool may_be_in_name(std::uint32_t point) noexcept {
  if (point < 0x20 || (point >= 0x7f && point <= 0x9f)) return false;
  return point < 0xd800 || (point > 0xf8ff && point < 0xfff0);
}

constexpr bool is_name_text(std::string_view text) noexcept {
  while (!text.empty()) {
    if (text[0] >= 0x20 && text[0] < 0x7f) {  // most of them: plain ASCII, whatever char's sign
      text.remove_prefix(1);
      continue;
    }
    const auto point = take_code_point(text);
    if (!point || !may_be_in_name(*point)) return false;
  }
  return true;
}

}  // namespace detail

// Whether ZooKeeper would take this path: absolute, no empty, "." or ".." node, no slash at the end
// (but for the root), no control, private-use or supplementary characters, and UTF-8.
// Threads: any. Progress: by its length; no allocation.
constexpr bool is_name_path(std::string_view path) noexcept {
  if (path.empty() || path.front() != '/') return false;
  if (path.size() == 1) return true;
  if (path.back() == '/') return false;
  for (auto rest = path.substr(1);;) {
    const auto slash = rest.find('/');
    const auto node = rest.substr(0, slash);
    if (node.empty() || node == "." || node == ".." || !detail::is_name_text(node)) return false;
    if (slash == rest.npos) return true;
    rest.remove_prefix(slash + 1);
  }
}

// Whether a number may be put behind this path. It may end in a slash: then the name is all number.
// As is_name_path() of what comes out; the digits settle what a trailing slash or dot may not be.
constexpr bool is_name_prefix(std::string_view path) noexcept {
  if (path.empty() || path.front() != '/') return false;
  if (path.size() == 1) return true;
  const auto slash = path.rfind('/');
  if (slash == 1 || (slash != 0 && !is_name_path(path.substr(0, slash)))) return false;
  return detail::is_name_text(path.substr(slash + 1));
}

// The parent of a path or prefix: what counts its children. "/" for those right below the root.
constexpr std::string_view parent_of(std::string_view path) noexcept {
  const auto slash = path.rfind('/');
  return slash == path.npos || slash == 0 ? std::string_view("/") : path.substr(0, slash);
}

// The name of a number: `prefix`, then the number with leading zeros.
// Threads: any. Progress: by its length; no allocation.
// Returns the part of `to` that was written; empty where it does not fit, or the number is above
// the format's last.
inline std::string_view write_name(std::span<char> to, std::string_view prefix, sequence number,
                                   name_format format = int32_names) noexcept {
  const auto size = prefix.size() + format.digits();
  if (number > format.last() || to.size() < size) return {};
  prefix.copy(to.data(), prefix.size());
  char digits[name_format::most_digits];
  const auto* const end = std::to_chars(digits, std::end(digits), number).ptr;
  const std::string_view written(digits, static_cast<std::size_t>(end - digits));
  std::fill(to.data() + prefix.size(), to.data() + size - written.size(), '0');
  written.copy(to.data() + size - written.size(), written.size());
  return {to.data(), size};
}

// Takes the next number and writes its name into `to`: ZooKeeper's create with the flag SEQUENCE.
// There the number counts all children that the parent ever had, from 0: one source a parent.
// Returns the number; the name is the first prefix.size() + format.digits() characters.
// Threads: any, each with a buffer of its own. Progress: as the source's next(); no allocation.
// Order: as the source's: with a counter, names sort as the calls were made.
// Fails: invalid, no prefix that ZooKeeper would take, or too small a buffer: no number was taken;
// exhausted, the number is above the format's last (it is spent); else what the source fails with.
template <number_source Numbers>
result<sequence> next_name(Numbers& numbers, std::string_view prefix, std::span<char> to,
                           name_format format = int32_names) noexcept {
  if (!is_name_prefix(prefix) || to.size() < prefix.size() + format.digits()) return errc::invalid;
  const result<sequence> number = numbers.next();
  if (!number) return number;
  if (*number > format.last()) return errc::exhausted;
  write_name(to, prefix, *number, format);
  return number;
}

// The same, as a string.
// Fails: as above; the text says which.
template <number_source Numbers>
result<std::string> next_name(Numbers& numbers, std::string_view prefix,
                              name_format format = int32_names) {
  if (!is_name_prefix(prefix)) {
    return error{errc::invalid, 0,
                 "'" + std::string(prefix) + "' is no path that a number can be put behind: it "
                 "begins with /, has no empty, . or .. node and no control characters"};
  }
  std::string name(prefix.size() + format.digits(), '0');
  const auto number = next_name(numbers, prefix, std::span(name), format);
  if (number) return name;
  if (number.code() != errc::exhausted) return error{number.code(), 0, std::string(number.text())};
  return error{errc::exhausted, 0,
               "the names of '" + std::string(prefix) + "' end at " +
                   std::to_string(format.last()) + "; take a wider format or another parent"};
}

namespace detail {

// The digits at the end of a name as a number, which may be above the format's last one.
inline std::optional<sequential_name> read_name(std::string_view name,
                                                name_format format) noexcept {
  if (name.size() < format.digits()) return std::nullopt;
  const auto cut = name.size() - format.digits();
  const auto tail = name.substr(cut);
  if (tail.find_first_not_of("0123456789") != tail.npos) return std::nullopt;
  std::uint64_t number = 0;
  std::from_chars(tail.data(), tail.data() + tail.size(), number);  // 19 digits fit
  return sequential_name{name.substr(0, cut), number};
}

// "%010d" of a negative number with fewer than ten digits: -000000005.
inline bool is_negative(std::string_view name, name_format format) noexcept {
  if (format.last() != int32_names.last() || name.size() < format.digits()) return false;
  const auto tail = name.substr(name.size() - format.digits());
  return tail[0] == '-' && tail.find_first_not_of("0123456789", 1) == tail.npos;
}

}  // namespace detail

// Takes a name apart: the digits of the format at its end, and what is before them.
// Threads: any. Progress: wait-free, no allocation but for a failure's text.
// Fails: invalid, it does not end in so many digits; exhausted, its number is above the format's
// last, or negative as ZooKeeper writes it: the counter of that parent ran over, and its names no
// longer sort as they were made. (-2147483647 to -1000000000 cannot be told from a prefix that ends
// in a dash.)
inline result<sequential_name> parse_name(std::string_view name,
                                          name_format format = int32_names) {
  const auto read = detail::read_name(name, format);
  if (read && read->number <= format.last()) return *read;
  if (read || detail::is_negative(name, format)) {
    return error{errc::exhausted, 0,
                 "'" + std::string(name) + "' is beyond " + std::to_string(format.last()) +
                     ": the counter of its parent ran over"};
  }
  return error{errc::invalid, 0,
               "'" + std::string(name) + "' does not end in " + std::to_string(format.digits()) +
                   " digits"};
}

// Among `names`, the one that was made last before `mine`: whom to watch, in a lock or an election,
// so that one end wakes one waiter and not all of them. Nothing where `mine` is first.
// Names that are not sequential are passed over.
// Threads: any. Progress: by their number. Fails: stops the process where `mine` is no name of that
// format, or one of a counter that ran over: to be called first would be to hold a lock. parse_name
// tells.
// (ZooKeeper's recipes for locks and leader election.)
template <class Names>
std::optional<std::string_view> predecessor_of(std::string_view mine, const Names& names,
                                               name_format format = int32_names) {
  const auto own = detail::read_name(mine, format);
  if (!own || own->number > format.last()) {
    detail::stop("predecessor_of: '" + std::string(mine) + "' is no name of that format");
  }
  std::optional<std::string_view> before;
  sequential_name nearest;
  for (const std::string_view each : names) {
    const auto other = detail::read_name(each, format);
    if (!other || !(*other < *own) || (before && !(nearest < *other))) continue;
    nearest = *other;
    before = each;
  }
  return before;
}

}  // namespace sequencer
