// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

// The checker's threads do the work of stages themselves.
namespace sequencer::detail {

class worker_thread {
 public:
  using body = void (*)(void*);

  int start(const std::string&, int, body, void*) noexcept { return 0; }
  void join() noexcept {}
};

}  // namespace sequencer::detail
