// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

// What a slot holds: the sequence that was published into it last, and whether that was a skip.
// Absolute and never cleared, so any number of consumers can tell a lap from the next one.
class stamp {
 public:
  static constexpr std::uint64_t never = ~std::uint64_t{0};  // no sequence reaches these two
  static constexpr std::uint64_t claimed = never - 1;

  static constexpr std::uint64_t published(sequence s) noexcept { return s << 1; }
  static constexpr std::uint64_t skipped(sequence s) noexcept { return s << 1 | 1; }

  constexpr explicit stamp(std::uint64_t word) noexcept : word_(word) {}
  constexpr bool is_of(sequence s) const noexcept { return word_ >> 1 == s; }
  // Whether `s` was published or skipped, now or a lap ago.
  constexpr bool is_of_or_after(sequence s) const noexcept {
    return word_ >> 1 >= s && word_ < claimed;
  }
  // A claim with this slot may be open, though not every open claim marks each of its slots.
  constexpr bool is_claimed() const noexcept { return word_ == claimed; }
  constexpr bool is_skip() const noexcept { return (word_ & 1) != 0; }
  constexpr bool is_event(sequence s) const noexcept { return word_ == published(s); }
  constexpr bool is_skip_of(sequence s) const noexcept { return word_ == skipped(s); }

 private:
  std::uint64_t word_;
};

// Such that a slot of up to a line never spans two. One number, because of several alignas that
// depend on the event g++ 12 takes the last.
template <class Event>
inline constexpr std::size_t slot_alignment =
    std::max({alignof(Event), alignof(std::uint64_t),
              sizeof(std::uint64_t) + sizeof(Event) <= 64
                  ? std::bit_ceil(sizeof(std::uint64_t) + sizeof(Event))
                  : std::size_t{1}});

// An event with its stamp in the same line, so that one transfer between cores carries both and
// all stores of a line leave together.
template <class Event, bool = std::is_empty_v<Event>>
struct alignas(slot_alignment<Event>) slot {
  detail::atomic<std::uint64_t> word{stamp::never};
  Event event;
};

// An event without content takes no room. Apart, because a member that may share its address with
// another is not constructed in place.
template <class Event>
struct slot<Event, true> {
  detail::atomic<std::uint64_t> word{stamp::never};
  [[no_unique_address]] Event event;
};

// Once around the ring. Its slots lie one after the other, so they are found without asking for the
// capacity.
class lap {
 private:
  template <class, std::size_t>
  friend class places;
  std::uintptr_t zero = 0;  // where position 0 would be; a slot in the first lap only
};

// A capacity that is known when the program runs.
inline constexpr std::size_t dynamic_capacity = 0;

// Where the slots of positions are. Small, to be kept in registers by who visits many.
template <class Event, std::size_t Capacity = dynamic_capacity>
class places {
  static_assert(Capacity == dynamic_capacity || std::has_single_bit(Capacity),
                "a ring's capacity is a power of two");

 public:
  places() noexcept = default;
  places(slot<Event>* first, std::size_t capacity) noexcept : first_(first), mask_(capacity - 1) {}

  slot<Event>& operator[](sequence s) const noexcept { return first_[s & mask()]; }

  lap lap_of(sequence s) const noexcept {
    lap found;
    found.zero = reinterpret_cast<std::uintptr_t>(first_) - (s & ~mask()) * sizeof(slot<Event>);
    return found;
  }
  static slot<Event>& in_lap(lap of, sequence s) noexcept {
    return *reinterpret_cast<slot<Event>*>(of.zero + s * sizeof(slot<Event>));
  }
  sequence lap_end(sequence s) const noexcept { return (s | mask()) + 1; }

 private:
  struct constant {
    constexpr explicit constant(std::size_t) noexcept {}
  };
  static constexpr bool is_fixed = Capacity != dynamic_capacity;

  sequence mask() const noexcept {
    if constexpr (is_fixed) return Capacity - 1;
    else return mask_;
  }

  slot<Event>* first_ = nullptr;
  [[no_unique_address]] std::conditional_t<is_fixed, constant, std::size_t> mask_{0};
};

// The stamps alone, for who does not care what the events are.
class stamps {
 public:
  template <class Event>
  stamps(slot<Event>* first, std::size_t capacity) noexcept
      : first_(reinterpret_cast<const std::byte*>(&first->word)),
        stride_(sizeof(slot<Event>)),
        mask_(capacity - 1) {}

  stamp operator[](sequence s) const noexcept {
    const auto* at = first_ + (s & mask_) * stride_;
    const auto& word = *reinterpret_cast<const detail::atomic<std::uint64_t>*>(at);
    // order: slot-seen <- slot-stamped: the event
    return stamp(word.load(detail::acquire));
  }

  // The first position from `from` on that is neither published nor skipped. A later stamp of the
  // same slot says so too: no slot is handed out again before.
  sequence settled(sequence from) const noexcept {
    while ((*this)[from].is_of_or_after(from)) ++from;
    return from;
  }

  bool any_claimed() const noexcept {
    for (sequence s = 0; s <= mask_; ++s) {
      if ((*this)[s].is_claimed()) return true;
    }
    return false;
  }

 private:
  const std::byte* first_;
  std::size_t stride_;
  std::size_t mask_;
};

// The storage of a ring: a power of two of slots, events by value, each constructed once. Events
// that are to be made for each use are std::optional: the filler emplaces them, and one lives until
// its slot is used again or a stage resets it.
//
// Threads: none of its own; a ring takes it over. Fails: a capacity that is no power of two, or
// memory that is too small or not aligned, stops the process with a sentence.
template <class Event>
class slots {
 public:
  // Bytes that `capacity` slots need, and how they must be aligned.
  static constexpr std::size_t bytes_for(std::size_t capacity) noexcept {
    return capacity * sizeof(slot<Event>);
  }
  static constexpr std::size_t alignment =
      alignof(slot<Event>) > interference_size ? alignof(slot<Event>) : interference_size;

  // Memory of its own, with room at both ends that no other object shares a line with.
  explicit slots(std::size_t capacity) : slots(capacity, [] { return Event{}; }) {}

  // The same, each event made by `make()`. What make() throws passes through.
  template <class Make>
    requires std::is_invocable_r_v<Event, Make&>
  slots(std::size_t capacity, Make make) : slots(own_memory(capacity)) {
    construct(capacity, make);
  }

  // Memory of the caller's: huge pages, a NUMA node's. It must outlive the slots.
  slots(std::size_t capacity, std::span<std::byte> where) : slots(capacity, where, [] {
    return Event{};
  }) {}

  template <class Make>
    requires std::is_invocable_r_v<Event, Make&>
  slots(std::size_t capacity, std::span<std::byte> where, Make make)
      : slots(borrowed(capacity, where)) {
    construct(capacity, make);
  }

  slots(slots&& other) noexcept
      : owned_(std::move(other.owned_)),
        first_(std::exchange(other.first_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  slots& operator=(slots&&) = delete;
  ~slots() { std::destroy_n(first_, capacity_); }

  std::size_t capacity() const noexcept { return capacity_; }

  // `Capacity`: the slots' own, where the program knows it.
  template <std::size_t Capacity = dynamic_capacity>
  sequencer::places<Event, Capacity> places() const noexcept {
    return {first_, capacity_};
  }
  sequencer::stamps stamps() const noexcept { return {first_, capacity_}; }
  // The slot of a position.
  slot<Event>& operator[](sequence s) const noexcept { return places()[s]; }

 private:
  struct release_memory {
    void operator()(std::byte* at) const noexcept {
      ::operator delete(at, std::align_val_t{alignment});
    }
  };

  struct memory {
    std::byte* at;
    bool owned;
  };

  // Complete as it is, so that a make() that throws leaves a destructor that destroys the others.
  explicit slots(memory from) noexcept
      : owned_(from.owned ? from.at : nullptr), first_(reinterpret_cast<slot<Event>*>(from.at)) {}

  static memory own_memory(std::size_t capacity) {
    check(capacity);
    return {static_cast<std::byte*>(
                ::operator new(bytes_for(capacity), std::align_val_t{alignment})),
            true};
  }

  static memory borrowed(std::size_t capacity, std::span<std::byte> from) noexcept {
    check(capacity);
    const auto address = reinterpret_cast<std::uintptr_t>(from.data());
    if (from.size() < bytes_for(capacity) || address % alignment != 0) {
      detail::stop("the memory for slots needs bytes_for(capacity) bytes, aligned to alignment");
    }
    return {from.data(), false};
  }

  static void check(std::size_t capacity) noexcept {
    if (!std::has_single_bit(capacity)) detail::stop("a ring's capacity is a power of two");
    if (capacity > std::numeric_limits<std::ptrdiff_t>::max() / sizeof(slot<Event>)) {
      detail::stop("a ring of that capacity is larger than any memory");
    }
  }

  template <class Make>
  void construct(std::size_t capacity, Make& make) {
    for (; capacity_ < capacity; ++capacity_) {
      ::new (static_cast<void*>(first_ + capacity_)) slot<Event>{{stamp::never}, make()};
    }
  }

  std::unique_ptr<std::byte, release_memory> owned_;
  slot<Event>* first_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace sequencer
