// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <new>
#include <utility>

#include <sequencer/detail/atomic.hpp>

namespace sequencer::detail {

// Entries that come and go while others walk over all of them. They live until the roster is
// destroyed and are used again, so nobody reads freed memory. An entry is an `Entry` with
// `atomic<bool> taken` (true when made) and `plain<Entry*> next`, which is the roster's.
//
// Threads: any. Progress: lock-free; enter() may allocate.
template <class Entry>
class roster {
 public:
  roster() noexcept = default;
  roster(const roster&) = delete;
  roster& operator=(const roster&) = delete;
  ~roster() {
    // relaxed: nobody else is left.
    for (auto* at = first_.load(relaxed); at != nullptr;) {
      Entry* const next = at->next;
      delete std::exchange(at, next);
    }
  }

  // An entry that nobody has, as its last owner left it, or a new one; nullptr without memory.
  Entry* enter() noexcept {
    for (auto* at = first(); at != nullptr; at = at->next) {
      bool taken = false;
      // order: entry-reused <- entry-freed: what its last owner left there
      if (at->taken.compare_exchange_strong(taken, true, acquire, relaxed)) {
        return at;  // relaxed: another newcomer took it
      }
    }
    auto* made = new (std::nothrow) Entry;
    if (made == nullptr) return nullptr;
    // relaxed: only the first guess of the exchange below.
    auto* before = first_.load(relaxed);
    do {
      made->next = before;
      // order: entry-listed -> entry-listed-seen: the entry's own fields
    } while (!first_.compare_exchange_weak(before, made, release, relaxed));
    // relaxed: only the next guess
    return made;
  }

  static void leave(Entry& mine) noexcept {
    // order: entry-freed -> entry-reused: what its last owner left there
    mine.taken.store(false, release);
  }

  // The head of the list, those that nobody has included.
  Entry* first() const noexcept {
    // order: entry-listed-seen <- entry-listed: the entry's own fields
    return first_.load(acquire);
  }

 private:
  atomic<Entry*> first_{nullptr};
};

}  // namespace sequencer::detail
