// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <span>

#include <sequencer/cpu.hpp>
#include <sequencer/group.hpp>
#include <sequencer/partitioned.hpp>

#include "model.hpp"

namespace {

using namespace sequencer;

partitioned one_partition() {
  alignas(partitioned::alignment) static std::byte place[partitioned::bytes_for(1)];
  return *partitioned::make(1, place);
}

void require_order(const partition_marks& marks) {
  model::require(marks.log_start <= marks.high_water && marks.high_water <= marks.log_end,
                 "a mark passed another");
}

// Two append, write and publish in order of offsets; the third reads what it may.
struct appenders_and_a_reader : rl::test_suite<appenders_and_a_reader, 3> {
  partitioned log = one_partition();
  model::plain<int> written[4];

  void thread(unsigned index) {
    if (index == 2) return read();
    const auto mine = log.append(0, 1 + index).value();
    for (auto s = mine.first; s != mine.last; ++s) written[s] = static_cast<int>(s) + 1;
    while (!log.publish(0, mine)) cpu::relax();
  }
  void read() {
    for (sequence seen = 0; seen != 3;) {
      const auto marks = log.marks(0);
      require_order(marks);
      if (marks.high_water == seen) cpu::relax();
      for (; seen != marks.high_water; ++seen) {
        model::require(written[seen] == static_cast<int>(seen) + 1, "read what is not there");
      }
    }
  }
  void after() { model::require(log.marks(0) == partition_marks{0, 3, 3}, "not all is there"); }
};

// One writes and raises the high water, one gives up what it read, one looks.
struct writer_trimmer_and_looker : rl::test_suite<writer_trimmer_and_looker, 3> {
  partitioned log = one_partition();
  model::plain<int> written[2];

  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i != 2; ++i) {
        const auto mine = log.append(0).value();
        written[mine] = 1;
        model::require(log.raise_high_water(0, mine + 1).value() == mine + 1, "refused");
      }
    } else if (index == 1) {
      for (int i = 0; i != 2; ++i) {
        const auto high = log.high_water(0);
        for (sequence s = 0; s != high; ++s) model::require(written[s] == 1, "not written");
        model::require(*log.raise_log_start(0, high) >= high, "refused");
      }
    } else {
      for (int i = 0; i != 2; ++i) require_order(log.marks(0));
    }
  }
  void after() { require_order(log.marks(0)); }
};

// Two raise the same mark: it ends at the higher one.
struct two_raisers : rl::test_suite<two_raisers, 2> {
  partitioned log = one_partition();

  void before() { log.append(0, 4).value(); }
  void thread(unsigned index) {
    model::require(*log.raise_high_water(0, 2 + index) >= 2 + index, "went back");
    model::require(*log.raise_log_start(0, 1 + index) >= 1 + index, "went back");
  }
  void after() { model::require(log.marks(0) == partition_marks{2, 3, 4}, "not the higher one"); }
};

// What the owner did before a commit is done for who sees the commit, without the lock.
struct owner_and_onlooker : rl::test_suite<owner_and_onlooker, 2> {
  partitioned log = one_partition();
  memory_mark offset;
  memory_mark generation;
  group<memory_mark> readers{log, std::span(&offset, 1), generation};
  model::plain<int> work;
  membership me;

  void before() {
    log.append(0, 2).value();
    log.raise_high_water(0, 2).value();
    me = readers.join("a").value();
  }
  void thread(unsigned index) {
    if (index == 0) {
      const auto mine = readers.take(me, 0, 9).value();
      work = 1;
      readers.commit(me, 0, mine.last).value();
      return;
    }
    const auto done = readers.committed(0);
    if (!done) return;
    model::require(*done == 2 && work == 1, "committed before it was done");
  }
};

// The first owner's late commit comes before the second one begins, or it is refused.
struct late_commit : rl::test_suite<late_commit, 2> {
  partitioned log = one_partition();
  memory_mark offset;
  memory_mark generation;
  group<memory_mark> readers{log, std::span(&offset, 1), generation,
                             {.rule = assignment::rule::sticky}};
  membership first;

  void before() {
    log.append(0, 4).value();
    log.raise_high_water(0, 4).value();
    first = readers.join("a").value();
    readers.take(first, 0, 2).value();
  }
  void thread(unsigned index) {
    if (index == 0) {
      committed = static_cast<bool>(readers.commit(first, 0, 2));
      return;
    }
    readers.expel("a").value();
    const auto second = readers.join("b").value();
    began = readers.take(second, 0, 9).value().first;
    readers.commit(second, 0, 4).value();
  }
  void after() {
    model::require(began == (committed ? 2U : 0U), "the second began elsewhere");
    model::require(readers.committed(0).value() == 4, "a late commit was kept");
  }
  bool committed = false;
  sequence began = 0;
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  program.run<appenders_and_a_reader>("appenders_and_a_reader", {});
  program.run<writer_trimmer_and_looker>("writer_trimmer_and_looker", {.bound = 2});
  program.run<two_raisers>("two_raisers", {});
  program.run<owner_and_onlooker>("owner_and_onlooker", {.runs = 10'000, .bound = 2});
  // By chance alone: two regroupings have too many steps to try every order of them.
  program.run<late_commit>("late_commit", {.bound = 0, .full_bound = 0});
  return program.verdict();
}
