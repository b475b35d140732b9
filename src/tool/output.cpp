// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace sequencer::tool {

namespace {

volatile std::sig_atomic_t interrupt_seen = 0;

}  // namespace

void output::write(std::string_view text) {
  if (failed()) return;
  buffer_ += text;
  if (buffer_.size() >= capacity) flush();
}

void output::line(std::string_view text) {
  write(text);
  write("\n");
}

void output::number(std::uint64_t value) {
  const fmt::format_int digits(value);
  write({digits.data(), digits.size()});
  write("\n");
}

bool output::flush() {
  std::string_view left = buffer_;
  while (!left.empty() && !failed()) {
    const auto put = ::write(fd_, left.data(), left.size());
    if (put < 0 && errno == EINTR && !interrupted()) continue;
    if (put < 0) {
      failed_with_ = errno;
      break;
    }
    const auto gone = left.substr(0, static_cast<std::size_t>(put));
    lines_out_ += static_cast<std::uint64_t>(std::count(gone.begin(), gone.end(), '\n'));
    left.remove_prefix(gone.size());
  }
  buffer_.clear();
  return !failed();
}

bool output::is_terminal() const noexcept { return ::isatty(fd_) == 1; }

output& out() {
  static output standard(STDOUT_FILENO);
  return standard;
}

void complain(std::string_view text) {
  const auto line = fmt::format("sequencer: {}\n", text);
  std::fwrite(line.data(), 1, line.size(), stderr);
}

exit_code report(const error& failure) {
  complain(failure.text.empty() ? message(failure.code) : failure.text);
  return exit_code_of(failure.code);
}

exit_code finish(exit_code otherwise) {
  if (out().flush()) return otherwise;
  complain(fmt::format("standard output: {}", std::strerror(out().failed_with())));
  return exit_code::output;
}

void note_interrupts() {
  struct sigaction noting {};
  noting.sa_handler = [](int) { interrupt_seen = 1; };
  ::sigemptyset(&noting.sa_mask);
  ::sigaction(SIGINT, &noting, nullptr);
  ::sigaction(SIGTERM, &noting, nullptr);
}

bool interrupted() noexcept { return interrupt_seen != 0; }

}  // namespace sequencer::tool
