// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <sequencer/result.hpp>

namespace sequencer {

// What or_throw throws: the sentence of the error, with its code.
class failed : public std::runtime_error {
 public:
  failed(errc code, std::string_view text) : std::runtime_error(std::string(text)), code_(code) {}
  errc code() const noexcept { return code_; }

 private:
  errc code_;
};

// For programs that use exceptions: the value of a result, or `failed` thrown.
// The only header of this library that throws.
template <class T>
T or_throw(result<T> outcome) {
  if (!outcome) throw failed(outcome.code(), outcome.text());
  if constexpr (!std::is_void_v<T>) return std::move(*outcome);
}

}  // namespace sequencer
