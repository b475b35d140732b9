// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "lines.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "trouble.hpp"

namespace examples {

std::string read_file(const std::string& path) {
  const bool standard = path == "-";
  const int fd = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) system_trouble(path, "opening it");
  std::string text;
  for (;;) {
    constexpr std::size_t step = 1 << 20;
    const auto had = text.size();
    text.resize(had + step);
    const auto got = ::read(fd, text.data() + had, step);
    text.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) system_trouble(path, "reading it");
    if (got == 0) break;
  }
  if (!standard) ::close(fd);
  return text;
}

input_lines::input_lines(const std::string& path) : text_(read_file(path)) {
  for (std::string_view rest = text_; !rest.empty();) {
    const auto end = rest.find('\n');
    lines_.push_back(rest.substr(0, end));
    rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  }
  if (lines_.empty()) throw trouble(path + ": is empty; name a file that has lines");
}

}  // namespace examples
