// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/worker_thread.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

// A thread that serves requests: it sleeps until kicked. Not running, kick() costs nothing.
class keeper {
 public:
  keeper() noexcept = default;
  ~keeper() { stop(); }
  keeper(const keeper&) = delete;
  keeper& operator=(const keeper&) = delete;

  // Starts the thread; `serve` returns whether it found work. 0, or an error number; EINVAL for a
  // CPU that this process may not use.
  int start(const std::string& name, int cpu, std::function<bool()> serve);
  void kick() noexcept;
  // Ends the thread after the round it is in. Idempotent; not from the thread itself.
  void stop() noexcept;
  bool running() const noexcept { return thread_.running(); }
  // In a forked child there is no thread to join.
  void abandon() noexcept { thread_.abandon(); }

 private:
  void run() noexcept;

  std::function<bool()> serve_;
  atomic<bool> kicked_{false};
  atomic<bool> stopping_{false};
  wait::park woken_;
  worker_thread thread_;
};

}  // namespace sequencer::detail
