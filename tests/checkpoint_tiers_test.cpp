// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Blocks of a checkpoint that come by way of nodes and domains.

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sequencer/checkpoint.hpp>

#include <tests/crash/checkpoint_fixture.hpp>
#include <tests/crash/scratch.hpp>
#include <tests/emulated.hpp>

namespace sequencer {
namespace {

using crash::in_child;

// 2 nodes of 2 domains: 2 * 64 + 4 * 16 = 192 numbers.
tiers small() {
  auto made = tiers::even(2, 2, 1);
  made.domain_block = 16;
  made.node_block = 64;
  return made;
}

class checkpoint_tiers : public crash::checkpoint_fixture {
 protected:
  durable_blocks traces(checkpoint& file, block_sequence_options how = {.max_gap = 1024,
                                                                        .block = 4,
                                                                        .tiers = small()}) {
    how.create = true;
    auto opened = file.blocks("traces", how);
    EXPECT_TRUE(opened) << opened.text();
    return *opened;
  }
};

template <class T>
void expect_refused(const result<T>& what, std::string_view says) {
  ASSERT_FALSE(what);
  EXPECT_EQ(what.code(), errc::invalid) << what.text();
  EXPECT_NE(what.text().find(says), std::string_view::npos) << what.text();
}

TEST_F(checkpoint_tiers, neighbours_share_a_block_of_their_domain) {
  auto file = open(true);
  auto of = traces(file);
  auto one = of.local(0);
  auto two = of.local(0);
  auto far = of.local(1);
  auto farther = of.local(2);
  EXPECT_EQ(*one.next(), 1u);
  EXPECT_EQ(*two.next(), 5u);
  EXPECT_EQ(*far.next(), 17u);
  EXPECT_EQ(*farther.next(), 65u);
  const auto found = of.figures();
  EXPECT_EQ(found.domains.refills, 3u);
  EXPECT_EQ(found.nodes.refills, 2u);
  EXPECT_EQ(found.from_source, 2u);
  EXPECT_EQ(of.held_bound(), 192u + 4 * 4);
}

TEST_F(checkpoint_tiers, a_thread_that_names_no_domain_is_served_where_it_runs) {
  auto file = open(true);
  auto of = traces(file);
  auto mine = of.local();
  sequence last = 0;
  for (int i = 0; i < 500; ++i) {
    const auto number = *mine.next();
    EXPECT_GT(number, last);
    last = number;
  }
  EXPECT_GT(of.figures().domains.refills, 0u);
}

// ---- what is refused

TEST_F(checkpoint_tiers, what_they_hold_must_fit_into_the_gap) {
  auto file = open(true);
  // 192 in tiers, and two blocks of 64.
  expect_refused(
      file.blocks("traces", {.create = true, .max_gap = 319, .block = 4, .tiers = small()}),
      "hold up to 192 numbers, and beside them there must be room for two blocks of 64: max_gap "
      "must be at least 320, it is 319");
  EXPECT_TRUE(file.blocks("traces", {.max_gap = 320, .block = 4, .tiers = small()}));
}

TEST_F(checkpoint_tiers, the_gap_of_a_new_sequence_makes_room_for_them) {
  auto large = tiers::even(8, 8, 1);
  auto file = open(true);
  EXPECT_TRUE(file.blocks("traces", {.create = true, .tiers = large}));
  EXPECT_GT(file.list()->front().max_gap, large.held_bound());
}

TEST_F(checkpoint_tiers, senseless_ones_are_refused) {
  auto file = open(true);
  auto none = small();
  none.node_of_domain.clear();
  none.domain_of_cpu.clear();
  expect_refused(file.blocks("traces", {.create = true, .tiers = none}), "1 to 4096 domains");
}

TEST_F(checkpoint_tiers, they_stay_while_the_file_is_open) {
  auto file = open(true);
  auto of = traces(file);
  auto other = small();
  other.domain_block = 8;
  expect_refused(file.blocks("traces", {.tiers = other}), "in use here with other tiers");
  auto again = file.blocks("traces", {.tiers = small()});
  ASSERT_TRUE(again) << again.text();
  EXPECT_TRUE(file.blocks("traces", {}));
  EXPECT_EQ(*again->local(0).next(), 1u);
}

// ---- tails

TEST_F(checkpoint_tiers, a_tail_goes_back_to_its_pool) {
  auto file = open(true);
  auto of = traces(file);
  EXPECT_EQ(*of.local(0).next(), 1u);
  EXPECT_TRUE(file.holes("traces")->empty());
  EXPECT_EQ(*of.local(0).next(), 2u);
}

TEST_F(checkpoint_tiers, a_tail_below_is_a_hole_in_unordered_sequences_too) {
  auto file = open(true);
  auto of = traces(file, {.max_gap = 1024, .block = 4, .unordered = true, .tiers = small()});
  std::optional low(of.local(0));
  EXPECT_EQ(*low->next(), 1u);
  auto high = of.local(0);
  EXPECT_EQ(*high.next(), 5u);
  low.reset();
  ASSERT_EQ(file.holes("traces")->size(), 1u);
  EXPECT_EQ(file.holes("traces")->front().numbers, (range{2, 5}));
}

// CPUs that this thread may use, in rising order.
std::vector<unsigned> own_cpus() {
  cpu_set_t all;
  std::vector<unsigned> found;
  if (::sched_getaffinity(0, sizeof all, &all) != 0) return found;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &all)) found.push_back(cpu);
  }
  return found;
}

void stay_on(unsigned cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpu, &only);
  EXPECT_EQ(::sched_setaffinity(0, sizeof only, &only), 0);
}

std::uint64_t total(const std::vector<hole>& holes) {
  std::uint64_t sum = 0;
  for (const auto& each : holes) sum += each.lost;
  return sum;
}

TEST_F(checkpoint_tiers, pools_that_lag_behind_a_mover_give_up_with_an_account) {
  const auto cpus = own_cpus();
  if (cpus.size() < 2) GTEST_SKIP() << "a thread cannot move: it may use one CPU only";
  auto apart = small();  // domain 0 is of node 0, domain 2 of node 1
  apart.domain_of_cpu.assign(cpus.back() + 1, 2);
  apart.domain_of_cpu[cpus[0]] = 0;
  auto file = open(true);
  auto of = traces(file, {.max_gap = 1024, .block = 4, .tiers = apart});
  auto settled = of.local(0);
  std::set<sequence> issued{*settled.next()};
  std::thread moving([&] {
    stay_on(cpus[1]);
    auto mover = of.local();
    sequence last = *mover.next();
    issued.insert(last);
    stay_on(cpus[0]);
    for (int i = 0; i < 400; ++i) {
      const auto number = *mover.next();
      EXPECT_GT(number, last);
      last = number;
      issued.insert(number);
    }
  });
  moving.join();
  EXPECT_GT(of.figures().domains.given_up, 0u);
  EXPECT_GT(of.figures().nodes.given_up, 0u);
  const auto holes = *file.holes("traces");
  EXPECT_EQ(total(holes), 60u) << "what was left of the first node's first block";
  for (const auto& each : holes) {
    EXPECT_TRUE(each.certain);
    EXPECT_TRUE(issued.lower_bound(each.numbers.first) == issued.lower_bound(each.numbers.last));
  }
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(issued.insert(*settled.next()).second);
  EXPECT_EQ(issued.size(), 502u);
  ASSERT_TRUE(file.close());
  auto again = open();
  EXPECT_EQ(issued.size() + total(*again.holes("traces")), again.list()->front().position - 1);
}

// ---- ends

TEST_F(checkpoint_tiers, a_close_lists_what_every_level_holds) {
  {
    auto file = open(true);
    auto of = traces(file);
    auto near = of.local(0);
    auto far = of.local(3);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(near.next() && far.next());
    EXPECT_TRUE(file.close());
    EXPECT_EQ(near.next().code(), errc::closed);
  }
  auto file = open();
  EXPECT_EQ(total(*file.holes("traces")), 128u - 20);
  EXPECT_EQ(file.list()->front().position, 129u);
}

TEST_F(checkpoint_tiers, threads_take_every_number_once) {
  std::vector<std::vector<sequence>> got(6);
  {
    auto file = open(true);
    auto of = traces(file);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < got.size(); ++i) {
      threads.emplace_back([&, i] {
        for (std::uint32_t life = 0; life < 20; ++life) {
          auto mine = of.local((static_cast<std::uint32_t>(i) + life) % 4);
          for (int n = 0; n < 100; ++n) got[i].push_back(*mine.next());
        }
      });
    }
    for (auto& each : threads) each.join();
    EXPECT_LE(of.held_bound(), 192u);
  }
  std::set<sequence> all;
  for (const auto& mine : got) {
    for (const auto number : mine) EXPECT_TRUE(all.insert(number).second) << number;
  }
  auto file = open();
  const auto end = file.list()->front().position;
  EXPECT_LT(*all.rbegin(), end);
  EXPECT_EQ(all.size() + total(*file.holes("traces")), end - 1);
}

TEST_F(checkpoint_tiers, a_kill_leaves_every_unissued_number_listed) {
  EXPECT_EQ(-SIGKILL, in_child([&] {
    auto file = open(true);
    auto of = traces(file);
    auto near = of.local(0);
    auto far = of.local(3);
    for (int i = 0; i < 10; ++i) {
      if (!near.next() || !far.next()) return 1;
    }
    return ::raise(SIGKILL);
  }));
  auto file = open();
  const auto holes = *file.holes("traces");
  EXPECT_EQ(total(holes), 128u - 20);
  for (const auto& each : holes) EXPECT_TRUE(each.certain && each.why == loss::killed);
  EXPECT_EQ(*traces(file).local(0).next(), 129u);
}

TEST_F(checkpoint_tiers, without_a_live_region_no_more_is_lost_than_was_signed) {
  constexpr std::uint64_t gap = 512;
  constexpr std::uint64_t taken = 700;
  auto options = here_.options(true);
  options.live = live_policy::off;
  EXPECT_EQ(-SIGKILL, in_child([&] {
    auto file = open(options);
    auto of = traces(file, {.max_gap = gap, .block = 4, .tiers = small()});
    auto near = of.local(0);
    auto far = of.local(3);
    for (std::uint64_t i = 0; i < taken; ++i) {
      if (!near.next() || !far.next()) return 1;
    }
    return ::raise(SIGKILL);
  }));
  auto file = open(options);
  const auto next = *traces(file, {.block = 4}).local().next();
  EXPECT_GT(next, 2u * taken);
  EXPECT_LE(next - 1 - 2 * taken, gap + 2 * 4);
}

TEST_F(checkpoint_tiers, a_child_of_fork_is_refused) {
  if (emulated) GTEST_SKIP() << without_wipe_on_fork;
  auto file = open(true);
  auto of = traces(file);
  auto mine = of.local(0);
  EXPECT_EQ(*mine.next(), 1u);
  EXPECT_EQ(0, in_child([&] {
    return mine.next().code() == errc::closed && of.local(1).next().code() == errc::closed ? 0 : 1;
  }));
  EXPECT_EQ(*mine.next(), 2u);
}

}  // namespace
}  // namespace sequencer
