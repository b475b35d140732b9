// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>

namespace examples {

// A file in memory.
class mapped_file {
 public:
  // Of zeros; replaces one that is there. What is stored there outlives a SIGKILL. Throws trouble.
  static mapped_file create(const std::filesystem::path& file, std::size_t bytes);
  // What is stored there stays in memory. Throws trouble.
  static mapped_file open(const std::filesystem::path& file);

  mapped_file(mapped_file&& other) noexcept;
  mapped_file& operator=(mapped_file&&) = delete;
  ~mapped_file();

  std::byte* data() const noexcept { return at_; }
  std::size_t size() const noexcept { return bytes_; }

 private:
  mapped_file(const std::filesystem::path& file, int fd, std::size_t bytes, int how);

  std::byte* at_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace examples
