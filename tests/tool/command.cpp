// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

namespace command {

namespace {

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::abort();
}

struct channel {
  int read = -1;
  int write = -1;
  channel() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) give_up("pipe2");
    read = ends[0];
    write = ends[1];
  }
};

void close_once(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

running::running(const words& line, const std::string& to_file) {
  std::vector<char*> arguments;
  for (const auto& each : line) arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  channel out, err;
  ::posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (to_file.empty()) {
    ::posix_spawn_file_actions_adddup2(&actions, out.write, STDOUT_FILENO);
  } else {
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, to_file.c_str(), O_WRONLY, 0);
  }
  ::posix_spawn_file_actions_adddup2(&actions, err.write, STDERR_FILENO);
  const int bad = ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (bad != 0) {
    errno = bad;
    give_up(arguments[0]);
  }
  ::close(out.write);
  ::close(err.write);
  out_ = out.read;
  err_ = err.read;
}

running::~running() {
  if (pid_ > 0) signal(SIGKILL), finish();
}

bool running::read_more(int& from, std::string& into) {
  char bytes[4096];
  const auto got = ::read(from, bytes, sizeof bytes);
  if (got < 0 && errno == EINTR) return true;
  if (got <= 0) {
    close_once(from);
    return false;
  }
  into.append(bytes, static_cast<std::size_t>(got));
  return true;
}

std::string running::line() {
  for (;;) {
    const auto end = unread_.find('\n');
    if (end != std::string::npos) {
      auto first = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return first;
    }
    if (out_ < 0 || !read_more(out_, unread_)) return std::exchange(unread_, {});
  }
}

void running::stop_reading() { close_once(out_); }

void running::signal(int number) { ::kill(pid_, number); }

bool running::ended() const {
  ::siginfo_t how{};
  const bool told = ::waitid(P_PID, static_cast<id_t>(pid_), &how,
                             WEXITED | WNOHANG | WNOWAIT) == 0;
  return told && how.si_pid == pid_;
}

outcome running::finish() {
  while (out_ >= 0 || err_ >= 0) {
    ::pollfd both[2] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
    if (::poll(both, 2, -1) < 0 && errno != EINTR) give_up("poll");
    if (out_ >= 0 && both[0].revents != 0) read_more(out_, unread_);
    if (err_ >= 0 && both[1].revents != 0) read_more(err_, errors_);
  }
  int how = 0;
  while (::waitpid(pid_, &how, 0) < 0) {
    if (errno != EINTR) give_up("waitpid");
  }
  pid_ = -1;
  const int status = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
  return {status, std::exchange(unread_, {}), std::exchange(errors_, {})};
}

outcome run(const words& line, const std::string& to_file) {
  return running(line, to_file).finish();
}

words sequencer(words arguments) {
  arguments.insert(arguments.begin(), TOOL_PROGRAM);
  return arguments;
}

outcome run_tool(const words& arguments) { return run(sequencer(arguments)); }

scratch::scratch() {
  auto form = (std::filesystem::current_path() / "tool-test-XXXXXX").string();
  if (::mkdtemp(form.data()) == nullptr) give_up(form.c_str());
  path_ = form;
}

scratch::~scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void flip(const std::string& path, std::size_t byte, int bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(byte));
  const int before = file.get();
  file.seekp(static_cast<std::streamoff>(byte));
  file.put(static_cast<char>(before ^ (1 << bit)));
  if (!file) give_up(path.c_str());
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream from(text);
  for (std::string line; std::getline(from, line);) all.push_back(line);
  return all;
}

}  // namespace command
