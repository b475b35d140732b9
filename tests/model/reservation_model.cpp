// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/reservation.hpp>

#include <utility>

#include "model.hpp"

namespace {

using namespace sequencer;
using detail::reservation;

constexpr sequence most = 16;

// A strict sequence, the disk under it and what callers got. `covered[v]` is written once, when a
// mark above v is durable: a caller who holds v and reads it without an order is a data race.
struct desk {
  explicit desk(detail::mark_keeper& keeper, bool each, sequence beyond = top)
      : numbers(tickets, limits, keeper, beyond, each) {
    numbers.open();
  }

  // Write, then sync; the checker may stop the thread between the two.
  void make_durable(sequence mark) {
    // relaxed: only a place to stop at.
    writing.store(mark, detail::relaxed);
    for (; durable < mark; ++durable) covered[durable] = true;
  }

  void left(sequence number) {
    model::require(number < most && !issued[number], "a number issued twice");
    model::require(covered[number], "a number left above the durable mark");
    issued[number] = true;
    ++count;
  }

  // What a process that finds the live region after a SIGKILL would continue with.
  sequence recovered() const {
    return detail::ticket_line::exact(tickets.next.newest(), tickets.limit.newest(), 0);
  }

  // Holds whenever the process may die.
  void require_recoverable() const {
    const auto from = recovered();
    for (sequence v = from; v < most; ++v) {
      model::require(!issued[v], "a killed process would issue a number again");
    }
    model::require(tickets.limit.newest() <= durable, "the live limit ran ahead of the disk");
    model::require(limits.soft.newest() <= limits.hard.newest(), "soft above hard");
  }

  void require_dense() const {
    for (sequence v = 0; v != most; ++v) {
      model::require(issued[v] == (v < count), "a gap without a crash");
    }
    model::require(recovered() == count, "the live region does not know the next number");
  }

  detail::ticket_line tickets;
  detail::limit_line limits;
  reservation numbers;
  model::atomic<sequence> writing{0};
  model::plain<bool> covered[most];
  sequence durable = 0;  // the keeper's own
  bool issued[most] = {};
  sequence count = 0;
};

// A keeper's thread with a queue of requests, and the number of callers that have not finished.
struct keeper_thread : detail::mark_keeper {
  explicit keeper_thread(int callers) : running(callers) {}

  void request(reservation& from) noexcept override {
    // relaxed: the exchange decides.
    auto* head = queue.load(detail::relaxed);
    do {
      model::require(head == nullptr, "asked again before the request was served");
      from.queued_behind = head;
      // The link travels with the request.  relaxed: only the next guess
    } while (!queue.compare_exchange_weak(head, &from, detail::release, detail::relaxed));
    asked.wake();
  }
  void serve_now(reservation&) noexcept override {
    model::require(false, "a caller served itself");
  }

  void caller_finished() {
    // relaxed: only ends the keeper's loop.
    running.fetch_add(-1, detail::relaxed);
    asked.wake();
  }

  // Serves requests until the callers have finished or serve() says that it was the last.
  template <class Serve>
  void keep(Serve serve) {
    for (;;) {
      wait::await(
          asked, [&] { return queue.load(detail::relaxed) != nullptr; },  // relaxed: looks again
          [&] { return running.load(detail::relaxed) == 0; });            // relaxed: as above
      // The link travels with the request.
      auto* from = queue.exchange(nullptr, detail::acquire);
      if (from == nullptr) return;
      model::require(from->queued_behind == nullptr, "the link was overwritten");
      if (!serve(*from)) return;
    }
  }

  model::atomic<reservation*> queue{nullptr};
  model::atomic<int> running;
  wait::park asked;
};

// Callers of next(), and a keeper that raises the mark `ahead` beyond the demand and lets callers
// ask `early` numbers before they reach it.
template <int Callers, int Takes, sequence Ahead, sequence Early>
struct callers_and_keeper
    : rl::test_suite<callers_and_keeper<Callers, Takes, Ahead, Early>, Callers + 1> {
  keeper_thread keeper{Callers};
  desk at{keeper, false};

  void thread(unsigned index) {
    if (index == Callers) return keeper.keep([this](reservation& r) { return serve(r); });
    sequence floor = 0;
    for (int i = 0; i != Takes; ++i) {
      const auto got = at.numbers.next();
      model::require(static_cast<bool>(got), "refused");
      model::require(*got >= floor, "a thread's numbers went back");
      at.left(*got);
      floor = *got + 1;
    }
    keeper.caller_finished();
  }

  bool serve(reservation& r) {
    const auto mark = r.demand() + Ahead;
    at.make_durable(mark);
    r.raise(mark, mark - Early);
    r.wake();
    return true;
  }

  void invariant() { at.require_recoverable(); }
  void after() {
    at.require_dense();
    model::require(at.count == Callers * Takes, "a call that returned nothing");
  }
};

// Two threads of a ring, which takes by exchange what is below the mark, as durable_claimers.hpp
// does; one that closes it at any moment after so many; and the keeper.
template <sequence After>
struct sole_taker : rl::test_suite<sole_taker<After>, 4> {
  keeper_thread keeper{2};
  desk at{keeper, false};
  model::plain<bool> closing{false};
  sequence end = 0;

  sole_taker() { at.numbers.lend(); }

  void thread(unsigned index) {
    if (index == 2) return keeper.keep([this](reservation& r) { return serve(r); });
    if (index == 3) {
      wait::spin pace;
      wait::await(pace, [&] { return at.numbers.word() >= After; }, [] { return false; });
      closing = true;
      end = at.numbers.pause();
      return;
    }
    while (take_one()) {
    }
    keeper.caller_finished();
  }

  bool take_one() {
    auto first = at.numbers.word();
    for (;;) {
      if (first > top) {
        model::require(at.numbers.refusal() == errc::exhausted && closing, "refused for nothing");
        return false;
      }
      if (first + 1 <= at.numbers.mark_for(first + 1)) {
        if (!at.numbers.take_at(first, 1)) continue;
        at.left(first);
        return first < After + 1;
      }
      const auto before = std::exchange(first, at.numbers.word());
      if (first != before) continue;
      model::require(at.numbers.await_room(1, wait::never) == errc{}, "stopped");
      first = at.numbers.word();
    }
  }

  bool serve(reservation& r) {
    const auto mark = r.demand() + 2;
    at.make_durable(mark);
    r.raise(mark, mark - 1);
    r.wake();
    return true;
  }

  void invariant() { at.require_recoverable(); }
  void after() {
    at.require_dense();
    model::require(at.count == end, "the end is not where numbers end");
    model::require(at.numbers.position() == end, "the order does not go on there");
  }
};

// Who finds a closed sequence knows why, and so that it is not a child of fork.
struct finds_it_closed : rl::test_suite<finds_it_closed, 2> {
  keeper_thread keeper{0};
  desk at{keeper, false};

  void thread(unsigned index) {
    if (index == 0) {
      at.numbers.close();
    } else {
      model::require(at.numbers.is_open() || at.numbers.stopped() != errc{}, "closed for nothing");
    }
  }
};

// A range that waits, a range that may give up and a plain caller. What is refused takes nothing.
struct ranges_and_deadlines : rl::test_suite<ranges_and_deadlines, 4> {
  keeper_thread keeper{3};
  desk at{keeper, false};

  void before() { detail::passed = false; }
  void thread(unsigned index) {
    if (index == 3) return keeper.keep([this](reservation& r) { return serve(r); });
    if (index == 0) {
      take(2, wait::never);
    } else if (index == 1) {
      take(2, detail::some_day);
      take(1, wait::at_once);
    } else {
      const auto got = at.numbers.next();
      at.left(*got);
    }
    keeper.caller_finished();
  }

  void take(std::uint64_t n, wait::deadline until) {
    const auto got = at.numbers.next_for(n, until);
    if (got) {
      model::require(got->size() == n, "not as many as were asked for");
      for (auto v = got->first; v != got->last; ++v) at.left(v);
    } else {
      model::require(until != wait::never, "gave up without a deadline");
      model::require(got.code() == (until == wait::at_once ? errc::unavailable : errc::timeout),
                     "refused for another reason");
    }
  }

  bool serve(reservation& r) {
    const auto mark = r.demand();
    at.make_durable(mark);
    r.raise(mark, mark);
    r.wake();
    return true;
  }

  void invariant() { at.require_recoverable(); }
  void after() { at.require_dense(); }
};

// `each`: callers make their numbers durable, one of them for all who wait, one at a time.
template <int Callers, bool Ranges>
struct callers_lead : rl::test_suite<callers_lead<Callers, Ranges>, Callers>,
                      detail::mark_keeper {
  desk at{*this, true};

  void request(reservation&) noexcept override {
    model::require(false, "a caller asked for a keeper");
  }
  void serve_now(reservation& r) noexcept override {
    const auto mark = r.demand();
    at.make_durable(mark);
    r.raise(mark, mark);
    r.wake();
  }

  void thread(unsigned index) {
    if (Ranges && index == 0) {
      const auto got = at.numbers.next_for(2, wait::never);
      for (auto v = got->first; v != got->last; ++v) at.left(v);
      const auto now = at.numbers.next_for(1, wait::at_once);
      model::require(now || now.code() == errc::unavailable, "refused for another reason");
      if (now) at.left(now->first);
      return;
    }
    for (int i = 0; i != 2; ++i) {
      const auto got = at.numbers.next();
      model::require(static_cast<bool>(got), "refused");
      at.left(*got);
    }
  }

  void invariant() { at.require_recoverable(); }
  void after() {
    const auto taken = at.tickets.next.newest();
    model::require(at.count == taken, "a gap without a crash");
    model::require(Ranges || at.durable == taken, "the mark is not at the last number");
  }
};

// The disk fails: callers learn why, see what was written down about it, and nothing above the
// last durable mark leaves. Nobody waits for ever.
struct disk_fails : rl::test_suite<disk_fails, 3> {
  keeper_thread keeper{2};
  desk at{keeper, false};
  model::plain<int> noted{0};
  int served = 0;

  void thread(unsigned index) {
    if (index == 2) return keeper.keep([this](reservation& r) { return serve(r); });
    for (;;) {
      const auto got = at.numbers.next();
      if (!got) {
        learned(got.code());
        break;
      }
      at.left(*got);
    }
    learned(at.numbers.next_for(1, index == 0 ? wait::never : wait::at_once).code());
    keeper.caller_finished();
  }

  void learned(errc why) {
    model::require(why == errc::io, "refused for another reason");
    model::require(noted == 5, "what was noted about the failure");
  }

  bool serve(reservation& r) {
    const auto mark = r.demand();
    if (served++ == 1) {
      noted = 5;
      r.stop(errc::io);
      return false;
    }
    at.make_durable(mark);
    r.raise(mark, mark);
    r.wake();
    return true;
  }

  void invariant() { at.require_recoverable(); }
};

// The same in `each`, where a leader fails and the others must not lead for ever.
struct leader_fails : rl::test_suite<leader_fails, 3>, detail::mark_keeper {
  desk at{*this, true};
  model::plain<int> noted{0};
  int served = 0;

  void request(reservation&) noexcept override {}
  void serve_now(reservation& r) noexcept override {
    const auto mark = r.demand();
    if (served++ == 1) {
      noted = 5;
      r.stop(errc::io);
      return;
    }
    at.make_durable(mark);
    r.raise(mark, mark);
    r.wake();
  }

  void thread(unsigned index) {
    for (;;) {
      const auto got = index == 2 ? first_of(at.numbers.next_for(1, wait::never))
                                  : at.numbers.next();
      if (!got) {
        model::require(got.code() == errc::io, "refused for another reason");
        model::require(noted == 5, "what was noted about the failure");
        return;
      }
      at.left(*got);
    }
  }

  static result<sequence> first_of(result<range> got) {
    if (!got) return got.code();
    return got->first;
  }

  void invariant() { at.require_recoverable(); }
};

// An orderly end while callers come and wait: whatever was issued lies below the final number, and
// everything below it was issued.
struct close_with_late_callers : rl::test_suite<close_with_late_callers, 3> {
  keeper_thread keeper{2};
  desk at{keeper, false};
  sequence final = top;

  void thread(unsigned index) {
    if (index == 2) return keep_and_close();
    for (;;) {
      const auto got = at.numbers.next();
      if (!got) {
        model::require(got.code() == errc::closed, "refused for another reason");
        break;
      }
      at.left(*got);
    }
    const auto late = at.numbers.next_for(1, wait::never);
    model::require(!late && late.code() == errc::closed, "a number after the close");
    keeper.caller_finished();
  }

  void keep_and_close() {
    keeper.keep([this](reservation& r) {
      const auto mark = r.demand() + 1;
      at.make_durable(mark);
      r.raise(mark, mark - 1);
      r.wake();
      return mark < 4;
    });
    final = at.numbers.close();
  }

  void invariant() { at.require_recoverable(); }
  void after() {
    model::require(at.count == final, "the final number is not the count of those issued");
    at.require_dense();
  }
};

// Another process watches the live limit: what lies below is durable.
struct watched : rl::test_suite<watched, 3> {
  keeper_thread keeper{1};
  desk at{keeper, false};

  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i != 2; ++i) at.left(*at.numbers.next());
      keeper.caller_finished();
    } else if (index == 1) {
      keeper.keep([this](reservation& r) {
        const auto mark = r.demand() + 1;
        at.make_durable(mark);
        r.raise(mark, mark);
        r.wake();
        return true;
      });
      at.numbers.close();
    } else {
      for (int i = 0; i != 3; ++i) {
        // order: live-limit-seen <- live-limit-raised: numbers below may have left
        const auto limit = at.tickets.limit.load(detail::acquire);
        for (sequence v = 0; v != limit; ++v) {
          model::require(at.covered[v], "the live limit ran ahead of the disk");
        }
      }
    }
  }
};

// A user's own loop looks for requests by means that order nothing: the request itself must show
// the numbers that were taken before it.
struct asked_without_order : rl::test_suite<asked_without_order, 2>, detail::mark_keeper {
  desk at{*this, false};
  model::atomic<bool> asked{false};
  model::atomic<bool> finished{false};
  sequence needed = 0;

  void request(reservation&) noexcept override {
    needed = at.tickets.next.newest();
    // relaxed: the point of this model.
    asked.store(true, detail::relaxed);
  }
  void serve_now(reservation&) noexcept override {}

  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i != 2; ++i) at.left(*at.numbers.next());
      const auto got = at.numbers.next_for(1, wait::never);
      at.left(got->first);
      // relaxed: only ends the loop.
      finished.store(true, detail::relaxed);
      return;
    }
    while (!finished.load(detail::relaxed)) {  // relaxed: as above
      // relaxed: as above
      if (!asked.exchange(false, detail::relaxed)) {
        cpu::relax();
        continue;
      }
      const auto least = needed;
      const auto mark = at.numbers.demand();
      model::require(mark >= least, "a request that hides the number it was made for");
      at.make_durable(mark);
      at.numbers.raise(mark, mark);
      at.numbers.wake();
    }
  }

  void invariant() { at.require_recoverable(); }
  void after() { at.require_dense(); }
};

// The last number leaves, everybody after it is refused, and no mark is asked for beyond it.
struct last_number : rl::test_suite<last_number, 3> {
  keeper_thread keeper{2};
  desk at{keeper, false, 3};
  int refused = 0;

  void thread(unsigned index) {
    if (index == 2) {
      return keeper.keep([this](reservation& r) {
        const auto mark = r.demand();
        model::require(mark <= 3, "a mark beyond the last number");
        at.make_durable(mark);
        r.raise(mark, mark);
        r.wake();
        return true;
      });
    }
    for (int i = 0; i != 2; ++i) {
      const auto got = at.numbers.next();
      if (got) {
        at.left(*got);
      } else {
        model::require(got.code() == errc::exhausted, "refused for another reason");
        ++refused;
      }
    }
    keeper.caller_finished();
  }

  void after() { model::require(at.count == 3 && refused == 1, "not exactly three numbers"); }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  constexpr model::plan random_only{.bound = 0, .full_bound = 0};
  constexpr model::plan searched{.bound = 1, .full_bound = 2};
  constexpr model::plan just_searched{.bound = 1, .full_bound = 1};
  program.run<callers_and_keeper<1, 2, 0, 0>>("one_caller", searched);
  program.run<callers_and_keeper<1, 3, 2, 1>>("one_caller_mark_ahead", just_searched);
  program.run<callers_and_keeper<2, 2, 0, 0>>("mark_at_demand", random_only);
  program.run<callers_and_keeper<2, 3, 2, 1>>("mark_ahead", random_only);
  program.run<callers_and_keeper<3, 2, 3, 2>>("three_callers", random_only);
  program.run<finds_it_closed>("finds_it_closed", just_searched);
  program.run<sole_taker<0>>("sole_taker_closed_early", random_only);
  program.run<sole_taker<3>>("sole_taker", random_only);
  program.run<ranges_and_deadlines>("ranges_and_deadlines", random_only);
  program.run<callers_lead<2, false>>("two_lead", searched);
  program.run<callers_lead<3, false>>("three_lead", random_only);
  program.run<callers_lead<2, true>>("range_and_number_lead", just_searched);
  program.run<callers_lead<3, true>>("ranges_lead", random_only);
  program.run<disk_fails>("disk_fails", random_only);
  program.run<leader_fails>("leader_fails", random_only);
  program.run<close_with_late_callers>("close_with_late_callers", random_only);
  program.run<watched>("watched", just_searched);
  program.run<asked_without_order>("asked_without_order", just_searched);
  program.run<last_number>("last_number", random_only);
  return program.verdict();
}
