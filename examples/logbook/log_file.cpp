// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "log_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <iterator>
#include <utility>

#include "../shared/lines.hpp"
#include "../shared/trouble.hpp"
#include "tally.hpp"

namespace examples::logbook {

namespace {

constexpr std::string_view head_word = "#logbook";

// Takes what lies before the next `mark` off the front of `rest`.
std::string_view cut(std::string_view& rest, char mark) {
  const auto end = rest.find(mark);
  const auto word = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  return word;
}

template <class Number>
bool parse(std::string_view text, Number& to) {
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), to);
  return bad == std::errc{} && end == text.data() + text.size();
}

log_header read_header(const std::filesystem::path& file, std::string_view line) {
  log_header found;
  const auto word = cut(line, '\t');
  found.uuid = cut(line, '\t');
  const bool numbers = parse(cut(line, '\t'), found.epoch) && parse(line, found.thread);
  if (word != head_word || found.uuid.empty() || !numbers) {
    throw trouble(file.string() + ": line 1 is not the head of a log; remove the file");
  }
  return found;
}

}  // namespace

log_writer::log_writer(const std::filesystem::path& directory, const log_header& header)
    : path_(log_path(directory, header.epoch, header.thread)) {
  fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0) system_trouble(path_, "creating the log");
  buffer_ = fmt::format("{}\t{}\t{}\t{}\n", head_word, header.uuid, header.epoch, header.thread);
  if (!flush()) system_trouble(path_, "writing the head of the log");
}

log_writer::log_writer(log_writer&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      buffer_(std::move(other.buffer_)) {}

log_writer::~log_writer() {
  if (fd_ >= 0) ::close(fd_);
}

void log_writer::append(std::uint64_t number, std::string_view line) {
  const fmt::format_int digits(number);
  buffer_.append(digits.data(), digits.size()).push_back('\t');
  buffer_.append(line).push_back('\n');
}

bool log_writer::flush() noexcept {
  for (std::string_view rest = buffer_; !rest.empty();) {
    const auto put = ::write(fd_, rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  buffer_.clear();
  return true;
}

log_content read_log(const std::filesystem::path& file) {
  const auto text = read_file(file);
  std::string_view rest = text;
  log_content found;
  if (rest.find('\n') == rest.npos) {
    // The run died while it wrote the head: nothing was logged.
    found.torn = true;
    return found;
  }
  found.header = read_header(file, cut(rest, '\n'));
  for (std::size_t at = 2; !rest.empty(); ++at) {
    if (rest.find('\n') == rest.npos) {
      found.torn = true;
      return found;
    }
    auto line = cut(rest, '\n');
    const bool has_tab = line.find('\t') != line.npos;
    std::uint64_t number = 0;
    if (!has_tab || !parse(cut(line, '\t'), number)) {
      throw trouble(fmt::format("{}: line {} is not `number<TAB>text`: the file was changed by "
                                "something else", file.string(), at));
    }
    found.numbers.push_back(number);
  }
  return found;
}

}  // namespace examples::logbook
