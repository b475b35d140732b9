// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace perf {

// A process of this program that opens a checkpoint, says what it has to say in one line, and
// waits to be killed.
class victim {
 public:
  // Throws std::runtime_error when it cannot be started.
  victim(const std::string& program, const std::vector<std::string>& arguments);
  ~victim() { kill(); }
  victim(const victim&) = delete;

  // Its line; throws when it ended without one.
  std::string said();
  // SIGKILL, and waits for its end. Idempotent.
  void kill();

 private:
  pid_t pid_ = -1;
  int pipe_ = -1;
};

}  // namespace perf
