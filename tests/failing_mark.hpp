// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sequencer/mark_store.hpp>

// A mark whose device fails when it is told to, before the number is kept or after.
namespace sequencer {

class failing_mark {
 public:
  enum class fails : std::uint8_t { never, before, after };

  explicit failing_mark(std::uint64_t start = 0) noexcept : kept_(start) {}

  std::uint64_t load() const noexcept { return kept_.load(); }
  result<std::uint64_t> store(std::uint64_t number) noexcept {
    ++stores_;
    if (when_ == fails::before) return errc::io;
    const auto kept = kept_.store(number);
    return when_ == fails::after ? result<std::uint64_t>(errc::io) : kept;
  }

  void fail(fails when) noexcept { when_ = when; }
  int stores() const noexcept { return stores_; }

 private:
  memory_mark kept_;
  fails when_ = fails::never;
  int stores_ = 0;
};

static_assert(mark_store<failing_mark>);

}  // namespace sequencer
