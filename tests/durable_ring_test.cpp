// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/durable_ring.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include <sequencer/graph.hpp>

#include <tests/crash/scratch.hpp>
#include <tests/crash/watched_os.hpp>
#include <tests/emulated.hpp>

namespace sequencer {
namespace {

using crash::fate;
using crash::in_child;
using crash::scratch;
using crash::watched_os;

struct order {
  std::uint64_t lot = 0;
};
using orders = ring<order, producers::durable>;

class durable_ring : public testing::Test {
 protected:
  // Where there is none, the process stops with the reason.
  checkpoint open(checkpoint_options options) {
    return *checkpoint::open(here_.path(), std::move(options));
  }
  checkpoint open() { return open(here_.options(true)); }

  static durable_order numbers(checkpoint& file, sequence_options how = {}) {
    how.create = true;
    return *file.order("orders", how);
  }

  scratch here_;
};

template <class Out>
result<sequence> put(Out&& out, std::uint64_t lot) {
  return out.publish([&](order& o) { o.lot = lot; });
}

template <class In>
std::vector<sequence> drain(In& in) {
  std::vector<sequence> seen;
  while (in.poll([&](const order&, sequence s, bool) { seen.push_back(s); }) == polled::batch) {
  }
  return seen;
}

using DurableRingDeathTest = durable_ring;
TEST_F(DurableRingDeathTest, AHandlerThatWaitsForItselfIsStopped) {
  EXPECT_DEATH({
    auto file = open();
    orders of(2, numbers(file));
    auto in = *of.join();
    auto out = *of.make_producer();
    EXPECT_TRUE(put(out, 0));
    in.poll([&](const order&, sequence, bool) {
      for (int i = 0; i < 3; ++i) static_cast<void>(put(out, 1));
    });
  }, "waits for room in the ring that it is consuming");
}

TEST_F(durable_ring, PositionsAreTheNumbersAndGoOn) {
  auto file = open();
  sequence first = 0;
  for (std::uint64_t round = 0; round < 3; ++round) {
    orders of(4, numbers(file));
    auto in = *of.join();
    auto out = *of.make_producer();
    if (round == 0) first = in.position();
    EXPECT_EQ(first, 1u) << "where sequences start";
    for (std::uint64_t i = 0; i < 10; ++i) {
      const auto s = put(out, i);
      ASSERT_TRUE(s) << s.text();
      EXPECT_EQ(*s, first + 10 * round + i);
      EXPECT_EQ(drain(in), std::vector<sequence>{*s});
    }
    of.close();
    EXPECT_EQ(put(out, 0).code(), errc::closed);
    EXPECT_EQ(in.await(), polled::closed);
  }
  ASSERT_TRUE(file.close());
  auto again = open();
  EXPECT_EQ(again.sequence("orders")->next().value(), first + 30) << "a clean close costs none";
}

TEST_F(durable_ring, AClaimThatIsNotGrantedTakesNoNumber) {
  auto file = open();
  orders of(4, numbers(file));
  auto in = *of.join();
  auto out = *of.make_producer<wait::spin>();
  EXPECT_EQ(out.publish(4, [](order&, std::uint64_t) {})->first, 1u);
  EXPECT_EQ(out.try_claim(3).missing(), 3u);
  EXPECT_EQ(out.claim_until(1, wait::in(std::chrono::microseconds(1))).code(), errc::timeout);
  EXPECT_EQ(out.claim(5).code(), errc::invalid) << "more than there are";
  EXPECT_EQ(of.claimed(), 5u);
  EXPECT_EQ(drain(in).size(), 4u);
  auto mine = out.try_claim(2);
  ASSERT_TRUE(mine);
  EXPECT_EQ(mine.positions(), (range{5, 7}));
  mine.abort();
  EXPECT_EQ(put(out, 1).value(), 7u);
  EXPECT_EQ(drain(in), std::vector<sequence>{7});
}

TEST_F(durable_ring, TheOrderHasOneTakerOnly) {
  auto file = open();
  {
    orders of(4, numbers(file));
    EXPECT_EQ(file.order("orders").code(), errc::locked);
    const auto refused = file.sequence("orders");
    EXPECT_EQ(refused.code(), errc::locked);
    EXPECT_NE(refused.text().find("a ring has it"), std::string::npos) << refused.text();
  }
  ASSERT_TRUE(file.order("orders")) << "given back";
  ASSERT_TRUE(file.sequence("orders"));
  EXPECT_EQ(file.order("orders").code(), errc::locked) << "a handle may be about";
}

// Without a keeper nothing raises the mark: what is above it is not claimed.
TEST_F(durable_ring, NothingIsClaimedAboveTheMark) {
  auto how = here_.options(true);
  how.keeper_thread = false;
  auto file = open(how);
  orders of(1024, numbers(file, {.max_gap = 64}));
  auto in = *of.join();
  auto out = *of.make_producer();
  std::uint64_t granted = 0;
  while (out.try_claim()) ++granted;
  const auto mark = file.list()->front().high_water;
  ASSERT_EQ(of.claimed(), mark);
  EXPECT_EQ(granted, mark - 1);
  const auto refused = out.try_claim();
  EXPECT_EQ(refused.code(), errc::unavailable);
  EXPECT_EQ(refused.missing(), 0u) << "slots there are";
  EXPECT_EQ(out.claim_until(1, wait::in(std::chrono::microseconds(1))).code(), errc::timeout);
  EXPECT_EQ(out.claim(33).code(), errc::invalid) << "more than a step of the mark";
  EXPECT_TRUE(file.tend());
  EXPECT_EQ(put(out, 1).value(), mark);
}

TEST_F(durable_ring, AProducerThatWaitsForTheMarkIsReleasedByTheEnd) {
  for (const bool halts : {false, true}) {
    auto how = here_.options(true);
    how.keeper_thread = false;
    auto file = open(how);
    orders of(1024, numbers(file, {.max_gap = 64}));
    auto out = *of.make_producer();
    while (out.try_claim()) {
    }
    std::thread late([&] { EXPECT_EQ(put(out, 1).code(), errc::closed); });
    halts ? of.halt() : of.close();
    late.join();
    ASSERT_TRUE(file.close());
  }
}

TEST_F(durable_ring, EachNumberIsDurableBeforeItIsClaimed) {
  auto file = open();
  orders of(8, numbers(file, {.durability = durability::each}));
  auto in = *of.join();
  auto out = *of.make_producer();
  for (std::uint64_t i = 0; i < 4; ++i) {
    const auto s = put(out, i).value();
    EXPECT_GT(file.list()->front().high_water, s);
  }
  EXPECT_EQ(drain(in), (std::vector<sequence>{1, 2, 3, 4}));
}

// What is published is below the mark, whatever the disk does then.
TEST_F(durable_ring, AfterAFailedWriteNothingAboveTheMarkIsClaimed) {
  watched_os door;
  auto how = here_.options(true);
  how.system = &door;
  how.keeper_thread = false;
  auto file = open(how);
  orders of(1024, numbers(file, {.max_gap = 64}));
  auto in = *of.join();
  auto out = *of.make_producer();
  door.watch([](std::string_view call) {
    return call == "pwrite" || call == "pwrite_durably" ? fate{EIO} : fate{};
  });
  errc why{};
  while (why == errc{}) {
    static_cast<void>(file.tend());
    if (const auto s = put(out, 1); !s) why = s.code();
  }
  EXPECT_EQ(why, errc::io);
  const auto seen = drain(in);
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(of.claimed(), seen.back() + 1) << "no hole for a consumer to wait at";
  of.close();
  EXPECT_EQ(in.await(), polled::closed);
}

TEST_F(durable_ring, ACheckpointThatIsClosedFirstEndsTheRing) {
  auto file = open();
  orders of(8, numbers(file));
  auto in = *of.join();
  auto out = *of.make_producer();
  ASSERT_TRUE(put(out, 1));
  ASSERT_TRUE(file.close());
  EXPECT_EQ(put(out, 2).code(), errc::closed);
  EXPECT_EQ(drain(in), std::vector<sequence>{1});
  EXPECT_EQ(in.await(), polled::closed);
  auto again = open();
  EXPECT_EQ(again.sequence("orders")->next().value(), 2u);
}

// Whichever of the two sees the end first, the producer that waits for the mark or who closes.
TEST_F(durable_ring, ConsumersLearnThatTheCheckpointWasClosed) {
  for (int round = 0; round < 40; ++round) {
    auto how = here_.options(true);
    how.keeper_thread = false;
    auto file = open(how);
    {
      orders of(1024, numbers(file, {.max_gap = 64}));
      auto in = *of.join();
      std::thread source([out = *of.make_producer()]() mutable {
        while (put(out, 1)) {
        }
      });
      while (of.claimed() != file.list()->front().high_water) std::this_thread::yield();
      std::thread closer([&] { EXPECT_TRUE(file.close()); });
      while (in.await<wait::yield>() != polled::closed) drain(in);
      EXPECT_EQ(in.position(), of.claimed());
      closer.join();
      source.join();
    }
  }
}

TEST_F(durable_ring, ClaimsUpToWhatIsDurable) {
  auto how = here_.options(true);
  how.keeper_thread = false;
  auto file = open(how);
  orders of(1024, numbers(file, {.maximum = 40, .max_gap = 64}));
  auto out = *of.make_producer();
  std::uint64_t all = 0;
  for (;;) {
    auto some = out.try_claim_up_to(1000);
    if (!some) {
      EXPECT_EQ(some.code(), errc::unavailable);
      if (!file.tend()) break;
      continue;
    }
    all += some.size();
    if (all == 40) break;
  }
  EXPECT_EQ(all, 40u) << "to the last number";
  EXPECT_EQ(out.try_claim_up_to(8).code(), errc::exhausted);
}

TEST_F(durable_ring, AnOrderWithoutNumbersIsRefused) {
  auto file = open();
  ASSERT_TRUE(file.sequence("orders", {.start = top}));
  ASSERT_TRUE(file.close());
  auto again = open();
  ASSERT_EQ(again.sequence("orders")->next().value(), top);
  EXPECT_EQ(again.sequence("orders")->next().code(), errc::exhausted);
  ASSERT_TRUE(again.close());
  auto late = open();
  EXPECT_EQ(late.order("orders").code(), errc::exhausted);
  EXPECT_EQ(late.sequence("orders")->next().code(), errc::exhausted) << "and nothing begins anew";
}

TEST_F(durable_ring, ARingThatIsClosedLeavesItsOrderExact) {
  auto file = open();
  orders of(8, numbers(file));
  ASSERT_TRUE(put(*of.make_producer(), 1));
  of.close();
  EXPECT_EQ(file.list()->front().position, 2u);
  ASSERT_TRUE(file.close());
  auto again = open();
  EXPECT_EQ(again.sequence("orders")->next().value(), 2u);
}

TEST_F(durable_ring, AnOrderMayOutliveItsCheckpoint) {
  std::optional<orders> of;
  {
    auto file = open();
    of.emplace(8, numbers(file));
    ASSERT_TRUE(put(*of->make_producer(), 1));
  }
  EXPECT_EQ(of->make_producer().code(), errc::closed);
  of.reset();
  auto again = open();
  EXPECT_EQ(again.sequence("orders")->next().value(), 2u);
}

TEST_F(durable_ring, TheLastNumberEndsTheRing) {
  auto file = open();
  {
    orders of(8, numbers(file, {.maximum = 5}));
    auto in = *of.join();
    auto out = *of.make_producer();
    for (std::uint64_t i = 0; i < 5; ++i) ASSERT_EQ(put(out, i).value(), i + 1);
    EXPECT_EQ(put(out, 9).code(), errc::exhausted);
    EXPECT_EQ(put(out, 9).code(), errc::exhausted);
    EXPECT_EQ(drain(in).size(), 5u);
    EXPECT_EQ(in.await(), polled::closed);
  }
  orders of(8, numbers(file));
  EXPECT_EQ(put(*of.make_producer(), 1).code(), errc::exhausted);
}

TEST_F(durable_ring, AForkedChildPublishesNothing) {
  if (emulated) GTEST_SKIP() << without_wipe_on_fork;
  auto file = open();
  orders of(8, numbers(file));
  auto in = *of.join();
  auto out = *of.make_producer();
  ASSERT_TRUE(put(out, 1));
  EXPECT_EQ(0, in_child([&] { return put(out, 2).code() == errc::closed ? 0 : 1; }));
  EXPECT_EQ(put(out, 2).value(), 2u);
  EXPECT_EQ(drain(in), (std::vector<sequence>{1, 2}));
}

// Dies with a claim in hand, open or closed: the successor goes on right behind it.
TEST_F(durable_ring, AKillCostsNoNumberWithALiveRegion) {
  sequence next = 1;
  for (const bool closes : {false, true, false}) {
    EXPECT_EQ(-SIGKILL, in_child([&] {
      auto how = here_.options(true);
      how.live = live_policy::required;
      auto file = open(how);
      orders of(8, numbers(file, {.max_gap = 1000}));
      auto in = *of.join();
      auto out = *of.make_producer();
      for (std::uint64_t i = 0; i < 5; ++i) {
        if (put(out, i).value() != next + i || drain(in).size() != 1) return 1;
      }
      auto open_claim = out.claim(2);
      if (closes) of.close();
      ::raise(SIGKILL);
      return 0;
    }));
    next += 7;
  }
  auto file = open();
  EXPECT_EQ(numbers(file).position(), next);
}

TEST_F(durable_ring, AKillWithoutALiveRegionCostsAtMostMaxGap) {
  constexpr std::uint64_t max_gap = 1000;
  sequence last = 0;
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(-SIGKILL, in_child([&] {
      auto how = here_.options(true);
      how.live = live_policy::off;
      auto file = open(how);
      orders of(64, numbers(file, {.max_gap = max_gap}));
      auto out = *of.make_producer();
      const auto s = put(out, 1).value();
      if (s <= last || s > last + 1 + max_gap) return 1;
      ::raise(SIGKILL);
      return 0;
    }));
    auto how = here_.options(true);
    how.live = live_policy::off;
    auto file = open(how);
    orders of(64, numbers(file));
    const auto now = put(*of.make_producer(), 1).value();
    EXPECT_GT(now, last + 1);
    EXPECT_LE(now, last + 2 + max_gap);
    last = now;
    of.close();
  }
}

// Threads, waits for room and for the mark, and an end in the middle of it all.
TEST_F(durable_ring, EveryNumberIsSeenOnceInOrder) {
  constexpr std::uint64_t each = 20'000;
  constexpr int threads = 3;
  sequence next = 1;
  for (const auto how : {durability::ahead, durability::each}) {
    const auto lots = how == durability::each ? 50 : each;
    auto file = open();
    const auto name = "orders of " + std::string(sequencer::name(how));
    orders of(64, *file.order(name, {.create = true, .durability = how, .max_gap = 512}));
    std::vector<std::uint64_t> seen_of(threads);
    bool right = true;
    graph plan{of};
    plan.add("see", [&, expected = next](const order& o, sequence s, bool) mutable noexcept {
      right &= s == expected++;
      right &= o.lot / threads == seen_of[o.lot % threads]++;
    });
    auto flow = *std::move(plan).start();
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t) {
      all.emplace_back([&, t] {
        auto out = *flow.producer();
        for (std::uint64_t i = 0; i < lots; ++i) {
          EXPECT_TRUE(put(out, i * threads + static_cast<std::uint64_t>(t)));
        }
      });
    }
    for (auto& one : all) one.join();
    EXPECT_TRUE(flow.drain());
    EXPECT_TRUE(right);
    EXPECT_EQ(of.claimed(), 1 + lots * threads);
    for (const auto seen : seen_of) EXPECT_EQ(seen, lots);
  }
}

}  // namespace
}  // namespace sequencer
