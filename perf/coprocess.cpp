// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "coprocess.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

namespace perf {

coprocess::coprocess(const std::vector<std::string>& line) : name_(line.front()) {
  // Sockets, because a write to one whose reader is gone need not raise a signal.
  int in[2];
  int out[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, in) != 0 ||
      ::pipe2(out, O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipe to a process");
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in[1], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  std::vector<char*> words;
  for (const auto& each : line) words.push_back(const_cast<char*>(each.c_str()));
  words.push_back(nullptr);
  const int bad =
      ::posix_spawnp(&pid_, name_.c_str(), &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(in[1]);
  ::close(out[1]);
  to_ = in[0];
  from_ = out[0];
  if (bad != 0) throw std::runtime_error(name_ + ": cannot be started");
}

void coprocess::tell(const std::string& line) {
  const auto whole = line + '\n';
  const auto sent = ::send(to_, whole.data(), whole.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(whole.size())) {
    throw std::runtime_error(name_ + " ended by itself");
  }
}

std::string coprocess::said() {
  std::string line;
  for (char c = 0; ::read(from_, &c, 1) == 1;) {
    if (c == '\n') return line;
    line += c;
  }
  throw std::runtime_error(name_ + " ended by itself: " + line);
}

void coprocess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::close(to_);
  ::close(from_);
  pid_ = -1;
}

}  // namespace perf
