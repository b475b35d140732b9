// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace perf {

// A process that is told things, and says things, line by line.
class coprocess {
 public:
  // `line` is the program, looked for in PATH, and its arguments. Throws std::runtime_error when it
  // cannot be started.
  explicit coprocess(const std::vector<std::string>& line);
  ~coprocess() { kill(); }
  coprocess(const coprocess&) = delete;

  pid_t id() const noexcept { return pid_; }
  // Throws when the process does not read any more.
  void tell(const std::string& line);
  // Its next line; throws when it ended without one.
  std::string said();
  // SIGKILL, and waits for its end. Idempotent.
  void kill();

 private:
  std::string name_;
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
};

}  // namespace perf
