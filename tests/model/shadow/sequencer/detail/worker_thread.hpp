// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

// The checker's threads do the work of stages themselves.
namespace sequencer::detail {

class worker_thread {
 public:
  using body = void (*)(void*);

  int start(const std::string&, int, body what, void* of) noexcept {
    latest = {what, of};
    return 0;
  }
  void join() noexcept {}

  // For the models: what the thread that was started last has to do.
  struct task {
    body what;
    void* of;
    void run() const { what(of); }
  };
  inline static task latest{};
};

}  // namespace sequencer::detail
