// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sequencer/result.hpp>

#include "os.hpp"

namespace sequencer::detail {

// An open file description that holds the whole-file lock (an open file description lock: it
// survives closing other descriptors of the file, and conflicts within one process too). A forked
// child closes its copy, so that it cannot keep a dead parent's lock.
class file_lock {
 public:
  file_lock() noexcept = default;
  file_lock(os& system, int fd);
  file_lock(file_lock&& other) noexcept;
  file_lock& operator=(file_lock&& other) noexcept;
  ~file_lock();

  int fd() const noexcept { return fd_; }
  // 0, or an error number: EAGAIN when somebody else has the lock.
  int acquire() noexcept;
  void release() noexcept;

 private:
  os* system_ = nullptr;
  int fd_ = -1;
};

}  // namespace sequencer::detail
