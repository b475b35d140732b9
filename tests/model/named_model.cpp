// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <src/checkpoint/named_order.cpp>
#include <src/checkpoint/named_state.hpp>

#include <algorithm>
#include <cstdint>
#include <mutex>

#include "model.hpp"

// What the file knows of it: nothing here asks.
struct sequencer::detail::open_sequence {};

namespace {

using namespace sequencer;

// The marks stand above all that a model takes.
struct no_keeper : detail::mark_keeper {
  void request(detail::reservation&) noexcept override { model::require(false, "it is near"); }
  void serve_now(detail::reservation&) noexcept override { model::require(false, "it is near"); }
};

// A named sequence without its file.
struct desk {
  static constexpr detail::named_rules rules{.maximum = 100, .cache = 2};

  desk() {
    numbers.raise(64, 64);
    numbers.open();
  }

  // What checkpoint_state::move_named does around the writing of the move. Returns the epoch.
  std::uint64_t set(std::int64_t number) {
    const std::lock_guard held(of.guard);
    const auto at = numbers.word();
    const auto now = detail::state_behind(of.rules, of.anchor.at, at - of.anchor.first);
    detail::named_state next{number, false, now.epoch, now.cycles};
    if (detail::goes_back(of.rules, now, of.rules, next)) ++next.epoch;
    of.follow(of.rules, {at, next}, true);
    return next.epoch;
  }

  detail::ticket_line tickets;
  detail::limit_line limits;
  no_keeper keeper;
  detail::reservation numbers{tickets, limits, keeper, top, false};
  detail::move_line line;
  detail::open_sequence record;
  detail::open_named of{record, numbers, line, rules, {0, {1, false, 0, 0}}};
};

// A session with the calls of named_sequence.
struct session {
  explicit session(desk& at) : at(at) {
    mine.moves = &at.of.moves;
    mine.last_used = &last_used;
  }

  result<std::int64_t> nextval() {
    if (std::int64_t next; mine.step(next)) return next;
    const std::lock_guard held(at.of.guard);
    return at.of.take_block(mine, [&](std::uint64_t n) { return at.numbers.take(n); });
  }

  desk& at;
  detail::named_view mine;
  const detail::named_view* last_used = nullptr;
};

struct pairs {
  static constexpr int epochs = 3;
  static constexpr std::int64_t most = 16;
  bool seen[epochs][most] = {};

  void note(std::uint64_t epoch, std::int64_t number) {
    model::require(epoch < epochs && number < most, "a number that cannot be");
    model::require(!seen[epoch][number], "a pair handed out twice");
    seen[epoch][number] = true;
  }
  // Each block is asked for by who takes its first number at once.
  void require_beginnings() const {
    for (const auto& each : seen) {
      model::require(each[1] || std::count(each, each + most, true) == 0, "a late beginning");
    }
  }
};

// Takes and looks: nothing is from before what it was told, or from before what others took.
struct taker {
  taker(desk& at, model::atomic<std::uint64_t>& known, pairs& all)
      : me(at), known(known), all(all) {}

  void take() {
    // The order that a program has by whatever means it passes the news on.
    const auto least = known.load(detail::acquire);
    const auto number = me.nextval();
    model::require(bool(number), "refused");
    model::require(me.mine.epoch >= least, "a number from before a move that was told");
    all.note(me.mine.epoch, *number);
  }
  void tell(std::uint64_t epoch) {
    // relaxed: only the next guess
    auto seen = known.load(detail::relaxed);
    while (seen < epoch &&
           !known.compare_exchange_weak(seen, epoch, detail::release, detail::relaxed)) {
    }
  }

  session me;
  model::atomic<std::uint64_t>& known;
  pairs& all;
};

// Two sessions have a block, one of them sets the sequence back and tells when it is done.
struct a_move_is_told : rl::test_suite<a_move_is_told, 2> {
  desk at;
  model::atomic<std::uint64_t> known{0};
  pairs all;
  taker takers[2] = {{at, known, all}, {at, known, all}};

  void before() { takers[0].take(); }
  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i != 3; ++i) takers[0].take();
      return;
    }
    takers[1].take();
    takers[1].tell(at.set(1));
    takers[1].take();
    takers[1].tell(at.set(1));
  }
  void after() { all.require_beginnings(); }
};

// The mover tells nobody. Who took a number of the new order does, and he may be the first to know.
struct a_new_number_tells : rl::test_suite<a_new_number_tells, 3> {
  desk at;
  model::atomic<std::uint64_t> known{0};
  pairs all;
  taker takers[2] = {{at, known, all}, {at, known, all}};

  void before() {
    for (auto& each : takers) each.take();
  }
  void thread(unsigned index) {
    if (index == 2) {
      at.set(1);
      return;
    }
    auto& me = takers[index];
    for (int i = 0; i != 2; ++i) {
      me.take();
      me.tell(me.me.mine.epoch);
    }
  }
  void after() { all.require_beginnings(); }
};

// A session takes blocks while the file is closed. What it takes is below the final position, and
// nothing leaves once the close has returned.
struct a_close : rl::test_suite<a_close, 2> {
  desk at;
  session one{at}, other{at};
  model::atomic<bool> is_closed{false};
  pairs all;
  std::int64_t taken = 0;

  void thread(unsigned index) {
    if (index == 1) {
      const auto last = at.numbers.close();
      at.of.void_blocks();
      final = static_cast<std::int64_t>(last);
      is_closed.store(true, detail::release);
      return;
    }
    take(one), take(other), take(one), take(other);
  }
  void take(session& from) {
    const bool late = is_closed.load(detail::acquire);
    const auto number = from.nextval();
    if (!number) {
      model::require(number.code() == errc::closed, "refused for another reason");
      return;
    }
    model::require(!late, "a number after the close had returned");
    all.note(0, *number);
    taken = std::max(taken, *number);
  }
  void after() { model::require(taken <= final, "a number that the file calls free"); }

  std::int64_t final = 0;
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  program.run<a_move_is_told>("a_move_is_told", {});
  program.run<a_new_number_tells>("a_new_number_tells", {.bound = 2, .full_bound = 3});
  program.run<a_close>("a_close", {});
  return program.verdict();
}
