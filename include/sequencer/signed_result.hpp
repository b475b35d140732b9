// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include <sequencer/result.hpp>

namespace sequencer {

// A number of any sign or an error code, in two registers: it has no bit to spare for the code.
template <>
class [[nodiscard]] result<std::int64_t> {
 public:
  constexpr result(std::int64_t number) noexcept : number_(number) {}
  constexpr result(errc code) noexcept : code_(code) {}

  constexpr explicit operator bool() const noexcept { return code_ == errc{}; }
  constexpr std::int64_t operator*() const noexcept { return value(); }
  constexpr std::int64_t value() const noexcept {
    if (code_ != errc{}) detail::stop(text());
    return number_;
  }
  constexpr errc code() const noexcept { return code_; }
  constexpr std::string_view text() const noexcept { return sequencer::message(code_); }

 private:
  std::int64_t number_ = 0;
  errc code_{};
};

static_assert(sizeof(result<std::int64_t>) == 16);

}  // namespace sequencer
