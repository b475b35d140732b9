// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iterator>

#include <sequencer/detail/bell.hpp>
#include <sequencer/detail/gates.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/slots.hpp>

namespace sequencer {

// One event of a batch and its position.
template <class Event>
struct placed {
  Event& event;
  sequence position;
};

// The events that a batch handler gets at once, in order; skips are stepped over.
//
// Threads: the stage's own. Good until the handler returns.
template <class Event>
class batch {
 public:
  class iterator {
   public:
    using value_type = placed<Event>;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    placed<Event> operator*() const noexcept { return {of_->at_[position_].event, position_}; }
    iterator& operator++() noexcept {
      position_ = of_->event_from(position_ + 1);
      return *this;
    }
    iterator operator++(int) noexcept {
      const auto before = *this;
      ++*this;
      return before;
    }
    bool operator==(const iterator& other) const noexcept = default;

    iterator() noexcept = default;

   private:
    friend class batch;
    iterator(const batch& of, sequence at) noexcept : of_(&of), position_(at) {}
    const batch* of_ = nullptr;
    sequence position_ = 0;
  };

  batch(places<Event> at, stamps of, range all, detail::gate& mine, detail::bell& freed) noexcept
      : at_(at), stamps_(of), all_(all), gate_(mine), freed_(freed) {}
  batch(const batch&) = delete;
  batch& operator=(const batch&) = delete;

  iterator begin() const noexcept { return {*this, event_from(all_.first)}; }
  iterator end() const noexcept { return {*this, all_.last}; }
  // What it covers, skips included.
  const range& positions() const noexcept { return all_; }

  // Lets producers replace, and following stages see, what is below `next` already. A batch that is
  // rewound begins there.
  // Fails: a position outside the batch, or below an earlier one, stops the process.
  void release(sequence next) noexcept {
    if (next < all_.first || next > all_.last) {
      detail::stop("a batch releases positions of its own, in order");
    }
    all_.first = next;
    gate_.rise(next, freed_);
  }

 private:
  sequence event_from(sequence s) const noexcept {
    while (s < all_.last && stamps_[s].is_skip()) ++s;
    return s;
  }

  places<Event> at_;
  stamps stamps_;
  range all_;
  detail::gate& gate_;
  detail::bell& freed_;
};

}  // namespace sequencer
