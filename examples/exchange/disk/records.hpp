// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/crc.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <type_traits>

#include "../../shared/mapped_file.hpp"

namespace examples::exchange {

// CRC-32C of everything that stands before the seal.
template <class Record>
std::uint32_t seal_of(const Record& of) noexcept {
  static_assert(std::has_unique_object_representations_v<Record>);
  static_assert(offsetof(Record, seal) + sizeof of.seal == sizeof of);
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(&of, offsetof(Record, seal));
  return crc.checksum();
}

template <class Record>
Record sealed(Record of) noexcept {
  of.seal = seal_of(of);
  return of;
}

// A file of sealed records, read: good ones up to the first that is none.
template <class Record>
class records {
 public:
  // The first `known` are known to be good. Throws trouble.
  explicit records(const std::filesystem::path& file, std::size_t known = 0)
      : map_(mapped_file::open(file)), good_(known) {
    while (good_ < whole() && is_good(good_)) ++good_;
  }

  std::span<const Record> good() const noexcept { return {at(0), good_}; }
  // What follows them: bytes that a kill cut off, or worse.
  std::uint64_t bytes_beyond() const noexcept { return map_.size() - good_ * sizeof(Record); }
  // Good records beyond a bad one. A kill does not leave such.
  std::uint64_t good_beyond() const noexcept {
    std::uint64_t count = 0;
    for (auto i = good_; i < whole(); ++i) count += is_good(i);
    return count;
  }

 private:
  const Record* at(std::size_t i) const noexcept {
    return reinterpret_cast<const Record*>(map_.data()) + i;
  }
  std::size_t whole() const noexcept { return map_.size() / sizeof(Record); }
  bool is_good(std::size_t i) const noexcept { return at(i)->seal == seal_of(*at(i)); }

  mapped_file map_;
  std::size_t good_;
};

}  // namespace examples::exchange
