// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "keeper.hpp"

#include <utility>

namespace sequencer::detail {

int keeper::start(const std::string& name, int cpu, std::function<bool()> serve) {
  serve_ = std::move(serve);
  return thread_.start(name, cpu, [](void* self) { static_cast<keeper*>(self)->run(); }, this);
}

void keeper::run() noexcept {
  const auto stopping = [&] {
    // order: keeper-stop-seen <- keeper-stop: nothing
    return stopping_.load(acquire);
  };
  while (!stopping()) {
    // order: kick-taken <-> kick-made: the requests before the kick
    wait::await(woken_, [&] { return kicked_.exchange(false, acq_rel); }, stopping);
    while (serve_()) {
    }
  }
}

void keeper::kick() noexcept {
  // order: kick-made <-> kick-taken: the requests before the kick
  if (!kicked_.exchange(true, acq_rel)) woken_.wake();
}

void keeper::stop() noexcept {
  if (!running()) return;
  // order: keeper-stop -> keeper-stop-seen: nothing
  stopping_.store(true, release);
  woken_.wake();
  thread_.join();
}

}  // namespace sequencer::detail
