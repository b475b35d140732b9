// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace examples::exchange {

// A file that grows at its end.
//
// Threads: one at a time.
class append_file {
 public:
  // Made if missing. Throws trouble.
  explicit append_file(std::filesystem::path path);
  append_file(const append_file&) = delete;
  append_file& operator=(const append_file&) = delete;
  ~append_file();

  // Drops everything from there on. Throws trouble.
  void cut(std::uint64_t bytes);
  // False where the system refuses; then check() says why.
  bool append(std::span<const std::byte> bytes) noexcept;
  bool sync() noexcept;

  // Throws trouble where something failed.
  void check() const;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  bool noted(bool fine, const char* doing) noexcept;

  std::filesystem::path path_;
  int fd_ = -1;
  int why_ = 0;
  const char* doing_ = "";
};

}  // namespace examples::exchange
