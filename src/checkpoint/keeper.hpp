// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <functional>
#include <string>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

// A thread that serves requests: it sleeps until kicked. Not running, kick() costs nothing.
class keeper {
 public:
  keeper() noexcept = default;
  ~keeper() { stop(); }
  keeper(const keeper&) = delete;
  keeper& operator=(const keeper&) = delete;

  // Starts the thread; `serve` returns whether it found work. 0, or an error number; a thread that
  // could not be pinned runs all the same until stop(), which whoever holds its locks cannot call.
  int start(const std::string& name, int cpu, std::function<bool()> serve);
  void kick() noexcept;
  // Ends the thread after the round it is in. Idempotent; not from the thread itself.
  void stop() noexcept;
  bool running() const noexcept { return running_; }
  // In a forked child there is no thread to join.
  void abandon() noexcept;

 private:
  void run(const std::function<bool()>& serve) noexcept;
  void report_pinning(int outcome) noexcept;
  int pinning_outcome() noexcept;

  static void* enter(void* self);

  // Not std::thread, which throws where the process may have no further one.
  pthread_t thread_{};
  bool running_ = false;
  std::string name_;
  int cpu_ = -1;
  std::function<bool()> serve_;
  atomic<int> pinned_{-1};
  wait::park started_;
  atomic<bool> kicked_{false};
  atomic<bool> stopping_{false};
  wait::park woken_;
};

}  // namespace sequencer::detail
