// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sequencer/detail/atomic.hpp>

// The kernel's side of who is alive, for Relacy: gettid and tgkill without a signal. Included
// before the library, whose calls find these overloads better than the system's own function.
namespace sequencer::detail {

// Of one run: which of the checker's threads have died. Who learns that a thread is dead sees all
// that it did: the kernel ends a thread and looks for one under locks of its own.
class mortality {
 public:
  mortality() noexcept { now = this; }

  // Who the caller is; before the threads run, whom it stands for.
  std::int32_t number() const noexcept {
    return static_cast<std::int32_t>(1 + (stands_for < 0 ? rl::thread_index() : stands_for));
  }
  // The caller does nothing any more.
  void die() noexcept { dead_[number() - 1].store(1, release); }
  bool is_dead(std::int32_t number) const noexcept {
    return number == 0 || dead_[number - 1].load(acquire) != 0;
  }
  // For the models: seen by nobody.
  bool has_died(unsigned index) const noexcept { return dead_[index].newest() != 0; }

  int stands_for = -1;
  inline static mortality* now = nullptr;

 private:
  atomic<std::uint32_t> dead_[most_threads];
};

}  // namespace sequencer::detail

inline long syscall(int) noexcept { return sequencer::detail::mortality::now->number(); }
inline long syscall(int, int, std::int32_t number, int) noexcept {
  return sequencer::detail::mortality::now->is_dead(number) ? -1 : 0;
}
