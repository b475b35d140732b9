// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sequencer/result.hpp>

// The bytes that clocks are sent as; docs/orders.md says what each byte means. Every encoding
// begins with a byte that names its form and version; numbers are unsigned LEB128 in their shortest
// form, or big-endian where bytes must sort as the stamps do. There is one encoding of each value:
// equal bytes are equal clocks.
namespace sequencer::detail {

// High half: what it is. Low half: the version of its layout.
enum class form : std::uint8_t {
  lamport = 0x11,
  hybrid = 0x21,
  wide_hybrid = 0x31,
  fixed_vector = 0x41,
  vector = 0x51,
  retirements = 0x61,
  siblings = 0x71,
  interval_tree = 0x81,
};

class wire_writer {
 public:
  wire_writer(std::vector<std::byte>& onto, form what) : to_(onto) {
    byte(static_cast<std::uint8_t>(what));
  }

  void byte(std::uint8_t one) { to_.push_back(std::byte{one}); }
  void number(std::uint64_t n) {
    for (; n >= 0x80; n >>= 7) byte(static_cast<std::uint8_t>(n | 0x80));
    byte(static_cast<std::uint8_t>(n));
  }
  void big_endian(std::uint64_t n, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) byte(static_cast<std::uint8_t>(n >> (8 * i)));
  }
  void text(std::span<const std::byte> bytes) {
    number(bytes.size());
    to_.insert(to_.end(), bytes.begin(), bytes.end());
  }

 private:
  std::vector<std::byte>& to_;
};

// Reads what a writer wrote, from bytes that anybody may have sent. The first thing that is wrong
// is kept; from then on everything reads as 0 and nothing more is looked at.
class wire_reader {
 public:
  wire_reader(std::span<const std::byte> from, form what, std::string_view name)
      : from_(from), name_(name) {
    const auto expected = static_cast<std::uint8_t>(what);
    const auto found = byte();
    if (failed() || found == expected) return;
    if ((found & 0xf0) == (expected & 0xf0)) {
      fail("a version of its layout that this program does not know", errc::version);
    } else {
      fail("the form byte of something else");
    }
  }

  bool failed() const noexcept { return code_ != errc{}; }
  std::size_t left() const noexcept { return failed() ? 0 : from_.size() - at_; }

  std::uint8_t byte() {
    if (failed()) return 0;
    if (at_ == from_.size()) return fail("its end, where more must follow"), std::uint8_t{0};
    return static_cast<std::uint8_t>(from_[at_++]);
  }

  // At most `most`, in its shortest form.
  std::uint64_t number(std::uint64_t most = top) {
    std::uint64_t n = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t next = byte();
      if (failed()) return 0;
      if (shift == 63 && next > 1) break;
      n |= (next & 0x7f) << shift;
      if (next >= 0x80) continue;
      if (next == 0 && shift != 0) return fail("a number that is longer than need be"), 0;
      if (n > most) return fail("a number above its bound"), 0;
      return n;
    }
    return fail("a number of more than 64 bits"), 0;
  }

  std::uint64_t big_endian(int bytes) {
    std::uint64_t n = 0;
    for (int i = 0; i < bytes; ++i) n = n << 8 | byte();
    return n;
  }

  std::span<const std::byte> text() {
    const auto size = number();
    if (size > left()) return fail("a text that is longer than what follows"), from_.first(0);
    at_ += size;
    return from_.subspan(at_ - size, size);
  }

  void fail(std::string_view found, errc code = errc::corrupt) {
    if (failed()) return;
    code_ = code;
    found_ = found;
  }

  // True where all was right and nothing is left over.
  bool ended() {
    if (left() != 0) fail("bytes behind its end");
    return !failed();
  }

  // The sentence for whoever sent it.
  error failure() const {
    std::string text(name_);
    text += ", byte " + std::to_string(at_) + " of " + std::to_string(from_.size()) + ": found ";
    text += found_;
    text += "; ask its sender for it again";
    return {code_, 0, std::move(text)};
  }

 private:
  std::span<const std::byte> from_;
  std::string_view name_;
  std::string_view found_;
  std::size_t at_ = 0;
  errc code_{};
};

}  // namespace sequencer::detail
