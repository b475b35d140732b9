// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include <sequencer/hole.hpp>

namespace sequencer::detail {

// A bounded, ordered account of holes. Touching holes of one kind become one; beyond the capacity
// the two nearest neighbours become one that says so and keeps the count of lost numbers.
//
// A guess (what an opening that knew no better listed) may be forgotten again, so it stands for
// nothing but itself: what is known inside it is kept beside it.
class hole_ledger {
 public:
  explicit hole_ledger(std::size_t capacity) : capacity_(capacity) {}

  // Ignores an empty hole and one that is recorded already.
  // Threads: one at a time.
  void add(const hole& found) {
    if (found.numbers.empty()) return;
    const auto after = std::upper_bound(
        holes_.begin(), holes_.end(), found,
        [](const hole& a, const hole& b) { return a.numbers.first < b.numbers.first; });
    const auto known =
        std::find_if(holes_.begin(), after, [&](const hole& each) { return covers(each, found); });
    if (known != after) return count_inside(*known, found);
    join_touching(holes_.insert(after, found));
    while (holes_.size() > capacity_) merge_nearest();
  }

  // Drops what lies at `next` or above, where numbers are still to come; true when there was some.
  bool forget_from(sequence next) {
    const auto above = [&](const hole& each) { return each.numbers.last > next; };
    if (std::none_of(holes_.begin(), holes_.end(), above)) return false;
    std::erase_if(holes_, [&](const hole& each) { return each.numbers.first >= next; });
    for (auto& each : holes_) {
      if (!above(each)) continue;
      each.numbers.last = next;
      each.lost = std::min(each.lost, each.numbers.size());
    }
    return true;
  }

  // Drops guesses from `known` on, made before somebody knew better; true when there was one.
  bool forget_guesses(sequence known) {
    return std::erase_if(holes_, [&](const hole& each) {
             return is_guess(each) && each.numbers.first >= known;
           }) != 0;
  }

  // Merges the two nearest neighbours; false when fewer than two are left.
  bool shrink() {
    if (holes_.size() < 2) return false;
    merge_nearest();
    return true;
  }

  const std::vector<hole>& holes() const noexcept { return holes_; }

 private:
  using place = std::vector<hole>::iterator;

  static bool is_guess(const hole& of) noexcept {
    return (of.why == loss::crashed || of.why == loss::rotten_copy) && !of.merged;
  }

  static bool covers(const hole& known, const hole& found) noexcept {
    if (is_guess(known) && !is_guess(found)) return false;
    return known.numbers.first <= found.numbers.first && known.numbers.last >= found.numbers.last;
  }

  // A merged hole does not know which of its numbers it counts: `lost` stays an upper bound.
  static void count_inside(hole& known, const hole& found) noexcept {
    if (known.merged) known.lost = std::min(known.numbers.size(), known.lost + found.lost);
  }

  static bool same_kind(const hole& a, const hole& b) noexcept {
    return a.why == b.why && a.certain == b.certain && a.epoch == b.epoch && !a.merged &&
           !b.merged;
  }

  void join_touching(place at) {
    if (const auto next = std::next(at); next != holes_.end() && same_kind(*at, *next) &&
                                         at->numbers.last == next->numbers.first) {
      at->numbers.last = next->numbers.last;
      at->lost += next->lost;
      holes_.erase(next);
    }
    if (at == holes_.begin()) return;
    const auto before = std::prev(at);
    if (same_kind(*before, *at) && before->numbers.last == at->numbers.first) {
      before->numbers.last = at->numbers.last;
      before->lost += at->lost;
      holes_.erase(at);
    }
  }

  void merge_nearest() {
    auto nearest = holes_.begin();
    for (auto at = holes_.begin(); std::next(at) != holes_.end(); ++at) {
      if (distance_after(at) < distance_after(nearest)) nearest = at;
    }
    const auto gone = std::next(nearest);
    nearest->numbers.last = std::max(nearest->numbers.last, gone->numbers.last);
    nearest->lost = std::min(nearest->numbers.size(), nearest->lost + gone->lost);
    nearest->epoch = std::max(nearest->epoch, gone->epoch);
    nearest->certain = false;
    nearest->merged = true;
    holes_.erase(gone);
  }

  static sequence distance_after(place at) noexcept {
    const auto next = std::next(at);
    return next->numbers.first > at->numbers.last ? next->numbers.first - at->numbers.last : 0;
  }

  std::size_t capacity_;
  std::vector<hole> holes_;
};

}  // namespace sequencer::detail
