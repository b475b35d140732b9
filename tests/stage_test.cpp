// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/stage.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sequencer/graph.hpp>
#include <sequencer/ring.hpp>

// Handlers of every kind, and what they are told besides their events. What a graph makes of its
// stages is in graph_test.cpp.
namespace {

using namespace sequencer;

struct job {
  std::uint64_t number = 0;
  std::uint64_t tax = 0;
};

// ---- hooks are noexcept, each of them

struct quiet {
  void operator()(job&, sequence, bool) noexcept {}
  void on_start(std::string_view) noexcept {}
  void on_stop() noexcept {}
  void on_batch_start(std::uint64_t, std::uint64_t) noexcept {}
  void on_batch_end() noexcept {}
  void on_idle() noexcept {}
  void on_give_up(job&, sequence) noexcept {}
  void on_give_up(batch<job>&) noexcept {}
};
struct loud_at_start : quiet {
  void on_start(std::string_view) {}
};
struct loud_at_stop : quiet {
  void on_stop() {}
};
struct loud_at_batch_start : quiet {
  void on_batch_start(std::uint64_t, std::uint64_t) {}
};
struct loud_at_batch_end : quiet {
  void on_batch_end() {}
};
struct loud_when_idle : quiet {
  void on_idle() {}
};
struct loud_giving_up : quiet {
  void on_give_up(job&, sequence) {}
};
struct loud_giving_up_a_batch : quiet {
  void on_give_up(batch<job>&) {}
};
static_assert(hooks::are_noexcept<quiet, job>());
static_assert(!hooks::are_noexcept<loud_at_start, job>());
static_assert(!hooks::are_noexcept<loud_at_stop, job>());
static_assert(!hooks::are_noexcept<loud_at_batch_start, job>());
static_assert(!hooks::are_noexcept<loud_at_batch_end, job>());
static_assert(!hooks::are_noexcept<loud_when_idle, job>());
static_assert(!hooks::are_noexcept<loud_giving_up, job>());
static_assert(!hooks::are_noexcept<loud_giving_up_a_batch, job>());

// ---- what each kind is told

using lines = std::vector<std::string>;

struct diary {
  lines* to;
  void note(const std::string& what) noexcept { to->push_back(what); }
  void on_start(std::string_view name) noexcept { note("start " + std::string(name)); }
  void on_batch_start(std::uint64_t size, std::uint64_t depth) noexcept {
    note("batch " + std::to_string(size) + " of " + std::to_string(depth));
  }
  void on_batch_end() noexcept { note("end"); }
  void on_stop() noexcept { note("stop"); }
};
struct diary_of_events : diary {
  void operator()(const job& j, sequence, bool last) noexcept {
    note(std::to_string(j.number) + (last ? " last" : ""));
  }
};
struct diary_of_batches : diary {
  void operator()(const batch<job>& all) noexcept {
    std::string numbers;
    for (const auto& each : all) numbers += (numbers.empty() ? "" : " ") + number_of(each.event);
    note(numbers);
  }
  static std::string number_of(const job& j) { return std::to_string(j.number); }
};

// add(plan, first) adds what is to be looked at, behind a stage that holds ten jobs until all are
// there.
template <class Add>
void serve_ten(Add add) {
  ring<job, producers::many> of(16);
  std::atomic<bool> go{false};
  graph plan{of};
  const auto first = plan.add("first", [&](const batch<job>&) noexcept {
    while (!go.load()) std::this_thread::yield();
  }, {}, {.max_batch = 16});
  add(plan, first);
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  auto all = out.claim(10);
  for (std::uint64_t i = 0; i < 10; ++i) all[i].number = i;
  std::move(all).publish();
  go = true;
  EXPECT_TRUE(work->drain());
}

// Of ten jobs in batches of four, one at a time and a batch at a time.
lines life_of_events(const std::string& name) {
  return {"start " + name, "batch 4 of 10", "0", "1", "2", "3 last", "end", "batch 4 of 6", "4",
          "5", "6", "7 last", "end", "batch 2 of 2", "8", "9 last", "end", "stop"};
}
lines life_of_batches(const std::string& name) {
  return {"start " + name, "batch 4 of 10", "0 1 2 3", "end", "batch 4 of 6", "4 5 6 7", "end",
          "batch 2 of 2", "8 9", "end", "stop"};
}

TEST(Stage, ABatchHandlerHasTheHooksOfAnEventHandler) {
  lines events, batches;
  serve_ten([&](auto& plan, stage first) {
    plan.add("events", diary_of_events{{&events}}, {first}, {.max_batch = 4});
    plan.add("batches", diary_of_batches{{&batches}}, {first}, {.max_batch = 4});
  });
  EXPECT_EQ(events, life_of_events("events"));
  EXPECT_EQ(batches, life_of_batches("batches"));
}

// A worker that is alone takes what a stage would; of several, each has hooks of its own, for the
// batches that it took.
TEST(Stage, AWorkerHasTheHooksOfAStage) {
  lines events, batches;
  serve_ten([&](auto& plan, stage first) {
    const stage_options how{.max_batch = 4};
    plan.add_workers("crew", 1, [&](std::size_t) { return diary_of_events{{&events}}; }, {first},
                     how);
    plan.add_workers("team", 1, [&](std::size_t) { return diary_of_batches{{&batches}}; }, {first},
                     how);
  });
  EXPECT_EQ(events, life_of_events("crew/0"));
  EXPECT_EQ(batches, life_of_batches("team/0"));
}

TEST(Stage, EachWorkerIsToldOfItsOwnBatches) {
  struct counts {
    std::uint64_t starts = 0, stops = 0, begun = 0, promised = 0, seen = 0, lasts = 0, ended = 0;
    bool deep_enough = true;
  };
  struct counting {
    counts* its;
    void on_start(std::string_view) noexcept { ++its->starts; }
    void on_batch_start(std::uint64_t size, std::uint64_t depth) noexcept {
      ++its->begun;
      its->promised += size;
      its->deep_enough = its->deep_enough && size <= depth && size <= 3;
    }
    void operator()(const job&, sequence, bool last) noexcept {
      ++its->seen;
      its->lasts += last ? 1 : 0;
    }
    void on_batch_end() noexcept { ++its->ended; }
    void on_stop() noexcept { ++its->stops; }
  };
  constexpr std::uint64_t n = 2'000;
  ring<job, producers::one> of(64);
  std::vector<counts> all(3);
  graph plan{of};
  plan.add_workers<wait::yield>("crew", all.size(), [&](std::size_t i) {
    return counting{&all[i]};
  }, {}, {.max_batch = 3});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  {
    auto out = *work->producer<wait::yield>();
    for (std::uint64_t i = 0; i < n; ++i) ASSERT_TRUE(out.publish([](job&) {}));
  }
  EXPECT_TRUE(work->drain());
  std::uint64_t seen = 0;
  for (const auto& each : all) {
    EXPECT_EQ(each.starts, 1u);
    EXPECT_EQ(each.stops, 1u);
    EXPECT_EQ(each.promised, each.seen);
    EXPECT_EQ(each.lasts, each.begun) << "no batch was empty";
    EXPECT_EQ(each.ended, each.begun);
    EXPECT_TRUE(each.deep_enough);
    seen += each.seen;
  }
  EXPECT_EQ(seen, n);
}

TEST(Stage, WhoeverHasNothingToDoIsToldSo) {
  struct idle_events {
    std::atomic<std::uint64_t>* idle;
    void operator()(const job&, sequence, bool) noexcept {}
    void on_idle() noexcept { ++*idle; }
  };
  struct idle_batches {
    std::atomic<std::uint64_t>* idle;
    void operator()(const batch<job>&) noexcept {}
    void on_idle() noexcept { ++*idle; }
  };
  ring<job> of(4);
  std::atomic<std::uint64_t> batches{0}, workers[2]{};
  const stage_options soon{.idle = std::chrono::microseconds(100)};
  graph plan{of};
  plan.add<wait::park>("batches", idle_batches{&batches}, {}, soon);
  plan.add_workers<wait::park>("crew", 2, [&](std::size_t i) { return idle_events{&workers[i]}; },
                               {}, soon);
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  const auto told = [&] {
    return std::min({batches.load(), workers[0].load(), workers[1].load()}) >= 3;
  };
  while (!told()) std::this_thread::yield();
  EXPECT_TRUE(work->drain());
}

// ---- workers that begin again

// Every third job fails twice: so it is begun again once and then given up.
TEST(Stage, AWorkerGivesUpItsOwnEvents) {
  struct stubborn {
    std::vector<std::atomic<int>>*calls, *given_up;
    handled operator()(const job&, sequence s, bool) noexcept {
      ++(*calls)[s];
      return s % 3 == 0 ? handled::rewind : handled::next;
    }
    void on_give_up(job&, sequence s) noexcept { ++(*given_up)[s]; }
  };
  constexpr std::uint64_t n = 300;
  std::vector<std::atomic<int>> calls(n), given_up(n);
  ring<job, producers::many> of(16);
  graph plan{of};
  plan.add_workers<wait::yield>("crew", 2, [&](std::size_t) {
    return stubborn{&calls, &given_up};
  }, {}, {.rewinds = 1});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer<wait::yield>();
  for (std::uint64_t i = 0; i < n; ++i) ASSERT_TRUE(out.publish([](job&) {}));
  EXPECT_TRUE(work->drain());
  for (std::uint64_t s = 0; s < n; ++s) {
    EXPECT_EQ(calls[s].load(), s % 3 == 0 ? 2 : 1) << s;
    EXPECT_EQ(given_up[s].load(), s % 3 == 0 ? 1 : 0) << s;
  }
}

// ---- workers behind a stage

// Who finds others faster goes on from where they are, which may be beyond what he knew of the
// stage before him.
template <class Producers, wait::strategy How>
void share_behind_a_stage(std::size_t capacity, std::size_t workers, std::uint64_t at_once) {
  constexpr std::uint64_t n = 3'000;
  ring<job, Producers> of(capacity);
  std::vector<std::atomic<int>> times(n);
  std::atomic<bool> in_turn{true};
  std::uint64_t seen = 0;
  graph plan{of};
  const auto toll = plan.template add<How>("toll", [](job& j, sequence s, bool) noexcept {
    if (s % 7 == 0) std::this_thread::yield();
    j.tax = s + 1;
  }, {}, {.max_batch = 2});
  const auto crew = plan.template add_workers<How>("crew", workers, [&](std::size_t) {
    return [&](job& j, sequence s, bool) noexcept {
      if (j.tax != s + 1) in_turn = false;
      ++times[s];
      j.tax = 0;
    };
  }, {toll}, {.max_batch = at_once});
  plan.template add<How>("after", [&](const job& j, sequence, bool) noexcept {
    if (j.tax != 0) in_turn = false;
    ++seen;
  }, {crew});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  {
    auto out = *work->template producer<How>();
    for (std::uint64_t i = 0; i < n; ++i) ASSERT_TRUE(out.publish([](job& j) { j.tax = n + 1; }));
  }
  EXPECT_TRUE(work->drain());
  EXPECT_TRUE(in_turn.load()) << "an event before the stage that its worker follows, or before him";
  EXPECT_EQ(seen, n);
  for (const auto& each : times) ASSERT_EQ(each.load(), 1);
}

TEST(Stage, WorkersDoNotPassTheStageThatTheyFollow) {
  for (const std::size_t capacity : {2u, 8u, 1024u}) {
    for (const std::size_t workers : {2u, 3u}) {
      share_behind_a_stage<producers::one, wait::yield>(capacity, workers, 1);
      share_behind_a_stage<producers::many, wait::park>(capacity, workers, 2);
    }
  }
}

}  // namespace
