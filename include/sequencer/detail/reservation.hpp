// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/ticket_line.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

class reservation;

// Whoever moves the durable mark of reservations ahead.
class mark_keeper {
 public:
  // Asks for more numbers soon; returns at once.
  virtual void request(reservation& from) noexcept = 0;
  // Makes everything that is taken or wanted durable on the calling thread, and raises.
  virtual void serve_now(reservation& from) noexcept = 0;

 protected:
  ~mark_keeper() = default;
};

// Numbers that leave only below a durable mark that runs ahead of them.
//
// Invariant (write ahead): a number v is returned only after `hard` > v was read, and `hard` is
// raised to H only after a mark of H or more was written and synced by this process.
// `soft` <= `hard` at every moment, because `hard` never decreases and every value stored to
// `soft` was at most `hard` when it was stored.
//
// Roles: any number of callers; one keeper at a time (a mutex of the keeper's own).
class reservation {
 public:
  // `beyond`: first number that is never issued (maximum + 1, at most top + 1). `each`: no mark
  // runs ahead; callers make their own numbers durable, one of them for all who wait.
  reservation(ticket_line& tickets, limit_line& limits, mark_keeper& keeper, sequence beyond,
              bool each)
      : tickets_(tickets), limits_(limits), keeper_(keeper), beyond_(beyond), each_(each) {}

  // Takes the next number; parks while the keeper is behind.
  result<sequence> next() noexcept {
    // relaxed: zero only in a child of fork or after close, where the counter says so too.
    if (limits_.alive.load(relaxed) == 0) [[unlikely]] return refusal();
    // order: soft-seen <- soft-raised: the mark below which numbers are durable
    const auto soft = limits_.soft.load(acquire);
    // relaxed: unique by the modification order of this word; it publishes nothing.
    const auto taken = tickets_.next.fetch_add(1, relaxed);
    if (taken < soft) [[likely]] return taken;
    return leave_when_durable(taken);
  }

  // Takes n consecutive numbers, parks until `until`. A refused call takes nothing.
  // Fails: unavailable when `until` is at_once, else timeout; exhausted; the error that stopped it.
  result<range> next_for(std::uint64_t n, wait::deadline until) noexcept {
    for (;;) {
      const auto taken = take(n);
      if (taken || taken.code() != errc::unavailable) return taken;
      if (const auto why = await_room(n, until); why != errc{}) return why;
    }
  }

  // Takes n consecutive numbers below the durable mark, or answers unavailable.
  result<range> take(std::uint64_t n) noexcept {
    // relaxed: as next()
    if (limits_.alive.load(relaxed) == 0) return refusal();
    const auto hard = durable();
    // relaxed: as next()
    auto first = tickets_.next.load(relaxed);
    for (;;) {
      if (first > top) return refusal();
      if (first >= beyond_ || beyond_ - first < n) return errc::exhausted;
      if (first + n > hard) return errc::unavailable;
      // relaxed: as next()
      if (tickets_.next.compare_exchange_weak(first, first + n, relaxed, relaxed)) {
        ask_when_past_soft(first + n);
        return range{first, first + n};
      }
    }
  }

  // Asks for room for n numbers and waits until take(n) has a chance: errc{}.
  // Fails: unavailable when `until` is at_once, else timeout; the error that stopped it.
  errc await_room(std::uint64_t n, wait::deadline until) noexcept {
    if (const auto why = stopped(); why != errc{}) return why;
    const bool at_once = until == wait::at_once;
    if (each_ && lead(n)) return at_once && !take_possible(n) ? errc::unavailable : errc{};
    if (at_once) {
      if (!each_) call_keeper(n);
      return errc::unavailable;
    }
    switch (wait_for([&] { return take_possible(n); }, n, until)) {
      case wait::outcome::stopped: return stopped();
      case wait::outcome::timeout: return errc::timeout;
      case wait::outcome::ready: break;
    }
    return {};
  }

  // First number that was not taken; never above `hard` in the sense of numbers that left.
  sequence position() const noexcept {
    // relaxed: a hint.
    const auto next = counted(tickets_.next.load(relaxed));
    const auto hard = durable();
    if (next <= top) return next < hard ? next : hard;
    return tickets_.limit.load(relaxed);  // relaxed: a hint; close() leaves the final one there
  }

  sequence durable() const noexcept {
    // order: hard-seen <- hard-raised: the mark below which numbers are durable
    return limits_.hard.load(acquire);
  }

  // ---- a sole taker's side: a ring, whose positions are the numbers. It takes by exchange only,
  // ---- so nothing is ever counted that did not leave, and the counter says exactly what is next
  // ---- also with bit 63 set.

  // Before the first call below, and before anybody else may take.
  void lend() noexcept {
    // relaxed: whoever learns of it does so by a lock, or by a request.
    sole_.store(true, relaxed);
  }

  // False in a forked child, which must not touch the counter, and after close().
  bool is_open() const noexcept {
    // order: end-seen <- end-made: why
    return limits_.alive.load(acquire) != 0;
  }

  // The next number; with bit 63 where nobody takes any.
  sequence word() const noexcept {
    // relaxed: only its modification order counts.
    return tickets_.next.load(relaxed);
  }

  // Takes n numbers from `first` on, if that is the next one; else says which is. The caller knows
  // a mark that is not below first + n.
  bool take_at(sequence& first, std::uint64_t n) noexcept {
    // relaxed: as next()
    return tickets_.next.compare_exchange_strong(first, first + n, relaxed, relaxed);
  }

  // The durable mark, or a lesser one that is not below `last`; asks for more where that is due.
  sequence mark_for(sequence last) noexcept {
    // order: soft-seen <- soft-raised: the mark below which numbers are durable
    const auto soft = limits_.soft.load(acquire);
    if (last <= soft) return soft;
    ask_once(last - 1);
    return durable();
  }

  // Nobody takes any more until resume(), and who waits is told. Returns the next number.
  sequence pause() noexcept {
    if (!is_open() && stopped() == errc{}) return word() & top;  // a forked child
    // order: close-made -> close-seen: what the caller did before
    const auto next = tickets_.next.fetch_or(closed_bit, release) & top;
    changed_.wake();
    return next;
  }
  // Under the lock that close() is called with, and not after it.
  void resume() noexcept {
    // relaxed: whoever takes next came by that lock.
    tickets_.next.fetch_and(top, relaxed);
    sole_.store(false, relaxed);  // relaxed: as above
  }

  // Why nothing is issued.
  errc refusal() const noexcept {
    // relaxed: as next(). A child of fork stays away from the counter.
    if (limits_.alive.load(relaxed) == 0) return stopped() == errc{} ? errc::closed : stopped();
    // order: close-seen <- close-made: the stop
    tickets_.next.load(acquire);
    const auto why = stopped();
    return why == errc{} ? errc::exhausted : why;
  }

  // ---- keeper's side, one thread at a time ----

  // Begins to serve a request: later ones are queued again, over the same link. Returns the least
  // mark that satisfies everybody who asked before; never above beyond().
  // Only for a request that request() has delivered, or from serve_now(): it lets the next one in.
  sequence demand() noexcept {
    // order: request-served <-> request-made: the numbers taken before it; the link is free
    pending_.exchange(false, acq_rel);
    // relaxed: at least what every requester took; more is welcome.
    const auto next = counted(tickets_.next.load(relaxed));
    if (next > top) return stopped() == errc{} ? beyond_ : durable();
    // relaxed: raised before the request that was read above.
    const auto wanted = wanted_.load(relaxed);
    const auto least = next > wanted ? next : wanted;
    return least < beyond_ ? least : beyond_;
  }

  // Publishes a mark that is durable now, and where callers shall ask for the next one. Waiters
  // sleep on until wake().
  void raise(sequence hard, sequence soft) noexcept {
    // order: live-limit-raised -> live-limit-seen: numbers below may have left
    tickets_.limit.store(hard, release);
    // order: hard-raised -> hard-seen: the mark below which numbers are durable
    limits_.hard.store(hard, release);
    // order: soft-raised -> soft-seen: the mark below which numbers are durable
    limits_.soft.store(soft < hard ? soft : hard, release);
  }

  // After every served request, raised or not: a waiter may have to ask again.
  void wake() noexcept { changed_.wake(); }

  // Lets callers in. Before the first raise() they wait.
  void open() noexcept {
    // relaxed: the owner hands the reservation to callers by other means.
    limits_.alive.store(1, relaxed);
  }

  // Refuses whatever is not durable from now on with `why`; a caller that waits returns it. The
  // first wins. A caller who learns the reason sees what was recorded before it.
  void stop(errc why) noexcept {
    auto none = errc{};
    // order: stop-made -> stop-seen: the raises before it, and what was recorded about the reason
    stopped_.compare_exchange_strong(none, why, release, relaxed);  // relaxed: keeps the first
    changed_.wake();
  }

  // Stops and takes the final position by an operation that puts the counter beyond every limit,
  // so that a caller who looked before can no longer pass. Returns the first number never issued:
  // every number below it leaves, or has left. Nothing is raised after this.
  sequence close() noexcept {
    stop(errc::closed);
    // The modification order of the counter decides who came before the close.
    // order: close-made -> close-seen: the stop
    const auto next = counted(tickets_.next.fetch_or(closed_bit, release));
    // Seen late, a caller goes on to the counter, which refuses it.
    // order: end-made -> end-seen: why
    limits_.alive.store(0, release);
    const auto hard = durable();
    const auto final = next < hard ? next : hard;  // beyond `top` everything was taken
    // Late callers still count up; whoever recovers after a kill must not take that for issued.
    // order: live-limit-raised -> live-limit-seen: numbers below may have left
    tickets_.limit.store(final, release);
    return final;
  }

  errc stopped() const noexcept {
    // order: stop-seen <- stop-made: the raises before it, and what was recorded about the reason
    return stopped_.load(acquire);
  }

  sequence beyond() const noexcept { return beyond_; }
  std::uint64_t waits() const noexcept {
    // relaxed: a statistic.
    return waits_.load(relaxed);
  }

  // Link of the keeper's queue of requests; owned by the keeper from request() to demand().
  plain<reservation*> queued_behind{nullptr};
  void* owner = nullptr;  // the keeper's record of this sequence

  static constexpr sequence closed_bit = top + 1;

 private:
  // The number that the counter stands for; above `top` where it was counted beyond.
  sequence counted(sequence word) const noexcept {
    // relaxed: see lend()
    return sole_.load(relaxed) ? word & top : word;
  }

  [[gnu::noinline]] result<sequence> leave_when_durable(sequence taken) noexcept {
    if (taken >= beyond_) return taken > top ? refusal() : errc::exhausted;
    if (taken < durable()) {
      ask_once(taken);
      return taken;
    }
    // relaxed: a statistic.
    if (!each_) waits_.fetch_add(1, relaxed);
    for (;;) {
      if (each_) lead(0);
      wait_for([&] { return taken < durable(); }, 0, wait::never);
      // In this order: a number made durable before the stop must leave, or it would be a gap.
      const auto why = stopped();
      if (taken < durable()) return taken;
      if (why != errc{}) return why;
    }
  }

  // Waits until ready(), asking the keeper again whenever it has served without effect. In `each`
  // also returns when nobody leads any more.
  template <class Ready>
  wait::outcome wait_for(Ready ready, std::uint64_t n, wait::deadline until) noexcept {
    // relaxed: cleared before the leader's wake(), which the listener acquires.
    const auto leaderless = [&] { return each_ && !leading_.load(relaxed); };
    const auto stopping = [&] {
      if (!each_) call_keeper(n);
      return stopped() != errc{};
    };
    return wait::await(changed_, [&] { return ready() || leaderless(); }, stopping, until);
  }

  // One caller writes the mark for everybody who waits; true when it was this one.
  bool lead(std::uint64_t n) noexcept {
    if (n != 0) want_up_to(n);
    // order: lead-taken <- lead-left: the marks of the former leader
    if (leading_.exchange(true, acquire)) return false;
    if (stopped() == errc{}) keeper_.serve_now(*this);
    // order: lead-left -> lead-taken: the marks of this leader
    leading_.store(false, release);
    changed_.wake();
    return true;
  }

  // The first caller to cross the soft mark asks and lets the others pass quickly up to the hard
  // one, unless the keeper has answered already: its next soft mark must stand, or nobody would ask
  // before the hard one. It is another value, being above every number that was taken.
  void ask_once(sequence taken) noexcept {
    // relaxed: only compared.
    auto crossed = limits_.soft.load(relaxed);
    const auto hard = durable();
    if (each_ || taken < crossed || !call_keeper(0)) return;
    // order: soft-raised -> soft-seen: the mark below which numbers are durable
    limits_.soft.compare_exchange_strong(crossed, hard, release, relaxed);
  }  // relaxed: the keeper was faster

  // True when this call made the request.
  bool call_keeper(std::uint64_t n) noexcept {
    if (n != 0) want_up_to(n);
    // relaxed: a stale `true` is seen again after the keeper's wake(), which clears it first.
    if (pending_.load(relaxed)) return false;
    // order: request-made <-> request-served: the numbers taken before it; the link is free
    if (pending_.exchange(true, acq_rel)) return false;
    keeper_.request(*this);
    return true;
  }

  void want_up_to(std::uint64_t n) noexcept {
    // relaxed: a hint to the keeper, released by the request that follows.
    const auto target = tickets_.next.load(relaxed) + n;
    auto seen = wanted_.load(relaxed);  // relaxed: as above
    while (seen < target && target <= beyond_ &&
           !wanted_.compare_exchange_weak(seen, target, relaxed, relaxed)) {  // relaxed: as above
    }
  }

  bool take_possible(std::uint64_t n) const noexcept {
    // relaxed: a hint; the exchange of take decides.
    const auto next = tickets_.next.load(relaxed);
    return next > top || beyond_ - next < n || next > beyond_ || next + n <= durable();
  }

  void ask_when_past_soft(sequence next) noexcept {
    // relaxed: decides only whether to ask early.
    if (next > limits_.soft.load(relaxed)) ask_once(next - 1);
  }

  ticket_line& tickets_;
  limit_line& limits_;
  mark_keeper& keeper_;
  const sequence beyond_;
  const bool each_;
  atomic<bool> sole_{false};
  atomic<bool> leading_{false};
  atomic<sequence> wanted_{0};
  atomic<bool> pending_{false};
  atomic<errc> stopped_{errc{}};
  atomic<std::uint64_t> waits_{0};
  wait::park changed_;
};

}  // namespace sequencer::detail
