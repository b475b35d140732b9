// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "team.hpp"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>

#include <sequencer/cpu.hpp>

#include "host.hpp"

namespace perf {

namespace {

std::uint64_t involuntary_switches() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  return static_cast<std::uint64_t>(used.ru_nivcsw);
}

void pin(int cpu) {
  if (cpu == team::any_cpu) return;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<std::size_t>(cpu), &only);
  ::pthread_setaffinity_np(::pthread_self(), sizeof only, &only);
}

}  // namespace

team::team(std::vector<int> cpus)
    : crowded_(std::find(cpus.begin(), cpus.end(), any_cpu) != cpus.end()), spans_(cpus.size()) {
  for (unsigned i = 0; i < cpus.size(); ++i) {
    threads_.emplace_back([this, i, cpu = cpus[i]] { serve(i, cpu); });
  }
}

team::~team() {
  {
    const std::lock_guard held(guard_);
    stop_ = true;
  }
  changed_.notify_all();
  for (auto& each : threads_) each.join();
}

void team::serve(unsigned index, int cpu) {
  pin(cpu);
  for (std::uint64_t done = 0;;) {
    std::unique_lock held(guard_);
    changed_.wait(held, [&] { return stop_ || job_ != done; });
    if (stop_) return;
    done = job_;
    if (index >= wanted_) continue;
    held.unlock();
    work_once(index);
    held.lock();
    if (--left_ == 0) changed_.notify_all();
  }
}

void team::work_once(unsigned index) {
  const auto before = involuntary_switches();
  --present_;
  while (present_ != 0) crowded_ ? static_cast<void>(::sched_yield()) : sequencer::cpu::relax();
  auto& mine = spans_[index];
  mine.began = sequencer::cpu::ticks();
  (*work_)(index);
  mine.ended = sequencer::cpu::ticks();
  mine.preempted = involuntary_switches() - before;
}

timing team::run(unsigned count, const std::function<void(unsigned)>& work) {
  const auto stolen_before = stolen_ticks();
  {
    std::unique_lock held(guard_);
    work_ = &work;
    wanted_ = left_ = count;
    present_ = count;
    ++job_;
    changed_.notify_all();
    changed_.wait(held, [&] { return left_ == 0; });
  }
  timing all;
  auto first = spans_[0].began;
  auto last = spans_[0].ended;
  for (unsigned i = 0; i < count; ++i) {
    first = std::min(first, spans_[i].began);
    last = std::max(last, spans_[i].ended);
    all.preempted += spans_[i].preempted;
  }
  all.ns = tsc().to_ns(last - first);
  all.stolen = stolen_ticks() != stolen_before;
  return all;
}

double team::line_transfer() {
  if (size() < 2) return 0;
  constexpr std::uint64_t trips = 1000;
  struct alignas(128) line {
    std::atomic<std::uint64_t> turn{0};
  } shared;
  const auto took = run(2, [&](unsigned who) {
    for (std::uint64_t i = 0; i < trips; ++i) {
      auto mine = 2 * i + who;
      while (!shared.turn.compare_exchange_weak(mine, 2 * i + who + 1)) mine = 2 * i + who;
    }
  });
  return took.ns / static_cast<double>(2 * trips);
}

}  // namespace perf
