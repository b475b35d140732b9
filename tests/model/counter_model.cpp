// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/block_source.hpp>
#include <sequencer/counter.hpp>
#include <sequencer/cursor.hpp>

#include "model.hpp"

namespace {

using namespace sequencer;

// What the threads were given, checked when all have finished.
struct issued {
  static constexpr sequence most = 24;
  int times[most] = {};

  void note(range numbers) {
    for (auto s = numbers.first; s != numbers.last; ++s) {
      model::require(s < most, "a number far out");
      ++times[s];
    }
  }
  void require_dense(sequence below) const {
    for (sequence s = 0; s != most; ++s) {
      model::require(times[s] == (s < below ? 1 : 0), "a number issued twice, or never");
    }
  }
};

struct many_takers : rl::test_suite<many_takers, 3> {
  counter numbers;
  issued all;

  void thread(unsigned index) {
    const auto one = numbers.next();
    const auto run = numbers.next(index + 1);
    const auto last = numbers.next();
    model::require(*one < run->first && run->last <= *last, "a thread's numbers went back");
    all.note({*one, *one + 1});
    all.note(*run);
    all.note({*last, *last + 1});
  }
  void after() { all.require_dense(12); }
};

// At the top every thread is refused, whatever it asks for, and nothing wraps.
struct last_numbers : rl::test_suite<last_numbers, 3> {
  counter numbers{top - 1};
  int given = 0;

  void thread(unsigned) {
    for (int i = 0; i != 2; ++i) {
      const auto one = numbers.next();
      if (one) {
        model::require(*one >= top - 1, "wrapped");
        ++given;
      } else {
        model::require(one.code() == errc::exhausted, "refused for another reason");
      }
    }
    model::require(!numbers.next(2), "a range beyond the top");
    model::require(!numbers.next(), "a number beyond the top");
  }
  void after() { model::require(given == 2, "not exactly the last two numbers"); }
};

// A tail goes back only while it is on top, so blocks never overlap and never go back.
struct source_with_returns : rl::test_suite<source_with_returns, 3> {
  memory_source numbers;
  issued all;
  sequence lost = 0;

  void thread(unsigned index) {
    sequence floor = 0;
    for (int i = 0; i != 2; ++i) {
      const auto got = numbers.acquire({.min = 1, .want = 3});
      model::require(got->numbers.first >= floor, "a block below one handed over before");
      const range used{got->numbers.first, got->numbers.first + 1 + index % 2};
      all.note(used);
      if (!numbers.release(0, {used.last, got->numbers.last})) {
        lost += got->numbers.last - used.last;
      }
      floor = used.last;
    }
  }
  void after() {
    sequence used = 0;
    for (const int times : all.times) {
      model::require(times <= 1, "a number issued twice");
      used += static_cast<sequence>(times);
    }
    model::require(used + lost == numbers.peek(), "a number neither issued nor known as lost");
  }
};

// Whoever sees a position sees the work that was done below it.
struct one_writer_two_readers : rl::test_suite<one_writer_two_readers, 3> {
  cursor done;
  model::plain<int> work[3];

  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i != 3; ++i) {
        work[i] = i + 1;
        done.advance_to(static_cast<sequence>(i) + 1);
      }
      return;
    }
    sequence seen = 0;
    while (seen != 3) {
      const auto position = done.position();
      model::require(position >= seen, "a cursor went back");
      for (auto s = seen; s != position; ++s) {
        model::require(work[s] == static_cast<int>(s) + 1, "work not done");
      }
      if (position == seen) cpu::relax();
      seen = position;
    }
  }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  program.run<many_takers>("many_takers", {});
  program.run<last_numbers>("last_numbers", {});
  program.run<source_with_returns>("source_with_returns", {});
  program.run<one_writer_two_readers>("one_writer_two_readers", {});
  return program.verdict();
}
