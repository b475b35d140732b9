// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <src/checkpoint/os.hpp>

namespace sequencer::crash {

// What becomes of one call.
struct fate {
  int error = 0;           // not 0: the call fails with it and does nothing
  std::size_t at_most = 0;  // not 0: reads and writes move no more bytes than this
};

// A door that lets somebody watch each call, fail it, or cut it short.
class watched_os : public detail::os {
 public:
  using watcher = std::function<fate(std::string_view call)>;

  explicit watched_os(detail::os& behind = detail::system_os(), watcher watch = {})
      : behind_(behind), watch_(std::move(watch)) {}

  void watch(watcher with) { watch_ = std::move(with); }

  int open(const char* path, int flags, mode_t mode) override {
    return fails("open") ? -1 : behind_.open(path, flags, mode);
  }
  // Closes even where it fails, as Linux does.
  int close(int fd) override {
    const int outcome = behind_.close(fd);
    return fails("close") ? -1 : outcome;
  }
  ssize_t pread(int fd, void* to, std::size_t bytes, off_t at) override {
    return fails("pread") ? -1 : behind_.pread(fd, to, cut(bytes), at);
  }
  ssize_t pwrite(int fd, const void* from, std::size_t bytes, off_t at) override {
    return fails("pwrite") ? -1 : behind_.pwrite(fd, from, cut(bytes), at);
  }
  ssize_t pwrite_durably(int fd, const void* from, std::size_t bytes, off_t at) override {
    return fails("pwrite_durably") ? -1 : behind_.pwrite_durably(fd, from, cut(bytes), at);
  }
  int fdatasync(int fd) override { return fails("fdatasync") ? -1 : behind_.fdatasync(fd); }
  int fsync(int fd) override { return fails("fsync") ? -1 : behind_.fsync(fd); }
  int fstat(int fd, struct ::stat* to) override {
    return fails("fstat") ? -1 : behind_.fstat(fd, to);
  }
  int stat(const char* path, struct ::stat* to) override {
    return fails("stat") ? -1 : behind_.stat(path, to);
  }
  int fstatfs(int fd, struct ::statfs* to) override {
    return fails("fstatfs") ? -1 : behind_.fstatfs(fd, to);
  }
  int link(const char* from, const char* to) override {
    return fails("link") ? -1 : behind_.link(from, to);
  }
  int unlink(const char* path) override {
    return fails("unlink") ? -1 : behind_.unlink(path);
  }
  int rename(const char* from, const char* to) override {
    return fails("rename") ? -1 : behind_.rename(from, to);
  }
  int allocate(int fd, off_t at, off_t bytes) override {
    return fails("allocate") ? errno : behind_.allocate(fd, at, bytes);
  }
  int truncate(int fd, off_t bytes) override {
    return fails("truncate") ? -1 : behind_.truncate(fd, bytes);
  }
  int lock(int fd) override { return fails("lock") ? -1 : behind_.lock(fd); }
  int is_locked(int fd) override { return fails("is_locked") ? -1 : behind_.is_locked(fd); }
  void* map(int fd, std::size_t bytes) override {
    return fails("map") ? nullptr : behind_.map(fd, bytes);
  }
  int unmap(void* at, std::size_t bytes) override { return behind_.unmap(at, bytes); }
  int random(void* to, std::size_t bytes) override {
    return fails("random") ? -1 : behind_.random(to, bytes);
  }
  std::string real_path(const char* path) override {
    return fails("real_path") ? std::string() : behind_.real_path(path);
  }
  void begin_writing(int fd) override { behind_.begin_writing(fd); }
  std::string boot_id() override { return fails("boot_id") ? std::string() : behind_.boot_id(); }
  std::int64_t birth_ns(int fd) override { return behind_.birth_ns(fd); }
  int make_like(int fd, const struct ::stat& other) override {
    return fails("make_like") ? -1 : behind_.make_like(fd, other);
  }
  std::int64_t wall_ns() override { return behind_.wall_ns(); }
  std::int64_t steady_ns() override { return behind_.steady_ns(); }

 protected:
  detail::os& behind() { return behind_; }

 private:
  bool fails(std::string_view call) {
    now_ = watch_ ? watch_(call) : fate{};
    if (now_.error == 0) return false;
    errno = now_.error;
    return true;
  }

  std::size_t cut(std::size_t bytes) const {
    return now_.at_most != 0 && now_.at_most < bytes ? now_.at_most : bytes;
  }

  detail::os& behind_;
  watcher watch_;
  fate now_;
};

}  // namespace sequencer::crash
