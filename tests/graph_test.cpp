// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/graph.hpp>

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "asleep.hpp"

namespace {

using namespace sequencer;

struct order {
  std::uint64_t price = 0;
  std::uint64_t tax = 0;
  std::uint64_t total = 0;
};

template <class Producers>
struct any_flow : testing::Test {};
using engines = testing::Types<producers::one, producers::many>;
TYPED_TEST_SUITE(any_flow, engines);

// What does not depend on how positions are claimed is tried with the type for many.

template <class Producers>
using orders = ring<order, Producers>;

template <class Out>
void put(Out& out, std::uint64_t price) {
  ASSERT_TRUE(out.publish([&](order& o) { o = {price, 0, 0}; }));
}

// Counts what it sees, and whether it came in order.
struct tally {
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  bool in_order = true;
  void add(std::uint64_t price, sequence s) noexcept {
    in_order = in_order && s == count;
    ++count;
    sum += price;
  }
  void expect(std::uint64_t n) const {
    EXPECT_EQ(count, n);
    EXPECT_EQ(sum, n * (n - 1) / 2);
    EXPECT_TRUE(in_order);
  }
};

template <class Producers, class How>
void diamond(std::size_t capacity) {
  constexpr std::uint64_t n = 2'000;
  orders<Producers> of(capacity);
  graph plan{of};
  tally taxed, logged, summed;
  auto tax = plan.template add<How>("tax", [&](order& o, sequence s, bool) noexcept {
    o.tax = o.price / 4;
    taxed.add(o.price, s);
  });
  auto log = plan.template add<How>("log", [&](batch<order>& all) noexcept {
    for (const auto& each : all) logged.add(each.event.price, each.position);
  });
  plan.template add<How>("sum", [&](order& o, sequence s, bool) noexcept {
    EXPECT_EQ(o.tax, o.price / 4) << "an event before a stage that it follows";
    o.total = o.price + o.tax;
    summed.add(o.price, s);
  }, {tax, log});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->template producer<How>();
  for (std::uint64_t i = 0; i < n; ++i) put(out, i);
  EXPECT_TRUE(work->drain());
  taxed.expect(n);
  logged.expect(n);
  summed.expect(n);
}

TYPED_TEST(any_flow, ADiamondHandlesEverythingInOrder) {
  for (const std::size_t capacity : {1u, 2u, 64u}) {
    diamond<TypeParam, wait::yield>(capacity);
    diamond<TypeParam, wait::backoff>(capacity);
    diamond<TypeParam, wait::park>(capacity);
  }
}

TEST(Flow, APipelineWorksOnTheEventItself) {
  orders<producers::many> of(8);
  graph plan{of};
  std::uint64_t sum = 0;
  auto tax = plan.add("tax", [](order& o, sequence, bool) noexcept { o.tax = 1; });
  const auto add_up = [](order& o, sequence, bool) noexcept { o.total = o.price + o.tax; };
  auto total = plan.add("total", add_up, {tax});
  plan.add("sum", [&](const order& o, sequence, bool) noexcept { sum += o.total; }, {total});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  for (std::uint64_t i = 0; i < 1'000; ++i) put(out, i);
  EXPECT_TRUE(work->drain());
  EXPECT_EQ(sum, 1'000u * 999 / 2 + 1'000);
}

// Also when no thread of a stage has run yet.
TYPED_TEST(any_flow, DrainingLosesNothing) {
  for (int round = 0; round < 200; ++round) {
    orders<TypeParam> of(64, 5);
    graph plan{of};
    std::uint64_t first = 0, second = 0;
    const auto count_first = [&](const order&, sequence, bool) noexcept { ++first; };
    const auto count_second = [&](const order&, sequence, bool) noexcept { ++second; };
    auto a = plan.template add<wait::park>("a", count_first);
    plan.template add<wait::park>("b", count_second, {a});
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    auto out = *work->producer();
    for (int i = 0; i < round % 64; ++i) put(out, 1);
    EXPECT_TRUE(work->drain());
    EXPECT_TRUE(work->drain()) << "asked again";
    EXPECT_EQ(first, static_cast<std::uint64_t>(round % 64));
    EXPECT_EQ(second, first);
    EXPECT_EQ(out.publish([](order&) {}).code(), errc::closed);
  }
}

TEST(Flow, ItsEndDrains) {
  orders<producers::many> of(4);
  std::uint64_t seen = 0;
  {
    graph plan{of};
    plan.add("a", [&](const order&, sequence, bool) noexcept { ++seen; });
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    auto moved = *std::move(work);
    auto out = *moved.producer();
    for (int i = 0; i < 100; ++i) put(out, 1);
  }
  EXPECT_EQ(seen, 100u);
}

TYPED_TEST(any_flow, HaltingAlwaysEnds) {
  for (int round = 0; round < 200; ++round) {
    orders<TypeParam> of(4);
    graph plan{of};
    auto a = plan.template add<wait::park>("a", [](const order&, sequence, bool) noexcept {});
    plan.template add<wait::park>("b", [](const order&, sequence, bool) noexcept {}, {a});
    if (round % 4 == 0) of.halt();
    auto work = std::move(plan).start();
    if (round % 4 == 0) {
      EXPECT_EQ(work.code(), errc::closed);
      continue;
    }
    ASSERT_TRUE(work) << work.text();
    std::thread source([out = *work->template producer<wait::park>()]() mutable {
      while (out.publish([](order&) {})) {
      }
    });
    if (round % 4 == 1) std::this_thread::yield();
    work->halt();
    source.join();
    EXPECT_EQ(work->drain().code(), errc::closed);
  }
}

TEST(Flow, SaysWhichStageIsStuck) {
  orders<producers::many> of(4);
  graph plan{of};
  std::atomic<bool> go{false};
  auto quick = plan.add("quick", [](const order&, sequence, bool) noexcept {});
  plan.add("slow", [&](const order&, sequence, bool) noexcept {
    while (!go.load()) std::this_thread::yield();
  }, {quick});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  for (std::uint64_t i = 0; i < 3; ++i) put(out, i);
  const auto late = work->drain_for(std::chrono::milliseconds(20));
  EXPECT_EQ(late.code(), errc::timeout);
  EXPECT_NE(late.text().find("stage 'slow' stands at 0, 3 behind"), std::string::npos)
      << late.text();
  const auto now = work->stages();
  ASSERT_EQ(now.size(), 2u);
  EXPECT_EQ(now[1].name, "slow");
  EXPECT_EQ(now[1].behind, 3u);
  EXPECT_FALSE(now[1].ended);
  go = true;
  EXPECT_TRUE(work->drain());
  EXPECT_EQ(work->stages()[1].position, 3u);
  EXPECT_TRUE(work->stages()[1].ended);
}

TEST(Flow, SaysWhichClaimHoldsItUp) {
  orders<producers::many> of(4);
  graph plan{of};
  plan.add("quick", [](const order&, sequence, bool) noexcept {});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  put(out, 0);
  auto held = out.claim();
  put(out, 2);
  const auto late = work->drain_for(std::chrono::milliseconds(20));
  EXPECT_NE(late.text().find("position 1 is claimed and not published."), std::string::npos)
      << late.text();
  std::move(held).publish();
  EXPECT_TRUE(work->drain());
}

// A single producer that waits for room has claimed nothing, and is refused when the ring closes.
// One of many that waits without a deadline has claimed: it goes on when there is room. A halt
// releases both. The stage is stuck meanwhile.
template <class Producers>
void end_while_full(bool halts) {
  orders<Producers> of(2);
  graph plan{of};
  std::atomic<bool> go{false}, stuck{false};
  std::uint64_t seen = 0;
  plan.template add<wait::park>("stuck", [&](const order&, sequence, bool) noexcept {
    stuck = true;
    while (!go.load()) std::this_thread::yield();
    ++seen;
  });
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto why = errc::invalid;
  std::atomic<bool> returned{false};
  std::thread source([&, out = *work->template producer<wait::park>()]() mutable {
    for (std::uint64_t i = 0; i < 2; ++i) put(out, i);
    const auto at = out.publish([](order&) {});
    why = at ? errc{} : at.code();
    returned = true;
  });
  while (of.full_stalls() == 0 || !stuck.load()) std::this_thread::yield();
  std::thread with_deadline;
  if constexpr (!Producers::single) {
    with_deadline = std::thread([&, out = *work->template producer<wait::park>()]() mutable {
      EXPECT_EQ(out.claim_until(1, wait::in(std::chrono::hours(1))).code(), errc::closed);
    });
    while (of.full_stalls() == 1) std::this_thread::yield();
  }
  const bool claimed = !Producers::single && !halts;
  if (halts) work->halt();
  EXPECT_EQ(work->drain_for(std::chrono::milliseconds(1)).code(), errc::timeout);
  if (!Producers::single) with_deadline.join();
  if (!claimed) source.join();
  EXPECT_EQ(returned.load(), !claimed);
  go = true;
  EXPECT_EQ(static_cast<bool>(work->drain()), !halts);
  if (claimed) source.join();
  EXPECT_EQ(why, claimed ? errc{} : errc::closed);
  EXPECT_TRUE(halts || seen == (claimed ? 3u : 2u)) << seen;
}

TYPED_TEST(any_flow, AnEndFindsAProducerThatWaitsForRoom) {
  end_while_full<TypeParam>(false);
  end_while_full<TypeParam>(true);
}

// A full ring opens when the last stage has moved, and not before.
TYPED_TEST(any_flow, TheLastStageHoldsProducersBack) {
  orders<TypeParam> of(2);
  graph plan{of};
  std::atomic<std::uint64_t> first{0}, allowed{0};
  auto a = plan.add("a", [&](const order&, sequence, bool) noexcept { ++first; });
  plan.add("b", [&](const order&, sequence s, bool) noexcept {
    while (allowed.load() <= s) std::this_thread::yield();
  }, {a});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  put(out, 0);
  put(out, 1);
  while (first.load() != 2) std::this_thread::yield();
  EXPECT_EQ(out.try_claim().code(), errc::unavailable);
  allowed = 2;
  put(out, 2);
  allowed = 3;
  EXPECT_TRUE(work->drain());
}

TEST(Flow, APlanThatIsWrongSaysWhat) {
  const auto nothing = [](const order&, sequence, bool) noexcept {};
  orders<producers::many> of(4);
  {
    graph empty{of};
    EXPECT_EQ(std::move(empty).start().text(), "a graph has at least one stage");
  }
  {
    graph twins{of};
    twins.add("journal", nothing);
    twins.add("journal", nothing);
    EXPECT_EQ(std::move(twins).start().text(), "two stages are named 'journal'");
  }
  {
    graph nameless{of};
    nameless.add("", nothing);
    EXPECT_EQ(std::move(nameless).start().code(), errc::invalid);
  }
  {
    graph other{of}, mine{of};
    auto theirs = other.add("a", nothing);
    mine.add("b", nothing, {theirs});
    EXPECT_EQ(std::move(mine).start().text(), "stage 'b' follows a stage of another graph");
  }
  {
    graph far{of};
    far.add("a", nothing);
    far.add("b", nothing, {}, {.cpu = 1'000'000});
    const auto refused = std::move(far).start();
    EXPECT_EQ(refused.code(), errc::io);
    EXPECT_NE(refused.text().find("stage 'b': starting its thread"), std::string::npos);
  }
  orders<producers::many> closed(4);
  closed.close();
  graph late{closed};
  late.add("a", nothing);
  EXPECT_EQ(std::move(late).start().code(), errc::closed);
  EXPECT_EQ(std::move(late).start().text(), "this graph was started before");
}

TEST(Flow, SeveralGraphsAndPollersShareARing) {
  orders<producers::many> of(8);
  std::uint64_t first = 0, second = 0, polled_ones = 0;
  graph one{of}, two{of};
  one.add("a", [&](const order&, sequence, bool) noexcept { ++first; });
  two.add("a", [&](const order&, sequence, bool) noexcept { ++second; });
  auto here = std::move(one).start();
  auto there = std::move(two).start();
  auto in = *of.join();
  ASSERT_TRUE(here && there);
  std::thread source([&, out = *here->producer()]() mutable {
    for (std::uint64_t i = 0; i < 500; ++i) put(out, i);
    of.close();
  });
  in.run([&](const order&, sequence, bool) { ++polled_ones; });
  source.join();
  EXPECT_TRUE(here->drain());
  EXPECT_TRUE(there->drain());
  EXPECT_EQ(first, 500u);
  EXPECT_EQ(second, 500u);
  EXPECT_EQ(polled_ones, 500u);
}

// A graph that starts on a ring at work sees everything from some position on, in every stage.
TYPED_TEST(any_flow, StartsWhileProducersRun) {
  orders<TypeParam> of(16);
  std::atomic<bool> done{false};
  std::thread source([&, out = *of.make_producer()]() mutable {
    while (!done.load()) {
      auto mine = out.claim();
      mine[0].price = mine.positions().first;
      std::move(mine).publish();
    }
  });
  for (int round = 0; round < 20; ++round) {
    struct follower {
      std::optional<sequence> next;
      bool gap_free = true;
      void see(const order& o, sequence s) noexcept {
        gap_free = gap_free && (!next || *next == s) && o.price == s;
        next = s + 1;
      }
    } first, second;
    std::atomic<std::uint64_t> seen{0};
    std::atomic<bool> rest{false};
    graph plan{of};
    auto a = plan.add("a", [&](const order& o, sequence s, bool) noexcept {
      if (!rest.load()) first.see(o, s);
    });
    plan.add("b", [&](const order& o, sequence s, bool) noexcept {
      if (!rest.load()) second.see(o, s);
      ++seen;
    }, {a});
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    while (seen.load() < 50) std::this_thread::yield();
    if (round + 1 < 20) {
      rest = true;
      work->leave();
    } else {
      done = true;
      source.join();
      EXPECT_TRUE(work->drain());
    }
    EXPECT_TRUE(first.gap_free);
    EXPECT_TRUE(second.gap_free);
  }
}

// ---- workers

template <class Producers, class How>
void share(std::size_t capacity, std::size_t workers, std::uint64_t at_once) {
  constexpr std::uint64_t n = 1'000;
  orders<Producers> of(capacity);
  std::vector<std::atomic<int>> handled_by(n);
  std::atomic<bool> in_turn{true};
  tally after;
  graph plan{of};
  auto crew = plan.template add_workers<How>("crew", workers, [&](std::size_t) {
    return [&](order& o, sequence s, bool) noexcept {
      ++handled_by[s];
      o.tax = s + 1;
    };
  }, {}, {.max_batch = at_once});
  plan.template add<How>("after", [&](const order& o, sequence s, bool) noexcept {
    if (o.tax != s + 1) in_turn = false;
    after.add(o.price, s);
  }, {crew});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->template producer<How>();
  for (std::uint64_t i = 0; i < n; ++i) put(out, i);
  EXPECT_TRUE(work->drain());
  for (const auto& times : handled_by) ASSERT_EQ(times.load(), 1);
  EXPECT_TRUE(in_turn.load()) << "an event before its worker was done with it";
  after.expect(n);
}

TEST(Flow, WorkersHandleEachEventOnce) {
  for (const std::size_t capacity : {1u, 2u, 64u}) {
    for (const std::size_t workers : {1u, 3u}) {
      share<producers::many, wait::yield>(capacity, workers, 0);
      share<producers::many, wait::park>(capacity, workers, 3);
    }
  }
}

// A worker that is stuck holds back what it has, and nothing that others can do.
TEST(Flow, AStuckWorkerHoldsItsEventOnly) {
  orders<producers::many> of(8);
  graph plan{of};
  std::atomic<bool> go{false};
  std::atomic<std::uint64_t> done{0};
  plan.add_workers("crew", 2, [&](std::size_t) {
    return [&](const order&, sequence s, bool) noexcept {
      while (s == 0 && !go.load()) std::this_thread::yield();
      ++done;
    };
  });
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  for (std::uint64_t i = 0; i < 8; ++i) put(out, i);
  while (done.load() != 7) std::this_thread::yield();
  EXPECT_EQ(out.try_claim().missing(), 1u) << "its event must not be replaced";
  go = true;
  EXPECT_TRUE(work->drain());
  EXPECT_EQ(done.load(), 8u);
}

TEST(Flow, WorkersAreWorkers) {
  orders<producers::many> of(8);
  graph plan{of};
  plan.add_workers("crew", 0, [](std::size_t) {
    return [](const order&, sequence, bool) noexcept {};
  });
  EXPECT_EQ(std::move(plan).start().text(), "stage 'crew' has no workers");
}

// ---- hooks, batches, rewinding

struct diary {
  std::vector<std::string> lines;
  void on_start(std::string_view name) noexcept { lines.push_back("start " + std::string(name)); }
  void on_batch_start(std::uint64_t size, std::uint64_t depth) noexcept {
    lines.push_back("batch " + std::to_string(size) + " of " + std::to_string(depth));
  }
  void on_batch_end() noexcept { lines.push_back("end"); }
  void on_stop() noexcept { lines.push_back("stop"); }
};

struct diary_of_events : diary {
  explicit diary_of_events(std::vector<std::string>& to) : to_(&to) {}
  diary_of_events(diary_of_events&&) = default;
  ~diary_of_events() {
    if (!lines.empty()) *to_ = lines;
  }
  void operator()(const order& o, sequence s, bool last) noexcept {
    lines.push_back(std::to_string(s) + "=" + std::to_string(o.price) + (last ? " last" : ""));
  }
  std::vector<std::string>* to_;
};

// Everything is published before the thread of the stage can begin: it follows one that waits.
template <class Handler, class Fill>
void run_after(Handler handler, stage_options how, Fill fill) {
  orders<producers::many> of(16);
  std::atomic<bool> go{false};
  graph plan{of};
  auto gate = plan.add("gate", [&](const batch<order>&) noexcept {
    while (!go.load()) std::this_thread::yield();
  }, {}, {.max_batch = 16});
  plan.add("stage", std::move(handler), {gate}, how);
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  {
    auto all = out.claim(10);
    fill(all);
    std::move(all).publish();
  }
  go = true;
  static_cast<void>(work->drain());
}

const auto numbers = [](auto& all) {
  for (std::uint64_t i = 0; i < all.size(); ++i) all[i].price = 100 + i;
};

TEST(Flow, HooksAreCalledInTheOrderOfALife) {
  std::vector<std::string> lines;
  run_after(diary_of_events(lines), {.max_batch = 4}, numbers);
  const std::vector<std::string> expected{
      "start stage", "batch 4 of 10", "0=100", "1=101", "2=102", "3=103 last", "end",
      "batch 4 of 6", "4=104", "5=105", "6=106", "7=107 last", "end",
      "batch 2 of 2", "8=108", "9=109 last", "end", "stop"};
  EXPECT_EQ(lines, expected);
}

TEST(Flow, ABatchThatEndsInSkipsEnds) {
  struct counting {
    std::uint64_t *events, *ends;
    void operator()(const order&, sequence, bool) noexcept { ++*events; }
    void on_batch_end() noexcept { ++*ends; }
  };
  orders<producers::many> of(8);
  graph plan{of};
  std::uint64_t events = 0, ends = 0, in_batches = 0;
  plan.add("count", counting{&events, &ends});
  plan.add("batches", [&](batch<order>& all) noexcept {
    for (const auto& each : all) in_batches += each.position + 1;
  });
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  for (int i = 0; i < 6; ++i) {
    auto mine = out.claim();
    if (i == 1 || i == 3) std::move(mine).publish();
  }
  EXPECT_TRUE(work->drain());
  EXPECT_EQ(events, 2u);
  EXPECT_GE(ends, 1u);
  EXPECT_EQ(in_batches, 2u + 4u);
}

TEST(Flow, TheLastEventOfABatchIsToldWhateverTheHandlerAnswers) {
  orders<producers::many> of(64);
  graph plan{of};
  std::atomic<bool> go{false};
  std::vector<sequence> by_event, by_answer;
  auto gate = plan.add("gate", [&](const batch<order>&) noexcept {
    while (!go) std::this_thread::yield();
  });
  plan.add("event", [&](order&, sequence s, bool last) noexcept {
    if (last) by_event.push_back(s);
  }, {gate});
  plan.add("answer", [&](order&, sequence s, bool last) noexcept {
    if (last) by_answer.push_back(s);
    return handled::next;
  }, {gate});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  {
    auto first = out.claim(2);
    auto skipped = out.claim(3);
    skipped.abort();
    std::move(first).publish();
  }
  go = true;
  EXPECT_TRUE(work->drain());
  EXPECT_EQ(by_event, std::vector<sequence>{1});
  EXPECT_EQ(by_answer, std::vector<sequence>{1});
}

TEST(Flow, BatchesStepOverSkipsInEveryLap) {
  orders<producers::one> of(16);
  graph plan{of};
  std::vector<sequence> seen, expected;
  plan.add("batches", [&](batch<order>& all) noexcept {
    for (auto at = all.begin(); at != all.end(); at++) {
      EXPECT_EQ((*at).event.price, (*at).position);
      seen.push_back((*at).position);
    }
  });
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  for (sequence s = 0; s < 1'000; ++s) {
    const bool event = s % 7 != 0 && s % 32 != 15 && (s / 100) % 2 == 0;
    if (event) expected.push_back(s);
    ASSERT_EQ(*out.publish([&](order& o) { return o.price = s, event; }), s);
  }
  EXPECT_TRUE(work->drain());
  EXPECT_EQ(seen, expected);
}

std::vector<sequence> rewound_at(sequence where, std::uint64_t times, stage_options how) {
  std::vector<sequence> seen;
  run_after([&, times](const order&, sequence s, bool) mutable noexcept {
    seen.push_back(s);
    return s == where && times-- > 0 ? handled::rewind : handled::next;
  }, how, numbers);
  return seen;
}

TEST(Flow, ABatchIsBegunAgain) {
  using v = std::vector<sequence>;
  const stage_options by_three{.max_batch = 3, .rewind_pause = std::chrono::microseconds(1)};
  EXPECT_EQ(rewound_at(0, 1, by_three), (v{0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(rewound_at(4, 2, by_three),
            (v{0, 1, 2, 3, 4, 3, 4, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(rewound_at(9, 1, by_three), (v{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9}));
}

struct stubborn {
  std::vector<sequence>* seen;
  std::vector<sequence>* given_up;
  handled operator()(const order&, sequence s, bool) noexcept {
    seen->push_back(s);
    return s == 2 ? handled::rewind : handled::next;
  }
};
struct resigning : stubborn {
  void on_give_up(order&, sequence s) noexcept { given_up->push_back(s); }
};

TEST(Flow, ABatchIsGivenUpAfterSoManyTimes) {
  using v = std::vector<sequence>;
  v seen, given_up;
  const stage_options twice{.max_batch = 4, .rewinds = 2};
  run_after(resigning{{&seen, &given_up}}, twice, numbers);
  EXPECT_EQ(seen, (v{0, 1, 2, 0, 1, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(given_up, (v{2}));
  seen.clear();
  run_after(stubborn{&seen, &given_up}, twice, numbers);
  EXPECT_EQ(seen, (v{0, 1, 2, 0, 1, 2, 0, 1, 2})) << "nobody to give up: the flow is halted";
}

TEST(Flow, WhatWasReleasedIsNotBegunAgain) {
  std::vector<sequence> begins;
  std::uint64_t tries = 0;
  run_after([&](batch<order>& all) noexcept {
    begins.push_back(all.positions().first);
    if (tries++ == 0) {
      all.release(3);
      return handled::rewind;
    }
    return handled::next;
  }, {.max_batch = 16}, numbers);
  EXPECT_EQ(begins, (std::vector<sequence>{0, 3}));
}

TEST(Flow, ABatchThatWasReleasedWholeIsNotBegunAgain) {
  std::vector<sequence> sizes;
  run_after([&](batch<order>& all) noexcept {
    sizes.push_back(all.positions().size());
    all.release(all.positions().last);
    return handled::rewind;
  }, {.max_batch = 5}, numbers);
  EXPECT_EQ(sizes, (std::vector<sequence>{5, 5}));
}

TEST(Flow, ABatchIsARange) {
  static_assert(std::ranges::input_range<batch<order>>);
  std::uint64_t all_of_them = 0;
  run_after([&](batch<order>& all) noexcept {
    all_of_them += static_cast<std::uint64_t>(
        std::ranges::count_if(all, [](const auto& each) { return each.event.price >= 100; }));
  }, {}, numbers);
  EXPECT_EQ(all_of_them, 10u);
}

TEST(Flow, ABatchLetsProducersGoOnBeforeItEnds) {
  orders<producers::many> of(4);
  graph plan{of};
  std::atomic<bool> done{false};
  plan.add("a", [&](batch<order>& all) noexcept {
    if (all.positions().first != 0) return;
    all.release(all.positions().last);
    while (!done.load()) std::this_thread::yield();
  }, {}, {.max_batch = 4});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  for (std::uint64_t i = 0; i < 5; ++i) put(out, i);
  done = true;
  EXPECT_TRUE(work->drain());
}

TEST(Flow, AStageThatFollowsSeesWhatIsReleasedInABatchBeforeItEnds) {
  orders<producers::many> of(4);
  graph plan{of};
  std::atomic<std::uint64_t> seen{0};
  auto first = plan.add("first", [&](batch<order>& all) noexcept {
    if (all.positions().first != 0) return;
    all.release(2);
    while (seen.load() != 2) std::this_thread::yield();
  }, {}, {.max_batch = 4});
  plan.add("second", [&](const order&, sequence, bool) noexcept { ++seen; }, {first});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  out.claim(4).publish();
  EXPECT_TRUE(work->drain());
  EXPECT_EQ(seen.load(), 4u);
}

TEST(Flow, ABatchThatIsBegunAgainIsNotReplacedMeanwhile) {
  orders<producers::many> of(4);
  graph plan{of};
  std::atomic<int> begins{0};
  std::atomic<bool> refused{false};
  std::vector<std::uint64_t> prices;
  plan.add("a", [&](const order& o, sequence s, bool last) noexcept {
    if (s >= 4) return handled::next;
    if (last && ++begins < 3) return handled::rewind;
    if (last) {
      while (!refused.load()) std::this_thread::yield();
    }
    if (begins.load() >= 2) prices.push_back(o.price);
    return handled::next;
  }, {}, {.max_batch = 4, .rewinds = 5});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  {
    auto all = out.claim(4);
    for (std::uint64_t i = 0; i < 4; ++i) all[i].price = 100 + i;
    std::move(all).publish();
  }
  while (begins.load() < 3) EXPECT_FALSE(out.try_claim());
  EXPECT_FALSE(out.try_claim()) << "its last event is still in work";
  refused = true;
  EXPECT_TRUE(work->drain());
  EXPECT_EQ(prices, (std::vector<std::uint64_t>{100, 101, 102, 103}));
}

TEST(Flow, AHandlerEndsTheFlowBeforeItsEvent) {
  orders<producers::many> of(16);
  graph plan{of};
  std::uint64_t seen = 0;
  plan.add("a", [&](const order&, sequence s, bool) noexcept {
    if (s == 5) return handled::halt;
    ++seen;
    return handled::next;
  });
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  while (out.publish([](order&) {})) {
  }
  EXPECT_EQ(work->drain().code(), errc::closed);
  EXPECT_EQ(seen, 5u);
  EXPECT_EQ(work->stages()[0].position, 5u);
}

TEST(Flow, AnIdleStageIsToldSo) {
  struct waiting {
    std::atomic<std::uint64_t>* idle;
    void operator()(const order&, sequence, bool) noexcept {}
    void on_idle() noexcept { ++*idle; }
  };
  std::atomic<std::uint64_t> first{0}, second{0};
  orders<producers::many> of(4);
  graph plan{of};
  const stage_options soon{.idle = std::chrono::microseconds(100)};
  auto a = plan.add<wait::park>("a", waiting{&first}, {}, soon);
  plan.add<wait::yield>("b", waiting{&second}, {a}, soon);
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  while (first.load() < 3 || second.load() < 3) std::this_thread::yield();
  EXPECT_TRUE(work->drain());
}

TEST(Flow, TwoEventsThatAreGivenUpAreSeenNoMore) {
  struct stubborn_twice {
    std::vector<sequence>* seen;
    handled operator()(const order&, sequence s, bool) noexcept {
      seen->push_back(s);
      return s == 2 || s == 3 ? handled::rewind : handled::next;
    }
    void on_give_up(order&, sequence) noexcept {}
  };
  std::vector<sequence> seen;
  run_after(stubborn_twice{&seen}, {.max_batch = 5, .rewinds = 1}, numbers);
  EXPECT_EQ(seen, (std::vector<sequence>{0, 1, 2, 0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(Flow, AHaltAfterEverythingWasReleasedIsAHalt) {
  int calls = 0;
  run_after([&](batch<order>& all) noexcept {
    ++calls;
    all.release(all.positions().last);
    return handled::halt;
  }, {.max_batch = 3}, numbers);
  EXPECT_EQ(calls, 1);
}

TEST(Flow, ABatchThatIsBegunAgainForEverIsHalted) {
  orders<producers::many> of(8);
  graph plan{of};
  std::atomic<int> tries{0};
  plan.add("a", [&](const order&, sequence, bool) noexcept {
    ++tries;
    return handled::rewind;
  });
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  put(out, 1);
  while (tries.load() < 3) std::this_thread::yield();
  EXPECT_EQ(work->drain_for(std::chrono::milliseconds(1)).code(), errc::timeout);
  work->halt();
  EXPECT_EQ(work->drain().code(), errc::closed);
  EXPECT_EQ(work->stages()[0].position, 0u);
}

// Sees how much it could handle, not how much is published.
TEST(Flow, TheDepthOfABatchStopsAtTheStagesBefore) {
  struct watching {
    std::atomic<std::uint64_t>* depth;
    void operator()(const order&, sequence, bool) noexcept {}
    void on_batch_start(std::uint64_t, std::uint64_t d) noexcept {
      if (depth->load() == 0) *depth = d;
    }
  };
  orders<producers::many> of(16);
  graph plan{of};
  std::atomic<std::uint64_t> depth{0};
  auto first = plan.add("first", [&](const batch<order>& all) noexcept {
    while (all.positions().first != 0 && depth.load() == 0) std::this_thread::yield();
  }, {}, {.max_batch = 2});
  plan.add("second", watching{&depth}, {first});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  auto all = out.claim(10);
  std::move(all).publish();
  EXPECT_TRUE(work->drain());
  EXPECT_EQ(depth.load(), 2u);
}

// ---- leaving

// While one flow waits for an open claim to end, another one leaves.
TYPED_TEST(any_flow, ALeaverDoesNotTakeTheEndAway) {
  orders<TypeParam> of(8);
  std::uint64_t seen = 0;
  graph mine{of}, theirs{of};
  mine.template add<wait::park>("a", [&](const order&, sequence, bool) noexcept { ++seen; });
  theirs.template add<wait::park>("a", [](const order&, sequence, bool) noexcept {});
  auto staying = std::move(mine).start();
  auto leaving = std::move(theirs).start();
  ASSERT_TRUE(staying && leaving);
  auto out = *staying->producer();
  auto open = out.claim();
  EXPECT_EQ(staying->drain_for(std::chrono::milliseconds(1)).code(), errc::timeout);
  leaving->leave();
  std::move(open).publish();
  EXPECT_TRUE(staying->drain());
  EXPECT_EQ(seen, 1u);
  EXPECT_TRUE(leaving->drain()) << "there is nothing left of it";
}

// A stage's handler waits for room that another stage of the same flow holds.
TEST(Flow, LeavesThoughAHandlerWaitsForRoom) {
  orders<producers::many> inner(2), outer(4);
  graph sink{inner}, plan{outer};
  std::atomic<bool> go{false};
  sink.add("sink", [&](const order&, sequence, bool) noexcept {
    while (!go.load()) std::this_thread::yield();
  });
  auto below = std::move(sink).start();
  ASSERT_TRUE(below) << below.text();
  plan.add("pass", [&, out = *below->producer()](const order& o, sequence, bool) mutable noexcept {
    static_cast<void>(out.publish([&](order& to) { to = o; }));
  });
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  for (std::uint64_t i = 0; i < 4; ++i) put(out, i);
  while (inner.full_stalls() == 0) std::this_thread::yield();
  go = true;
  work->leave();
  EXPECT_TRUE(work->stages().empty());
  EXPECT_TRUE(below->drain());
}

// A thread that comes later is not taken for a stage that is gone, whose gate others use now.
TEST(Flow, LeavesNoTraceOfItsThreads) {
  orders<producers::many> of(4);
  for (int round = 0; round < 20; ++round) {
    graph plan{of};
    plan.add("a", [](const order&, sequence, bool) noexcept {});
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    work->leave();
    auto in = *of.join();
    std::thread source([out = *of.make_producer()]() mutable {
      for (std::uint64_t i = 0; i < 100; ++i) put(out, i);
    });
    std::uint64_t seen = 0;
    while (seen < 100) {
      in.poll([&](const order&, sequence, bool) { ++seen; });
      std::this_thread::yield();
    }
    source.join();
  }
}

TEST(Flow, AHaltedWorkerSaysWhatItHasNotHandled) {
  orders<producers::many> of(8);
  graph plan{of};
  std::atomic<std::uint64_t> done{0};
  std::atomic<bool> stuck{false};
  plan.add_workers("crew", 2, [&](std::size_t) {
    return [&](const order&, sequence s, bool) noexcept {
      if (s == 0) {
        stuck = true;
        return handled::rewind;
      }
      ++done;
      return handled::next;
    };
  });
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  for (std::uint64_t i = 0; i < 3; ++i) put(out, i);
  while (!stuck.load() || done.load() != 2) std::this_thread::yield();
  work->halt();
  EXPECT_EQ(work->drain().code(), errc::closed);
  const auto now = work->stages();
  EXPECT_EQ(std::min(now[0].position, now[1].position), 0u);
}

TEST(Flow, AStartThatFailsLeavesTheRingToOthers) {
  orders<producers::many> of(4);
  std::uint64_t seen = 0;
  graph good{of}, bad{of};
  good.add("a", [&](const order&, sequence, bool) noexcept { ++seen; });
  bad.add("a", [](const order&, sequence, bool) noexcept {});
  bad.add("b", [](const order&, sequence, bool) noexcept {}, {}, {.cpu = 1'000'000});
  auto work = std::move(good).start();
  ASSERT_TRUE(work) << work.text();
  EXPECT_EQ(std::move(bad).start().code(), errc::io);
  auto out = *work->producer();
  for (std::uint64_t i = 0; i < 20; ++i) put(out, i);
  EXPECT_TRUE(work->drain_for(std::chrono::nanoseconds::max()));
  EXPECT_EQ(seen, 20u);
  work->halt();
  EXPECT_TRUE(work->drain()) << "it was drained before the halt";
}

// ---- a stage's handler is its own

struct keeper_of_state {
  std::unique_ptr<std::uint64_t> sum;  // so it moves only
  std::vector<std::string>* told;
  void operator()(const order& o, sequence, bool) noexcept { *sum += o.price; }
  void on_stop() noexcept { told->push_back("stop " + std::to_string(*sum)); }
  keeper_of_state(std::unique_ptr<std::uint64_t> mine, std::vector<std::string>& to)
      : sum(std::move(mine)), told(&to) {}
  keeper_of_state(keeper_of_state&&) noexcept = default;
  ~keeper_of_state() {
    if (sum) told->push_back("gone");
  }
};

TEST(Flow, AHandlerMayMoveOnlyAndEndsOnceAfterItsStop) {
  using all = std::vector<std::string>;
  std::vector<std::string> told;
  {
    ring<order> of(4);
    graph plan{of};
    plan.add("a", keeper_of_state(std::make_unique<std::uint64_t>(5), told));
    EXPECT_EQ(told, all{}) << "what was moved from holds nothing";
    auto work = *std::move(plan).start();
    auto out = *work.producer();
    for (std::uint64_t i = 0; i < 10; ++i) put(out, i);
    EXPECT_TRUE(work.drain());
    EXPECT_EQ(told, all{"stop 50"});
  }
  EXPECT_EQ(told, (all{"stop 50", "gone"}));
  told.clear();
  ring<order> of(4);
  {
    graph plan{of};
    plan.add("a", keeper_of_state(std::make_unique<std::uint64_t>(0), told));
  }
  EXPECT_EQ(told, all{"gone"}) << "one that never ran does not stop";
  told.clear();
  graph plan{of};
  plan.add("a", keeper_of_state(std::make_unique<std::uint64_t>(7), told));
  auto work = *std::move(plan).start();
  EXPECT_TRUE(work.leave("a"));
  EXPECT_EQ(told, (all{"stop 7", "gone"})) << "with its stage";
}

// ---- a pause is no longer than its stage

struct pauses_for_an_hour {
  std::atomic<long>* thread;
  handled operator()(const order&, sequence, bool) noexcept { return rewind(); }
  handled rewind() noexcept {
    *thread = ::syscall(SYS_gettid);
    return handled::rewind;
  }
};
struct pauses_in_a_batch : pauses_for_an_hour {
  handled operator()(const batch<order>&) noexcept { return rewind(); }
};

// `end` has something to end only when the stage is asleep.
template <class Handler, class End>
void expect_end_of_a_pause(End end) {
  ring<order> of(4);
  std::atomic<long> thread{0};
  graph plan{of};
  plan.add<wait::spin>("a", Handler{{&thread}}, {}, {.rewind_pause = std::chrono::hours(1)});
  auto work = *std::move(plan).start();
  auto out = *work.producer();
  put(out, 1);
  while (thread.load() == 0 || !is_asleep(thread.load())) std::this_thread::yield();
  end(work);
}

TEST(Flow, APauseEndsWithItsStage) {
  const auto halt = [](auto& work) {
    work.halt();
    EXPECT_EQ(work.drain().code(), errc::closed);
    EXPECT_EQ(work.stages()[0].position, 0u);
  };
  const auto leave = [](auto& work) { EXPECT_EQ(work.leave("a").value(), 0u); };
  struct in_events : pauses_for_an_hour {};
  expect_end_of_a_pause<in_events>(halt);
  expect_end_of_a_pause<in_events>(leave);
  expect_end_of_a_pause<pauses_in_a_batch>(halt);
  expect_end_of_a_pause<pauses_in_a_batch>(leave);
}

// ---- misuse

// Three events into a ring of two, from a handler that holds both slots.
template <class Out>
void put_three(Out& out) {
  for (std::uint64_t i = 0; i < 3; ++i) put(out, i);
}
template <class Out>
void put_two_twice(Out& out) {
  const auto fill = [](order&, std::uint64_t) {};
  for (int i = 0; i < 2; ++i) static_cast<void>(out.publish(2, fill));
}

template <class Producers>
void wait_for_oneself_in_a_poll() {
  ring<order, Producers> of(2);
  auto in = *of.join();
  auto out = *of.make_producer();
  put(out, 0);
  in.poll([&](const order&, sequence, bool) { put_three(out); });
}

template <class Producers>
void wait_for_oneself_behind_a_stage() {
  ring<order, Producers> of(2);
  graph plan{of};
  plan.add("a", [](const order&, sequence, bool) noexcept {});
  auto work = std::move(plan).start();
  auto in = *work->join({"a"});
  auto out = *work->producer();
  put(out, 0);
  static_cast<void>(in.await());
  in.poll([&](const order&, sequence, bool) { put_three(out); });
}

// A stage has 20 seconds to stop the process.
void wait_for_the_end() {
  const auto late = wait::in(std::chrono::seconds(20));
  while (std::chrono::steady_clock::now() < late) std::this_thread::yield();
}
void run_for_a_while(ring<order, producers::many>& of, graph<ring<order, producers::many>> plan) {
  auto work = std::move(plan).start();
  auto out = *of.make_producer();
  put(out, 0);
  wait_for_the_end();
}

void wait_for_oneself_in_a_stage() {
  ring<order, producers::many> of(2);
  auto out = *of.make_producer();
  graph plan{of};
  plan.add("a", [&](const order&, sequence, bool) noexcept { put_three(out); });
  run_for_a_while(of, std::move(plan));
}

void wait_for_oneself_in_a_run_of_events() {
  ring<order, producers::many> of(2);
  auto out = *of.make_producer();
  graph plan{of};
  plan.add("a", [&](const batch<order>&) noexcept { put_two_twice(out); });
  run_for_a_while(of, std::move(plan));
}

void wait_for_oneself_in_a_worker() {
  ring<order, producers::many> of(2);
  auto out = *of.make_producer();
  graph plan{of};
  plan.add_workers("a", 2, [&](std::size_t) {
    return [&](const order&, sequence, bool) noexcept { put_three(out); };
  });
  run_for_a_while(of, std::move(plan));
}

// Also before its first event, and by the only producer.
template <class Out>
struct publishes_at_its_start {
  Out out;
  void on_start(std::string_view) noexcept { put_three(out); }
  void operator()(const order&, sequence, bool) noexcept {}
};
template <class Out>
publishes_at_its_start(Out) -> publishes_at_its_start<Out>;

void wait_for_oneself_in_a_hook() {
  ring<order, producers::one> of(2);
  graph plan{of};
  plan.add("a", publishes_at_its_start{*of.make_producer()});
  auto work = std::move(plan).start();
  wait_for_the_end();
}

void release_what_is_not_ours() {
  ring<order> of(4);
  graph plan{of};
  plan.add("a", [](batch<order>& all) noexcept { all.release(all.positions().last + 1); });
  auto work = std::move(plan).start();
  auto out = *work->producer();
  put(out, 1);
  static_cast<void>(work->drain_for(std::chrono::seconds(20)));
}

TEST(FlowDeathTest, AHandlerThatWaitsForItselfIsStopped) {
  const auto* why = "waits for room in the ring that it is consuming";
  EXPECT_DEATH(wait_for_oneself_in_a_poll<producers::one>(), why);
  EXPECT_DEATH(wait_for_oneself_in_a_poll<producers::many>(), why);
  EXPECT_DEATH(wait_for_oneself_behind_a_stage<producers::one>(), why);
  EXPECT_DEATH(wait_for_oneself_behind_a_stage<producers::many>(), why);
  EXPECT_DEATH(wait_for_oneself_in_a_stage(), why);
  EXPECT_DEATH(wait_for_oneself_in_a_run_of_events(), why);
  EXPECT_DEATH(wait_for_oneself_in_a_worker(), why);
  EXPECT_DEATH(wait_for_oneself_in_a_hook(), why);
}

TEST(FlowDeathTest, WhatWasMovedFromSaysSo) {
  ring<order> of(4);
  graph plan{of};
  const auto nothing = [](const order&, sequence, bool) noexcept {};
  plan.add("a", nothing);
  auto work = std::move(plan).start();
  auto moved = *std::move(work);
  EXPECT_DEATH(plan.add("b", nothing), "was started or moved from");
  EXPECT_DEATH(work->halt(), "moved from");
}

TEST(FlowDeathTest, ABatchReleasesItsOwnPositionsOnly) {
  EXPECT_DEATH(release_what_is_not_ours(), "releases positions of its own");
}

}  // namespace
