// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <sequencer/detail/wire.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer::clock {

// A hybrid stamp: a wall time, and a count of what happened at that wall time. Two layouts of it
// follow; their wall times are of different units.
// at: the first stamp of a wall time. next: the least stamp above; a full count carries into the
// wall time. last: there is none above. wall_at: the wall time at so many nanoseconds since 1970;
// begins: the first of them at a wall time, of which there may be one more than max_wall.
template <class S>
concept hybrid_layout = std::totally_ordered<S> && requires(const S& s, std::uint64_t wall) {
  { s.wall() } noexcept -> std::same_as<std::uint64_t>;
  { s.logical() } noexcept -> std::same_as<std::uint32_t>;
  { s.next() } noexcept -> std::same_as<S>;
  { S::last() } noexcept -> std::same_as<S>;
  { S::at(wall) } noexcept -> std::same_as<S>;
  { S::begins(wall) } noexcept -> std::same_as<std::uint64_t>;
  { S::wall_at(wall) } noexcept -> std::same_as<std::uint64_t>;
  { S::max_wall } -> std::convertible_to<std::uint64_t>;
};

// 48 | 16 bits in a word, as the paper has it: the wall time counts 1/65,536 s (15.26 us) since
// 1970, as NTP's does since 1900, and ends in February 2106.
struct hybrid_stamp {
  std::uint64_t bits = 0;

  static constexpr std::uint64_t second = 1'000'000'000;  // of nanoseconds
  static constexpr std::uint64_t max_wall = (std::uint64_t{1} << 48) - 1;

  static constexpr std::uint64_t wall_at(std::uint64_t nanoseconds) noexcept {
    return (nanoseconds / second << 16) + (nanoseconds % second << 16) / second;
  }
  static constexpr std::uint64_t begins(std::uint64_t wall) noexcept {
    return (wall >> 16) * second + (((wall & 0xffff) * second + 0xffff) >> 16);
  }
  static constexpr hybrid_stamp at(std::uint64_t wall) noexcept { return {wall << 16}; }
  static constexpr hybrid_stamp last() noexcept { return {~std::uint64_t{0}}; }
  constexpr std::uint64_t wall() const noexcept { return bits >> 16; }
  constexpr std::uint32_t logical() const noexcept { return bits & 0xffff; }
  constexpr hybrid_stamp next() const noexcept { return {bits + 1}; }

  friend constexpr auto operator<=>(const hybrid_stamp&, const hybrid_stamp&) = default;

  // Appends 9 bytes, which sort as the stamps do.
  void encode(std::vector<std::byte>& onto) const {
    detail::wire_writer(onto, detail::form::hybrid).big_endian(bits, 8);
  }
  // All of `from` and nothing more. Fails: corrupt, version.
  static result<hybrid_stamp> decode(std::span<const std::byte> from);
};

// 64 | 32 bits, as CockroachDB has it: nanoseconds since 1970, to 2262.
struct wide_hybrid_stamp {
  std::uint64_t nanoseconds = 0;
  std::uint32_t count = 0;

  static constexpr std::uint64_t max_wall = top;

  static constexpr std::uint64_t wall_at(std::uint64_t nanoseconds) noexcept { return nanoseconds; }
  static constexpr std::uint64_t begins(std::uint64_t wall) noexcept { return wall; }
  static constexpr wide_hybrid_stamp at(std::uint64_t wall) noexcept { return {wall, 0}; }
  static constexpr wide_hybrid_stamp last() noexcept { return {top, ~std::uint32_t{0}}; }
  constexpr std::uint64_t wall() const noexcept { return nanoseconds; }
  constexpr std::uint32_t logical() const noexcept { return count; }
  constexpr wide_hybrid_stamp next() const noexcept {
    const auto after = count + 1;
    return {nanoseconds + (after == 0), after};
  }

  friend constexpr auto operator<=>(const wide_hybrid_stamp&, const wide_hybrid_stamp&) = default;

  // Appends 13 bytes, which sort as the stamps do.
  void encode(std::vector<std::byte>& onto) const {
    detail::wire_writer to(onto, detail::form::wide_hybrid);
    to.big_endian(nanoseconds, 8);
    to.big_endian(count, 4);
  }
  // All of `from` and nothing more. Fails: corrupt, version.
  static result<wide_hybrid_stamp> decode(std::span<const std::byte> from);
};

static_assert(hybrid_layout<hybrid_stamp> && hybrid_layout<wide_hybrid_stamp>);
static_assert(sizeof(hybrid_stamp) == 8 && sizeof(wide_hybrid_stamp) == 16);

}  // namespace sequencer::clock

namespace sequencer {

// A stamp or an error code, without text: a clock is asked for every event.
template <clock::hybrid_layout S>
class [[nodiscard]] result<S> {
 public:
  constexpr result(S stamp) noexcept : stamp_(stamp) {}
  constexpr result(errc code) noexcept : code_(code) {}

  constexpr explicit operator bool() const noexcept { return code_ == errc{}; }
  constexpr S operator*() const noexcept { return value(); }
  constexpr const S* operator->() const noexcept { return &checked(); }
  constexpr S value() const noexcept { return checked(); }
  constexpr errc code() const noexcept {
    if (code_ == errc{}) detail::stop("asked a successful result for its error");
    return code_;
  }
  constexpr std::string_view text() const noexcept { return sequencer::message(code()); }

 private:
  constexpr const S& checked() const noexcept {
    if (code_ != errc{}) detail::stop(sequencer::message(code_));
    return stamp_;
  }

  S stamp_{};
  errc code_{};
};

namespace clock {

inline result<hybrid_stamp> hybrid_stamp::decode(std::span<const std::byte> from) {
  detail::wire_reader in(from, detail::form::hybrid, "a hybrid stamp");
  const hybrid_stamp made{in.big_endian(8)};
  if (!in.ended()) return in.failure().code;
  return made;
}

inline result<wide_hybrid_stamp> wide_hybrid_stamp::decode(std::span<const std::byte> from) {
  detail::wire_reader in(from, detail::form::wide_hybrid, "a wide hybrid stamp");
  wide_hybrid_stamp made;
  made.nanoseconds = in.big_endian(8);
  made.count = static_cast<std::uint32_t>(in.big_endian(4));
  if (made.nanoseconds > top) in.fail("a wall time above 2^63 - 1");
  if (!in.ended()) return in.failure().code;
  return made;
}

}  // namespace clock
}  // namespace sequencer
