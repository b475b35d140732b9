// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "file_lock.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <utility>
#include <vector>

namespace sequencer::detail {

namespace {

// Descriptors that a forked child must close. Never destroyed: children may fork at exit.
struct descriptor_list {
  std::mutex guard;
  std::vector<int> open;

  descriptor_list() {
    ::pthread_atfork([] { instance().guard.lock(); }, [] { instance().guard.unlock(); },
                     [] {
                       for (const int fd : instance().open) ::close(fd);
                       instance().open.clear();
                       instance().guard.unlock();
                     });
  }

  static descriptor_list& instance() {
    static auto* only = new descriptor_list;
    return *only;
  }
};

void remember(int fd) {
  auto& list = descriptor_list::instance();
  const std::lock_guard held(list.guard);
  list.open.push_back(fd);
}

// False when the descriptor was closed by the fork already.
bool forget(int fd) {
  auto& list = descriptor_list::instance();
  const std::lock_guard held(list.guard);
  const auto at = std::find(list.open.begin(), list.open.end(), fd);
  if (at == list.open.end()) return false;
  list.open.erase(at);
  return true;
}

}  // namespace

file_lock::file_lock(os& system, int fd) : system_(&system), fd_(fd) { remember(fd); }

file_lock::file_lock(file_lock&& other) noexcept
    : system_(other.system_), fd_(std::exchange(other.fd_, -1)) {}

file_lock& file_lock::operator=(file_lock&& other) noexcept {
  std::swap(system_, other.system_);
  std::swap(fd_, other.fd_);
  return *this;
}

file_lock::~file_lock() { release(); }

int file_lock::acquire() noexcept { return system_->lock(fd_) == 0 ? 0 : errno; }

void file_lock::release() noexcept {
  if (fd_ >= 0 && forget(fd_)) system_->close(fd_);
  fd_ = -1;
}

}  // namespace sequencer::detail
