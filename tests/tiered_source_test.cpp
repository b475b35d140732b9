// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/tiered_source.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sequencer/block_cache.hpp>
#include <sequencer/cpu.hpp>

#include <tests/emulated.hpp>

#include "scripted_source.hpp"

namespace {

using sequencer::block;
using sequencer::block_cache;
using sequencer::block_request;
using sequencer::unbound;
using sequencer::emulated;
using sequencer::errc;
using sequencer::hole;
using sequencer::loss;
using sequencer::memory_source;
using sequencer::range;
using sequencer::result;
using sequencer::scripted_source;
using sequencer::sequence;
using sequencer::tiered_source;
using sequencer::tiers;
using sequencer::top;
using sequencer::without_wipe_on_fork;

// The CPU that a test says it runs on, each thread its own.
struct pretended_cpu {
  static inline thread_local unsigned now = 0;
  unsigned operator()() const noexcept { return now; }
};

using memory_tiers = tiered_source<memory_source, pretended_cpu>;
using cache_of_tiers = block_cache<memory_tiers>;

// 2 nodes of 2 domains of 2 CPUs; small blocks.
tiers small(std::uint64_t domain_block = 16, std::uint64_t node_block = 64) {
  auto made = tiers::even(2, 2, 2);
  made.domain_block = domain_block;
  made.node_block = node_block;
  return made;
}

block_request want(std::uint64_t n, sequence floor = 0) { return {1, n, floor, 0}; }

class TieredSource : public testing::Test {
 protected:
  void SetUp() override { pretended_cpu::now = 0; }
};

TEST_F(TieredSource, NeighboursShareABlockOfTheirDomain) {
  memory_tiers source(small());
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{0, 4}));
  pretended_cpu::now = 1;
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{4, 8}));
  pretended_cpu::now = 2;  // the other domain of this node
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{16, 20}));
  pretended_cpu::now = 4;  // the other node
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{64, 68}));
  pretended_cpu::now = 0;
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{8, 12}));
  EXPECT_EQ(source.source().peek(), 128u);
}

TEST_F(TieredSource, CountsRefillsByLevel) {
  memory_tiers source(small());
  for (int i = 0; i < 32; ++i) EXPECT_TRUE(source.acquire(want(4)));
  const auto found = source.figures();
  EXPECT_EQ(found.domains.refills, 8u);
  EXPECT_EQ(found.nodes.refills, 2u);
  EXPECT_EQ(found.from_source, 2u);
  EXPECT_EQ(found.domains.passes + found.nodes.passes, 0u);
}

TEST_F(TieredSource, ADomainIsAskedByName) {
  memory_tiers source(small());
  auto asked = want(4);
  asked.domain = 3;
  EXPECT_EQ(source.acquire(asked)->numbers, (range{0, 4}));
  pretended_cpu::now = 6;
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{4, 8})) << "CPU 6 is in domain 3";
}

TEST_F(TieredSource, ACpuThatNobodyNamedIsInSomeDomain) {
  memory_tiers source(small());
  pretended_cpu::now = 1000;
  EXPECT_TRUE(source.acquire(want(4)));
  EXPECT_EQ(source.figures().domains.refills, 1u);
}

TEST_F(TieredSource, WithoutANodeLevelDomainsAskTheSource) {
  memory_tiers source(small(16, 0));
  EXPECT_TRUE(source.acquire(want(4)));
  EXPECT_EQ(source.source().peek(), 16u);
  EXPECT_EQ(source.figures().nodes.refills, 0u);
  EXPECT_EQ(source.held_bound(), 4u * 16);
}

TEST_F(TieredSource, HoldsWhatItsLevelsHold) {
  cache_of_tiers cache({.block = 4}, small());
  EXPECT_EQ(cache.held_bound(), 2u * 64 + 4 * 16);
  auto mine = cache.local();
  auto other = cache.local(2);
  EXPECT_EQ(cache.held_bound(), 2u * 64 + 4 * 16 + 2 * 4);
}

TEST_F(TieredSource, RefusesSenselessRequests) {
  memory_tiers source(small());
  EXPECT_EQ(source.acquire({0, 10}).code(), errc::invalid);
  EXPECT_EQ(source.acquire({11, 10}).code(), errc::invalid);
  EXPECT_EQ(source.source().peek(), 0u);
}

// ---- a thread that moves

TEST_F(TieredSource, AHandlesNumbersRiseWhereverItsThreadMoves) {
  cache_of_tiers cache({.block = 4}, small());
  auto settled = cache.local(0);
  EXPECT_EQ(*settled.next(), 0u);
  pretended_cpu::now = 4;
  auto mover = cache.local();
  EXPECT_EQ(*mover.next(), 64u);
  sequence last = 64;
  for (int i = 1; i < 2000; ++i) {
    pretended_cpu::now = static_cast<unsigned>(i / 7 * 5 % 8);
    const auto number = *mover.next();
    EXPECT_GT(number, last);
    last = number;
  }
}

TEST_F(TieredSource, ARequestGoesPastAPoolThatLagsBehind) {
  memory_tiers source(small());
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{0, 4}));
  EXPECT_EQ(source.acquire(want(4, 10))->numbers, (range{16, 20})) << "from the node";
  EXPECT_EQ(source.acquire(want(4, 70))->numbers, (range{64, 68})) << "from the source, at 64";
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{4, 8})) << "the pool is as it was";
  EXPECT_EQ(source.figures().domains.passes, 2u);
  EXPECT_EQ(source.figures().nodes.passes, 1u);
}

TEST_F(TieredSource, APoolThatLagsForGoodGivesUpTheRest) {
  memory_tiers source(small(16, 0));
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{0, 4}));
  const sequence far = 5;  // above the pool's next number
  for (int i = 0; i < 3; ++i) EXPECT_GE(source.acquire(want(4, far))->numbers.first, 16u);
  ASSERT_EQ(source.holes().size(), 1u) << "as many went past as were left";
  EXPECT_EQ(source.holes()[0].numbers, (range{4, 16}));
  EXPECT_EQ(source.holes()[0].why, loss::discarded);
  EXPECT_TRUE(source.holes()[0].certain);
  EXPECT_EQ(source.figures().domains.given_up, 12u);
  const auto before = source.figures().domains.passes;
  EXPECT_TRUE(source.acquire(want(4, far)));
  EXPECT_TRUE(source.acquire(want(4, far)));
  EXPECT_EQ(source.figures().domains.passes, before) << "served by the fresh block";
}

TEST_F(TieredSource, ALaggingPoolOnTopOfItsNodeLosesNothing) {
  memory_tiers source(small());
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{0, 4}));
  // The node lags behind that, too, so its next number stays where the domain's block ends.
  const sequence far = 20;
  for (int i = 0; i < 3; ++i) EXPECT_GE(source.acquire(want(4, far))->numbers.first, 64u);
  EXPECT_EQ(source.figures().domains.given_up, 12u);
  EXPECT_TRUE(source.holes().empty());
  pretended_cpu::now = 2;
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{4, 8})) << "by way of the node";
}

TEST_F(TieredSource, NoMoreIsGivenUpThanWasHandedOutPast) {
  cache_of_tiers cache({.block = 4}, small());
  std::vector<cache_of_tiers::handle> handles;
  for (int i = 0; i < 5; ++i) handles.push_back(cache.local());
  std::uint64_t random = 12345;
  std::set<sequence> all;
  for (int i = 0; i < 50'000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    pretended_cpu::now = (random >> 40) % 8;
    const auto number = *handles[(random >> 50) % handles.size()].next();
    EXPECT_TRUE(all.insert(number).second) << number;
  }
  const auto found = cache.source().figures();
  EXPECT_GT(found.domains.given_up, 0u);
  EXPECT_LE(found.domains.given_up, found.domains.passes * 4);
  EXPECT_LE(found.nodes.given_up, found.nodes.passes * 4);
  handles.clear();
  std::uint64_t lost = 0;
  for (const auto& each : cache.holes()) lost += each.lost;
  const auto issued_and_lost = all.size() + lost;
  EXPECT_LE(issued_and_lost, cache.source().source().peek());
  EXPECT_LE(cache.source().source().peek() - issued_and_lost, cache.held_bound());
}

// ---- tails

TEST_F(TieredSource, ATailOnTopOfItsPoolGoesBack) {
  cache_of_tiers cache({.block = 4}, small());
  {
    auto mine = cache.local();
    EXPECT_EQ(*mine.next(), 0u);
  }
  EXPECT_TRUE(cache.holes().empty());
  EXPECT_EQ(*cache.local().next(), 1u);
}

TEST_F(TieredSource, ATailOfADrainedPoolGoesBack) {
  cache_of_tiers cache({.block = 16}, small(16, 64));
  {
    auto mine = cache.local();
    EXPECT_EQ(*mine.next(), 0u);
  }
  EXPECT_TRUE(cache.holes().empty());
  auto mine = cache.local();
  for (sequence s = 1; s < 200; ++s) EXPECT_EQ(*mine.next(), s);
}

TEST_F(TieredSource, ATailBelowIsAHole) {
  cache_of_tiers cache({.block = 4}, small());
  std::optional<cache_of_tiers::handle> low(cache.local());
  EXPECT_EQ(*low->next(), 0u);
  auto high = cache.local();
  EXPECT_EQ(*high.next(), 4u);
  low.reset();
  ASSERT_EQ(cache.holes().size(), 1u);
  EXPECT_EQ(cache.holes()[0].numbers, (range{1, 4}));
}

TEST_F(TieredSource, ANumberFromTheSourceItselfGoesBackThere) {
  memory_tiers source(small(16, 64));
  EXPECT_EQ(source.acquire({100, 100})->numbers, (range{0, 100})) << "too much for any pool";
  EXPECT_TRUE(source.release(0, {50, 100}));
  EXPECT_EQ(source.source().peek(), 50u);
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{50, 54}));
}

// Else the source would hand the tail out again, below what the pool has had.
TEST_F(TieredSource, ATailBelowTheEndOfAPoolStaysOutOfTheSource) {
  auto flat = tiers::even(1, 1, 1);
  flat.domain_block = 8;
  flat.node_block = 0;
  memory_tiers source(flat);
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{0, 4}));
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{4, 8}));
  EXPECT_FALSE(source.release(0, {2, 4})) << "in the middle";
  EXPECT_TRUE(source.release(0, {6, 8})) << "on top of the pool";
  EXPECT_EQ(source.source().peek(), 8u);
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{6, 8}));
}

// A source that can be looked at after those who used it are gone.
struct shared_source {
  static constexpr bool slow = false;
  memory_source* numbers;
  result<block> acquire(const block_request& asked) noexcept { return numbers->acquire(asked); }
  bool release(std::uint32_t holder, range tail) noexcept {
    return numbers->release(holder, tail);
  }
};

TEST_F(TieredSource, PoolsGiveBackWhatTheyHaveWhenTheyEnd) {
  memory_source numbers;
  {
    tiered_source<shared_source, pretended_cpu> source(small(), &numbers);
    EXPECT_EQ(source.acquire(want(4))->numbers, (range{0, 4}));
    EXPECT_EQ(numbers.peek(), 64u);
  }
  EXPECT_EQ(numbers.peek(), 4u);
}

// ---- blocks, owners, ends

using scripted_tiers = tiered_source<scripted_source, pretended_cpu>;

TEST_F(TieredSource, NumbersKeepTheEpochAndLineageTheyCameWith) {
  std::deque<result<block>> answers{block{{0, 32}, 7, 70}, block{{32, 64}, 8, 80}};
  std::vector<block_request> asked;
  scripted_tiers source(small(16, 32), &answers, &asked);
  for (sequence first = 0; first < 64; first += 4) {
    const auto got = source.acquire(want(4));
    EXPECT_EQ(got->numbers.first, first);
    EXPECT_EQ(got->epoch, first < 32 ? 7u : 8u);
    EXPECT_EQ(got->lineage, first < 32 ? 70u : 80u);
  }
}

TEST_F(TieredSource, ASmallerBlockThanAskedForIsPassedDown) {
  std::deque<result<block>> answers{block{{0, 3}}, block{{10, 11}}};
  std::vector<block_request> asked;
  scripted_tiers source(small(16, 32), &answers, &asked);
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{0, 3}));
  EXPECT_EQ(source.acquire(want(4))->numbers, (range{10, 11}));
  EXPECT_EQ(asked[0].want, 32u);
  EXPECT_EQ(asked[1].floor, 3u) << "above all that the pool has had";
}

TEST_F(TieredSource, ABlockBelowAnEarlierOneNeverEntersAPool) {
  std::deque<result<block>> answers{block{{100, 132}}, block{{0, 32}}, block{{200, 232}}};
  std::vector<block_request> asked;
  scripted_tiers source(small(32, 0), &answers, &asked);
  for (sequence first = 100; first < 132; first += 16) {
    EXPECT_EQ(source.acquire(want(16))->numbers.first, first);
  }
  EXPECT_EQ(source.acquire(want(16))->numbers, (range{0, 16})) << "straight to the asker";
  ASSERT_EQ(source.holes().size(), 1u);
  EXPECT_EQ(source.holes()[0].numbers, (range{16, 32}));
  EXPECT_EQ(source.acquire(want(16))->numbers, (range{200, 216}));
}

TEST_F(TieredSource, PassesFailuresOnAndRecovers) {
  std::deque<result<block>> answers{errc::unavailable, errc::timeout, block{{7, 8}}};
  std::vector<block_request> asked;
  scripted_tiers source(small(), &answers, &asked);
  EXPECT_EQ(source.acquire(want(1)).code(), errc::unavailable);
  EXPECT_EQ(source.acquire(want(1)).code(), errc::timeout);
  EXPECT_EQ(source.acquire(want(1))->numbers, (range{7, 8}));
}

TEST_F(TieredSource, PoolsAndHandlesAreHoldersOfTheirOwn) {
  std::deque<result<block>> answers{block{{0, 64}}, block{{64, 164}}};
  std::vector<block_request> asked;
  scripted_tiers source(small(), &answers, &asked);
  EXPECT_TRUE(source.acquire(want(1)));
  EXPECT_TRUE(source.acquire({100, 100, 0, 9}));
  EXPECT_EQ(asked[0].holder, 4u) << "node 0, behind 4 domains";
  EXPECT_EQ(asked[1].holder, 6u + 9u);
}

TEST_F(TieredSource, EveryNumberUpToTheTopIsHandedOut) {
  memory_tiers source(small(), top - 999);
  std::vector<bool> seen(1000);
  for (int asked = 0;; ++asked) {
    pretended_cpu::now = static_cast<unsigned>(asked % 8);
    const auto got = source.acquire(want(3));
    if (!got) {
      EXPECT_EQ(got.code(), errc::exhausted);
      break;
    }
    for (auto s = got->numbers.first; s != got->numbers.last; ++s) {
      EXPECT_FALSE(seen[s - (top - 999)]);
      seen[s - (top - 999)] = true;
    }
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 1000);
  EXPECT_EQ(source.acquire(want(1)).code(), errc::exhausted);
}

// ---- waiting for who refills

// Its first answer comes when it is let go.
struct held_source {
  static constexpr bool slow = false;
  std::atomic<bool>* asked;
  std::atomic<bool>* let_go;
  sequence next = 0;

  result<block> acquire(const block_request& r) noexcept {
    asked->store(true);
    while (!let_go->load()) sequencer::cpu::relax();
    next += r.want;
    return block{{next - r.want, next}};
  }
  bool release(std::uint32_t, range) noexcept { return false; }
};

TEST_F(TieredSource, OneThreadRefillsAndTheOthersWaitAsLongAsTheyMay) {
  std::atomic<bool> asked{false};
  std::atomic<bool> let_go{false};
  tiered_source<held_source, pretended_cpu> source(small(16, 0), &asked, &let_go);
  std::thread refiller([&] {
    pretended_cpu::now = 0;
    EXPECT_TRUE(source.acquire(want(4)));
  });
  while (!asked.load()) std::this_thread::yield();
  auto hasty = want(4);
  hasty.until = sequencer::wait::at_once;
  EXPECT_EQ(source.acquire(hasty).code(), errc::unavailable);
  hasty.until = sequencer::wait::in(std::chrono::milliseconds(1));
  EXPECT_EQ(source.acquire(hasty).code(), errc::timeout);
  std::thread waiter([&] {
    pretended_cpu::now = 1;
    EXPECT_TRUE(source.acquire(want(4)));
  });
  let_go.store(true);
  refiller.join();
  waiter.join();
  EXPECT_EQ(source.figures().from_source, 1u) << "one block for both";
}

// ---- fork and sense

TEST_F(TieredSource, AChildOfForkIsRefusedAndTheParentGoesOn) {
  if (emulated) GTEST_SKIP() << without_wipe_on_fork;
  cache_of_tiers cache({.block = 4}, small());
  auto mine = cache.local();
  EXPECT_EQ(*mine.next(), 0u);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool closed = mine.next().code() == errc::closed &&
                        cache.source().acquire(want(1)).code() == errc::closed &&
                        !cache.source().release(0, {1, 4}) && cache.held_bound() == 0 &&
                        cache.source().figures().from_source <= 1 && cache.holes().empty();
    ::_exit(closed ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(*mine.next(), 1u);
}

TEST_F(TieredSource, WithoutMemoryWhereItsPoolsAreToLieItAnswersUnavailable) {
  auto how = small();
  how.memory_of_domain = {unbound, unbound, unbound, 1000};  // there is no such node
  memory_tiers source(how);
  EXPECT_EQ(source.acquire(want(4)).code(), errc::unavailable);
  EXPECT_FALSE(source.release(0, {0, 4}));
  EXPECT_EQ(source.held_bound(), 0u);
  EXPECT_EQ(source.place_of(0), nullptr);
}

TEST_F(TieredSource, PoolsLieSomewhere) {
  memory_tiers source(small());
  for (std::size_t i = 0; i != 6; ++i) EXPECT_NE(source.place_of(i), nullptr);
  EXPECT_EQ(source.place_of(6), nullptr);
}

TEST_F(TieredSource, StopRefusesEveryHandle) {
  cache_of_tiers cache({.block = 4}, small());
  auto mine = cache.local();
  EXPECT_EQ(*mine.next(), 0u);
  cache.stop();
  EXPECT_EQ(mine.next().code(), errc::closed);
}

TEST(Tiers, SayWhatIsWrongWithThem) {
  EXPECT_EQ(small().fault(), "");
  EXPECT_NE(tiers{}.fault().find("1 to 4096 domains, these have 0"), std::string::npos);
  auto of = small();
  of.domain_of_cpu[5] = 4;
  EXPECT_NE(of.fault().find("CPU 5 is put in domain 4"), std::string::npos) << of.fault();
  of = small();
  of.node_of_domain[3] = 4;
  EXPECT_NE(of.fault().find("node 4, and there are only 4 domains"), std::string::npos)
      << of.fault();
  of = small();
  of.memory_of_domain = {0};
  EXPECT_NE(of.fault().find("memory of 1 domains is named, and there are 4"), std::string::npos)
      << of.fault();
  of.memory_of_domain = {7, unbound, 5, 6};
  EXPECT_EQ(of.fault(), "");
  EXPECT_EQ(of.memory_of_node(0), 7u);
  EXPECT_EQ(of.memory_of_node(1), 5u);
  EXPECT_NE(small(0).fault(), "");
  EXPECT_NE(small(65, 64).fault(), "");
  EXPECT_EQ(small(65, 0).fault(), "");
}

TEST(TiersDeathTest, NoSourceIsMadeOfSenselessOnes) {
  EXPECT_DEATH(memory_tiers(small(0)), "1 <= domain <= node");
}

}  // namespace
