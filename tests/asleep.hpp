// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace sequencer {

// Whether the kernel has put that thread of this process to sleep.
inline bool is_asleep(long id) {
  std::ifstream of("/proc/self/task/" + std::to_string(id) + "/stat");
  std::string line;
  std::getline(of, line);
  // The state is behind the name, which stands in brackets.
  const auto state = line.rfind(')');
  return state != std::string::npos && line.size() > state + 2 && line[state + 2] == 'S';
}

// How often that thread of this process has given up its CPU to wait for something.
inline std::uint64_t times_asleep(long id) {
  std::ifstream of("/proc/self/task/" + std::to_string(id) + "/status");
  for (std::string line; std::getline(of, line);) {
    constexpr std::string_view what = "voluntary_ctxt_switches:";
    if (line.starts_with(what)) return std::stoull(line.substr(what.size()));
  }
  return 0;
}

// Returns when the kernel knows that thread of this process no more. It may for a moment after it
// was joined: who joins is woken while it is still on its way out.
inline void await_end(long id) {
  while (::syscall(SYS_tgkill, ::getpid(), id, 0) == 0) std::this_thread::yield();
}

// A thread that says who it is, so that another one can wait until the kernel has put it to sleep:
// without that a test of wake-ups passes because nobody slept.
class sleepy_thread {
 public:
  template <class Body>
  explicit sleepy_thread(Body body)
      : thread_([this, body = std::move(body)]() mutable {
          id_ = ::syscall(SYS_gettid);
          body();
          over_ = true;
        }) {}
  void join() { thread_.join(); }

  // Returns when the thread sleeps, or is over.
  void await_sleep() const {
    while (!over_.load() && !sleeps()) std::this_thread::yield();
  }
  long id() const noexcept { return id_.load(); }

 private:
  bool sleeps() const { return id_.load() != 0 && is_asleep(id_.load()); }

  std::atomic<long> id_{0};
  std::atomic<bool> over_{false};
  std::thread thread_;  // last: it uses the others
};

}  // namespace sequencer
