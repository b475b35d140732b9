// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "private_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace perf::systems {

namespace {

using clock = std::chrono::steady_clock;
constexpr int between_looks_ms = 10;

// Its last words, to be told why it failed.
std::string end_of(const std::string& log) {
  std::ifstream file(log);
  std::string last = "it said nothing";
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

// In a child of fork: becomes the program. Only calls that a child of threads may make.
[[noreturn]] void become(const user& of, char** words, int log, int when_orphaned) {
  ::setpgid(0, 0);  // an interrupt at the terminal is for this program, which ends its servers
  if (::geteuid() == 0 && of.uid != 0) {
    const bool dropped =
        ::setgroups(0, nullptr) == 0 && ::setgid(of.gid) == 0 && ::setuid(of.uid) == 0;
    if (!dropped) ::_exit(126);
  }
  if (when_orphaned != 0) ::prctl(PR_SET_PDEATHSIG, when_orphaned);
  const int nothing = ::open("/dev/null", O_RDWR);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execvp(words[0], words);
  ::_exit(127);
}

constexpr std::string_view prefix = "sequencer-server-";

// Directories of programs that were killed, which their names tell.
void remove_leftovers(const std::string& parent) {
  std::error_code ignored;
  std::vector<std::filesystem::path> left;
  for (const auto& each : std::filesystem::directory_iterator(parent, ignored)) {
    const auto name = each.path().filename().string();
    if (!name.starts_with(prefix)) continue;
    pid_t pid = 0;
    std::from_chars(name.data() + prefix.size(), name.data() + name.size(), pid);
    if (pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH) left.push_back(each.path());
  }
  for (const auto& each : left) std::filesystem::remove_all(each, ignored);
}

pid_t start(const user& of, const std::vector<std::string>& line, const std::string& log,
            int when_orphaned) {
  const int to = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (to < 0) throw std::runtime_error(log + ": cannot be written");
  std::vector<char*> words;
  for (const auto& each : line) words.push_back(const_cast<char*>(each.c_str()));
  words.push_back(nullptr);
  const auto pid = ::fork();
  if (pid == 0) become(of, words.data(), to, when_orphaned);
  ::close(to);
  if (pid < 0) throw std::runtime_error(line.front() + ": cannot be started");
  return pid;
}

}  // namespace

user server_user() {
  if (::geteuid() != 0) return {::geteuid(), ::getegid()};
  for (const char* name : {"postgres", "nobody"}) {
    if (const auto* found = ::getpwnam(name); found != nullptr) {
      return {found->pw_uid, found->pw_gid};
    }
  }
  return {};
}

own_directory::own_directory(const std::string& parent, const user& of) {
  remove_leftovers(parent);
  const auto name = fmt::format("{}{}-XXXXXX", prefix, ::getpid());
  path_ = (std::filesystem::path(parent) / name).string();
  if (::mkdtemp(path_.data()) == nullptr) {
    throw std::runtime_error(parent + ": a directory cannot be made there");
  }
  if (::geteuid() == 0 && ::chown(path_.c_str(), of.uid, of.gid) != 0) {
    throw std::runtime_error(path_ + ": cannot be given to the server's user");
  }
}

own_directory::~own_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void run_as(const user& of, const std::vector<std::string>& line, const std::string& log) {
  const auto pid = start(of, line, log, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  if (status != 0) throw std::runtime_error(line.front() + " failed: " + end_of(log));
}

private_server::private_server(const user& of, std::vector<std::string> line, std::string log,
                               int stop)
    : log_(std::move(log)), stop_(stop), pid_(start(of, line, log_, stop)) {}

void private_server::await(const std::function<bool()>& answers) {
  const auto until = clock::now() + std::chrono::seconds(30);
  while (!answers()) {
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      throw std::runtime_error("the server ended: " + end_of(log_));
    }
    if (clock::now() > until) throw std::runtime_error("the server is silent: " + end_of(log_));
    ::poll(nullptr, 0, between_looks_ms);
  }
}

void private_server::end(int signal) noexcept {
  if (pid_ < 0) return;
  ::kill(pid_, signal);
  const auto until = clock::now() + std::chrono::seconds(10);
  while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (clock::now() > until) ::kill(pid_, SIGKILL);
    ::poll(nullptr, 0, between_looks_ms);
  }
  pid_ = -1;
}

}  // namespace perf::systems
