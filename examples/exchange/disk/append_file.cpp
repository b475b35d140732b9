// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "append_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "../../shared/trouble.hpp"

namespace examples::exchange {

append_file::append_file(std::filesystem::path path)
    : path_(std::move(path)),
      fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (fd_ < 0) system_trouble(path_, "opening it");
}

append_file::~append_file() { ::close(fd_); }

void append_file::cut(std::uint64_t bytes) {
  noted(::ftruncate(fd_, static_cast<off_t>(bytes)) == 0, "cutting it");
  check();
}

bool append_file::append(std::span<const std::byte> bytes) noexcept {
  while (!bytes.empty()) {
    const auto put = ::write(fd_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (!noted(put >= 0, "writing it")) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return true;
}

bool append_file::sync() noexcept { return noted(::fdatasync(fd_) == 0, "syncing it"); }

void append_file::check() const {
  if (why_ == 0) return;
  errno = why_;
  system_trouble(path_, doing_);
}

bool append_file::noted(bool fine, const char* doing) noexcept {
  if (fine) return true;
  why_ = errno;
  doing_ = doing;
  return false;
}

}  // namespace examples::exchange
