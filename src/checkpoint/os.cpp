// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "os.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace sequencer::detail {

namespace {

std::int64_t read_clock(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

// A write beyond RLIMIT_FSIZE would kill the process with SIGXFSZ; say EFBIG instead.
bool beyond_size_limit(std::size_t bytes, off_t at) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return false;
  if (static_cast<rlim_t>(at) + bytes <= limit.rlim_cur) return false;
  errno = EFBIG;
  return true;
}

// A stat that asks for no times costs the next write nothing; one that does obliges the kernel to
// give that write a time stamp of its own (multigrain time stamps, Linux 6.13): half a sync more.
int timeless_stat(int fd, const char* path, int flags, struct ::stat* to) {
  struct ::statx found {};
  constexpr unsigned asked =
      STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | STATX_GID | STATX_INO | STATX_SIZE;
  if (::statx(fd, path, flags, asked, &found) != 0) return -1;
  *to = {};
  to->st_dev = makedev(found.stx_dev_major, found.stx_dev_minor);
  to->st_ino = found.stx_ino;
  to->st_mode = found.stx_mode;
  to->st_nlink = static_cast<decltype(to->st_nlink)>(found.stx_nlink);
  to->st_uid = found.stx_uid;
  to->st_gid = found.stx_gid;
  to->st_size = static_cast<off_t>(found.stx_size);
  return 0;
}

struct flock whole_file() {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return whole;
}

class posix_os final : public os {
 public:
  int open(const char* path, int flags, mode_t mode) override {
    return ::open(path, flags, mode);
  }
  int close(int fd) override { return ::close(fd); }
  ssize_t pread(int fd, void* to, std::size_t bytes, off_t at) override {
    return ::pread(fd, to, bytes, at);
  }
  ssize_t pwrite(int fd, const void* from, std::size_t bytes, off_t at) override {
    return beyond_size_limit(bytes, at) ? -1 : ::pwrite(fd, from, bytes, at);
  }
  ssize_t pwrite_durably(int fd, const void* from, std::size_t bytes, off_t at) override {
    if (beyond_size_limit(bytes, at)) return -1;
    const iovec part{const_cast<void*>(from), bytes};
    const auto put = ::pwritev2(fd, &part, 1, at, RWF_DSYNC);
    if (put >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) return put;
    const auto plain = ::pwrite(fd, from, bytes, at);
    return plain >= 0 && ::fdatasync(fd) != 0 ? -1 : plain;
  }
  int fdatasync(int fd) override { return ::fdatasync(fd); }
  int fsync(int fd) override { return ::fsync(fd); }
  int fstat(int fd, struct ::stat* to) override {
    return timeless_stat(fd, "", AT_EMPTY_PATH, to);
  }
  int stat(const char* path, struct ::stat* to) override {
    return timeless_stat(AT_FDCWD, path, 0, to);
  }
  std::int64_t birth_ns(int fd) override {
    struct ::statx found {};
    if (::statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &found) != 0) return 0;
    if ((found.stx_mask & STATX_BTIME) == 0) return 0;
    return found.stx_btime.tv_sec * std::int64_t{1'000'000'000} + found.stx_btime.tv_nsec;
  }
  int make_like(int fd, const struct ::stat& other) override {
    if (::fchown(fd, other.st_uid, other.st_gid) != 0) return -1;
    return ::fchmod(fd, other.st_mode & 07777);
  }
  int fstatfs(int fd, struct ::statfs* to) override { return ::fstatfs(fd, to); }
  int link(const char* from, const char* to) override { return ::link(from, to); }
  int unlink(const char* path) override { return ::unlink(path); }
  int rename(const char* from, const char* to) override { return ::rename(from, to); }
  int allocate(int fd, off_t at, off_t bytes) override {
    if (beyond_size_limit(static_cast<std::size_t>(bytes), at)) return EFBIG;
    return ::posix_fallocate(fd, at, bytes);
  }
  int truncate(int fd, off_t bytes) override {
    return beyond_size_limit(static_cast<std::size_t>(bytes), 0) ? -1 : ::ftruncate(fd, bytes);
  }

  int lock(int fd) override {
    auto whole = whole_file();
    return ::fcntl(fd, F_OFD_SETLK, &whole);
  }
  int is_locked(int fd) override {
    auto whole = whole_file();
    return ::fcntl(fd, F_OFD_GETLK, &whole) != 0 ? -1 : whole.l_type != F_UNLCK;
  }

  void* map(int fd, std::size_t bytes) override {
    void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? nullptr : at;
  }
  int unmap(void* at, std::size_t bytes) override { return ::munmap(at, bytes); }
  int random(void* to, std::size_t bytes) override {
    return ::getrandom(to, bytes, 0) == static_cast<ssize_t>(bytes) ? 0 : -1;
  }

  std::string real_path(const char* path) override {
    char resolved[PATH_MAX];
    return ::realpath(path, resolved) == nullptr ? std::string() : std::string(resolved);
  }
  void begin_writing(int fd) override {
    static_cast<void>(::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
  }

  std::string boot_id() override {
    const int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return {};
    char text[36];
    const auto got = ::read(fd, text, sizeof text);
    const int kept = errno;
    ::close(fd);
    errno = got < 0 ? kept : EIO;
    return got == sizeof text ? std::string(text, sizeof text) : std::string();
  }

  std::int64_t wall_ns() override { return read_clock(CLOCK_REALTIME); }
  std::int64_t steady_ns() override { return read_clock(CLOCK_MONOTONIC); }
};

}  // namespace

os& system_os() noexcept {
  static posix_os only;
  return only;
}

}  // namespace sequencer::detail
