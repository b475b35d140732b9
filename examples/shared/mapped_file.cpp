// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "trouble.hpp"

namespace examples {

mapped_file::mapped_file(const std::filesystem::path& file, int fd, std::size_t bytes,
                         int how)
    : bytes_(bytes) {
  void* at = bytes == 0 ? nullptr : ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, how, fd, 0);
  ::close(fd);
  if (at == MAP_FAILED) system_trouble(file, "mapping it");
  at_ = static_cast<std::byte*>(at);
}

mapped_file mapped_file::create(const std::filesystem::path& file, std::size_t bytes) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) system_trouble(file, "creating it");
  // Reserved before it is touched: a full disk is an error here and not a SIGBUS later.
  if (const int bad = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes))) {
    ::close(fd);
    errno = bad;
    system_trouble(file, "reserving it");
  }
  return {file, fd, bytes, MAP_SHARED};
}

mapped_file mapped_file::open(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) system_trouble(file, "opening it");
  struct ::stat found {};
  if (::fstat(fd, &found) != 0) system_trouble(file, "asking for its size");
  return {file, fd, static_cast<std::size_t>(found.st_size), MAP_PRIVATE};
}

mapped_file::mapped_file(mapped_file&& other) noexcept
    : at_(std::exchange(other.at_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

mapped_file::~mapped_file() {
  if (at_ != nullptr) ::munmap(at_, bytes_);
}

}  // namespace examples
