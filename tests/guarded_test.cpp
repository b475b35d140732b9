// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/guarded.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
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

}  // namespace
#endif
