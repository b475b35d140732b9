// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "keeper.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <cerrno>
#include <new>
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
  thread_ = std::thread([this, name, cpu, serve = std::move(serve)] {
    ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
    if (cpu >= 0) report_pinning(pin(cpu));
    run(serve);
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return cpu < 0 ? 0 : pinning_outcome();
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
  const int outcome = pinned_.load(relaxed);
  if (outcome != 0) stop();
  return outcome;
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
  if (!thread_.joinable()) return;
  // order: keeper-stop -> keeper-stop-seen: nothing
  stopping_.store(true, release);
  woken_.wake();
  thread_.join();
}

void keeper::abandon() noexcept {
  // The thread object describes a thread of the parent: joining or detaching it would be wrong.
  new (&thread_) std::thread;
}

}  // namespace sequencer::detail
