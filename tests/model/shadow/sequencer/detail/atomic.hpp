// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

// Stands in for the library's seam when its source runs under Relacy. Every operation becomes a
// scheduling point of the checker, with the place in the library that asked for it.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <queue>
#include <set>
#include <sstream>
#include <stack>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <sched.h>
#include <unistd.h>

#include <relacy/relacy.hpp>

// Relacy renames half of the language for programs that are written for it.
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
#undef futex
#undef sched_yield
#undef pthread_t
#undef pthread_self
#undef pthread_equal
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst

namespace sequencer::detail {

// relaxed: the checker's own names for the four orders.
inline constexpr auto relaxed = rl::mo_relaxed;
inline constexpr auto acquire = rl::mo_acquire;
inline constexpr auto release = rl::mo_release;
inline constexpr auto acq_rel = rl::mo_acq_rel;

inline constexpr int most_threads = 4;

// The checked cell lies elsewhere, so that sizes and layouts of the library stay as they are.
template <class T>
class atomic {
  using word = std::uint64_t;
  using place = rl::debug_info;
  struct cell {
    explicit cell(word value) : value(value) {}
    rl::atomic<word> value;
    rl::waitset<most_threads> sleepers;
  };

 public:
  atomic() : atomic(T{}) {}
  atomic(T value) : cell_(::new (std::malloc(sizeof(cell))) cell(to_word(value))) {}
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;
  ~atomic() {
    cell_->~cell();
    std::free(cell_);
  }

  T load(rl::memory_order order,
         place at = {"load", __builtin_FILE(), __builtin_LINE()}) const noexcept {
    return from_word(cell_->value.load(order, at));
  }
  void store(T to, rl::memory_order order,
             place at = {"store", __builtin_FILE(), __builtin_LINE()}) noexcept {
    cell_->value.store(to_word(to), order, at);
  }
  T exchange(T to, rl::memory_order order,
             place at = {"exchange", __builtin_FILE(), __builtin_LINE()}) noexcept {
    return from_word(cell_->value.exchange(to_word(to), order, at));
  }
  T fetch_add(T by, rl::memory_order order,
              place at = {"fetch_add", __builtin_FILE(), __builtin_LINE()}) noexcept {
    return from_word(cell_->value.fetch_add(to_word(by), order, at));
  }
  T fetch_or(T bits, rl::memory_order order,
             place at = {"fetch_or", __builtin_FILE(), __builtin_LINE()}) noexcept {
    return from_word(cell_->value.fetch_or(to_word(bits), order, at));
  }
  T fetch_and(T bits, rl::memory_order order,
             place at = {"fetch_and", __builtin_FILE(), __builtin_LINE()}) noexcept {
    return from_word(cell_->value.fetch_and(to_word(bits), order, at));
  }
  bool compare_exchange_weak(T& from, T to, rl::memory_order won, rl::memory_order lost,
                             place at = {"cas", __builtin_FILE(), __builtin_LINE()}) noexcept {
    auto seen = to_word(from);
    const bool done = cell_->value.compare_exchange(rl::bool_t<true>{}, seen, to_word(to), won,
                                                    lost, at);
    from = from_word(seen);
    return done;
  }
  bool compare_exchange_strong(T& from, T to, rl::memory_order won, rl::memory_order lost,
                               place at = {"cas", __builtin_FILE(), __builtin_LINE()}) noexcept {
    auto seen = to_word(from);
    const bool done = cell_->value.compare_exchange(rl::bool_t<false>{}, seen, to_word(to), won,
                                                    lost, at);
    from = from_word(seen);
    return done;
  }

  // For the models: the newest value, seen by nobody and ordering nothing.
  T newest() const noexcept { return from_word(cell_->value.debug_value()); }
  rl::waitset<most_threads>& sleepers() noexcept { return cell_->sleepers; }

 private:
  static word to_word(T value) noexcept {
    if constexpr (std::is_pointer_v<T>) {
      return reinterpret_cast<word>(value);
    } else {
      return static_cast<word>(value);
    }
  }
  static T from_word(word value) noexcept {
    if constexpr (std::is_pointer_v<T>) {
      return reinterpret_cast<T>(value);
    } else {
      return static_cast<T>(value);
    }
  }

  cell* cell_;
};

// A variable that the checker watches for races: who touches it without an order is found.
template <class T>
class plain {
 public:
  plain() : plain(T{}) {}
  plain(T value)
      : watch_(::new (std::malloc(sizeof(rl::var<int>))) rl::var<int>(0)), value_(value) {}
  plain(const plain&) = delete;
  plain& operator=(const plain&) = delete;
  ~plain() {
    watch_->~var();
    std::free(watch_);
  }

  plain& operator=(const T& to) {
    (*watch_)(rl::debug_info("write", "a watched variable", 0)).store(0);
    value_ = to;
    return *this;
  }
  operator T() const {
    static_cast<void>((*watch_)(rl::debug_info("read", "a watched variable", 0)).load());
    return value_;
  }

  // For the models: the value, seen by nobody.
  const T& newest() const noexcept { return value_; }

 private:
  rl::var<int>* watch_;
  T value_;
};

class mutex {
 public:
  void lock() { checked_.lock(rl::debug_info("lock", "a mutex", 0)); }
  void unlock() { checked_.unlock(rl::debug_info("unlock", "a mutex", 0)); }

 private:
  rl::mutex checked_;
};

// Only readers after a process died need it, and no model kills one.
inline void full_fence(const char* file = __builtin_FILE(),
                       unsigned line = __builtin_LINE()) noexcept {
  rl::atomic_thread_fence(rl::mo_seq_cst, rl::debug_info("full fence", file, line));
}
inline void keep_program_order() noexcept {}

}  // namespace sequencer::detail
