// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Promises that a user's build may lean on: sizes, what is noexcept, what may be copied or moved.
// All of them are decided by the compiler; the one test shows in the count that they were looked
// at.

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include <sequencer/block_cache.hpp>
#include <sequencer/block_source.hpp>
#include <sequencer/cache_line.hpp>
#include <sequencer/counter.hpp>
#include <sequencer/cpu_cache.hpp>
#include <sequencer/cursor.hpp>
#include <sequencer/fan_in.hpp>
#include <sequencer/graph.hpp>
#include <sequencer/hole.hpp>
#include <sequencer/result.hpp>
#include <sequencer/ring.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/version.hpp>
#include <sequencer/wait.hpp>

namespace sequencer {
namespace {

// ---- sizes and layout: golden, no option and no compiler changes them
static_assert(interference_size == 128);
static_assert(sizeof(sequence) == 8 && std::is_unsigned_v<sequence>);
static_assert(top == 9'223'372'036'854'775'807u);
static_assert(sizeof(range) == 16 && std::is_trivially_copyable_v<range>);
static_assert(sizeof(block) == 32 && std::is_trivially_copyable_v<block>);
static_assert(sizeof(counter) == 128 && alignof(counter) == 128);
static_assert(sizeof(cursor) == 128 && alignof(cursor) == 128);
static_assert(sizeof(memory_source) == 128 && alignof(memory_source) == 128);
static_assert(sizeof(padded<char>) == 128 && sizeof(padded<char[129]>) == 256);

// ---- a ring's parts: a slot exactly, whatever the compiler; of the others what they may take
template <std::size_t Bytes>
using bytes = std::array<std::byte, Bytes>;
struct alignas(32) aligned {
  char content;
};
struct empty {};
template <class Event>
constexpr bool slot_is(std::size_t size, std::size_t alignment) {
  return sizeof(slot<Event>) == size && alignof(slot<Event>) == alignment &&
         slots<Event>::bytes_for(4) == 4 * size;
}
static_assert(slot_is<empty>(8, 8) && slot_is<bytes<1>>(16, 16) && slot_is<bytes<8>>(16, 16));
static_assert(slot_is<bytes<24>>(32, 32) && slot_is<bytes<48>>(64, 64));
static_assert(slot_is<bytes<56>>(64, 64) && slot_is<bytes<64>>(72, 8));
static_assert(slot_is<bytes<1'000>>(1'008, 8) && slot_is<aligned>(64, 64));

constexpr bool on_lines_of_its_own(std::size_t size, std::size_t alignment, std::size_t most) {
  return alignment == interference_size && size % interference_size == 0 && size <= most;
}
static_assert(on_lines_of_its_own(sizeof(detail::gate), alignof(detail::gate), 128));

template <class Producers>
struct ring_of {
  using ring_type = ring<std::uint64_t, Producers>;
  using producer_type = producer<ring_type, wait::park>;
  using claim_type = claim<ring_type>;
  using poller_type = poller<ring_type>;
  using fan_in_type = fan_in<poller_type, poller_type>;
  using flow_type = flow<ring_type>;

  // What a thread has in hand stays within a line.
  static constexpr bool is_small =
      on_lines_of_its_own(sizeof(ring_type), alignof(ring_type), 640) &&
      sizeof(producer_type) <= 64 && sizeof(claim_type) <= 64 && sizeof(poller_type) <= 64;

  template <class T>
  static constexpr bool has_one_owner =
      !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
      std::is_nothrow_move_constructible_v<T> && !std::is_move_assignable_v<T> &&
      std::is_nothrow_destructible_v<T>;
  static constexpr bool each_has_one_owner =
      has_one_owner<claim_type> && has_one_owner<producer_type> && has_one_owner<poller_type> &&
      !std::is_copy_constructible_v<fan_in_type> && !std::is_copy_assignable_v<fan_in_type> &&
      !std::is_copy_constructible_v<flow_type> && !std::is_copy_assignable_v<flow_type> &&
      std::is_nothrow_move_constructible_v<flow_type> && !std::is_copy_constructible_v<ring_type> &&
      !std::is_move_constructible_v<ring_type> && !std::is_copy_constructible_v<graph<ring_type>>;

  // Fillers and handlers may throw; nothing else does.
  static constexpr bool never_throws =
      noexcept(std::declval<producer_type&>().claim()) &&
      noexcept(std::declval<producer_type&>().claim_until(1, wait::never)) &&
      noexcept(std::declval<producer_type&>().try_claim()) &&
      noexcept(std::declval<producer_type&>().try_claim_up_to(2)) &&
      noexcept(std::declval<claim_type>().publish()) &&
      noexcept(std::declval<claim_type&>().abort()) && noexcept(std::declval<claim_type&>()[0]) &&
      noexcept(std::declval<poller_type&>().template await<wait::park>()) &&
      noexcept(std::declval<fan_in_type&>().template await<wait::park>()) &&
      noexcept(std::declval<ring_type&>().close()) && noexcept(std::declval<ring_type&>().halt()) &&
      noexcept(std::declval<const ring_type&>().published()) &&
      noexcept(std::declval<const ring_type&>().claimed()) &&
      noexcept(std::declval<const ring_type&>().free_slots()) &&
      noexcept(std::declval<flow_type&>().halt()) && noexcept(std::declval<flow_type&>().leave());
};
static_assert(ring_of<producers::one>::is_small && ring_of<producers::many>::is_small);
static_assert(ring_of<producers::one>::each_has_one_owner);
static_assert(ring_of<producers::many>::each_has_one_owner);
static_assert(ring_of<producers::one>::never_throws && ring_of<producers::many>::never_throws);

// ---- answers of hot calls travel in registers
static_assert(sizeof(result<sequence>) == 8 && std::is_trivially_copyable_v<result<sequence>>);
static_assert(sizeof(result<range>) == 16 && std::is_trivially_copyable_v<result<range>>);
static_assert(std::is_trivially_copyable_v<result<block>>);

// ---- hot calls never throw
using volatile_cache = block_cache<memory_source>;
static_assert(noexcept(std::declval<counter&>().next()));
static_assert(noexcept(std::declval<counter&>().next(2)));
static_assert(noexcept(std::declval<const counter&>().peek()));
static_assert(noexcept(std::declval<const cursor&>().position()));
static_assert(noexcept(std::declval<cursor&>().advance_to(1)));
static_assert(noexcept(std::declval<memory_source&>().acquire({})));
static_assert(noexcept(std::declval<volatile_cache::handle&>().next()));
static_assert(noexcept(std::declval<volatile_cache::handle&>().try_next()));
static_assert(noexcept(std::declval<cpu_cache<memory_source>&>().next()));
static_assert(noexcept(std::declval<cpu_cache<memory_source>&>().try_next()));
static_assert(std::is_nothrow_destructible_v<volatile_cache::handle>);

// ---- what other threads point at stays where it is
template <class T>
constexpr bool pinned = !std::is_copy_constructible_v<T> && !std::is_copy_assignable_v<T> &&
                        !std::is_move_constructible_v<T> && !std::is_move_assignable_v<T>;
static_assert(pinned<counter> && pinned<cursor> && pinned<memory_source>);

// ---- a handle has one owner, which may change
static_assert(!std::is_copy_constructible_v<volatile_cache::handle>);
static_assert(std::is_nothrow_move_constructible_v<volatile_cache::handle>);

// ---- an answer never turns into a number or a truth by itself
static_assert(!std::is_convertible_v<result<sequence>, bool>);
static_assert(!std::is_convertible_v<result<sequence>, sequence>);
static_assert(std::is_constructible_v<bool, result<sequence>>);
static_assert(!std::is_convertible_v<sequence, counter>);

// ---- concepts accept exactly what they describe
static_assert(block_source<memory_source> && !mirrored_source<memory_source>);
static_assert(!block_source<counter> && !block_source<int>);
static_assert(wait::strategy<wait::spin> && wait::strategy<wait::park>);
static_assert(!wait::strategy<counter>);

// ---- every error says what to do about it
static_assert(remedy_of(errc::unavailable) == remedy::retry);
static_assert(remedy_of(errc::timeout) == remedy::retry);
static_assert(remedy_of(errc::fenced) == remedy::stop);
static_assert(remedy_of(errc::exhausted) == remedy::stop);
static_assert(remedy_of(errc::closed) == remedy::stop);
static_assert(remedy_of(errc::corrupt) == remedy::repair);
static_assert(remedy_of(errc::version) == remedy::repair);
static_assert(remedy_of(errc::locked) == remedy::configure);
static_assert(remedy_of(errc::denied) == remedy::configure);
static_assert(remedy_of(errc::unsupported) == remedy::configure);
static_assert(remedy_of(errc::invalid) == remedy::configure);
static_assert(remedy_of(errc::io) == remedy::io);

TEST(contract, version_macros_agree) {
  const auto joined = std::to_string(SEQUENCER_VERSION_MAJOR) + "." +
                      std::to_string(SEQUENCER_VERSION_MINOR) + "." +
                      std::to_string(SEQUENCER_VERSION_PATCH);
  EXPECT_EQ(joined, SEQUENCER_VERSION);
}

}  // namespace
}  // namespace sequencer
