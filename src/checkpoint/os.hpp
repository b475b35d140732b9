// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/vfs.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace sequencer::detail {

// The one door to the operating system. Calls behave as their namesakes: -1 and errno on failure.
// Tests put a simulated disk or a failing system behind it.
class os {
 public:
  virtual ~os() = default;

  virtual int open(const char* path, int flags, mode_t mode) = 0;
  virtual int close(int fd) = 0;
  virtual ssize_t pread(int fd, void* to, std::size_t bytes, off_t at) = 0;
  virtual ssize_t pwrite(int fd, const void* from, std::size_t bytes, off_t at) = 0;
  // pwrite that returns only once the bytes are on stable storage (RWF_DSYNC).
  virtual ssize_t pwrite_durably(int fd, const void* from, std::size_t bytes, off_t at) = 0;
  virtual int fdatasync(int fd) = 0;
  virtual int fsync(int fd) = 0;
  // Device, inode, mode, links, owner and size; times and block counts stay 0.
  virtual int fstat(int fd, struct ::stat* to) = 0;
  virtual int stat(const char* path, struct ::stat* to) = 0;
  // Birth time of the inode, wall clock; 0 where the file system keeps none.
  virtual std::int64_t birth_ns(int) { return 0; }
  // Gives the open file the owner and mode of another one.
  virtual int make_like(int, const struct ::stat&) { return 0; }
  virtual int fstatfs(int fd, struct ::statfs* to) = 0;
  virtual int link(const char* from, const char* to) = 0;
  virtual int unlink(const char* path) = 0;
  virtual int rename(const char* from, const char* to) = 0;
  // Reserves storage, extending the file; 0 or an error number, as posix_fallocate.
  virtual int allocate(int fd, off_t at, off_t bytes) = 0;
  virtual int truncate(int fd, off_t bytes) = 0;
  // Takes the whole-file lock of this open file description, or fails at once with EAGAIN.
  virtual int lock(int fd) = 0;
  // Whether another open file description holds that lock: 1 or 0, or -1.
  virtual int is_locked(int fd) = 0;
  virtual void* map(int fd, std::size_t bytes) = 0;  // shared, read and write; nullptr and errno
  virtual int unmap(void* at, std::size_t bytes) = 0;
  virtual int random(void* to, std::size_t bytes) = 0;
  // The absolute path without links, or "" and errno.
  virtual std::string real_path(const char* path) = 0;
  // Starts writing what is dirty, without waiting and without a promise.
  virtual void begin_writing(int) {}
  // This boot's id (36 characters), or "" and errno.
  virtual std::string boot_id() = 0;
  virtual std::int64_t wall_ns() = 0;
  virtual std::int64_t steady_ns() = 0;
};

// The real one.
os& system_os() noexcept;

}  // namespace sequencer::detail
