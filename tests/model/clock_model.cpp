// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/clock/hybrid.hpp>
#include <sequencer/clock/lamport.hpp>
#include <sequencer/mark_store.hpp>

#include "model.hpp"

namespace {

using namespace sequencer;

// What all threads were given, in no order.
struct given {
  std::uint64_t all[16] = {};
  int count = 0;

  void note(std::uint64_t one) {
    for (int i = 0; i != count; ++i) model::require(all[i] != one, "given out twice");
    all[count++] = one;
  }
};

// The threads hand stamps on through a box, once with observing them and once without. All use one
// clock: whoever takes a stamp from the box gets a later one.
template <class Clock>
struct box_of_stamps {
  Clock clock;
  model::atomic<std::uint64_t> box{0};
  given stamps;

  void turn(unsigned index) {
    const auto seen = box.load(detail::acquire);
    const auto first = index == 0 ? clock.observe(seen) : clock.tick();
    model::require(first > seen, "not above what was handed on");
    stamps.note(first);
    box.store(first, detail::release);
    const auto second = index == 1 ? clock.observe(seen) : clock.tick();
    model::require(second > first, "a thread's stamps went back");
    stamps.note(second);
  }
};

struct lamport_clock {
  clock::lamport it;
  std::uint64_t tick() { return *it.tick(); }
  std::uint64_t observe(std::uint64_t seen) { return *it.observe(seen); }
};

struct lamport_shared : rl::test_suite<lamport_shared, 3> {
  box_of_stamps<lamport_clock> all;
  void thread(unsigned index) { all.turn(index); }
};

// Stamps from elsewhere, each far above the others: the largest is not lost.
struct lamport_shown : rl::test_suite<lamport_shown, 3> {
  clock::lamport here;
  given stamps;

  void thread(unsigned index) {
    const auto shown = 10 * (index + 1);
    const auto mine = *here.observe(shown);
    model::require(mine > shown, "not above what it was shown");
    stamps.note(mine);
    stamps.note(*here.tick());
  }
  void after() { model::require(here.peek() > 30, "an observed stamp was lost"); }
};

// Threads whose source says different things at once.
struct time_of_thread {
  static std::uint64_t wall() noexcept { return 100 + rl::thread_index() % 2; }
  std::uint64_t operator()() const noexcept { return clock::hybrid_stamp::begins(wall()); }
};

struct hybrid_clock {
  clock::shared_hybrid<time_of_thread> it;
  std::uint64_t tick() { return checked(*it.tick()); }
  std::uint64_t observe(std::uint64_t seen) { return checked(*it.observe({seen})); }
  static std::uint64_t checked(clock::hybrid_stamp given) {
    model::require(given.wall() >= time_of_thread::wall(), "below the wall time");
    model::require(given.wall() <= 101, "above all wall times");
    return given.bits;
  }
};

struct hybrid_shared : rl::test_suite<hybrid_shared, 3> {
  box_of_stamps<hybrid_clock> all;
  void thread(unsigned index) { all.turn(index); }
};

// Whoever was given a time finds a mark above it, without having written it.
struct lamport_durable : rl::test_suite<lamport_durable, 3> {
  memory_mark mark;
  clock::durable_lamport<memory_mark> here{mark, 2};
  given stamps;

  void thread(unsigned index) {
    if (index == 2) static_cast<void>(here.tend());
    for (int i = 0; i != 2; ++i) {
      const auto mine = *here.tick();
      model::require(mine < mark.load(), "a time left before its mark was kept");
      stamps.note(mine);
    }
  }
};

// Whoever finds a mark sees what its writer did before.
struct mark_shows : rl::test_suite<mark_shows, 2> {
  memory_mark mark;
  model::plain<int> work[2];

  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i != 2; ++i) {
        work[i] = i + 1;
        static_cast<void>(mark.store(static_cast<std::uint64_t>(i) + 1));
      }
      return;
    }
    const auto seen = mark.load();
    for (std::uint64_t i = 0; i != seen; ++i) {
      model::require(work[i] == static_cast<int>(i) + 1, "a mark before its work");
    }
  }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  program.run<lamport_shared>("lamport_shared", {});
  program.run<lamport_shown>("lamport_shown", {});
  program.run<hybrid_shared>("hybrid_shared", {.bound = 2});
  program.run<lamport_durable>("lamport_durable", {.bound = 2});
  program.run<mark_shows>("mark_shows", {});
  return program.verdict();
}
