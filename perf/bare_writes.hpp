// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace perf {

// What the storage does when nobody adds anything: pages written over in a file of two.
class bare_writes {
 public:
  bare_writes(const std::string& path, bool one_call, bool there = false) : one_call_(one_call) {
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd_ < 0) throw std::runtime_error(path + ": cannot be made");
    if (there) return;
    for (off_t at = 0; at < 2 * page; at += page) {
      if (::pwrite(fd_, bytes_, page, at) != page) throw std::runtime_error(path + ": full");
    }
    ::fsync(fd_);
  }
  ~bare_writes() { ::close(fd_); }
  bare_writes(const bare_writes&) = delete;

  // One page onto the older of two copies, on stable storage when it returns.
  bool once() {
    const off_t at = (turn_ ^= 1) * page;
    if (!one_call_) return ::pwrite(fd_, bytes_, page, at) == page && ::fdatasync(fd_) == 0;
    const iovec part{bytes_, page};
    return ::pwritev2(fd_, &part, 1, at, RWF_DSYNC) == page;
  }

 private:
  static constexpr int page = 4096;
  const bool one_call_;
  int fd_ = -1;
  int turn_ = 0;
  char bytes_[page] = {};
};

}  // namespace perf
