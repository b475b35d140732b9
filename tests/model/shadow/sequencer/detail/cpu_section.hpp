// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <sequencer/detail/cpu_block.hpp>

namespace sequencer::detail {

// The CPUs of one run, for Relacy, and the kernel's side of sections.
//
// A thread inside a section has its CPU to itself, as behind a lock: another one runs there only
// when it was preempted, and then it begins anew. Before its last instruction a section stores
// nothing, so giving the CPU up at any step and coming back, here or on another one, is all that a
// preemption can be. What threads elsewhere do comes between any two steps.
class machine {
 public:
  static constexpr unsigned cpus = 2;
  static constexpr unsigned most_breaks = 2;  // of a thread's sections, so that a run ends

  machine() noexcept { now = this; }

  unsigned place_of_this_thread() const noexcept { return places_[rl::thread_index()]; }
  mutex& lock_of(unsigned cpu) noexcept { return locks_[cpu]; }
  // Whether this thread loses its CPU here; it goes on anywhere.
  bool breaks() noexcept {
    const auto me = rl::thread_index();
    if (breaks_[me] == most_breaks || rl::rand(3) != 0) return false;
    ++breaks_[me];
    places_[me] = rl::rand(cpus);
    return true;
  }

  inline static machine* now = nullptr;

 private:
  mutex locks_[cpus];
  unsigned places_[most_threads] = {};
  unsigned breaks_[most_threads] = {};
};

class cpu_section {
 public:
  static constexpr bool hidden = false;

  [[nodiscard]] static bool enroll() noexcept { return true; }

  template <bool Linked>
  static sequence take(const cpu_line* lines, std::uint32_t cpus) noexcept {
    for (;;) {
      auto& here = *machine::now;
      const auto cpu = here.place_of_this_thread();
      here.lock_of(cpu).lock();
      auto number = ~sequence{0};
      const bool broken = cpu < cpus && !run(lines[cpu], number);
      here.lock_of(cpu).unlock();
      if (!broken) return number;
    }
  }

  static std::uint32_t cpu() noexcept { return machine::now->place_of_this_thread(); }

  [[nodiscard]] static bool interrupt_all() noexcept {
    for (unsigned cpu = 0; cpu != machine::cpus; ++cpu) {
      machine::now->lock_of(cpu).lock();
      machine::now->lock_of(cpu).unlock();
    }
    return true;
  }

 private:
  // False where the thread lost its CPU. Loads in the order of the instructions and a store behind
  // them, which x86 keeps: acquire and release.
  static bool run(const cpu_line& here, sequence& taken) noexcept {
    auto* block = here.current.load(acquire);
    if (machine::now->breaks()) return false;
    if (block == nullptr) return true;
    const auto number = block->next.load(relaxed);
    if (machine::now->breaks()) return false;
    const sequence last = block->last;
    if (number >= last) return true;
    if (machine::now->breaks()) return false;
    block->next.store(number + 1, release);
    taken = number;
    return true;
  }
};

}  // namespace sequencer::detail
