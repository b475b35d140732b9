// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/ring.hpp>

#include <optional>

#include "model.hpp"

namespace {

using namespace sequencer;

// What a slot carries: watched, so that who reads it without an order is found.
struct watched {
  model::plain<int> value{-1};
};

// Takes whatever is readable, and demands that it is the next of the order.
template <class Producers>
struct reader {
  poller<ring<watched, Producers>> in;
  sequence expected;
  int events = 0;

  explicit reader(ring<watched, Producers>& of) : in(*of.join()), expected(in.position()) {}

  polled look() {
    return in.poll([&](const watched& event, sequence s, bool) {
      model::require(s == expected, "an event twice, lost, or out of order");
      model::require(event.value == static_cast<int>(s), "an event of another lap");
      expected = s + 1;
      ++events;
    });
  }
};

template <class Out>
bool offer(Out& out) {
  auto mine = out.try_claim();
  model::require(mine.code() != errc::exhausted, "a closed ring is not at its top");
  if (!mine) return false;
  mine[0].value = static_cast<int>(mine.positions().first);
  std::move(mine).publish();
  return true;
}

// Takes whatever is readable where some positions are skips.
template <class Producers>
struct stepper {
  poller<ring<watched, Producers>> in;
  sequence next;
  int events = 0;

  explicit stepper(ring<watched, Producers>& of) : in(*of.join()), next(in.position()) {}

  polled look() {
    return in.poll([&](const watched& event, sequence s, bool) { see(event, s); });
  }
  void see(const watched& event, sequence s) {
    model::require(s >= next, "an event twice, or out of order");
    model::require(event.value >= 0, "an event that was not published");
    next = s + 1;
    ++events;
  }
};

// Claims, writes, and lets go: nobody may see it.
template <class Out>
void drop(Out& out) {
  auto mine = out.try_claim();
  if (mine) mine[0].value = -2;
}

// Producers go round, one consumer behind them: nothing is lapped, lost or seen early.
template <class Producers, int Writers, int Offers, std::size_t Slots>
struct over_laps : rl::test_suite<over_laps<Producers, Writers, Offers, Slots>, Writers + 1> {
  ring<watched, Producers> of{Slots};
  reader<Producers> in{of};

  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i != 2 * Offers; ++i) in.look();
      return;
    }
    auto out = *of.make_producer();
    for (int i = 0; i != Offers; ++i) offer(out);
  }
  void after() {
    while (in.look() == polled::batch) {
    }
    model::require(in.expected == of.claimed() || Writers == 1, "an event was lost");
  }
};

// A claim stays open while another producer goes round and a consumer comes: nobody gets its slot,
// and whoever came sees all that follows.
struct keeps_a_claim : rl::test_suite<keeps_a_claim, 3> {
  using many = producers::many;
  ring<watched, many> of{2};
  std::optional<reader<many>> guest;
  producer<ring<watched, many>, wait::backoff> late{*of.make_producer()};
  std::optional<claim<ring<watched, many>>> open;

  void before() { open.emplace(late.try_claim()); }
  void thread(unsigned index) {
    if (index == 0) {
      (*open)[0].value = static_cast<int>(open->positions().first);
      std::move(*open).publish();
    } else if (index == 1) {
      auto out = *of.make_producer();
      for (int i = 0; i != 3; ++i) offer(out);
    } else {
      guest.emplace(of);
      guest->look();
    }
  }
  void after() {
    while (guest->look() == polled::batch) {
    }
    model::require(guest->expected == of.claimed(), "an event was lost");
  }
};

// The same for one producer, which is its own other one.
struct keeps_its_own_claim : rl::test_suite<keeps_its_own_claim, 2> {
  using one = producers::one;
  ring<watched, one> of{2};

  void thread(unsigned index) {
    if (index == 0) {
      auto out = *of.make_producer();
      offer(out);
      auto open = out.try_claim();
      const auto mine = open ? open.positions().first : 0;
      offer(out);
      offer(out);
      if (open) {
        open[0].value = static_cast<int>(mine);
        std::move(open).publish();
      }
      offer(out);
    } else {
      reader<one> guest(of);
      for (int i = 0; i != 3; ++i) guest.look();
    }
  }
};

// A claim ends as a skip while a producer goes round and a consumer reads.
template <class Producers>
struct drops_a_claim : rl::test_suite<drops_a_claim<Producers>, Producers::single ? 2 : 3> {
  ring<watched, Producers> of{2};
  stepper<Producers> in{of};
  int published = 0;

  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i != 4; ++i) in.look();
      return;
    }
    auto out = *of.make_producer();
    if (Producers::single || index == 2) drop(out);
    if (index == 2) return;
    for (int i = 0; i != 3; ++i) published += offer(out);
  }
  void after() {
    while (in.look() == polled::batch) {
    }
    model::require(in.in.position() == of.claimed() || Producers::single, "a skip was lost");
    model::require(in.events == published, "an event was lost");
  }
};

// Of two events in one go the filler refuses one: who reads meanwhile steps over it, and its slot
// is used again.
template <class Producers, unsigned Refused>
struct refuses_one : rl::test_suite<refuses_one<Producers, Refused>, Producers::single ? 2 : 3> {
  ring<watched, Producers> of{2};
  stepper<Producers> in{of};

  void thread(unsigned index) {
    if (index == 0) {
      while (in.in.position() != 3) {
        in.in.template await<wait::spin>();
        in.look();
      }
      return;
    }
    auto out = *of.template make_producer<wait::spin>();
    if (index == 1) {
      const auto got = out.publish(2, [](watched& event, std::uint64_t i) {
        event.value = i == Refused ? -2 : 7;
        return i != Refused;
      });
      model::require(got && got->size() == 2, "nobody closed it");
    }
    if (Producers::single || index == 2) out.publish([](watched& event) { event.value = 8; });
  }
  void after() { model::require(in.events == 2, "an event was lost"); }
};

// Two producers claim at once, and one of them lets go.
struct claims_beside : rl::test_suite<claims_beside, 2> {
  ring<watched, producers::many> of{2};
  stepper<producers::many> in{of};

  void thread(unsigned index) {
    auto out = *of.make_producer();
    if (index == 0) {
      model::require(offer(out), "there is room");
    } else {
      drop(out);
    }
  }
  void after() {
    while (in.look() == polled::batch) {
    }
    model::require(in.events == 1 && in.in.position() == 2, "an event or a skip was lost");
  }
};

// A consumer that sleeps hears of an event, or of a skip, with nothing to come after it.
template <class Producers, bool Dropped>
struct hears : rl::test_suite<hears<Producers, Dropped>, 2> {
  ring<watched, Producers> of{1};
  stepper<Producers> in{of};
  producer<ring<watched, Producers>, wait::backoff> out{*of.make_producer()};

  void thread(unsigned index) {
    if (index == 0) {
      if (Dropped) return drop(out);
      model::require(offer(out), "there is room");
      return;
    }
    model::require(in.in.template await<wait::park>() == polled::batch, "woken for nothing");
    model::require(in.look() == polled::batch && in.in.position() == 1, "a skip was lost");
  }
  void after() { model::require(in.events == (Dropped ? 0 : 1), "a skip was seen"); }
};

// A producer that sleeps hears of room, with nothing to come after it.
template <class Producers>
struct hears_of_room : rl::test_suite<hears_of_room<Producers>, 2> {
  ring<watched, Producers> of{1};
  reader<Producers> in{of};
  producer<ring<watched, Producers>, wait::park> out{*of.template make_producer<wait::park>()};

  void before() { offer(out); }
  void thread(unsigned index) {
    if (index == 0) {
      out.publish([](watched& event) { event.value = 1; });
    } else {
      in.look();
    }
  }
  void after() {
    in.look();
    model::require(in.events == 2, "an event was lost");
  }
};

// The ring is closed while a claim is about to be aborted: who sleeps in it is told of the end,
// though the producer stays.
template <class Producers>
struct aborts_while_closed : rl::test_suite<aborts_while_closed<Producers>, 3> {
  ring<watched, Producers> of{2};
  stepper<Producers> in{of};
  producer<ring<watched, Producers>, wait::backoff> out{*of.make_producer()};
  sequence claimed = 0;
  int published = 0;

  void thread(unsigned index) {
    if (index == 0) return of.close();
    if (index == 1) {
      auto mine = out.try_claim();
      if (!mine) return;
      mine[0].value = -2;
      mine.abort();
      published = offer(out);
      claimed = 1 + published;
    } else {
      in.in.template run<wait::park>([&](const watched& event, sequence s, bool) {
        in.see(event, s);
      });
    }
  }
  void after() {
    model::require(in.events == published, "an event was lost at the end");
    model::require(in.in.position() == claimed, "a skip was lost at the end");
  }
};

// The same without anybody who sleeps: the end is behind the skip, and behind what came after it.
template <class Producers>
struct aborts_beside_close : rl::test_suite<aborts_beside_close<Producers>, 2> {
  ring<watched, Producers> of{2};
  stepper<Producers> in{of};
  producer<ring<watched, Producers>, wait::backoff> out{*of.make_producer()};
  sequence claimed = 0;
  int published = 0;

  void thread(unsigned index) {
    if (index == 0) return of.close();
    auto mine = out.try_claim();
    if (!mine) return;
    mine[0].value = -2;
    mine.abort();
    published = offer(out);
    claimed = 1 + published;
  }
  void after() {
    auto found = in.look();
    while (found == polled::batch) found = in.look();
    model::require(found == polled::closed, "the end was not seen");
    model::require(in.events == published, "an event was lost at the end");
    model::require(in.in.position() == claimed, "a skip was lost at the end");
  }
};

// A producer that parks behind the open claim of one that is gone, with no consumer to ring; the
// claim is published in the end, or dropped.
template <class Producers, bool Dropped>
struct waits_for_a_claim : rl::test_suite<waits_for_a_claim<Producers, Dropped>, 2> {
  ring<watched, Producers> of{1};
  std::optional<claim<ring<watched, Producers>>> open;

  void before() {
    auto gone = *of.make_producer();
    open.emplace(gone.try_claim());
  }
  void thread(unsigned index) {
    if (index == 0) {
      (*open)[0].value = 0;
      if (Dropped) return open.reset();
      std::move(*open).publish();
    } else {
      auto out = *of.template make_producer<wait::park>();
      const auto at = out.publish([](watched& event) { event.value = 1; });
      model::require(at && *at == 1, "nobody closed it");
    }
  }
};

// A producer that waits for a full ring with a deadline far away learns of the end.
template <class Producers>
struct waits_and_is_closed : rl::test_suite<waits_and_is_closed<Producers>, 2> {
  ring<watched, Producers> of{1};
  reader<Producers> in{of};

  void thread(unsigned index) {
    if (index == 0) return of.close();
    auto out = of.template make_producer<wait::park>();
    for (int i = 0; out && i != 2; ++i) {
      auto mine = out->claim_until(1, wait::in(std::chrono::hours(1)));
      if (!mine) {
        model::require(mine.code() == errc::closed, "neither time nor numbers ran out");
        return;
      }
      mine[0].value = i;
      std::move(mine).publish();
    }
  }
};

// Two producers reach the end of all positions.
struct runs_out : rl::test_suite<runs_out, 3> {
  using many = producers::many;
  ring<watched, many> of{2, detail::beyond_ring - 1};
  poller<ring<watched, many>> in{*of.join()};
  int published[2] = {0, 0};

  void thread(unsigned index) {
    if (index != 2) {
      auto out = of.make_producer();
      for (int i = 0; out && i != 2; ++i) {
        const auto at = out->publish([](watched& event) { event.value = 7; });
        model::require(at || at.code() == errc::exhausted, "the top is no close");
        published[index] += at ? 1 : 0;
      }
    } else {
      in.poll([](const watched&, sequence, bool) {});
    }
  }
  void after() {
    auto found = in.poll([](const watched&, sequence, bool) {});
    if (found == polled::batch) found = in.poll([](const watched&, sequence, bool) {});
    model::require(found == polled::closed, "the end was not seen");
    model::require(published[0] + published[1] == 1, "one position was left");
    model::require(in.position() == detail::beyond_ring, "a position was lost");
  }
};

// A consumer joins and leaves while a producer goes round.
template <class Producers, int Visits, int Offers, std::size_t Slots>
struct comes_and_goes : rl::test_suite<comes_and_goes<Producers, Visits, Offers, Slots>, 2> {
  ring<watched, Producers> of{Slots};

  void thread(unsigned index) {
    if (index == 0) {
      auto out = *of.make_producer();
      for (int i = 0; i != Offers; ++i) offer(out);
      return;
    }
    for (int visit = 0; visit != Visits; ++visit) {
      reader<Producers> guest(of);
      for (int i = 0; i != 2; ++i) guest.look();
    }
  }
};

// Consumers on two threads make their gates at once.
struct join_together : rl::test_suite<join_together, 2> {
  ring<watched, producers::one> of{1};

  void thread(unsigned) {
    for (int visit = 0; visit != 2; ++visit) reader<producers::one> guest(of);
  }
};

// A consumer takes over the gate of one on another thread, who has just read what the producer is
// about to replace.
struct share_a_gate : rl::test_suite<share_a_gate, 3> {
  using one = producers::one;
  ring<watched, one> of{1};
  std::optional<reader<one>> first{std::in_place, of};
  producer<ring<watched, one>, wait::backoff> out{*of.make_producer()};

  void before() { offer(out); }
  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i != 2; ++i) offer(out);
    } else if (index == 1) {
      first->look();
      first.reset();
    } else {
      reader<one> second(of);
      second.look();
    }
  }
};

// Another consumer takes over the gate of one whose thread goes on as a producer, and settles what
// it had read; a second producer goes by the newcomer's gate alone.
struct goes_by_a_newcomer : rl::test_suite<goes_by_a_newcomer, 3> {
  using many = producers::many;
  using offers = producer<ring<watched, many>, wait::backoff>;
  ring<watched, many> of{1};
  std::optional<reader<many>> first{std::in_place, of};
  std::optional<reader<many>> second;
  offers settles{*of.make_producer()};
  offers goes_by{*of.make_producer()};

  void before() { offer(settles); }
  void thread(unsigned index) {
    if (index == 0) {
      first->look();
      first.reset();
      drop(settles);
    } else if (index == 1) {
      second.emplace(of);
    } else {
      drop(goes_by);
    }
  }
};

// One producer after the other, on threads of their own, and somebody who closes: positions go on,
// and the end is where the last one stopped.
struct hands_over : rl::test_suite<hands_over, 3> {
  ring<watched, producers::one> of{4};
  reader<producers::one> in{of};
  int published[2] = {0, 0};

  void thread(unsigned index) {
    if (index == 2) return of.close();
    auto out = of.make_producer();
    if (out) published[index] = offer(*out);
  }
  void after() {
    auto found = in.look();
    while (found == polled::batch) found = in.look();
    model::require(found == polled::closed, "the end was not seen");
    model::require(in.events == published[0] + published[1], "a position was taken twice");
  }
};

// A single producer is closed while its claim is open, and stays: the end is where it stopped.
struct closes_over_claims : rl::test_suite<closes_over_claims, 2> {
  using one = producers::one;
  ring<watched, one> of{8};
  reader<one> in{of};
  producer<ring<watched, one>, wait::backoff> out{*of.make_producer()};
  int granted = 0;

  void thread(unsigned index) {
    if (index == 0) return of.close();
    granted += offer(out);
    auto open = out.try_claim();
    if (open) {
      open[0].value = static_cast<int>(open.positions().first);
      ++granted;
    }
    granted += offer(out);
    std::move(open).publish();
    const auto many = out.publish(2, [&](watched& event, std::uint64_t i) {
      event.value = granted + static_cast<int>(i);
    });
    if (many) granted += 2;
  }
  // The producer is still there, and idle.
  void after() {
    auto found = in.look();
    while (found == polled::batch) found = in.look();
    model::require(found == polled::closed, "the end was not seen");
    model::require(in.events == granted, "an event was lost at the end");
  }
};

// Both sides park: nobody sleeps through what he waits for, the end included.
template <class Producers>
struct parks : rl::test_suite<parks<Producers>, 2> {
  ring<watched, Producers> of{1};
  poller<ring<watched, Producers>> in{*of.join()};

  void thread(unsigned index) {
    if (index == 0) {
      {
        auto out = *of.template make_producer<wait::park>();
        for (int i = 0; i != 2; ++i) out.publish([&](watched& event) { event.value = i; });
      }
      of.close();
      return;
    }
    int seen = 0;
    in.template run<wait::park>([&](const watched& event, sequence, bool) {
      model::require(event.value == seen++, "an event of another lap");
    });
    model::require(seen == 2, "an event was lost");
  }
};

// A newcomer whose gate passes below a producer that parks does not leave it asleep.
template <class Producers>
struct joins_a_parked_one : rl::test_suite<joins_a_parked_one<Producers>, 2> {
  ring<watched, Producers> of{1};

  void thread(unsigned index) {
    if (index == 0) {
      {
        auto out = *of.template make_producer<wait::park>();
        for (int i = 0; i != 3; ++i) out.publish([&](watched& event) { event.value = i; });
      }
      of.close();
      return;
    }
    auto guest = of.join();
    if (!guest) return;
    guest->template run<wait::park>([](const watched& event, sequence s, bool) {
      model::require(event.value == static_cast<int>(s), "an event of another lap");
    });
  }
};

struct watching {
  static bool exists() noexcept { return true; }
  static void arm(const void*) noexcept {}
  static void rest(std::uint32_t) noexcept { cpu::relax(); }
};

// A producer that watches the consumer which is furthest behind walks over the gates while one
// enters.
template <class Producers>
struct joins_a_watcher : rl::test_suite<joins_a_watcher<Producers>, 2> {
  ring<watched, Producers> of{1};
  std::optional<reader<Producers>> behind{std::in_place, of};

  void thread(unsigned index) {
    if (index == 0) {
      auto out = *of.template make_producer<wait::watch<watching>>();
      for (int i = 0; i != 2; ++i) out.publish([&](watched& event) { event.value = i; });
      return;
    }
    {
      reader<Producers> guest(of);
      guest.look();
    }
    behind->look();
    behind.reset();
  }
};

// A newcomer stands where another producer found everything settled; who goes by its gate alone
// must not write before what was settled there.
struct vouches : rl::test_suite<vouches, 3> {
  using many = producers::many;
  ring<watched, many> of{1};

  void thread(unsigned index) {
    if (index == 1) {
      const reader<many> guest(of);
      return;
    }
    auto out = *of.make_producer();
    offer(out);
    if (index == 0) offer(out);
  }
};

// Closing: what was granted is seen, and then the end.
struct closes : rl::test_suite<closes, 3> {
  ring<watched, producers::many> of{2};
  reader<producers::many> in{of};
  int granted = 0;

  void thread(unsigned index) {
    if (index == 0) {
      of.close();
    } else if (index == 1) {
      for (int i = 0; i != 4; ++i) in.look();
    } else {
      auto out = of.make_producer();
      for (int i = 0; out && i != 2; ++i) granted += offer(*out);
    }
  }
  void after() {
    auto found = in.look();
    while (found == polled::batch) found = in.look();
    model::require(found == polled::closed, "the end was not seen");
    model::require(in.events == granted, "an event was lost at the end");
  }
};

// Who looks while the ring is closed sees where it stood, before the end is written down and after.
struct looks_at_the_end : rl::test_suite<looks_at_the_end, 2> {
  ring<watched, producers::many> of{2};

  void before() {
    auto out = *of.make_producer();
    model::require(offer(out), "there is room");
  }
  void thread(unsigned index) {
    if (index == 0) return of.close();
    model::require(of.claimed() == 1, "claimed what nobody has claimed");
  }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  program.run<over_laps<producers::one, 1, 3, 2>>("one_over_laps",
                                            {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<over_laps<producers::many, 2, 3, 2>>("many_over_laps",
                                             {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<comes_and_goes<producers::one, 2, 5, 2>>("comes_and_goes_one",
                                              {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<comes_and_goes<producers::many, 2, 5, 2>>("comes_and_goes_many",
                                               {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<keeps_a_claim>("keeps_a_claim", {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<keeps_its_own_claim>("keeps_its_own_claim",
                                   {.runs = 20'000, .bound = 1, .full_bound = 2});
  // Small enough for three forced switches.
  program.run<over_laps<producers::one, 1, 2, 1>>("one_over_a_slot", {.runs = 5'000, .bound = 2});
  program.run<over_laps<producers::many, 1, 2, 1>>("many_over_a_slot",
                                                   {.runs = 5'000, .bound = 1});
  program.run<comes_and_goes<producers::one, 1, 2, 1>>("comes_once_one",
                                                       {.runs = 5'000, .bound = 1});
  program.run<comes_and_goes<producers::many, 1, 2, 1>>("comes_once_many",
                                                        {.runs = 5'000, .bound = 1});
  program.run<claims_beside>("claims_beside", {.runs = 5'000, .bound = 2});
  program.run<drops_a_claim<producers::one>>(
      "drops_a_claim_one", {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<drops_a_claim<producers::many>>(
      "drops_a_claim_many", {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<refuses_one<producers::one, 0>>(
      "refuses_the_first", {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<refuses_one<producers::many, 1>>(
      "refuses_the_last", {.runs = 20'000, .bound = 1, .full_bound = 1});
  program.run<vouches>("vouches", {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<looks_at_the_end>("looks_at_the_end", {.runs = 5'000, .bound = 3});
  program.run<closes>("closes", {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<join_together>("join_together", {.runs = 20'000, .bound = 2});
  program.run<share_a_gate>("share_a_gate", {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<runs_out>("runs_out", {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<joins_a_watcher<producers::one>>("joins_a_watcher_one",
                                               {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<joins_a_watcher<producers::many>>("joins_a_watcher_many",
                                                {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<goes_by_a_newcomer>("goes_by_a_newcomer",
                                  {.runs = 5'000, .bound = 0, .full_bound = 2});
  // From here on somebody sleeps, or closes the ring of one producer.
  detail::asymmetric_fence::fences = true;
  program.run<hands_over>("hands_over", {.runs = 20'000, .bound = 1});
  program.run<closes_over_claims>("closes_over_claims", {.runs = 20'000, .bound = 1});
  program.run<parks<producers::one>>("parks_one", {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<parks<producers::many>>("parks_many", {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<joins_a_parked_one<producers::one>>("joins_a_parked_one",
                                                  {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<joins_a_parked_one<producers::many>>("joins_a_parked_many",
                                                   {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<waits_for_a_claim<producers::one, false>>("waits_for_a_claim_one",
                                                        {.runs = 20'000, .bound = 2});
  program.run<waits_for_a_claim<producers::many, false>>("waits_for_a_claim_many",
                                                         {.runs = 20'000, .bound = 2});
  program.run<waits_for_a_claim<producers::many, true>>("waits_for_a_drop",
                                                        {.runs = 20'000, .bound = 2});
  program.run<hears<producers::one, true>>("hears_a_drop_one", {.runs = 10'000, .bound = 2});
  program.run<hears<producers::many, true>>("hears_a_drop_many", {.runs = 10'000, .bound = 2});
  program.run<hears<producers::one, false>>("hears_an_event_one", {.runs = 10'000, .bound = 2});
  program.run<hears<producers::many, false>>("hears_an_event_many", {.runs = 10'000, .bound = 2});
  program.run<hears_of_room<producers::one>>("hears_of_room_one", {.runs = 10'000, .bound = 2});
  program.run<hears_of_room<producers::many>>("hears_of_room_many", {.runs = 10'000, .bound = 1});
  program.run<aborts_beside_close<producers::one>>("aborts_beside_close_one",
                                                   {.runs = 10'000, .bound = 2});
  program.run<aborts_beside_close<producers::many>>("aborts_beside_close_many",
                                                    {.runs = 10'000, .bound = 2});
  program.run<aborts_while_closed<producers::one>>("aborts_while_closed_one",
                                                   {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<aborts_while_closed<producers::many>>("aborts_while_closed_many",
                                                    {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<waits_and_is_closed<producers::one>>("waits_and_is_closed_one",
                                                   {.runs = 20'000, .bound = 2});
  program.run<waits_and_is_closed<producers::many>>("waits_and_is_closed_many",
                                                    {.runs = 20'000, .bound = 2});
  return program.verdict();
}
