// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include <sequencer/cache_line.hpp>
#include <sequencer/cpu.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/worker_thread.hpp>
#include <sequencer/place/binding.hpp>
#include <sequencer/place/measure.hpp>

#include "not_here.hpp"

namespace sequencer::place {

namespace {

using clock = std::chrono::steady_clock;

enum class standing : std::uint64_t { starting, bound, refused };

// One line, passed between the thread that measures and one that answers.
struct exchange {
  alignas(interference_size) detail::atomic<std::uint64_t> word{0};
  alignas(interference_size) detail::atomic<standing> other{standing::starting};
  const topology* here = nullptr;
  unsigned answering = 0;  // its CPU
  std::uint64_t passes = 0;
  result<void> bound;
};

void wait_for(const detail::atomic<std::uint64_t>& word, std::uint64_t value) noexcept {
  // order: line-seen <- line-passed: nothing but the line itself
  while (word.load(detail::acquire) != value) cpu::relax();
}

void pass(detail::atomic<std::uint64_t>& word, std::uint64_t value) noexcept {
  // order: line-passed -> line-seen: nothing but the line itself
  word.store(value, detail::release);
}

void answer(void* of) {
  auto& with = *static_cast<exchange*>(of);
  with.bound = bind_this_thread(*with.here, {with.answering});
  const auto told = with.bound ? standing::bound : standing::refused;
  // order: answerer-stands -> answerer-seen: why it was not bound
  with.other.store(told, detail::release);
  if (!with.bound) return;
  for (std::uint64_t i = 1; i <= with.passes; ++i) {
    wait_for(with.word, 2 * i - 1);
    pass(with.word, 2 * i);
  }
}

// Gives way: the other thread begins on this CPU, and where both have a real-time policy it would
// never come to leave it.
bool answers(const exchange& with) noexcept {
  for (;;) {
    // order: answerer-seen <- answerer-stands: why it was not bound
    const auto seen = with.other.load(detail::acquire);
    if (seen != standing::starting) return seen == standing::bound;
    ::sched_yield();
  }
}

// Nanoseconds one way, of `count` passes.
double timed(exchange& with, std::uint64_t& at, unsigned count) noexcept {
  const auto begun = clock::now();
  for (unsigned i = 0; i < count; ++i, ++at) {
    pass(with.word, 2 * at - 1);
    wait_for(with.word, 2 * at);
  }
  const auto spent = std::chrono::duration<double, std::nano>(clock::now() - begun);
  return spent.count() / (2.0 * count);
}

result<double> between(const topology& here, unsigned answering, measure_options how) {
  exchange with;
  with.here = &here;
  with.answering = answering;
  with.passes = std::uint64_t{how.passes} * (how.rounds + 1);
  detail::worker_thread other;
  if (const int bad = other.start("line", any_cpu, answer, &with); bad != 0) {
    return error{errc::io, bad, std::string("a thread to measure with: ") + std::strerror(bad)};
  }
  std::vector<double> rounds;
  if (answers(with)) {
    std::uint64_t at = 1;
    timed(with, at, how.passes);  // until both run at full speed
    for (unsigned i = 0; i < how.rounds; ++i) rounds.push_back(timed(with, at, how.passes));
  }
  other.join();
  if (!with.bound) return with.bound.failure();
  const auto middle = rounds.begin() + static_cast<std::ptrdiff_t>(rounds.size() / 2);
  std::nth_element(rounds.begin(), middle, rounds.end());
  return *middle;
}

struct measuring {
  const topology* here;
  measure_options how;
  result<line_latency> found;
};

// On a thread of its own, so that the caller's affinity stays as it is.
void measure_all(void* of) {
  auto& work = *static_cast<measuring*>(of);
  auto& all = *work.found;
  for (std::size_t i = 0; i < all.cpus.size(); ++i) {
    if (auto bound = bind_this_thread(*work.here, {all.cpus[i]}); !bound) {
      work.found = bound.failure();
      return;
    }
    for (std::size_t j = i + 1; j < all.cpus.size(); ++j) {
      const auto one_way = between(*work.here, all.cpus[j], work.how);
      if (!one_way) {
        work.found = one_way.failure();
        return;
      }
      all.ns[i][j] = all.ns[j][i] = *one_way;
    }
  }
}

}  // namespace

result<line_latency> measure_lines(const topology& here, measure_options how) {
  if (!here.this_machine) return not_here(here, "nothing was measured");
  if (how.rounds == 0 || how.passes == 0) {
    return error{errc::invalid, 0, "measuring takes at least one round of one pass"};
  }
  line_latency empty;
  for (const auto& each : here.cores) {
    const auto mine = each.cpus.common(here.usable_cpus);
    if (!mine.empty()) empty.cpus.push_back(mine.first());
  }
  empty.ns.assign(empty.cpus.size(), std::vector<double>(empty.cpus.size(), 0));
  measuring work{&here, how, std::move(empty)};
  detail::worker_thread own;
  if (const int bad = own.start("measure", any_cpu, measure_all, &work); bad != 0) {
    return error{errc::io, bad, std::string("a thread to measure with: ") + std::strerror(bad)};
  }
  own.join();
  return std::move(work.found);
}

}  // namespace sequencer::place
