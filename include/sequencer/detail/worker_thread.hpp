// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <cstddef>
#include <string>
#include <vector>

#include <sequencer/result.hpp>

namespace sequencer::detail {

// A thread with a name, on one CPU or on any. Of the application's signals it gets those alone that
// its own faults raise.
// Not std::thread, which throws where the process may have no further one.
class worker_thread {
 public:
  using body = void (*)(void*);

  worker_thread() noexcept = default;
  worker_thread(const worker_thread&) = delete;
  worker_thread& operator=(const worker_thread&) = delete;
  ~worker_thread() { join(); }

  // Starts what(of). 0, or an error number; EINVAL for a CPU that this process may not use.
  int start(const std::string& name, int cpu, body what, void* of) {
    what_ = what;
    of_ = of;
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    int bad = cpu < 0 ? 0 : pin(attributes, cpu);
    if (bad == 0) {
      sigset_t all;
      sigset_t before;
      ::sigfillset(&all);
      for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP}) ::sigdelset(&all, own);
      ::pthread_sigmask(SIG_SETMASK, &all, &before);
      bad = ::pthread_create(&thread_, &attributes, &worker_thread::enter, this);
      ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    ::pthread_attr_destroy(&attributes);
    running_ = bad == 0;
    if (running_) ::pthread_setname_np(thread_, name.substr(0, 15).c_str());
    return bad;
  }

  // Waits for its end. Idempotent; not from the thread itself.
  void join() noexcept {
    if (!running_) return;
    if (::pthread_join(thread_, nullptr) != 0) stop("a thread waits for its own end");
    running_ = false;
  }

  bool running() const noexcept { return running_; }
  // In a forked child there is no thread to join.
  void abandon() noexcept { running_ = false; }

 private:
  // A cpu_set_t ends at CPU 1023, machines need not.
  static int pin(pthread_attr_t& attributes, int cpu) {
    const auto at = static_cast<std::size_t>(cpu);
    std::vector<cpu_set_t> only(at / CPU_SETSIZE + 1);
    const auto bytes = only.size() * sizeof(cpu_set_t);
    CPU_ZERO_S(bytes, only.data());
    CPU_SET_S(at, bytes, only.data());
    return ::pthread_attr_setaffinity_np(&attributes, bytes, only.data());
  }

  static void* enter(void* self) {
    auto& mine = *static_cast<worker_thread*>(self);
    mine.what_(mine.of_);
    return nullptr;
  }

  pthread_t thread_{};
  body what_ = nullptr;
  void* of_ = nullptr;
  bool running_ = false;
};

}  // namespace sequencer::detail
