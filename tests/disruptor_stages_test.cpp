// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What the Disruptor's tests say of event processors, see docs/conformance.md.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sequencer/graph.hpp>
#include <sequencer/guarded.hpp>
#include <sequencer/ring.hpp>

#include "shapes.hpp"

namespace {

using namespace sequencer;
using namespace sequencer::shapes;

template <class Engine>
struct stages : testing::Test {};
TYPED_TEST_SUITE(stages, engines, engine_name);

// Publishes `count` events before the handler's stage can look at any of them: it follows one that
// waits until then. Returns whether all of them were handled.
template <class Engine, class Handler>
bool serve(ring<quote, Engine>& of, std::uint64_t count, Handler handler, stage_options how) {
  std::atomic<bool> go{false};
  graph plan{of};
  const auto hold = [&](const batch<quote>&) noexcept {
    while (!go.load()) std::this_thread::yield();
  };
  auto held = plan.add("held", hold, {}, {.max_batch = of.capacity()});
  plan.add("stage", std::move(handler), {held}, how);
  auto work = std::move(plan).start();
  if (!work) return false;
  auto out = *work->producer();
  auto all = out.claim(count);
  for (std::uint64_t i = 0; i < count; ++i) all[i].price = all.positions().first + i;
  std::move(all).publish();
  go = true;
  const bool drained{work->drain()};
  if (drained) {
    EXPECT_EQ(work->stages()[1].position, all.positions().last);
  }
  return drained;
}

// What a stage lives through, as a sentence each.
struct diary {
  std::vector<std::string>* lines;
  sequence start;

  void note(const std::string& what) noexcept { lines->push_back(what); }
  void on_start(std::string_view name) noexcept { note("start " + std::string(name)); }
  void on_batch_start(std::uint64_t size, std::uint64_t depth) noexcept {
    note("batch " + std::to_string(size) + " of " + std::to_string(depth));
  }
  void operator()(const quote& q, sequence s, bool last) noexcept {
    note(std::to_string(s - start) + (q.price == s ? "" : " is another event") +
         (last ? " last" : ""));
  }
  void on_batch_end() noexcept { note("end"); }
  void on_stop() noexcept { note("stop"); }
};

// The same by the rules.
std::vector<std::string> life(std::uint64_t count, std::uint64_t most) {
  std::vector<std::string> lines{"start stage"};
  for (std::uint64_t at = 0; at < count;) {
    const auto size = std::min(most, count - at);
    lines.push_back("batch " + std::to_string(size) + " of " + std::to_string(count - at));
    for (std::uint64_t i = 0; i < size; ++i, ++at) {
      lines.push_back(std::to_string(at) + (i + 1 == size ? " last" : ""));
    }
    lines.push_back("end");
  }
  lines.push_back("stop");
  return lines;
}

TYPED_TEST(stages, HooksComeInTheOrderOfALifeWithExactSizesAndDepths) {
  for_each([](std::size_t capacity, sequence start) {
    const auto count = std::min<std::uint64_t>(capacity, 100);
    for (const std::uint64_t most : {1u, 3u, 64u}) {
      ring<quote, TypeParam> of(capacity, start);
      std::vector<std::string> lines;
      EXPECT_TRUE(serve(of, count, diary{&lines, start}, {.max_batch = most}));
      EXPECT_EQ(lines, life(count, most));
    }
  });
}

// The producer gets the slots of the first batch while the second one is in work.
TYPED_TEST(stages, ALimitedBatchReleasesItsEventsBeforeTheNextBegins) {
  for_each([](std::size_t capacity, sequence start) {
    if (capacity < 4) return;
    ring<quote, TypeParam> of(capacity, start);
    graph plan{of};
    std::atomic<bool> refilled{false};
    std::atomic<std::uint64_t> largest{0};
    plan.add("stage", [&](const batch<quote>& all) noexcept {
      largest = std::max(largest.load(), all.positions().size());
      while (all.positions().first != start && !refilled.load()) std::this_thread::yield();
    }, {}, {.max_batch = 2});
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    auto out = *work->producer();
    out.claim(capacity).publish();  // all at once, so that the first batch has two
    out.claim(2).publish();
    EXPECT_EQ(out.try_claim().missing(), 1u) << "the second batch is in work";
    refilled = true;
    EXPECT_TRUE(work->drain());
    EXPECT_LE(largest.load(), 2u);
  });
}

TYPED_TEST(stages, ABatchThatReleasesLetsProducersGoOnInsideOfIt) {
  for_each([](std::size_t capacity, sequence start) {
    ring<quote, TypeParam> of(capacity, start);
    graph plan{of};
    std::atomic<bool> went_on{false};
    plan.add("stage", [&](batch<quote>& all) noexcept {
      if (all.positions().first != start) return;
      all.release(start + 1);
      while (!went_on.load()) std::this_thread::yield();
    }, {}, {.max_batch = capacity});
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    auto out = *work->producer();
    auto all = out.claim(capacity);
    std::move(all).publish();
    EXPECT_EQ(put_next(out), start + capacity);
    went_on = true;
    EXPECT_TRUE(work->drain());
  });
}

// ---- handlers that fail

#ifdef __cpp_exceptions
TYPED_TEST(stages, AHandlerThatThrowsIsToldOfAndTheNextEventFollows) {
  for_each([](std::size_t capacity, sequence start) {
    const auto count = std::min<std::uint64_t>(capacity, 10);
    ring<quote, TypeParam> of(capacity, start);
    std::vector<sequence> handled_ones, told;
    const auto handler = [&](const quote&, sequence s, bool) {
      if ((s - start) % 3 == 1) throw std::runtime_error("at " + std::to_string(s));
      handled_ones.push_back(s);
    };
    const auto judge = [&](const thrown& what, quote& q) {
      EXPECT_EQ(what.stage, "stage");
      EXPECT_EQ(q.price, what.position);
      EXPECT_THROW(std::rethrow_exception(what.what), std::runtime_error);
      told.push_back(what.position);
      return verdict::skip;
    };
    EXPECT_TRUE(serve(of, count, guarded(handler, judge), {}));
    EXPECT_EQ(told.size(), (count + 1) / 3);
    EXPECT_EQ(handled_ones.size() + told.size(), count);
    for (const auto s : told) EXPECT_EQ((s - start) % 3, 1u);
  });
}

// Nor does it leave a producer waiting.
TYPED_TEST(stages, AFatalHandlerStopsItsStageAndHoldsUpNoEnd) {
  for_each([](std::size_t capacity, sequence start) {
    ring<quote, TypeParam> of(capacity, start);
    graph plan{of};
    std::uint64_t seen = 0;
    auto fatal = plan.template add<wait::park>("fatal", guarded([](const quote&, sequence, bool) {
      throw std::runtime_error("no");
    }, [](const thrown&, quote&) { return verdict::halt; }));
    plan.template add<wait::park>("after", [&](const quote&, sequence, bool) noexcept { ++seen; },
                                  {fatal});
    auto work = std::move(plan).start();
    ASSERT_TRUE(work) << work.text();
    auto out = *work->template producer<wait::park>();
    while (out.publish([](quote&) {})) {
    }
    EXPECT_EQ(work->drain().code(), errc::closed);
    EXPECT_EQ(seen, 0u);
    for (const auto& each : work->stages()) {
      EXPECT_TRUE(each.ended);
      EXPECT_EQ(each.position, start) << "what was not handled does not count as handled";
    }
  });
}
#endif

TYPED_TEST(stages, AHaltBeforeDuringAndAfterTheStartAlwaysEnds) {
  for (int round = 0; round < 51; ++round) {
    for_each_ring<TypeParam>([round](auto& of, sequence) {
      graph plan{of};
      const auto nothing = [](const quote&, sequence, bool) noexcept {};
      auto first = plan.template add<wait::park>("first", nothing);
      plan.template add<wait::park>("second", nothing, {first});
      std::thread other;
      if (round % 3 == 0) of.halt();
      if (round % 3 == 1) other = std::thread([&] { of.halt(); });
      auto work = std::move(plan).start();
      if (round % 3 == 2) of.halt();
      if (other.joinable()) other.join();
      const auto code = work ? work->drain().code() : work.code();
      ASSERT_EQ(code, errc::closed);
    });
  }
}

// ---- rewinding

struct rewinder {
  std::vector<sequence>* seen;
  std::vector<sequence>* given_up;
  sequence where;       // after `start`
  std::uint64_t times;  // before it succeeds
  sequence start;

  handled operator()(const quote&, sequence s, bool) noexcept {
    seen->push_back(s - start);
    if (s - start != where || times == 0) return handled::next;
    --times;
    return handled::rewind;
  }
  void on_give_up(quote&, sequence s) noexcept { given_up->push_back(s - start); }
};

struct expected_of_rewinder {
  std::vector<sequence> seen;
  std::vector<sequence> given_up;
};

// By the rules: a batch begins again, and after so many times in a row the event counts as handled,
// and with it what came before.
expected_of_rewinder rewound(std::uint64_t count, const rewinder& how, const stage_options& by) {
  expected_of_rewinder all;
  auto times = how.times;
  for (sequence first = 0; first < count;) {
    const auto last = std::min(first + by.max_batch, count);
    std::uint64_t tries = 0;
    for (auto s = first; s < last; ++s) {
      all.seen.push_back(s);
      if (s != how.where || times == 0) continue;
      --times;
      if (tries++ < by.rewinds) {
        s = first - 1;
        continue;
      }
      all.given_up.push_back(s);
      first = s + 1;
      tries = 0;
    }
    first = last;
  }
  return all;
}

TYPED_TEST(stages, ABatchIsBegunAgainFromAnyOfItsEvents) {
  for_each([](std::size_t capacity, sequence start) {
    const auto count = std::min<std::uint64_t>(capacity, 10);
    for (const std::uint64_t most : {1u, 3u, 10u}) {
      for (const sequence where : {sequence{0}, count / 2, count - 1}) {
        for (const std::uint64_t times : {1u, 2u, 5u}) {
          SCOPED_TRACE(testing::Message() << most << " a batch, " << times << " times at "
                                          << where);
          ring<quote, TypeParam> of(capacity, start);
          expected_of_rewinder got;
          const rewinder how{&got.seen, &got.given_up, where, times, start};
          const stage_options by{.max_batch = most,
                                 .rewind_pause = std::chrono::nanoseconds(times),
                                 .rewinds = 3};
          EXPECT_TRUE(serve(of, count, how, by));
          const auto want = rewound(count, how, by);
          EXPECT_EQ(got.seen, want.seen);
          EXPECT_EQ(got.given_up, want.given_up);
        }
      }
    }
  });
}

}  // namespace
