// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A flow without memory: what fails leaves it as it was, and what ends needs none.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sequencer/flow.hpp>
#include <sequencer/graph.hpp>

#include "on_cpu.hpp"

namespace {

constexpr auto plenty = std::numeric_limits<std::int64_t>::max();

// Of the calling thread.
constinit thread_local std::int64_t left = plenty;  // allocations that succeed still
constinit thread_local std::uint64_t asked = 0;     // allocations, whether or not they succeeded

bool is_granted() noexcept {
  ++asked;
  if (left == 0) return false;
  if (left != plenty) --left;
  return true;
}

[[noreturn]] void refuse() {
#ifdef __cpp_exceptions
  throw std::bad_alloc();
#else
  std::abort();
#endif
}

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return is_granted() ? std::malloc(bytes) : nullptr;
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t to,
                                     const std::nothrow_t&) noexcept {
  const auto unit = static_cast<std::size_t>(to);
  return is_granted() ? std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit) : nullptr;
}
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (void* at = operator new(bytes, std::nothrow)) return at;
  refuse();
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t to) {
  if (void* at = operator new(bytes, to, std::nothrow)) return at;
  refuse();
}
[[gnu::noinline]] void operator delete(void* at) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::size_t) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::align_val_t) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::size_t, std::align_val_t) noexcept {
  std::free(at);
}

namespace {

using namespace sequencer;
using orders = ring<std::uint64_t, producers::many>;

constexpr std::size_t capacity = 8;

// A handler that is counted, from its stage's making to its end.
class counted {
 public:
  counted() noexcept { ++alive; }
  counted(const counted&) = delete;
  counted(counted&&) noexcept { ++alive; }
  ~counted() { --alive; }

  void on_start(std::string_view) noexcept { asked_before_start += asked; }
  void operator()(const std::uint64_t&, sequence, bool) noexcept {}

  inline static std::atomic<int> alive{0};
  inline static std::atomic<std::uint64_t> asked_before_start{0};  // by threads of stages
};

class flow_memory : public testing::Test {
 protected:
  void SetUp() override { counted::asked_before_start = 0; }
  void TearDown() override {
    flow_.reset();
    EXPECT_EQ(counted::alive, 0);
  }

  static stage_options on_one_cpu() { return {.cpu = static_cast<int>(usable_cpus().front())}; }

  // "tax", and "sum" behind it.
  void start() {
    graph plan{orders_};
    const auto tax = plan.add<wait::park>("tax", counted());
    plan.add<wait::park>("sum", counted(), {tax});
    flow_.emplace(*std::move(plan).start());
  }

  // Nobody holds producers back but those who go on.
  void publish_laps() {
    auto out = *orders_.make_producer<wait::park>();
    for (std::size_t i = 0; i != 3 * capacity; ++i) {
      auto mine = out.claim_until(1, wait::in(std::chrono::seconds(60)));
      ASSERT_TRUE(mine) << "the ring stays full";
      std::move(mine).publish();
    }
  }

  void expect_as_before() {
    const auto stages = flow_->stages();
    ASSERT_EQ(stages.size(), 2u);
    EXPECT_EQ(stages[0].name, "tax");
    EXPECT_EQ(stages[1].name, "sum");
    EXPECT_FALSE(stages[0].ended || stages[1].ended);
    EXPECT_EQ(counted::alive, 2);
    publish_laps();
  }

  orders orders_{capacity};
  std::optional<flow<orders>> flow_;
};

#ifdef __cpp_exceptions

// One allocation more each time, until work() is done. Without memory it throws, or says so.
template <class Prepare, class Work, class Check>
void with_ever_more_memory(Prepare prepare, Work work, Check check_after_failure) {
  for (std::int64_t enough = 0; enough != 1'000; ++enough) {
    bool done = false;
    prepare();
    left = enough;
    try {
      const auto outcome = work();
      left = plenty;
      done = bool(outcome);
      EXPECT_TRUE(done || outcome.code() == errc::unavailable) << outcome.text();
    } catch (const std::bad_alloc&) {
      left = plenty;
    }
    if (done) {
      EXPECT_GT(enough, 0) << "it asks for no memory";
      return;
    }
    check_after_failure();
    if (testing::Test::HasFatalFailure()) return;
  }
  FAIL() << "there is never enough";
}

TEST_F(flow_memory, a_stage_joins_or_nothing_changes) {
  start();
  with_ever_more_memory([] {}, [&] { return flow_->add<wait::park>("late", counted(), {"sum"}); },
                        [&] { expect_as_before(); });
  EXPECT_EQ(flow_->stages().size(), 3u);
  publish_laps();
}

// A thread that is to run on one CPU needs memory when others of its stage run.
TEST_F(flow_memory, all_workers_join_or_nothing_changes) {
  start();
  const auto how = on_one_cpu();
  const auto join = [&] {
    return flow_->add_workers<wait::park>("crew", 3, [](std::size_t) { return counted(); },
                                          {"tax"}, how);
  };
  with_ever_more_memory([] {}, join, [&] { expect_as_before(); });
  EXPECT_EQ(flow_->stages().size(), 5u);
  publish_laps();
}

TEST_F(flow_memory, a_stage_leaves_or_nothing_changes) {
  start();
  publish_laps();
  with_ever_more_memory([] {}, [&] { return flow_->leave("tax"); }, [&] { expect_as_before(); });
  ASSERT_EQ(flow_->stages().size(), 1u);
  EXPECT_EQ(flow_->stages()[0].name, "sum");
  publish_laps();
}

TEST_F(flow_memory, a_graph_starts_or_the_ring_goes_on_without_it) {
  std::optional<graph<orders>> plan;
  const auto prepare = [&] {
    plan.emplace(orders_);
    const auto tax = plan->add<wait::park>("tax", counted(), {}, on_one_cpu());
    plan->add<wait::park>("sum", counted(), {tax}, on_one_cpu());
  };
  const auto check = [&] {
    EXPECT_EQ(counted::alive, 0);
    publish_laps();
  };
  with_ever_more_memory(
      prepare,
      [&]() -> result<void> {
        auto begun = std::move(*plan).start();
        if (!begun) return begun.failure();
        flow_.emplace(*std::move(begun));
        return {};
      },
      check);
  ASSERT_TRUE(flow_);
  expect_as_before();
}

#endif

TEST_F(flow_memory, threads_of_stages_ask_for_none) {
  start();
  ASSERT_TRUE(flow_->add<wait::park>("late", counted(), {"sum"}));
  ASSERT_TRUE(flow_->drain());
  EXPECT_EQ(counted::asked_before_start, 0u);
}

TEST_F(flow_memory, all_leave_without_any) {
  start();
  publish_laps();
  left = 0;
  flow_->leave();
  left = plenty;
  EXPECT_TRUE(flow_->stages().empty());
}

TEST_F(flow_memory, a_flow_ends_without_any) {
  start();
  ASSERT_TRUE(flow_->add<wait::park>("late", counted(), {"sum"}));
  publish_laps();
  left = 0;
  flow_.reset();
  left = plenty;
}

// What left is kept while it is followed, and buried then.
TEST_F(flow_memory, the_buried_need_none) {
  start();
  auto behind = flow_->join({"tax"});
  ASSERT_TRUE(behind);
  ASSERT_TRUE(flow_->leave("tax"));
  EXPECT_EQ(counted::alive, 2);
  left = 0;
  flow_->leave();
  left = plenty;
  EXPECT_EQ(counted::alive, 1);  // the poller looks at "tax" still
}

}  // namespace
