// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "exit_code.hpp"

namespace sequencer::tool {

// Block-buffered writer to a descriptor. After a failed write it swallows the rest and remembers
// why, so that a caller may ask once at the end; it knows how many whole lines got out.
class output {
 public:
  explicit output(int fd) noexcept : fd_(fd) {}

  void write(std::string_view text);
  void line(std::string_view text);
  void number(std::uint64_t value);  // on a line of its own
  // Hands over what is buffered; false when this or an earlier write failed.
  bool flush();

  bool failed() const noexcept { return failed_with_ != 0; }
  int failed_with() const noexcept { return failed_with_; }  // errno
  std::uint64_t lines_out() const noexcept { return lines_out_; }
  bool is_terminal() const noexcept;
  int fd() const noexcept { return fd_; }

 private:
  static constexpr std::size_t capacity = std::size_t{1} << 16;

  int fd_;
  int failed_with_ = 0;
  std::uint64_t lines_out_ = 0;
  std::string buffer_;
};

// Standard output of this process.
output& out();

// "sequencer: TEXT" on standard error.
void complain(std::string_view text);

// Says on standard error what failed; the code to exit with.
exit_code report(const error& failure);

// Flushes standard output. When that fails it says so, and the exit code is `output`.
exit_code finish(exit_code otherwise = exit_code::done);

// From now on SIGINT and SIGTERM are only noted; a call they interrupt returns EINTR.
void note_interrupts();
bool interrupted() noexcept;

}  // namespace sequencer::tool
