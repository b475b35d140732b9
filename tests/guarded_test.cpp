// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/guarded.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sequencer/graph.hpp>

#ifdef __cpp_exceptions
namespace {

using namespace sequencer;

struct job {
  int tries = 0;
};

// Events 1 and 3 throw twice each.
struct shaky {
  std::vector<sequence>* done;
  void operator()(job& j, sequence s, bool) {
    if (s % 2 == 1 && j.tries++ < 2) throw std::runtime_error("at " + std::to_string(s));
    done->push_back(s);
  }
};

struct outcome {
  std::vector<sequence> done;
  std::vector<std::string> told;
  sequence position = 0;
  errc ended{};
};

outcome run(verdict what) {
  outcome seen;
  ring<job> of(8);
  graph plan{of};
  plan.add("shaky", guarded(shaky{&seen.done}, [&](const thrown& how, job&) {
    try {
      std::rethrow_exception(how.what);
    } catch (const std::exception& each) {
      seen.told.push_back(std::string(how.stage) + " " + each.what());
    }
    if (what == verdict::retry && seen.told.size() > 50) throw how;
    return what;
  }));
  auto work = std::move(plan).start();
  EXPECT_TRUE(work) << work.text();
  auto out = *work->producer();
  for (int i = 0; i < 5; ++i) {
    if (!out.publish([](job& j) { j.tries = 0; })) break;
  }
  const auto drained = work->drain();
  if (!drained) seen.ended = drained.code();
  seen.position = work->stages()[0].position;
  return seen;
}

TEST(Guarded, Retries) {
  const auto seen = run(verdict::retry);
  EXPECT_EQ(seen.done, (std::vector<sequence>{0, 1, 2, 3, 4}));
  EXPECT_EQ(seen.told, (std::vector<std::string>{"shaky at 1", "shaky at 1", "shaky at 3",
                                                 "shaky at 3"}));
  EXPECT_EQ(seen.ended, errc{});
}

TEST(Guarded, Skips) {
  const auto seen = run(verdict::skip);
  EXPECT_EQ(seen.done, (std::vector<sequence>{0, 2, 4}));
  EXPECT_EQ(seen.told.size(), 2u);
  EXPECT_EQ(seen.position, 5u);
}

TEST(Guarded, HaltsBeforeTheEvent) {
  const auto seen = run(verdict::halt);
  EXPECT_EQ(seen.done, (std::vector<sequence>{0}));
  EXPECT_EQ(seen.position, 1u);
  EXPECT_EQ(seen.ended, errc::closed);
}

TEST(Guarded, PassesOnWhatTheHandlerAnswers) {
  std::vector<sequence> done;
  ring<job> of(8);
  graph plan{of};
  plan.add("halting", guarded([&](job&, sequence s, bool) {
    if (s == 2) return handled::halt;
    done.push_back(s);
    return handled::next;
  }, [](const thrown&, job&) { return verdict::skip; }));
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  while (out.publish([](job&) {})) {
  }
  EXPECT_EQ(work->drain().code(), errc::closed);
  EXPECT_EQ(done, (std::vector<sequence>{0, 1}));
}

TEST(Guarded, HaltsWhenTheJudgeThrows) {
  std::vector<sequence> done;
  ring<job> of(8);
  graph plan{of};
  plan.add("shaky", guarded(shaky{&done}, [](const thrown&, job&) -> verdict {
    throw std::runtime_error("no idea");
  }));
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  while (out.publish([](job& j) { j.tries = 0; })) {
  }
  EXPECT_EQ(work->drain().code(), errc::closed);
  EXPECT_EQ(done, (std::vector<sequence>{0}));
}

// ---- batches

// Releases what it has done; event 3 throws twice.
struct shaky_batches {
  std::vector<sequence>* done;
  int* failures;
  void operator()(batch<job>& all) {
    for (const auto& [j, s] : all) {
      if (s == 3 && *failures > 0) {
        --*failures;
        throw std::runtime_error("at 3");
      }
      done->push_back(s);
      if (s == 0) all.release(1);
    }
  }
};

template <class Judge>
outcome run_batches(Judge judge) {
  outcome seen;
  int failures = 2;
  ring<job> of(8);
  graph plan{of};
  std::atomic<bool> go{false};
  const auto first = plan.add("first", [&](const batch<job>&) noexcept {
    while (!go.load()) std::this_thread::yield();
  }, {}, {.max_batch = 8});
  plan.add("shaky", guarded(shaky_batches{&seen.done, &failures},
                            [&](const thrown& how, batch<job>& all) {
    seen.told.push_back(std::string(how.stage) + " " + std::to_string(how.position));
    return judge(all);
  }), {first}, {.max_batch = 8});
  auto work = std::move(plan).start();
  EXPECT_TRUE(work) << work.text();
  auto out = *work->producer();
  auto all = out.claim(5);
  std::move(all).publish();
  go = true;
  const auto drained = work->drain();
  if (!drained) seen.ended = drained.code();
  seen.position = work->stages()[1].position;
  return seen;
}

TEST(Guarded, RetriesWhatIsLeftOfABatch) {
  const auto seen = run_batches([](batch<job>&) { return verdict::retry; });
  EXPECT_EQ(seen.done, (std::vector<sequence>{0, 1, 2, 1, 2, 1, 2, 3, 4}));
  EXPECT_EQ(seen.told, (std::vector<std::string>{"shaky 1", "shaky 1"}));
  EXPECT_EQ(seen.ended, errc{});
}

TEST(Guarded, SkipsWhatIsLeftOfABatch) {
  const auto seen = run_batches([](batch<job>&) { return verdict::skip; });
  EXPECT_EQ(seen.done, (std::vector<sequence>{0, 1, 2}));
  EXPECT_EQ(seen.position, 5u);
  EXPECT_EQ(seen.ended, errc{});
}

TEST(Guarded, HaltsBeforeWhatIsLeftOfABatch) {
  const auto seen = run_batches([](batch<job>&) { return verdict::halt; });
  EXPECT_EQ(seen.done, (std::vector<sequence>{0, 1, 2}));
  EXPECT_EQ(seen.position, 1u);
  EXPECT_EQ(seen.ended, errc::closed);
}

TEST(Guarded, SkipsOneEventOfABatch) {
  const auto seen = run_batches([](batch<job>& all) {
    all.release(4);
    return verdict::retry;
  });
  EXPECT_EQ(seen.done, (std::vector<sequence>{0, 1, 2, 4}));
  const auto whole = run_batches([](batch<job>& all) {
    all.release(5);
    return verdict::retry;
  });
  EXPECT_EQ(whole.done, (std::vector<sequence>{0, 1, 2})) << "nothing is left to call it with";
  EXPECT_EQ(whole.position, 5u);
}

TEST(Guarded, ABatchThatIsGivenUpIsPassedOver) {
  struct resigning {
    std::vector<sequence>* begun;
    std::vector<sequence>* given_up;
    handled operator()(batch<job>& all) {
      begun->push_back(all.positions().first);
      return all.positions().first == 0 ? handled::rewind : handled::next;
    }
    void on_give_up(batch<job>& all) noexcept {
      for (const auto& each : all) given_up->push_back(each.position);
    }
  };
  std::vector<sequence> begun, given_up;
  ring<job> of(8);
  graph plan{of};
  plan.add("shaky", guarded(resigning{&begun, &given_up}, [](const thrown&, batch<job>&) {
    return verdict::halt;
  }), {}, {.max_batch = 1, .rewinds = 2});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  auto out = *work->producer();
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(out.publish([](job&) {}));
  EXPECT_TRUE(work->drain());
  EXPECT_EQ(begun, (std::vector<sequence>{0, 0, 0, 1}));
  EXPECT_EQ(given_up, std::vector<sequence>{0});
}

// ---- hooks

using lines = std::vector<std::string>;

// Its third event and its third batch are begun again, and then given up.
struct diary {
  lines* to;
  void note(const std::string& what) noexcept { to->push_back(what); }
  void on_start(std::string_view name) noexcept { note("start " + std::string(name)); }
  void on_stop() noexcept { note("stop"); }
  void on_batch_start(std::uint64_t size, std::uint64_t) noexcept {
    note("batch of " + std::to_string(size));
  }
  void on_batch_end() noexcept { note("end"); }
};
struct diary_of_events : diary {
  handled operator()(const job&, sequence s, bool) noexcept {
    note(std::to_string(s));
    return s == 2 ? handled::rewind : handled::next;
  }
  void on_give_up(job&, sequence s) noexcept { note("not " + std::to_string(s)); }
};
struct diary_of_batches : diary {
  handled operator()(const batch<job>& all) noexcept {
    note(std::to_string(all.positions().first));
    return all.positions().first == 2 ? handled::rewind : handled::next;
  }
  void on_give_up(batch<job>& all) noexcept {
    note("not " + std::to_string(all.positions().first));
  }
};

template <class Handler>
void live(Handler handler) {
  ring<job> of(8);
  graph plan{of};
  plan.add("a", std::move(handler), {}, {.max_batch = 1, .rewinds = 1});
  auto work = std::move(plan).start();
  EXPECT_TRUE(work) << work.text();
  {
    auto out = *work->producer();
    auto all = out.claim(4);
    std::move(all).publish();
  }
  EXPECT_TRUE(work->drain());
}

TEST(Guarded, PassesOnTheHooksOfItsHandler) {
  const auto none = [](const thrown&, auto&) { return verdict::halt; };
  lines events, guarded_events, batches, guarded_batches;
  live(diary_of_events{{&events}});
  live(guarded(diary_of_events{{&guarded_events}}, none));
  live(diary_of_batches{{&batches}});
  live(guarded(diary_of_batches{{&guarded_batches}}, none));
  EXPECT_EQ(events, (lines{"start a", "batch of 1", "0", "end", "batch of 1", "1", "end",
                           "batch of 1", "2", "2", "not 2", "end", "batch of 1", "3", "end",
                           "stop"}));
  EXPECT_EQ(guarded_events, events);
  EXPECT_EQ(batches, events);
  EXPECT_EQ(guarded_batches, events);
}

TEST(Guarded, IsIdleWhenItsHandlerIs) {
  struct waiting {
    std::atomic<std::uint64_t>* idle;
    void operator()(const job&, sequence, bool) {}
    void on_idle() noexcept { ++*idle; }
  };
  std::atomic<std::uint64_t> idle{0};
  ring<job> of(4);
  graph plan{of};
  plan.add("a", guarded(waiting{&idle}, [](const thrown&, job&) { return verdict::halt; }), {},
           {.idle = std::chrono::microseconds(100)});
  auto work = std::move(plan).start();
  ASSERT_TRUE(work) << work.text();
  while (idle.load() < 2) std::this_thread::yield();
  EXPECT_TRUE(work->drain());
}

}  // namespace
#endif
