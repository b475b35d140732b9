// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <system_error>
#include <utility>

#include "mapped_file.hpp"
#include "trouble.hpp"

namespace examples {

// The witness of one run: a mapped file that outlives a SIGKILL and is independent of the
// checkpoint, so that a check can hold one against the other. `Facts` (with a count `threads`) hold
// for the whole run, `Each` for one of its threads; `Magic` says what the file is.
template <class Facts, class Each, std::uint64_t Magic>
class witness {
 public:
  // Makes the file of a new run, whole or not at all: a kill comes when it likes. Throws trouble.
  static witness create(const std::filesystem::path& file, const Facts& facts) {
    if (std::filesystem::exists(file)) throw trouble(file.string() + ": is there already");
    auto unfinished = file;
    unfinished += ".new";
    witness made(mapped_file::create(unfinished, size_for(facts.threads)));
    made.facts() = facts;
    made.top().magic = Magic;
    std::error_code bad;
    std::filesystem::rename(unfinished, file, bad);
    if (bad) throw trouble(file.string() + ": creating it: " + bad.message());
    return made;
  }
  // Reads the file of an earlier run. Throws trouble.
  static witness open(const std::filesystem::path& file) {
    witness read(mapped_file::open(file));
    if (read.map_.size() < threads_at || read.top().magic != Magic ||
        read.map_.size() < size_for(read.facts().threads)) {
      throw trouble(file.string() + ": is no tally of a run; remove it");
    }
    return read;
  }

  Facts& facts() const noexcept { return top().facts; }
  std::span<Each> threads() const noexcept {
    return {reinterpret_cast<Each*>(map_.data() + threads_at), facts().threads};
  }

 private:
  struct head {
    std::uint64_t magic;
    Facts facts;
  };

  static constexpr std::size_t threads_at = 512;
  static_assert(sizeof(head) <= threads_at && threads_at % alignof(Each) == 0);

  static std::size_t size_for(std::uint64_t threads) { return threads_at + threads * sizeof(Each); }

  explicit witness(mapped_file map) noexcept : map_(std::move(map)) {}
  head& top() const noexcept { return *reinterpret_cast<head*>(map_.data()); }

  mapped_file map_;
};

}  // namespace examples
