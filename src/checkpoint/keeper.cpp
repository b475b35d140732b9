// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "keeper.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <cerrno>
#include <utility>

namespace sequencer::detail {

namespace {

int pin(int cpu) {
  if (cpu >= CPU_SETSIZE) return EINVAL;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<std::size_t>(cpu), &only);
  return ::pthread_setaffinity_np(::pthread_self(), sizeof only, &only);
}

}  // namespace

int keeper::start(const std::string& name, int cpu, std::function<bool()> serve) {
  // The application's signals are not this thread's business.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  name_ = name.substr(0, 15);
  cpu_ = cpu;
  serve_ = std::move(serve);
  const int bad = ::pthread_create(&thread_, nullptr, &keeper::enter, this);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  running_ = bad == 0;
  if (bad != 0) return bad;
  return cpu < 0 ? 0 : pinning_outcome();
}

void* keeper::enter(void* self) {
  auto& mine = *static_cast<keeper*>(self);
  ::pthread_setname_np(::pthread_self(), mine.name_.c_str());
  if (mine.cpu_ >= 0) mine.report_pinning(pin(mine.cpu_));
  mine.run(mine.serve_);
  return nullptr;
}

void keeper::report_pinning(int outcome) noexcept {
  // order: keeper-pinned -> keeper-pin-seen: the outcome
  pinned_.store(outcome, release);
  started_.wake();
}

int keeper::pinning_outcome() noexcept {
  // order: keeper-pin-seen <- keeper-pinned: the outcome
  wait::await(started_, [&] { return pinned_.load(acquire) >= 0; }, [] { return false; });
  // relaxed: seen above.
  return pinned_.load(relaxed);
}

void keeper::run(const std::function<bool()>& serve) noexcept {
  const auto stopping = [&] {
    // order: keeper-stop-seen <- keeper-stop: nothing
    return stopping_.load(acquire);
  };
  while (!stopping()) {
    // order: kick-taken <-> kick-made: the requests before the kick
    wait::await(woken_, [&] { return kicked_.exchange(false, acq_rel); }, stopping);
    while (serve()) {
    }
  }
}

void keeper::kick() noexcept {
  // order: kick-made <-> kick-taken: the requests before the kick
  if (!kicked_.exchange(true, acq_rel)) woken_.wake();
}

void keeper::stop() noexcept {
  if (!running_) return;
  // order: keeper-stop -> keeper-stop-seen: nothing
  stopping_.store(true, release);
  woken_.wake();
  ::pthread_join(thread_, nullptr);
  running_ = false;
}

void keeper::abandon() noexcept { running_ = false; }

}  // namespace sequencer::detail
