// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace examples::logbook {

// First line of every log: whose numbers these are.
struct log_header {
  std::string uuid;  // of the checkpoint file
  std::uint64_t epoch = 0;
  std::size_t thread = 0;
};

// One thread's log: `number<TAB>line`, written through a buffer of its own.
class log_writer {
 public:
  // Throws trouble.
  log_writer(const std::filesystem::path& directory, const log_header& header);
  log_writer(log_writer&& other) noexcept;
  log_writer& operator=(log_writer&&) = delete;
  ~log_writer();

  void append(std::uint64_t number, std::string_view line);
  // Hands the buffer to the operating system; false when that fails, see errno.
  bool flush() noexcept;
  bool full() const noexcept { return buffer_.size() >= flush_at; }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  static constexpr std::size_t flush_at = 64 * 1024;

  std::filesystem::path path_;
  int fd_ = -1;
  std::string buffer_;
};

struct log_content {
  log_header header;
  std::vector<std::uint64_t> numbers;  // in the order of the file
  bool torn = false;                   // the last line was cut off
};

// Reads a log back. Throws trouble when it is none.
log_content read_log(const std::filesystem::path& file);

}  // namespace examples::logbook
