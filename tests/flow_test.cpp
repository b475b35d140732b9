// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/flow.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <sequencer/graph.hpp>

#include "asleep.hpp"

// Stages that join a running flow and leave it, one by one; graph_test.cpp has the rest.
namespace {

using namespace sequencer;

struct order {
  std::uint64_t price = 0;
  std::uint64_t taxed_at = 0;  // the position, plus one, by the stage "tax"
  std::uint64_t summed_at = 0;
};

template <class Producers>
struct running_flow : testing::Test {
  using orders = ring<order, Producers>;
};
using engines = testing::Types<producers::one, producers::many>;
TYPED_TEST_SUITE(running_flow, engines);

// Publishes until it is told to end, whatever comes and goes.
template <class Flow>
class source {
 public:
  explicit source(Flow& into)
      : thread_([this, out = *into.producer()]() mutable {
          for (std::uint64_t i = 0; !done_.load(); ++i) {
            EXPECT_TRUE(out.publish([&](order& o) { o = {i, 0, 0}; }));
          }
        }) {}
  ~source() {
    done_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> done_{false};
  std::thread thread_;
};

// What a stage saw: from where, how far, and whether a position was missing.
struct path {
  std::atomic<std::uint64_t> seen{0};
  std::atomic<bool> right{true};
  sequence next = 0;
  void step(sequence s) noexcept {
    if (seen.load() != 0 && s != next) right = false;
    next = s + 1;
    ++seen;
  }
};

void await(const std::atomic<std::uint64_t>& count, std::uint64_t least) {
  while (count.load() < least) std::this_thread::yield();
}

auto taxes(path& of) {
  return [&of](order& o, sequence s, bool) noexcept {
    of.step(s);
    o.taxed_at = s + 1;
  };
}
auto sums(path& of) {
  return [&of](order& o, sequence s, bool) noexcept {
    of.step(s);
    if (o.taxed_at != s + 1) of.right = false;
    o.summed_at = s + 1;
  };
}

TYPED_TEST(running_flow, StagesJoinAndLeaveAtFullRate) {
  typename TestFixture::orders of(32);
  path tax;
  graph plan{of};
  plan.template add<wait::yield>("tax", taxes(tax));
  auto flow = *std::move(plan).start();
  {
    const source running(flow);
    for (int round = 0; round < 25; ++round) {
      path sum, audit;
      ASSERT_TRUE(flow.template add<wait::park>("sum", sums(sum), {"tax"}));
      ASSERT_TRUE(flow.template add<wait::yield>("audit", [&](const order& o, sequence s, bool)
                                                              noexcept {
        audit.step(s);
        if (o.taxed_at != s + 1 || o.summed_at != s + 1) audit.right = false;
      }, std::array{"tax", "sum"}));
      await(audit.seen, 50);
      const auto audited = flow.leave("audit");
      ASSERT_TRUE(audited);
      EXPECT_EQ(*audited, audit.next);
      await(sum.seen, 200);
      EXPECT_EQ(flow.leave("sum").value(), sum.next);
      EXPECT_TRUE(sum.right);
      EXPECT_TRUE(audit.right);
      EXPECT_EQ(flow.stages().size(), 1u);
    }
  }
  EXPECT_TRUE(flow.drain());
  EXPECT_EQ(tax.next, of.claimed());
  EXPECT_TRUE(tax.right);
}

// "audit" follows "sum" follows "tax": without "sum" it follows "tax".
TYPED_TEST(running_flow, WhoFollowsALeaverFollowsWhatItFollowed) {
  for (const bool parks : {false, true}) {
    typename TestFixture::orders of(16);
    path tax, sum, audit;
    std::vector<bool> summed;
    const auto look = [&](const order& o, sequence s, bool) noexcept {
      audit.step(s);
      if (o.taxed_at != s + 1) audit.right = false;
      summed.push_back(o.summed_at == s + 1);
    };
    graph plan{of};
    const auto a = plan.template add<wait::yield>("tax", taxes(tax));
    const auto b = plan.template add<wait::yield>("sum", sums(sum), {a});
    if (parks) {
      plan.template add<wait::park>("audit", look, std::array{a, b});
    } else {
      plan.template add<wait::yield>("audit", look, {b});
    }
    auto flow = *std::move(plan).start();
    sequence left = 0;
    {
      const source running(flow);
      await(audit.seen, 200);
      left = flow.leave("sum").value();
      await(audit.seen, left + 200);
    }
    EXPECT_TRUE(flow.drain());
    EXPECT_EQ(audit.next, of.claimed());
    EXPECT_TRUE(tax.right && sum.right && audit.right);
    EXPECT_EQ(left, sum.next);
    for (sequence s = 0; s < audit.next; ++s) ASSERT_EQ(summed[s], s < left) << s;
  }
}

// The first one leaves: who followed it sees what is published, and nothing else.
TYPED_TEST(running_flow, TheFirstStageLeaves) {
  typename TestFixture::orders of(16);
  path tax, sum;
  graph plan{of};
  const auto a = plan.template add<wait::yield>("tax", taxes(tax));
  plan.template add<wait::park>("sum", [&](const batch<order>& all) noexcept {
    if (all.positions().empty()) sum.right = false;
    for (const auto& [o, s] : all) {
      sum.step(s);
      if (o.price != s) sum.right = false;
    }
  }, {a});
  auto flow = *std::move(plan).start();
  {
    const source running(flow);
    await(sum.seen, 100);
    EXPECT_EQ(flow.leave("tax").value(), tax.next);
    await(sum.seen, tax.next + 200);
  }
  EXPECT_TRUE(flow.drain());
  EXPECT_EQ(sum.next, of.claimed());
  EXPECT_TRUE(sum.right);
}

// Three in a row leave before the one that follows them all.
TYPED_TEST(running_flow, AWholeChainLeaves) {
  typename TestFixture::orders of(16);
  path first, second, third, last;
  const auto walks = [](path& of_one) {
    return [&of_one](const order&, sequence s, bool) noexcept { of_one.step(s); };
  };
  graph plan{of};
  const auto a = plan.template add<wait::yield>("first", walks(first));
  const auto b = plan.template add<wait::yield>("second", walks(second), {a});
  const auto c = plan.template add<wait::yield>("third", walks(third), std::array{a, b});
  plan.template add<wait::park>("last", walks(last), std::array{c});
  auto flow = *std::move(plan).start();
  {
    const source running(flow);
    for (const char* name : {"second", "third", "first"}) {
      await(last.seen, last.seen.load() + 50);
      ASSERT_TRUE(flow.leave(name));
    }
    await(last.seen, last.seen.load() + 50);
  }
  EXPECT_TRUE(flow.drain());
  EXPECT_EQ(last.next, of.claimed());
  EXPECT_TRUE(last.right);
}

TYPED_TEST(running_flow, WorkersLeaveTogether) {
  constexpr std::size_t workers = 3;
  typename TestFixture::orders of(16);
  std::vector<std::atomic<int>> handled(100'000);
  path after;
  graph plan{of};
  const auto crew = plan.template add_workers<wait::yield>("crew", workers, [&](std::size_t) {
    return [&](const order&, sequence s, bool) noexcept {
      if (s < handled.size()) ++handled[s];
    };
  });
  plan.template add<wait::park>("after", [&](const order&, sequence s, bool) noexcept {
    after.step(s);
  }, {crew});
  auto flow = *std::move(plan).start();
  EXPECT_EQ(flow.leave("crew/3").code(), errc::invalid);
  const auto nothing = [](const order&, sequence, bool) noexcept {};
  EXPECT_EQ(flow.add("of one", nothing, {"crew/1"}).code(), errc::invalid) << "of all of them";
  EXPECT_NE(flow.add("late", nothing, std::array{"crew"}).text().find("follows workers"),
            std::string::npos);
  sequence left = 0;
  {
    const source running(flow);
    await(after.seen, 100);
    left = flow.leave("crew").value();
    await(after.seen, left + 100);
  }
  EXPECT_TRUE(flow.drain());
  EXPECT_EQ(after.next, of.claimed());
  EXPECT_TRUE(after.right);
  for (sequence s = 0; s < handled.size(); ++s) ASSERT_EQ(handled[s].load(), s < left ? 1 : 0) << s;
}

// A leaver holds nobody back any more, not even where nothing else moves.
TYPED_TEST(running_flow, ALeaverStopsGatingAtOnce) {
  typename TestFixture::orders of(4);
  std::atomic<std::uint64_t> taken{0};
  std::atomic<bool> rests{true};
  graph plan{of};
  plan.template add<wait::park>("quick", [](const order&, sequence, bool) noexcept {});
  auto flow = *std::move(plan).start();
  ASSERT_TRUE(flow.template add<wait::park>("slow", [&](const order&, sequence, bool) noexcept {
    ++taken;
    while (rests.load()) std::this_thread::yield();
  }));
  auto out = *flow.template producer<wait::park>();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(out.publish([](order&) {}));
  EXPECT_EQ(out.try_claim().missing(), 1u);
  std::thread late([out = std::move(out)]() mutable {
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(out.publish([](order&) {}));
  });
  await(taken, 1);
  sequence left = 0;
  sleepy_thread leaver([&] { left = flow.leave("slow").value(); });
  leaver.await_sleep();  // it has asked, and waits for the end
  rests = false;
  leaver.join();
  EXPECT_EQ(left, 1u) << "what it was in, and nothing more";
  late.join();
  EXPECT_EQ(taken.load(), 1u);
  EXPECT_TRUE(flow.drain());
  EXPECT_EQ(of.claimed(), 104u);
}

// All at once, none goes past one that it follows.
TYPED_TEST(running_flow, LeavesInOrder) {
  for (int round = 0; round < 50; ++round) {
    typename TestFixture::orders of(8);
    path tax, sum;
    graph plan{of};
    const auto a = plan.template add<wait::yield>("tax", taxes(tax));
    plan.template add<wait::yield>("sum", sums(sum), {a});
    auto flow = *std::move(plan).start();
    path third;
    ASSERT_TRUE(flow.template add<wait::spin>("third", sums(third), {"sum"}));
    {
      const source running(flow);
      await(third.seen, 10);
      flow.leave();
    }
    EXPECT_TRUE(sum.right && third.right);
    EXPECT_LE(third.next, sum.next);
    EXPECT_LE(sum.next, tax.next);
  }
}

// Barriers that were laid out at compile time hold as others do.
TYPED_TEST(running_flow, UnrolledBarriersHold) {
  typename TestFixture::orders of(8);
  path tax, sum, audit;
  graph plan{of};
  const auto a = plan.template add<wait::yield>("tax", taxes(tax));
  const auto b = plan.template add<wait::yield>("sum", sums(sum), std::array{a});
  const auto nothing = [](const order&, sequence, bool) noexcept {};
  const auto c = plan.template add<wait::park>("other", nothing, std::array{a});
  plan.template add<wait::park>("audit", [&](const order& o, sequence s, bool) noexcept {
    audit.step(s);
    if (o.taxed_at != s + 1 || o.summed_at != s + 1) audit.right = false;
  }, std::array{a, b, c});
  auto flow = *std::move(plan).start();
  {
    const source running(flow);
    await(audit.seen, 5'000);
  }
  EXPECT_TRUE(flow.drain());
  EXPECT_EQ(audit.next, of.claimed());
  EXPECT_TRUE(audit.right && sum.right);
  graph wrong{of};
  const auto crew = wrong.template add_workers<wait::park>("crew", 2, [&](std::size_t) {
    return nothing;
  });
  wrong.template add<wait::park>("late", nothing, std::array{crew});
  EXPECT_NE(std::move(wrong).start().text().find("follows workers"), std::string::npos);
}

// ---- pollers that follow stages

// A stage that handles what it is allowed to.
auto waits_for(std::atomic<std::uint64_t>& allowed) {
  return [&allowed](order& o, sequence s, bool) noexcept {
    while (allowed.load() <= s) std::this_thread::yield();
    o.taxed_at = s + 1;
  };
}

template <class In>
std::vector<sequence> drain(In& in, std::uint64_t most = ~std::uint64_t{0}) {
  std::vector<sequence> seen;
  in.poll([&](const order&, sequence s, bool) { seen.push_back(s); }, most);
  return seen;
}

template <class Flow>
void await_position(const Flow& flow, sequence least) {
  while (flow.stages()[0].position < least) std::this_thread::yield();
}

const auto no_event = [](const order&, sequence s, bool) { ADD_FAILURE() << s; };

TYPED_TEST(running_flow, AFollowerIsGatedUntilItsStageIsDone) {
  using v = std::vector<sequence>;
  typename TestFixture::orders of(8);
  std::atomic<std::uint64_t> allowed{0};
  graph plan{of};
  plan.template add<wait::yield>("tax", waits_for(allowed), {}, {.max_batch = 1});
  auto flow = *std::move(plan).start();
  auto in = *flow.join({"tax"});
  auto beside = *of.join();
  EXPECT_EQ(in.poll(no_event), polled::idle);
  auto out = *flow.producer();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(out.publish([](order&) {}));
  EXPECT_EQ(in.poll(no_event), polled::gated);
  EXPECT_EQ(in.await(wait::at_once), polled::gated);
  EXPECT_EQ(in.template await<wait::park>(wait::in(std::chrono::microseconds(50))), polled::gated);
  EXPECT_EQ(in.position(), 0u);
  EXPECT_EQ(in.waits(), 2u);
  EXPECT_EQ(drain(beside), (v{0, 1, 2})) << "who follows nobody";
  allowed = 2;
  await_position(flow, 2);
  EXPECT_EQ(in.template await<wait::park>(), polled::batch);
  EXPECT_EQ(drain(in, 1), v{0});
  EXPECT_EQ(in.await(wait::at_once), polled::batch) << "its place is kept";
  EXPECT_EQ(drain(in), v{1});
  EXPECT_EQ(in.poll(no_event), polled::gated);
  allowed = 3;
  EXPECT_EQ(in.await(), polled::batch);
  EXPECT_EQ(drain(in), v{2});
  EXPECT_EQ(in.poll(no_event), polled::idle);
  EXPECT_TRUE(flow.drain());
  EXPECT_EQ(in.await(), polled::closed);
}

TYPED_TEST(running_flow, AFollowerHoldsProducersBackUntilItEnds) {
  typename TestFixture::orders of(4);
  path tax;
  graph plan{of};
  plan.template add<wait::yield>("tax", taxes(tax));
  auto flow = *std::move(plan).start();
  auto out = *flow.producer();
  {
    auto in = *flow.join({"tax"});
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(out.publish([](order&) {}));
    await_position(flow, 4);
    EXPECT_EQ(out.try_claim(4).missing(), 4u);
    EXPECT_EQ(drain(in, 2).size(), 2u);
    EXPECT_EQ(out.try_claim(4).missing(), 2u);
  }
  EXPECT_TRUE(out.try_claim(4));
  EXPECT_TRUE(flow.drain());
}

TYPED_TEST(running_flow, FollowersJoinAndLeaveAtFullRate) {
  typename TestFixture::orders of(32);
  path tax, sum;
  graph plan{of};
  const auto a = plan.template add<wait::yield>("tax", taxes(tax));
  plan.template add<wait::park>("sum", sums(sum), {a});
  auto flow = *std::move(plan).start();
  {
    const source running(flow);
    for (int round = 0; round < 10; ++round) {
      path mine;
      auto in = *flow.join({"tax", "sum"});
      while (mine.seen.load() < 100) {
        ASSERT_EQ(in.template await<wait::park>(), polled::batch);
        in.poll([&](const order& o, sequence s, bool) {
          mine.step(s);
          if (o.taxed_at != s + 1 || o.summed_at != s + 1) mine.right = false;
        });
      }
      EXPECT_TRUE(mine.right);
    }
  }
  EXPECT_TRUE(flow.drain());
  EXPECT_EQ(sum.next, of.claimed());
}

// Behind "sum", which follows "tax"; both leave, one after the other.
TYPED_TEST(running_flow, AFollowerOfALeaverFollowsWhatItFollowed) {
  typename TestFixture::orders of(16);
  path tax, sum, mine;
  graph plan{of};
  const auto a = plan.template add<wait::yield>("tax", taxes(tax));
  plan.template add<wait::yield>("sum", sums(sum), {a});
  auto flow = *std::move(plan).start();
  auto in = *flow.join({"sum"});
  std::vector<bool> taxed, summed;
  std::thread reader([&] {
    in.template run<wait::park>([&](const order& o, sequence s, bool) {
      taxed.push_back(o.taxed_at == s + 1);
      summed.push_back(o.summed_at == s + 1);
      mine.step(s);
    });
  });
  sequence last_sum = 0, last_tax = 0;
  {
    const source running(flow);
    await(mine.seen, 100);
    last_sum = flow.leave("sum").value();
    await(mine.seen, last_sum + 100);
    last_tax = flow.leave("tax").value();
    await(mine.seen, last_tax + 100);
  }
  EXPECT_TRUE(flow.drain());
  of.close();
  reader.join();
  EXPECT_EQ(mine.next, of.claimed());
  EXPECT_TRUE(mine.right);
  for (sequence s = 0; s < mine.next; ++s) {
    ASSERT_EQ(summed[s], s < last_sum) << s;
    ASSERT_EQ(taxed[s], s < last_tax) << s;
  }
}

// However the flow ends, what its follower looks at is there.
TYPED_TEST(running_flow, AFollowerMayOutliveItsFlow) {
  for (const char* how : {"drain", "leave", "halt"}) {
    const std::string end = how;
    typename TestFixture::orders of(8);
    path tax, sum;
    graph plan{of};
    const auto a = plan.template add<wait::yield>("tax", taxes(tax));
    plan.template add<wait::yield>("sum", sums(sum), {a});
    std::optional flow = *std::move(plan).start();
    auto in = *flow->join({"sum"});
    auto out = *flow->producer();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(out.publish([](order&) {}));
    if (end == "leave") flow->leave();
    if (end == "halt") flow->halt();
    flow.reset();
    EXPECT_EQ(drain(in).size(), end == "halt" ? 0u : 5u) << end;
    EXPECT_EQ(in.await(wait::at_once), end == "leave" ? polled::idle : polled::closed) << end;
    EXPECT_EQ(static_cast<bool>(out.publish([](order&) {})), end == "leave") << end;
    EXPECT_EQ(drain(in).size(), end == "leave" ? 1u : 0u) << end;
  }
}

TEST(RunningFlow, SaysWhatIsWrong) {
  ring<order> of(4);
  graph plan{of};
  const auto nothing = [](const order&, sequence, bool) noexcept {};
  plan.add("tax", nothing);
  auto flow = *std::move(plan).start();
  const auto unknown = flow.add("sum", nothing, {"toll"});
  EXPECT_EQ(unknown.code(), errc::invalid);
  EXPECT_NE(unknown.text().find("'sum' follows 'toll'"), std::string::npos) << unknown.text();
  EXPECT_EQ(flow.join({"tax", "toll"}).code(), errc::invalid);
  EXPECT_NE(flow.add("tax", nothing).text().find("two stages"), std::string::npos);
  EXPECT_EQ(flow.add("", nothing).code(), errc::invalid);
  graph of_workers{of};
  of_workers.add("crew/x", nothing);
  of_workers.add_workers("crew", 2, [&](std::size_t) { return nothing; });
  of_workers.add("crew", nothing);
  EXPECT_NE(std::move(of_workers).start().text().find("two stages are named 'crew'"),
            std::string::npos);
  EXPECT_EQ(flow.add("pinned", nothing, {}, {.cpu = 1'000'000}).code(), errc::io);
  const auto nobody = [&](std::size_t) { return nothing; };
  EXPECT_NE(flow.add_workers("crew", 0, nobody).text().find("no workers"), std::string::npos);
  EXPECT_EQ(flow.add_workers("crew", 2, nobody, {"toll"}).code(), errc::invalid);
  EXPECT_EQ(flow.add_workers("tax", 2, nobody).code(), errc::invalid);
  EXPECT_EQ(flow.add_workers("", 2, nobody).code(), errc::invalid);
  EXPECT_EQ(flow.add_workers("crew", 2, nobody, {}, {.cpu = 1'000'000}).code(), errc::io);
  EXPECT_EQ(flow.leave("toll").code(), errc::invalid);
  EXPECT_EQ(flow.stages().size(), 1u);
  // None of those that were refused holds the ring.
  auto out = *flow.producer();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(out.publish([](order&) {}));
  EXPECT_LE(flow.leave("tax").value(), 20u);
  ASSERT_TRUE(flow.add("tax", nothing)) << "the name is free again";
  EXPECT_TRUE(flow.drain());
  EXPECT_EQ(flow.add("late", nothing).code(), errc::closed);
  EXPECT_EQ(flow.join({"tax"}).code(), errc::closed);
  EXPECT_EQ(flow.add_workers("crew", 2, nobody).code(), errc::closed);
}

// A worker that leaves while it begins its events again gives them up.
TEST(RunningFlow, AWorkerThatGivesUpSaysSo) {
  ring<order, producers::many> of(16);
  graph plan{of};
  std::atomic<std::uint64_t> done{0}, again{0};
  plan.add_workers<wait::yield>("crew", 2, [&](std::size_t) {
    return [&](const order&, sequence s, bool) noexcept {
      if (s == 3) {
        ++again;
        return handled::rewind;
      }
      ++done;
      return handled::next;
    };
  });
  auto flow = *std::move(plan).start();
  auto out = *flow.producer();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(out.publish([](order&) {}));
  await(done, 9);
  await(again, 1);
  EXPECT_EQ(flow.leave("crew").value(), 3u);
}

// Workers join a running flow, and leave it one by one; a stage follows them all the time.
TEST(RunningFlow, WorkersJoinAndLeaveOneByOne) {
  for (int round = 0; round < 3; ++round) {
    ring<order, producers::many> of(16);
    path tax, after;
    std::vector<std::atomic<int>> handled(50'000);
    std::vector<bool> summed;
    graph plan{of};
    plan.add<wait::yield>("tax", taxes(tax));
    auto flow = *std::move(plan).start();
    std::atomic<bool> right{true};
    sequence first = 0, end = 0;
    {
      const source running(flow);
      ASSERT_TRUE(flow.add_workers<wait::park>("crew", 3, [&](std::size_t) {
        return [&](order& o, sequence s, bool) noexcept {
          if (s < handled.size()) ++handled[s];
          if (o.taxed_at != s + 1) right = false;
          o.summed_at = s + 1;
        };
      }, {"tax"}, {.max_batch = 2}));
      ASSERT_TRUE(flow.add<wait::yield>("after", [&](const order& o, sequence s, bool) noexcept {
        if (after.seen.load() == 0) first = s;
        after.step(s);
        summed.push_back(o.summed_at == s + 1);
      }, {"crew"}));
      for (const char* each : {"crew/1", "crew/0", "crew/2"}) {
        await(after.seen, after.seen.load() + 100);
        end = std::max(end, flow.leave(each).value());
      }
      await(after.seen, after.seen.load() + 100);
    }
    EXPECT_EQ(flow.stages().size(), 2u);
    EXPECT_TRUE(flow.drain());
    EXPECT_EQ(after.next, of.claimed());
    EXPECT_TRUE(after.right && right.load());
    for (sequence s = first; s < after.next; ++s) {
      ASSERT_EQ(summed[s - first], s < end) << s;
      if (s >= handled.size()) continue;
      ASSERT_EQ(handled[s].load(), s < end ? 1 : 0) << s;
    }
  }
}

// A worker that leaves alone has handled what it took.
TEST(RunningFlow, AWorkerThatLeavesAloneHandlesWhatItHas) {
  ring<order, producers::many> of(16);
  std::vector<std::atomic<int>> handled_by(10);
  std::atomic<std::uint64_t> done{0}, again{0}, has_it{0};
  std::atomic<bool> go{false};
  graph plan{of};
  plan.add_workers<wait::yield>("crew", 2, [&](std::size_t me) {
    return [&, me](const order&, sequence s, bool) noexcept {
      if (s == 3 && !go.load()) {
        has_it = me;
        ++again;
        return handled::rewind;
      }
      ++handled_by[s];
      ++done;
      return handled::next;
    };
  });
  auto flow = *std::move(plan).start();
  auto out = *flow.producer();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(out.publish([](order&) {}));
  await(done, 9);
  await(again, 1);
  sleepy_thread leaver([&] {
    EXPECT_GE(flow.leave("crew/" + std::to_string(has_it.load())).value(), 4u);
  });
  leaver.await_sleep();  // it has asked
  await(again, again.load() + 1'000);
  go = true;
  leaver.join();
  EXPECT_TRUE(flow.drain());
  for (const auto& times : handled_by) EXPECT_EQ(times.load(), 1);
}

// Others would not share events with those that are still there.
TEST(RunningFlow, WorkersDoNotJoinACrewThatIsThere) {
  ring<order> of(16);
  const auto make = [](std::size_t) { return [](const order&, sequence, bool) noexcept {}; };
  graph plan{of};
  plan.add_workers<wait::yield>("crew", 2, make);
  auto flow = *std::move(plan).start();
  ASSERT_TRUE(flow.leave("crew/0"));
  const auto more = flow.add_workers<wait::yield>("crew", 1, make);
  EXPECT_EQ(more.code(), errc::invalid);
  EXPECT_NE(more.text().find("two stages are named 'crew'"), std::string::npos) << more.text();
  EXPECT_TRUE(flow.drain());
}

// Also when the one that is asked last took less than one that left before it.
TEST(RunningFlow, ACrewThatLeavesAnswersForAllItsWorkers) {
  for (int round = 0; round < 20; ++round) {
    ring<order> of(16);
    std::atomic<std::uint64_t> done{0}, taken{0}, has_it{2};
    std::atomic<bool> go{false};
    graph plan{of};
    plan.add_workers<wait::yield>("crew", 2, [&](std::size_t me) {
      return [&, me](const order&, sequence s, bool) noexcept {
        if (s == 0) {
          has_it = me;
          taken = 1;
        }
        while (s == 0 && !go.load()) std::this_thread::yield();
        ++done;
      };
    });
    auto flow = *std::move(plan).start();
    auto out = *flow.producer();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(out.publish([](order&) {}));
    await(done, 9);
    await(taken, 1);
    EXPECT_EQ(flow.leave("crew/" + std::to_string(1 - has_it.load())).value(), 10u);
    sequence end = 0;
    std::thread leaver([&] { end = flow.leave("crew").value(); });
    for (int i = 0; i < round; ++i) std::this_thread::yield();
    go = true;
    leaver.join();
    EXPECT_EQ(end, 10u);
  }
}

// Each pair takes over from the one before, which leaves; the last stage follows them all.
TEST(RunningFlow, ManyGenerationsHandOver) {
  ring<order, producers::many> of(8);
  path last;
  const auto nothing = [](const order&, sequence, bool) noexcept {};
  graph plan{of};
  const auto a = plan.add<wait::yield>("a0", nothing);
  const auto b = plan.add<wait::yield>("b0", nothing);
  plan.add<wait::yield>("last", [&](const order&, sequence s, bool) noexcept { last.step(s); },
                        {a, b});
  auto flow = *std::move(plan).start();
  const auto name = [](char which, int generation) {
    return std::string(1, which) + std::to_string(generation);
  };
  for (int i = 1; i <= 40; ++i) {
    const auto before = std::array{name('a', i - 1), name('b', i - 1)};
    ASSERT_TRUE(flow.add<wait::yield>(name('a', i), nothing, {before[0], before[1]}));
    ASSERT_TRUE(flow.add<wait::yield>(name('b', i), nothing, {before[0], before[1]}));
    for (const auto& each : before) ASSERT_TRUE(flow.leave(each));
    ASSERT_TRUE(flow.producer()->publish([](order&) {}));
    await(last.seen, static_cast<std::uint64_t>(i));
  }
  EXPECT_EQ(flow.stages().size(), 3u);
  EXPECT_TRUE(flow.drain());
}

TEST(RunningFlow, ManyComeAndGo) {
  ring<order, producers::many> of(4);
  graph plan{of};
  plan.add<wait::park>("tax", [](const order&, sequence, bool) noexcept {});
  auto flow = *std::move(plan).start();
  for (int i = 0; i < 200; ++i) {
    const auto name = "follower " + std::to_string(i);
    path mine;
    ASSERT_TRUE(flow.add<wait::park>(name, [&](const order&, sequence s, bool) noexcept {
      mine.step(s);
    }, {"tax"}));
    ASSERT_TRUE(flow.producer()->publish([](order&) {}));
    await(mine.seen, 1);
    ASSERT_TRUE(flow.leave(name));
  }
  EXPECT_TRUE(flow.drain());
}

}  // namespace
