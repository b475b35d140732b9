// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include "checkpoint/os.hpp"

namespace perf {

// The operating system without its syncs, so that setting up 65,536 sequences takes seconds. Only
// for making files that are measured later, by processes that sync.
class unsynced_os final : public sequencer::detail::os {
 public:
  int open(const char* path, int flags, mode_t mode) override {
    return real_.open(path, flags, mode);
  }
  int close(int fd) override { return real_.close(fd); }
  ssize_t pread(int fd, void* to, std::size_t bytes, off_t at) override {
    return real_.pread(fd, to, bytes, at);
  }
  ssize_t pwrite(int fd, const void* from, std::size_t bytes, off_t at) override {
    return real_.pwrite(fd, from, bytes, at);
  }
  ssize_t pwrite_durably(int fd, const void* from, std::size_t bytes, off_t at) override {
    return real_.pwrite(fd, from, bytes, at);
  }
  int fdatasync(int) override { return 0; }
  int fsync(int) override { return 0; }
  int fstat(int fd, struct ::stat* to) override { return real_.fstat(fd, to); }
  int stat(const char* path, struct ::stat* to) override { return real_.stat(path, to); }
  int fstatfs(int fd, struct ::statfs* to) override { return real_.fstatfs(fd, to); }
  int link(const char* from, const char* to) override { return real_.link(from, to); }
  int unlink(const char* path) override { return real_.unlink(path); }
  int rename(const char* from, const char* to) override { return real_.rename(from, to); }
  int allocate(int fd, off_t at, off_t bytes) override { return real_.allocate(fd, at, bytes); }
  int truncate(int fd, off_t bytes) override { return real_.truncate(fd, bytes); }
  int lock(int fd) override { return real_.lock(fd); }
  int is_locked(int fd) override { return real_.is_locked(fd); }
  void* map(int fd, std::size_t bytes) override { return real_.map(fd, bytes); }
  int unmap(void* at, std::size_t bytes) override { return real_.unmap(at, bytes); }
  int random(void* to, std::size_t bytes) override { return real_.random(to, bytes); }
  std::string real_path(const char* path) override { return real_.real_path(path); }
  std::string boot_id() override { return real_.boot_id(); }
  std::int64_t wall_ns() override { return real_.wall_ns(); }
  std::int64_t steady_ns() override { return real_.steady_ns(); }

 private:
  sequencer::detail::os& real_ = sequencer::detail::system_os();
};

}  // namespace perf
