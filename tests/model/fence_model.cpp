// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/epoch.hpp>
#include <sequencer/fence.hpp>
#include <sequencer/zxid.hpp>

#include "model.hpp"

namespace {

using namespace sequencer;

// A mark as a disk is one: what is on it is plain, written by one thread at a time.
struct disk_mark {
  model::plain<std::uint64_t> number;

  disk_mark() { number = 0; }
  std::uint64_t load() const noexcept { return number; }
  result<std::uint64_t> store(std::uint64_t now) noexcept {
    number = now;
    return now;
  }
};

// Who sees a token, let in or refused, sees what its owner did before he showed it.
struct owners_before_a_fence : rl::test_suite<owners_before_a_fence, 3> {
  fence here;
  model::plain<int> work[3];

  void thread(unsigned index) {
    const sequence token = index + 1;
    work[index] = static_cast<int>(index) + 1;
    for (int writes = 0; writes != 2; ++writes) {
      const auto answer = here.admit(token);
      const auto highest = here.highest();
      model::require(highest >= token, "a token that was shown is not counted");
      if (answer) continue;
      model::require(answer.code() == errc::fenced, "refused for another reason");
      model::require(highest > token, "refused without a newer owner");
      model::require(work[highest - 1] == static_cast<int>(highest), "work not seen");
    }
  }
  void after() { model::require(here.highest() == 3, "the highest token was lost"); }
};

// Who raises the fence sees what the owner before did while he was let in.
struct old_and_new_owner : rl::test_suite<old_and_new_owner, 2> {
  fence here;
  model::plain<int> work;
  model::atomic<int> let_in{0};

  void thread(unsigned index) {
    if (index == 0) {
      work = 7;
      if (here.admit(1)) let_in.store(1, detail::relaxed);
      return;
    }
    if (let_in.load(detail::relaxed) == 0) return;
    model::require(static_cast<bool>(here.admit(2)), "a newer owner is refused");
    model::require(work == 7, "what the owner before did is not seen");
    model::require(!here.admit(1), "a late owner is let in");
  }
};

// Who is refused sees it by the refusal alone, whether he found the newer token or lost against it.
struct late_owner : rl::test_suite<late_owner, 2> {
  fence here;
  model::plain<int> work;

  void thread(unsigned index) {
    if (index == 0) {
      work = 7;
      model::require(static_cast<bool>(here.admit(2)), "the newer owner is refused");
    } else if (!here.admit(1)) {
      model::require(work == 7, "what the newer owner did is not seen");
    }
  }
};

// Nothing is let in that is not on the disk, and nobody lower afterwards.
struct owners_before_a_durable_fence : rl::test_suite<owners_before_a_durable_fence, 3> {
  disk_mark mark;
  durable_fence<disk_mark> here{mark};
  model::plain<int> work[3];

  void thread(unsigned index) {
    const sequence token = index / 2 + 1;  // the first owner has two threads
    if (index != 1) work[index] = 7;
    const auto answer = here.admit(token);
    if (!answer) {
      model::require(answer.code() == errc::fenced && token == 1, "refused without reason");
      model::require(work[2] == 7, "what the newer owner did is not seen");
    } else if (token == 2) {
      // No other token comes: the disk is at rest.
      model::require(mark.number == 2, "let in before it was durable");
      model::require(!here.admit(1), "a late owner is let in");
    }
  }
  void after() {
    model::require(mark.number == 2 && here.highest() == 2, "the highest token was lost");
  }
};

// Who sees a mark sees what its writer did before.
struct one_marks_and_one_reads : rl::test_suite<one_marks_and_one_reads, 2> {
  memory_mark mark;
  model::plain<int> work;

  void thread(unsigned index) {
    if (index == 0) {
      work = 7;
      model::require(*mark.store(5) == 5, "another number");
    } else if (mark.load() == 5) {
      model::require(work == 7, "work not seen");
    }
  }
};

// An epoch that is seen is on the disk.
struct one_begins_and_one_reads : rl::test_suite<one_begins_and_one_reads, 2> {
  disk_mark mark;
  epoch<disk_mark> mine{mark};

  void thread(unsigned index) {
    if (index == 0) {
      model::require(*mine.begin() == 1, "another epoch");
    } else if (mine.current() == 1) {
      model::require(mark.number == 1, "seen before it was durable");
    }
  }
};

// One number of the epoch is left: two are refused at once while a third opens the next epoch. What
// is refused moves nothing, so each epoch is dense.
struct refused_at_once : rl::test_suite<refused_at_once, 3> {
  static constexpr std::uint32_t last = 0xfffffffe;
  zxid_counter ids{zxid(1, last - 1)};
  bool seen[2][8] = {};

  void thread(unsigned index) {
    if (index == 2) note(*ids.begin(2));
    for (int i = 0; i != 2; ++i) {
      const auto id = ids.next();
      if (id) {
        note(*id);
      } else {
        model::require(id.code() == errc::exhausted, "refused for another reason");
      }
      const auto now = ids.last();
      model::require(now.epoch() <= 2 && now.counter() <= last, "a refused call moved it");
    }
  }
  void note(std::uint64_t id) {
    const zxid of(id);
    const auto at = of.epoch() == 1 ? of.counter() - last : of.counter();
    model::require((of.epoch() == 1 || of.epoch() == 2) && at < 8, "a number that cannot be");
    auto& mine = seen[of.epoch() - 1][at];
    model::require(!mine, "a number handed out twice");
    mine = true;
  }
  void after() {
    const auto end = ids.last();
    model::require(end.epoch() == 2, "the new epoch was lost");
    for (std::uint32_t at = 0; at != 8; ++at) {
      model::require(seen[1][at] == (at <= end.counter()), "a hole in the epoch");
    }
  }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  program.run<owners_before_a_fence>("owners_before_a_fence", {});
  program.run<old_and_new_owner>("old_and_new_owner", {});
  program.run<late_owner>("late_owner", {});
  program.run<owners_before_a_durable_fence>("owners_before_a_durable_fence", {});
  program.run<one_marks_and_one_reads>("one_marks_and_one_reads", {});
  program.run<one_begins_and_one_reads>("one_begins_and_one_reads", {});
  program.run<refused_at_once>("refused_at_once", {});
  return program.verdict();
}
