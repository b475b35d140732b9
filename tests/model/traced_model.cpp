// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "mortality.hpp"

#include <sequencer/ring.hpp>

#include <new>
#include <optional>

#include "model.hpp"

namespace {

using namespace sequencer;

// What a slot carries: watched, so that who reads or writes it without an order is found.
struct watched {
  model::plain<int> value{-1};
};

using traced = producers::traced;
using ring_of = ring<watched, traced>;

// A claim whose owner may not come back to it: nobody publishes or drops it then.
class left_open {
 public:
  void hold(claim<ring_of>&& of) { at_ = ::new (static_cast<void*>(memory_)) claim(std::move(of)); }
  void write(int value) { (*at_)[0].value = value; }
  void publish() {
    write(static_cast<int>(at_->positions().first));
    std::move(*at_).publish();
  }

 private:
  alignas(claim<ring_of>) std::byte memory_[sizeof(claim<ring_of>)];
  claim<ring_of>* at_ = nullptr;
};

// Takes whatever is readable: nothing of the dead is.
struct reader {
  poller<ring_of> in;
  int events = 0;

  explicit reader(ring_of& of) : in(*of.join()) {}

  polled look() {
    return in.poll([this](const watched& event, sequence s, bool) {
      model::require(event.value == static_cast<int>(s), "an event that was not published");
      ++events;
    });
  }
};

struct with_mortals {
  detail::mortality who;
  ring_of of;
  int skipped[2] = {};

  explicit with_mortals(std::size_t capacity) : of(capacity) {}

  // As the thread of that number, before it runs.
  template <class What>
  void as(int index, What what) {
    who.stands_for = index;
    what();
    who.stands_for = -1;
  }
  // The claim of position `s` is that thread's.
  void unblock(sequence s, unsigned owner) {
    const auto got = of.unblock(s);
    if (!got || *got == 0) return;
    model::require(who.has_died(owner), "a claim of the living was skipped");
    model::require(*got == 1 && ++skipped[s] == 1, "skipped twice");
  }
};

// A thread dies between its claim and its publishing. Two others unblock the ring, one of which
// steps over the skip and uses the slot again.
struct dies : rl::test_suite<dies, 3>, with_mortals {
  left_open open;
  reader in{of};
  int published = 0;

  dies() : with_mortals(1) {}
  void before() {
    as(0, [&] { open.hold(of.make_producer()->try_claim()); });
  }
  void thread(unsigned index) {
    if (index == 0) {
      open.write(-2);
      who.die();
    } else if (index == 1) {
      for (int i = 0; i != 2; ++i) unblock(0, 0);
    } else {
      unblock(0, 0);
      in.look();
      auto mine = of.make_producer()->try_claim();
      if (!mine) return;
      mine[0].value = 1;
      std::move(mine).publish();
      published = 1;
    }
  }
  void after() {
    unblock(0, 0);
    model::require(skipped[0] == 1, "the claim of the dead stays open");
    while (in.look() == polled::batch) {
    }
    model::require(in.events == published, "an event was lost");
    model::require(in.in.position() == of.claimed(), "a skip was lost");
  }
};

// A consumer that sleeps behind the dead is woken.
struct sleeps_behind_the_dead : rl::test_suite<sleeps_behind_the_dead, 2>, with_mortals {
  left_open open;
  reader in{of};

  sleeps_behind_the_dead() : with_mortals(1) {}
  void before() {
    as(2, [&] {
      open.hold(of.make_producer()->try_claim());
      who.die();
    });
  }
  void thread(unsigned index) {
    if (index == 0) return unblock(0, 2);
    model::require(in.in.await<wait::park>() == polled::batch, "woken for nothing");
    model::require(in.look() == polled::batch && in.in.position() == 1, "a skip was lost");
  }
};

// A claim outlives its producer, whose note another thread takes over for a claim of its own; one
// of the two dies.
template <unsigned Dead>
struct takes_over : rl::test_suite<takes_over<Dead>, 3>, with_mortals {
  left_open open[2];

  takes_over() : with_mortals(2) {}
  void before() {
    as(0, [&] { open[0].hold(of.make_producer()->try_claim()); });
  }
  void thread(unsigned index) {
    if (index == 2) {
      unblock(1, 1);
      return unblock(0, 0);
    }
    if (index == 1) open[1].hold(of.make_producer()->try_claim());
    if (index == Dead) return who.die();
    open[index].publish();
  }
};

// A thread claims again, on both sides of another one's claim, and dies.
struct claims_again : rl::test_suite<claims_again, 3>, with_mortals {
  producer<ring_of, wait::backoff> own{*of.make_producer()};
  left_open open[2];

  claims_again() : with_mortals(4) {}
  void before() {
    as(0, [&] { own.try_claim().abort(); });
    as(1, [&] { open[1].hold(of.make_producer()->try_claim()); });
  }
  void thread(unsigned index) {
    if (index == 0) {
      open[0].hold(own.try_claim());
      who.die();
    } else if (index == 1) {
      open[1].publish();
    } else {
      for (int i = 0; i != 2; ++i) unblock(1, 1);
    }
  }
};

// Who asks for the oldest claim is told of its owner, or that there is none: not of nobody, when
// the claim is published meanwhile and its owner, and its slot, are a claim further.
struct asks_for_the_oldest : rl::test_suite<asks_for_the_oldest, 2>, with_mortals {
  producer<ring_of, wait::backoff> own{*of.make_producer()};
  left_open open[2];
  model::atomic<std::uint32_t> granted{0};

  asks_for_the_oldest() : with_mortals(1) {}
  void before() { as(0, [&] { claim(0); }); }
  void claim(std::uint32_t which) {
    open[which].hold(own.try_claim());
    granted.store(which + 1, detail::release);
  }
  void thread(unsigned index) {
    if (index == 0) {
      open[0].publish();
      return claim(1);
    }
    const auto known = granted.load(detail::acquire);
    const auto oldest = of.oldest_claim();
    if (!oldest || oldest->first >= known) return;
    model::require(oldest->thread == 1 && oldest->alive, "the claim of a living one, of nobody");
  }
};

// The note of an open claim that outlives its producer is taken over meanwhile: nobody is told that
// the claim is the newcomer's.
struct asks_while_one_takes_over : rl::test_suite<asks_while_one_takes_over, 2>, with_mortals {
  left_open open[2];

  asks_while_one_takes_over() : with_mortals(2) {}
  void before() {
    as(2, [&] { open[0].hold(of.make_producer()->try_claim()); });
  }
  void thread(unsigned index) {
    if (index == 0) return open[1].hold(of.make_producer()->try_claim());
    const auto oldest = of.oldest_claim();
    model::require(oldest && oldest->first == 0, "an open claim that is none");
    model::require(oldest->thread == 3 || oldest->thread == 0, "the claim of somebody else");
  }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  program.run<dies>("dies", {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<takes_over<0>>("takes_over_from_the_dead", {.runs = 20'000, .bound = 1});
  program.run<takes_over<1>>("dies_after_taking_over", {.runs = 20'000, .bound = 1});
  program.run<claims_again>("claims_again", {.runs = 20'000, .bound = 1});
  program.run<asks_for_the_oldest>("asks_for_the_oldest", {.runs = 20'000, .bound = 2});
  program.run<asks_while_one_takes_over>("asks_while_one_takes_over",
                                         {.runs = 20'000, .bound = 2});
  // From here on somebody sleeps.
  detail::asymmetric_fence::fences = true;
  program.run<sleeps_behind_the_dead>("sleeps_behind_the_dead", {.runs = 20'000, .bound = 2});
  return program.verdict();
}
