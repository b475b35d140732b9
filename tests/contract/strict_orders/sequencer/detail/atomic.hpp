// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <mutex>
#include <type_traits>

// Stands in for the library's seam in one build of the whole source: an atomic whose every
// operation names its order, out of the four that the house allows.
namespace sequencer::detail {

enum class relaxed_order {};
enum class acquire_order {};
enum class release_order {};
enum class acq_rel_order {};

inline constexpr relaxed_order relaxed{};
inline constexpr acquire_order acquire{};
inline constexpr release_order release{};
inline constexpr acq_rel_order acq_rel{};

constexpr std::memory_order plain_order(relaxed_order) { return std::memory_order_relaxed; }
constexpr std::memory_order plain_order(acquire_order) { return std::memory_order_acquire; }
constexpr std::memory_order plain_order(release_order) { return std::memory_order_release; }
constexpr std::memory_order plain_order(acq_rel_order) { return std::memory_order_acq_rel; }

template <class O, class... Allowed>
concept one_of = (std::is_same_v<O, Allowed> || ...);
template <class O>
concept load_order = one_of<O, relaxed_order, acquire_order>;
template <class O>
concept store_order = one_of<O, relaxed_order, release_order>;
template <class O>
concept any_order = one_of<O, relaxed_order, acquire_order, release_order, acq_rel_order>;

template <class T>
class atomic {
 public:
  constexpr atomic() noexcept = default;
  constexpr atomic(T value) noexcept : value_(value) {}
  atomic(const atomic&) = delete;
  atomic& operator=(const atomic&) = delete;

  static constexpr bool is_always_lock_free = std::atomic<T>::is_always_lock_free;

  T load(load_order auto order) const noexcept { return value_.load(plain_order(order)); }
  void store(T to, store_order auto order) noexcept { value_.store(to, plain_order(order)); }
  T exchange(T to, any_order auto order) noexcept {
    return value_.exchange(to, plain_order(order));
  }
  T fetch_add(T by, any_order auto order) noexcept {
    return value_.fetch_add(by, plain_order(order));
  }
  T fetch_sub(T by, any_order auto order) noexcept {
    return value_.fetch_sub(by, plain_order(order));
  }
  T fetch_or(T bits, any_order auto order) noexcept {
    return value_.fetch_or(bits, plain_order(order));
  }
  T fetch_and(T bits, any_order auto order) noexcept {
    return value_.fetch_and(bits, plain_order(order));
  }
  bool compare_exchange_weak(T& from, T to, any_order auto won, load_order auto lost) noexcept {
    return value_.compare_exchange_weak(from, to, plain_order(won), plain_order(lost));
  }
  bool compare_exchange_strong(T& from, T to, any_order auto won, load_order auto lost) noexcept {
    return value_.compare_exchange_strong(from, to, plain_order(won), plain_order(lost));
  }

 private:
  std::atomic<T> value_;
};

template <class T>
using plain = T;

using mutex = std::mutex;

inline void keep_program_order() noexcept {}
inline void full_fence() noexcept {}

}  // namespace sequencer::detail
