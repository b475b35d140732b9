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

    placed<Event> operator*() const noexcept { return {here_->event, position_}; }
    iterator& operator++() noexcept {
      ++here_;
      if (++position_ == stop_) [[unlikely]] *this = of_->event_from(position_);
      return *this;
    }
    iterator operator++(int) noexcept {
      const auto before = *this;
      ++*this;
      return before;
    }
    bool operator==(const iterator& other) const noexcept { return position_ == other.position_; }

    iterator() noexcept = default;

   private:
    friend class batch;
    iterator(const batch& of, sequence at, slot<Event>* here, sequence stop) noexcept
        : of_(&of), here_(here), position_(at), stop_(stop) {}
    const batch* of_ = nullptr;
    slot<Event>* here_ = nullptr;
    sequence position_ = 0;
    sequence stop_ = 0;  // up to here there are only events, one slot after the other
  };

  // `skips`: there may be some in `all`.
  batch(places<Event> at, range all, bool skips, detail::gate& mine, detail::bell& freed) noexcept
      : at_(at), all_(all), skips_(skips), gate_(mine), freed_(freed) {}
  batch(const batch&) = delete;
  batch& operator=(const batch&) = delete;

  iterator begin() const noexcept { return event_from(all_.first); }
  iterator end() const noexcept { return {*this, all_.last, nullptr, 0}; }
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
  iterator event_from(sequence s) const noexcept {
    if (skips_) {
      while (s != all_.last && is_skip(s)) ++s;
    }
    return {*this, s, &at_[s], skips_ ? s + 1 : at_.lap_end(s)};
  }
  bool is_skip(sequence s) const noexcept {
    // relaxed: acquired by who found the batch.
    return stamp(at_[s].word.load(detail::relaxed)).is_skip();
  }

  places<Event> at_;
  range all_;
  bool skips_;
  detail::gate& gate_;
  detail::bell& freed_;
};

}  // namespace sequencer
