// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/checkpoint.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <ios>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <tests/on_cpu.hpp>

#include "crash/scratch.hpp"

// Durable sequences from one block for each CPU.
namespace {

using sequencer::checkpoint;
using sequencer::errc;
using sequencer::run_on;
using sequencer::sequence;
using sequencer::usable_cpus;
using sequencer::crash::in_child;
using sequencer::crash::scratch;

// Two threads on each CPU take so many numbers each.
std::vector<sequence> taken_everywhere(sequencer::durable_cpu_blocks& from, int each) {
  const auto cpus = usable_cpus();
  std::vector<std::vector<sequence>> all(2 * cpus.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < all.size(); ++i) {
    threads.emplace_back([&, i] {
      run_on(cpus[i % cpus.size()]);
      for (int n = 0; n < each; ++n) all[i].push_back(from.next().value());
    });
  }
  for (auto& thread : threads) thread.join();
  std::vector<sequence> flat;
  for (const auto& mine : all) flat.insert(flat.end(), mine.begin(), mine.end());
  std::sort(flat.begin(), flat.end());
  return flat;
}

std::streamsize bytes_of(const std::vector<sequence>& all) {
  return static_cast<std::streamsize>(all.size() * sizeof(sequence));
}

// Each number from `start` up to `end` was issued, or stands in a hole that is certain of it.
void expect_accounted(const std::vector<sequence>& issued,
                      const std::vector<sequencer::hole>& holes, sequence end) {
  ASSERT_TRUE(std::adjacent_find(issued.begin(), issued.end()) == issued.end()) << "issued twice";
  std::set<sequence> known(issued.begin(), issued.end());
  for (const auto& each : holes) {
    EXPECT_TRUE(each.certain);
    for (auto s = each.numbers.first; s != each.numbers.last; ++s) {
      ASSERT_TRUE(known.insert(s).second) << "issued, and called a hole: " << s;
    }
  }
  EXPECT_EQ(known.size(), end - 1);
  EXPECT_EQ(*known.rbegin(), end - 1);
}

TEST(CpuBlocks, AnOrderlyEndListsWhatCpusHeld) {
  const scratch here;
  std::vector<sequence> issued;
  {
    auto file = checkpoint::open(here.path(), here.options(true));
    ASSERT_TRUE(file) << file.text();
    auto traces = file->cpu_blocks("traces", {.block = 50});
    ASSERT_TRUE(traces) << traces.text();
    issued = taken_everywhere(*traces, 777);
    ASSERT_TRUE(file->close());
    EXPECT_EQ(traces->next().code(), errc::closed);
  }
  auto file = checkpoint::open(here.path(), here.options());
  ASSERT_TRUE(file) << file.text();
  auto again = file->cpu_blocks("traces");
  ASSERT_TRUE(again) << again.text();
  const auto next = again->next();
  ASSERT_TRUE(next);
  expect_accounted(issued, *file->holes("traces"), *next);
}

TEST(CpuBlocks, AKillOnTheSameBootLosesTheTailsAndKnowsEach) {
  const scratch here;
  const auto results = here.path("issued");  // of any number of CPUs; a pipe would be full
  const int ended = in_child([&] {
    auto file = checkpoint::open(here.path(), here.options(true));
    if (!file || !file->live()) return 77;
    auto traces = file->cpu_blocks("traces", {.block = 50});
    if (!traces) return 1;
    const auto issued = taken_everywhere(*traces, 123);
    std::ofstream to(results, std::ios::binary);
    to.write(reinterpret_cast<const char*>(issued.data()), bytes_of(issued));
    if (!to.flush()) return 2;
    return ::raise(SIGKILL);
  });
  if (ended == 77) GTEST_SKIP() << "skipped: no live region here";
  ASSERT_EQ(ended, -SIGKILL);
  std::vector<sequence> issued(2 * usable_cpus().size() * 123);
  std::ifstream from(results, std::ios::binary);
  ASSERT_TRUE(from.read(reinterpret_cast<char*>(issued.data()), bytes_of(issued)));
  auto file = checkpoint::open(here.path(), here.options());
  ASSERT_TRUE(file) << file.text();
  auto again = file->cpu_blocks("traces");
  ASSERT_TRUE(again) << again.text();
  const auto next = again->next();
  ASSERT_TRUE(next);
  const auto holes = *file->holes("traces");
  expect_accounted(issued, holes, *next);
  std::uint64_t lost = 0;
  for (const auto& each : holes) lost += each.lost;
  EXPECT_LE(lost, again->held_bound());
}

TEST(CpuBlocks, AKillWithoutALiveRegionStaysWithinTheBound) {
  const scratch here;
  auto options = here.options(true);
  options.live = sequencer::live_policy::off;
  constexpr std::uint64_t max_gap = 4096;
  const auto block = max_gap / 2 / (sequencer::detail::possible_cpus() + 1);
  if (block == 0) GTEST_SKIP() << "skipped: more CPUs than this max_gap allows";
  std::uint64_t bound = 0;
  const auto count = 2 * usable_cpus().size() * 500;
  ASSERT_EQ(-SIGKILL, in_child([&] {
    auto file = checkpoint::open(here.path(), options);
    if (!file) return 1;
    auto traces = file->cpu_blocks("traces", {.max_gap = max_gap, .block = block});
    if (!traces) return 1;
    const auto issued = taken_everywhere(*traces, 500);
    if (std::adjacent_find(issued.begin(), issued.end()) != issued.end()) return 2;
    return ::raise(SIGKILL);
  }));
  auto file = checkpoint::open(here.path(), options);
  ASSERT_TRUE(file) << file.text();
  auto again = file->cpu_blocks("traces");
  ASSERT_TRUE(again) << again.text();
  bound = again->held_bound();
  const auto next = again->next();
  ASSERT_TRUE(next);
  EXPECT_GT(*next, count);
  EXPECT_LE(*next - 1 - count, max_gap + bound);
  EXPECT_LE(bound, max_gap / 2);
}

TEST(CpuBlocks, BlocksThatTogetherPassTheGapAreRefused) {
  const scratch here;
  auto file = checkpoint::open(here.path(), here.options(true));
  ASSERT_TRUE(file) << file.text();
  const auto cpus = sequencer::detail::possible_cpus();
  auto refused = file->cpu_blocks("traces", {.max_gap = 2 * cpus * 10, .block = 10});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.code(), errc::invalid);
  EXPECT_NE(refused.text().find("CPUs that this machine can have"), std::string_view::npos)
      << refused.text();
  EXPECT_TRUE(file->list()->empty()) << "a refused name was created";
  auto created = file->blocks("narrow", {.max_gap = 2 * cpus * 10, .block = 10});
  ASSERT_TRUE(created) << created.text();
  ASSERT_TRUE(file->close());
  auto later = checkpoint::open(here.path(), here.options());
  ASSERT_TRUE(later);
  EXPECT_EQ(later->cpu_blocks("narrow").code(), errc::invalid);
  auto wide = later->cpu_blocks("narrow", {.max_gap = 2 * cpus * 10 + 2, .block = 10});
  ASSERT_TRUE(wide) << wide.text();
  EXPECT_TRUE(wide->next());
}

TEST(CpuBlocks, OneWayAtATime) {
  const scratch here;
  auto file = checkpoint::open(here.path(), here.options(true));
  ASSERT_TRUE(file) << file.text();
  ASSERT_TRUE(file->cpu_blocks("by-cpu"));
  ASSERT_TRUE(file->blocks("by-thread"));
  EXPECT_EQ(file->blocks("by-cpu").code(), errc::invalid);
  EXPECT_EQ(file->cpu_blocks("by-thread").code(), errc::invalid);
  ASSERT_TRUE(file->cpu_blocks("by-cpu")->next());
}

TEST(CpuBlocks, AChildOfForkIsRefused) {
  const scratch here;
  auto file = checkpoint::open(here.path(), here.options(true));
  ASSERT_TRUE(file) << file.text();
  auto traces = file->cpu_blocks("traces");
  ASSERT_TRUE(traces) << traces.text();
  ASSERT_TRUE(traces->next());
  EXPECT_EQ(0, in_child([&] { return traces->next().code() == errc::closed ? 0 : 1; }));
  EXPECT_TRUE(traces->next());
}

}  // namespace
