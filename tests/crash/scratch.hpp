// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/magic.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include <sequencer/checkpoint.hpp>

namespace sequencer::crash {

// A directory of a test's own on a disk and one on a tmpfs, gone at its end.
class scratch {
 public:
  scratch() : disk_(make("/var/tmp/sequencer-XXXXXX")), live_(make("/dev/shm/sequencer-XXXXXX")) {}
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(disk_, ignored);
    std::filesystem::remove_all(live_, ignored);
  }

  const std::string& directory() const { return disk_; }
  const std::string& live_directory() const { return live_; }
  std::string path(const std::string& name = "desk.seq") const { return disk_ + "/" + name; }

  checkpoint_options options(bool create = false) const {
    checkpoint_options made;
    made.create = create;
    made.live_directory = live_;
    made.volatile_storage = true;  // where /var/tmp is none, the tests still run
    return made;
  }

 private:
  static std::string make(std::string pattern) {
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    return pattern;
  }

  std::string disk_;
  std::string live_;
};

// What a child process came to: its exit code, or minus the signal that ended it.
inline int in_child(const std::function<int()>& what) {
  const auto child = ::fork();
  if (child == 0) ::_exit(what());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace sequencer::crash
