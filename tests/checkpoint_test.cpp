// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The contract of checkpoint.hpp on a real file system.

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <latch>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sequencer/checkpoint.hpp>

#include <tests/crash/checkpoint_fixture.hpp>
#include <tests/crash/scratch.hpp>
#include <tests/crash/watched_os.hpp>
#include <tests/emulated.hpp>

namespace sequencer {
namespace {

using crash::fate;
using crash::in_child;
using crash::watched_os;

class checkpoint_file : public crash::checkpoint_fixture {
 protected:
  durable_sequence strict(checkpoint& file, std::string_view name, sequence_options options = {}) {
    options.create = true;
    auto opened = file.sequence(name, options);
    EXPECT_TRUE(opened) << opened.text();
    return *opened;
  }

  durable_blocks blocks(checkpoint& file, std::string_view name,
                        block_sequence_options options = {}) {
    options.create = true;
    auto opened = file.blocks(name, options);
    EXPECT_TRUE(opened) << opened.text();
    return *opened;
  }
};

template <class T>
void expect_refused(const result<T>& what, errc code, std::string_view says) {
  ASSERT_FALSE(what);
  EXPECT_EQ(what.code(), code) << what.text();
  EXPECT_NE(what.text().find(says), std::string_view::npos) << what.text();
}

// ---- files and names

TEST_F(checkpoint_file, is_made_only_when_asked) {
  expect_refused(checkpoint::open(here_.path(), here_.options()), errc::invalid, "create = true");
  EXPECT_FALSE(std::filesystem::exists(here_.path()));
  { auto made = open(true); }
  EXPECT_TRUE(checkpoint::open(here_.path(), here_.options()));
}

TEST_F(checkpoint_file, missing_directory_is_an_error) {
  expect_refused(checkpoint::open(here_.path("none/desk.seq"), here_.options(true)),
                 errc::invalid, "none/desk.seq");
}

TEST_F(checkpoint_file, unknown_name_is_an_error) {
  auto file = open(true);
  { auto known = strict(file, "trades"); }
  file = checkpoint(std::move(file));
  ASSERT_TRUE(file.close());
  auto again = open();
  expect_refused(again.sequence("trade"), errc::invalid, "create = true");
  expect_refused(again.blocks("trade"), errc::invalid, "'trade'");
  expect_refused(again.holes("trade"), errc::invalid, "'trade'");
  EXPECT_TRUE(again.sequence("trades"));
}

TEST_F(checkpoint_file, names_have_1_to_255_bytes) {
  auto file = open(true);
  expect_refused(file.sequence("", {.create = true}), errc::invalid, "1 to 255");
  expect_refused(file.sequence(std::string(256, 'x'), {.create = true}), errc::invalid, "256");
  expect_refused(file.sequence(std::string("a\0b", 3), {.create = true}), errc::invalid, "NUL");
  std::vector<std::string> names;
  for (const std::size_t bytes : {1u, 63u, 64u, 65u, 128u, 254u, 255u}) {
    names.push_back(std::string(bytes - 1, 'x') + "y");
    names.push_back(std::string(bytes - 1, 'x') + "z");
  }
  sequence next = 100;
  for (const auto& name : names) {
    EXPECT_EQ(*strict(file, name, {.start = next}).next(), next);
    next += 100;
  }
  ASSERT_TRUE(file.close());
  auto again = open();
  next = 101;
  for (const auto& name : names) {
    EXPECT_EQ(*strict(again, name).next(), next) << name;
    next += 100;
  }
  EXPECT_EQ(again.list()->size(), names.size());
}

TEST_F(checkpoint_file, options_out_of_bounds_are_refused) {
  auto file = open(true);
  const auto says = [&](sequence_options options, std::string_view what) {
    options.create = true;
    expect_refused(file.sequence("s", options), errc::invalid, what);
  };
  says({.start = 10, .maximum = 9}, "start 10");
  says({.maximum = top + 1}, "2^63 - 1");
  says({.max_gap = 0}, "max_gap 0");
  says({.max_gap = 1}, "max_gap 1");
  const auto also = [&](block_sequence_options options, std::string_view what) {
    options.create = true;
    expect_refused(file.blocks("b", options), errc::invalid, what);
  };
  also({.block = 0}, "block 0");
  also({.block = 8, .max_block = 4}, "max_block 4");
  also({.max_gap = 15, .block = 8}, "half of max_gap");
  EXPECT_TRUE(file.list()->empty()) << "a refused sequence was created";
}

TEST_F(checkpoint_file, options_are_remembered_and_some_may_change) {
  {
    auto file = open(true);
    strict(file, "s", {.start = 5, .maximum = 500, .max_gap = 64});
    blocks(file, "b", {.max_gap = 4096, .block = 16, .max_block = 64});
    ASSERT_TRUE(file.close());
  }
  {
    auto file = open();
    expect_refused(file.sequence("s", {.start = 6}), errc::invalid, "start 5");
    expect_refused(file.sequence("s", {.maximum = 501}), errc::invalid, "maximum 500");
    expect_refused(file.blocks("s"), errc::invalid, "sequence()");
    expect_refused(file.sequence("b"), errc::invalid, "blocks()");
    EXPECT_TRUE(file.sequence("s", {.durability = durability::each, .max_gap = 128}));
    EXPECT_TRUE(file.blocks("b", {.block = 32, .max_block = 32}));
    ASSERT_TRUE(file.close());
  }
  auto file = open();
  const auto all = *file.list();
  const auto named = [&](std::string_view name) {
    return *std::find_if(all.begin(), all.end(), [&](auto& s) { return s.name == name; });
  };
  EXPECT_EQ(named("s").start, 5u);
  EXPECT_EQ(named("s").maximum, 500u);
  EXPECT_EQ(named("s").max_gap, 128u);
  EXPECT_EQ(named("s").durability, durability::each);
  EXPECT_TRUE(named("b").blocks);
  EXPECT_EQ(named("b").block, 32u);
  EXPECT_EQ(named("b").max_block, 32u);
}

// ---- strict sequences

TEST_F(checkpoint_file, strict_numbers_are_dense_and_go_on_after_a_close) {
  sequence expected = 1;
  std::uint64_t epoch = 0;
  for (int life = 0; life < 5; ++life) {
    auto file = open(true);
    EXPECT_GT(file.open_epoch(), epoch);
    epoch = file.open_epoch();
    auto trades = strict(file, "trades", {.max_gap = 128});
    EXPECT_EQ(trades.open_epoch(), epoch);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(*trades.next(), expected++);
    ASSERT_TRUE(file.close());
    EXPECT_TRUE(file.holes("trades")->empty());
  }
}

TEST_F(checkpoint_file, ends_at_its_maximum) {
  auto file = open(true);
  auto few = strict(file, "few", {.start = 7, .maximum = 9});
  for (sequence n = 7; n <= 9; ++n) EXPECT_EQ(*few.next(), n);
  EXPECT_EQ(few.next().code(), errc::exhausted);
  EXPECT_EQ(few.next(2).code(), errc::exhausted);
  EXPECT_EQ(few.try_next().code(), errc::exhausted);
  ASSERT_TRUE(file.close());
  auto again = open();
  EXPECT_EQ(strict(again, "few").next().code(), errc::exhausted);
  EXPECT_TRUE(again.holes("few")->empty());
}

TEST_F(checkpoint_file, ends_at_the_top_and_stays_there) {
  auto file = open(true);
  auto last = strict(file, "last", {.start = top - 2});
  for (sequence n = top - 2; n <= top; ++n) EXPECT_EQ(*last.next(), n);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(last.next().code(), errc::exhausted);
  EXPECT_EQ(last.next(1).code(), errc::exhausted);
  EXPECT_EQ(last.position(), top + 1);
  ASSERT_TRUE(file.close());
  EXPECT_EQ(last.next().code(), errc::closed);
  auto again = open();
  EXPECT_EQ(strict(again, "last").next().code(), errc::exhausted);
  EXPECT_EQ(again.list()->front().position, top + 1);
}

TEST_F(checkpoint_file, ends_at_the_top_after_a_kill_too) {
  EXPECT_EQ(-SIGKILL, in_child([&] {
    auto file = open(true);
    auto last = strict(file, "last", {.start = top - 2});
    for (int i = 0; i < 20; ++i) static_cast<void>(last.next());
    return ::raise(SIGKILL);
  }));
  auto file = open();
  EXPECT_TRUE(file.live());
  EXPECT_EQ(strict(file, "last").next().code(), errc::exhausted);
}

TEST_F(checkpoint_file, takes_several_numbers_at_once_or_none) {
  auto file = open(true);
  auto trades = strict(file, "trades", {.maximum = 100, .max_gap = 32});
  EXPECT_EQ(trades.next(0).code(), errc::invalid);
  EXPECT_EQ(trades.next(17).code(), errc::invalid);
  EXPECT_EQ(*trades.next(16), (range{1, 17}));
  EXPECT_EQ(*trades.next(), 17u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(trades.next(16)->size(), 16u);
  EXPECT_EQ(trades.position(), 98u);
  EXPECT_EQ(trades.next(4).code(), errc::exhausted);
  EXPECT_EQ(*trades.next(3), (range{98, 101}));
}

TEST_F(checkpoint_file, without_a_keeper_callers_time_out_until_somebody_tends) {
  auto options = here_.options(true);
  options.keeper_thread = false;
  auto file = open(options);
  auto trades = strict(file, "trades", {.max_gap = 16});
  const auto first = trades.high_water();
  while (trades.position() < first) ASSERT_TRUE(trades.try_next());
  EXPECT_EQ(trades.try_next().code(), errc::unavailable);
  EXPECT_EQ(trades.next_for(wait::in(std::chrono::milliseconds(1))).code(), errc::timeout);
  EXPECT_EQ(trades.next_for(3, wait::in(std::chrono::milliseconds(1))).code(), errc::timeout);
  EXPECT_EQ(trades.position(), first) << "a refused call took a number";
  EXPECT_TRUE(file.tend());
  EXPECT_FALSE(file.tend());
  EXPECT_EQ(*trades.try_next(), first);
}

TEST_F(checkpoint_file, marks_never_step_further_than_half_the_gap) {
  auto options = here_.options(true);
  options.keeper_thread = false;
  auto file = open(options);
  auto trades = strict(file, "trades", {.max_gap = 100});
  auto mark = trades.high_water();
  for (int i = 0; i < 5000; ++i) {
    if (!trades.try_next()) file.tend();
    EXPECT_LE(trades.high_water() - mark, 50u);
    EXPECT_LE(trades.high_water(), trades.position() + 50);
    mark = trades.high_water();
  }
}

TEST_F(checkpoint_file, threads_take_each_number_once_in_order) {
  auto file = open(true);
  auto trades = strict(file, "trades", {.max_gap = 1024});
  constexpr int threads = 4;
  constexpr std::size_t each = 20'000;
  std::vector<std::vector<sequence>> taken(threads);
  std::vector<std::thread> at_work;
  for (auto& mine : taken) {
    at_work.emplace_back([&] {
      while (mine.size() < each) mine.push_back(*trades.next());
    });
  }
  for (auto& thread : at_work) thread.join();
  std::set<sequence> all;
  for (const auto& mine : taken) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    all.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(all.size(), threads * each);
  EXPECT_EQ(*all.rbegin(), threads * each);
}

// ---- durability

TEST_F(checkpoint_file, each_is_durable_before_it_returns) {
  auto file = open(true);
  auto orders = strict(file, "orders", {.durability = durability::each});
  for (sequence n = 1; n <= 50; ++n) {
    EXPECT_EQ(*orders.next(), n);
    EXPECT_EQ(orders.high_water(), n + 1) << "the mark is the last taken + 1";
  }
  EXPECT_EQ(*orders.next(10), (range{51, 61}));
  EXPECT_EQ(orders.high_water(), 61u);
  EXPECT_EQ(*orders.try_next(), 61u);
}

TEST_F(checkpoint_file, each_shares_its_syncs) {
  // The first sync waits until all others have taken their number.
  constexpr int threads = 16;
  watched_os door;
  std::atomic<int> syncs = 0;
  std::optional<durable_sequence> orders;
  auto options = here_.options(true);
  options.system = &door;
  options.keeper_thread = false;
  auto file = open(options);
  orders.emplace(strict(file, "orders", {.durability = durability::each}));
  std::atomic<int> calling = 0;
  door.watch([&](std::string_view call) {
    if (call != "pwrite_durably" && call != "fdatasync") return fate{};
    if (syncs.fetch_add(1) == 0) {
      while (calling.load() < threads) std::this_thread::yield();
    }
    return fate{};
  });
  std::vector<std::thread> at_work;
  std::atomic<std::uint64_t> sum = 0;
  for (int i = 0; i < threads; ++i) {
    at_work.emplace_back([&] {
      calling.fetch_add(1);
      sum.fetch_add(*orders->next());
    });
  }
  for (auto& thread : at_work) thread.join();
  EXPECT_EQ(sum.load(), threads * (threads + 1) / 2u);
  // At worst each caller that had only announced itself needs one more.
  EXPECT_LE(syncs.load(), threads);
  EXPECT_GE(syncs.load(), 1);
  door.watch({});
}

TEST_F(checkpoint_file, memory_never_syncs_and_holds_for_one_boot) {
  struct other_boot : watched_os {
    std::string boot_id() override { return "00000000-1111-2222-3333-444444444444"; }
  };
  watched_os door;
  int syncs = 0;
  auto options = here_.options(true);
  options.system = &door;
  options.keeper_thread = false;
  {
    auto file = open(options);
    auto fast = strict(file, "fast", {.durability = durability::memory, .max_gap = 64});
    auto safe = strict(file, "safe", {.max_gap = 64});
    door.watch([&](std::string_view call) {
      syncs += call == "pwrite_durably" || call == "fdatasync" || call == "fsync";
      return fate{};
    });
    for (int i = 0; i < 1000; ++i) {
      if (!fast.try_next()) file.tend();
    }
    EXPECT_EQ(syncs, 0);
    door.watch({});
    ASSERT_TRUE(file.close());
  }
  other_boot later;
  options.system = &later;
  {
    auto file = open(options);
    expect_refused(file.sequence("fast"), errc::fenced, "adopt");
    EXPECT_TRUE(file.sequence("safe"));
    ASSERT_TRUE(file.close());
  }
  ASSERT_TRUE(checkpoint::adopt(here_.path(), 5000, options));
  auto file = open(options);
  EXPECT_EQ(*strict(file, "fast").next(), 5000u);
}

// ---- the keeper

TEST_F(checkpoint_file, keeper_has_its_name_and_cpu) {
  auto options = here_.options(true);
  options.keeper_name = "my-keeper";
  cpu_set_t mine;
  ASSERT_EQ(::sched_getaffinity(0, sizeof mine, &mine), 0);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &mine)) options.keeper_cpu = cpu;
  }
  auto file = open(options);
  auto trades = strict(file, "trades", {.max_gap = 16});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(trades.next());
  bool found = false;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm") >> std::ws, name);
    if (name != "my-keeper") continue;
    found = true;
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("Cpus_allowed_list:")) {
        EXPECT_EQ(line.substr(line.find('\t') + 1), std::to_string(options.keeper_cpu));
      }
    }
  }
  EXPECT_TRUE(found);
}

TEST_F(checkpoint_file, a_cpu_that_is_not_there_is_an_error) {
  auto options = here_.options(true);
  options.keeper_cpu = 100'000;
  const auto opened = checkpoint::open(here_.path(), options);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.text().find("100000"), std::string_view::npos) << opened.text();
  EXPECT_TRUE(checkpoint::open(here_.path(), here_.options())) << "the file stayed locked";
}

TEST_F(checkpoint_file, figures_tell_what_happened) {
  auto options = here_.options(true);
  options.keeper_thread = false;
  auto file = open(options);
  const auto before = file.metrics();
  auto trades = strict(file, "trades", {.max_gap = 16});
  std::uint64_t late = 0;
  for (int i = 0; i < 200; ++i) {
    if (trades.try_next()) continue;
    ++late;
    file.tend();
  }
  const auto after = file.metrics();
  EXPECT_EQ(after.open_epoch, file.open_epoch());
  EXPECT_GT(after.syncs, before.syncs);
  EXPECT_EQ(after.bytes_written, after.pages_written * 4096);
  EXPECT_GE(after.requests, late);
  EXPECT_GT(after.mean_sync_ns, 0u);
  EXPECT_GE(after.slowest_sync_ns, after.last_sync_ns);
  EXPECT_GE(after.slowest_lag_ns, after.last_lag_ns);
  const auto status = file.list()->front();
  EXPECT_EQ(status.name, "trades");
  EXPECT_EQ(status.position, trades.position());
  EXPECT_TRUE(status.exact);
  EXPECT_EQ(status.high_water, trades.high_water());
  EXPECT_LE(status.window, 8u);
}

// ---- blocks

TEST_F(checkpoint_file, block_numbers_are_unique_and_increase_per_handle) {
  auto file = open(true);
  auto traces = blocks(file, "traces", {.block = 64});
  constexpr int threads = 4;
  std::vector<std::vector<sequence>> taken(threads);
  std::vector<std::thread> at_work;
  for (auto& mine : taken) {
    at_work.emplace_back([&] {
      auto local = traces.local();
      while (mine.size() < 20'000) mine.push_back(*local.next());
      EXPECT_EQ(local.epoch(), file.open_epoch());
    });
  }
  for (auto& thread : at_work) thread.join();
  std::set<sequence> all;
  for (const auto& mine : taken) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    all.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(all.size(), threads * 20'000u);
  EXPECT_EQ(traces.held_bound(), 0u);
}

TEST_F(checkpoint_file, tails_are_listed_with_their_reason) {
  std::set<sequence> seen;
  {
    auto file = open(true);
    auto traces = blocks(file, "traces", {.block = 10});
    auto first = traces.local();
    auto second = traces.local();
    EXPECT_EQ(traces.held_bound(), 20u);
    for (int i = 0; i < 3; ++i) seen.insert(*first.next());   // 1..3 of [1, 11)
    for (int i = 0; i < 4; ++i) seen.insert(*second.next());  // 11..14 of [11, 21)
    { auto ended = std::move(first); }
    EXPECT_EQ(traces.held_bound(), 10u);
    auto holes = *file.holes("traces");
    ASSERT_EQ(holes.size(), 1u);
    EXPECT_EQ(holes[0].numbers, (range{4, 11}));
    EXPECT_EQ(holes[0].lost, 7u);
    EXPECT_EQ(holes[0].why, loss::handle_ended);
    EXPECT_EQ(holes[0].epoch, file.open_epoch());
    EXPECT_TRUE(holes[0].certain);
    ASSERT_TRUE(file.close());  // the second still holds its block
    EXPECT_EQ(second.next().code(), errc::closed);
  }
  auto file = open();
  const auto holes = *file.holes("traces");
  ASSERT_EQ(holes.size(), 2u);
  EXPECT_EQ(holes[1].numbers, (range{15, 21}));
  EXPECT_EQ(holes[1].why, loss::closed);
  auto traces = blocks(file, "traces");
  auto local = traces.local();
  EXPECT_EQ(*local.next(), 21u);
}

TEST_F(checkpoint_file, a_tail_on_top_goes_back) {
  auto file = open(true);
  auto traces = blocks(file, "traces", {.block = 10});
  {
    auto local = traces.local();
    EXPECT_EQ(*local.next(), 1u);
  }
  EXPECT_TRUE(file.holes("traces")->empty());
  auto local = traces.local();
  EXPECT_EQ(*local.next(), 2u);
}

TEST_F(checkpoint_file, an_unordered_sequence_hands_tails_out_again) {
  auto file = open(true);
  auto traces = blocks(file, "traces", {.block = 10, .unordered = true});
  std::set<sequence> seen;
  {
    auto below = traces.local();
    auto above = traces.local();
    seen.insert(*below.next());
    seen.insert(*above.next());
    { auto ended = std::move(below); }
  }
  auto local = traces.local();
  for (int i = 0; i < 18; ++i) {
    const auto taken = local.next();
    ASSERT_TRUE(taken);
    EXPECT_TRUE(seen.insert(*taken).second) << *taken;
  }
  EXPECT_EQ(seen.size(), 20u);
  EXPECT_EQ(*seen.rbegin(), 20u);
}

// ---- ends

TEST_F(checkpoint_file, close_is_idempotent_and_late_callers_learn) {
  auto file = open(true);
  auto trades = strict(file, "trades");
  auto traces = blocks(file, "traces");
  auto local = traces.local();
  ASSERT_TRUE(trades.next() && local.next());
  EXPECT_TRUE(file.close());
  EXPECT_TRUE(file.close());
  EXPECT_EQ(trades.next().code(), errc::closed);
  EXPECT_EQ(trades.try_next().code(), errc::closed);
  EXPECT_EQ(trades.next(3).code(), errc::closed);
  EXPECT_EQ(local.next().code(), errc::closed);
  EXPECT_EQ(file.sequence("trades").code(), errc::closed);
  EXPECT_EQ(file.blocks("traces").code(), errc::closed);
  EXPECT_EQ(file.backup(here_.path("b")).code(), errc::closed);
  EXPECT_FALSE(file.tend());
  auto late = traces.local();
  EXPECT_EQ(late.next().code(), errc::closed);
}

TEST_F(checkpoint_file, a_closing_file_releases_callers_who_wait) {
  auto options = here_.options(true);
  options.keeper_thread = false;  // nobody ever serves them
  auto file = open(options);
  auto trades = strict(file, "trades", {.max_gap = 4});
  while (trades.try_next()) {
  }
  const auto issued = trades.position();
  std::vector<std::thread> waiting;
  std::atomic<int> refused = 0;
  std::latch calling(4);
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back([&] {
      calling.count_down();
      refused += trades.next().code() == errc::closed;
    });
  }
  calling.wait();
  ASSERT_TRUE(file.close());
  for (auto& thread : waiting) thread.join();
  EXPECT_EQ(refused.load(), 4);
  auto again = open();
  EXPECT_EQ(*strict(again, "trades").next(), issued) << "a refused caller's number was lost";
}

TEST_F(checkpoint_file, handles_outlive_the_checkpoint) {
  std::optional<durable_sequence> trades;
  std::optional<durable_blocks> traces;
  std::optional<durable_blocks::handle> local;
  {
    auto file = open(true);
    trades.emplace(strict(file, "trades"));
    traces.emplace(blocks(file, "traces"));
    local.emplace(traces->local());
    ASSERT_TRUE(local->next());
  }
  EXPECT_EQ(trades->next().code(), errc::closed);
  EXPECT_EQ(local->next().code(), errc::closed);
  EXPECT_EQ(trades->position(), 1u);
}

TEST_F(checkpoint_file, a_moved_from_object_answers_closed) {
  auto file = open(true);
  auto other = std::move(file);
  EXPECT_EQ(file.sequence("s").code(), errc::closed);
  EXPECT_EQ(file.blocks("s").code(), errc::closed);
  EXPECT_EQ(file.list().code(), errc::closed);
  EXPECT_EQ(file.open_epoch(), 0u);
  EXPECT_FALSE(file.tend() || file.live());
  EXPECT_TRUE(file.close());
  EXPECT_TRUE(other.sequence("s", {.create = true}));
}

// ---- one owner

TEST_F(checkpoint_file, a_second_opener_is_refused_by_every_path) {
  auto file = open(true);
  const auto link = here_.path("hard"), symlink = here_.path("soft");
  ASSERT_EQ(::link(here_.path().c_str(), link.c_str()), 0);
  ASSERT_EQ(::symlink(here_.path().c_str(), symlink.c_str()), 0);
  for (const auto& path : {here_.path(), link, symlink}) {
    expect_refused(checkpoint::open(path, here_.options()), errc::locked,
                   std::to_string(::getpid()));
    expect_refused(checkpoint::adopt(path, 10, here_.options()), errc::locked, "elsewhere");
  }
  EXPECT_EQ(0, in_child([&] {
    const auto opened = checkpoint::open(link, here_.options());
    return !opened && opened.code() == errc::locked ? 0 : 1;
  }));
  ASSERT_TRUE(file.close());
  EXPECT_TRUE(checkpoint::open(symlink, here_.options()));
}

TEST_F(checkpoint_file, a_forked_child_is_not_the_owner) {
  if (emulated) GTEST_SKIP() << without_wipe_on_fork;
  auto file = open(true);
  auto trades = strict(file, "trades");
  auto traces = blocks(file, "traces");
  auto local = traces.local();
  ASSERT_EQ(*trades.next(), 1u);
  ASSERT_EQ(*local.next(), 1u);
  EXPECT_EQ(0, in_child([&] {
    int wrong = 0;
    wrong += trades.next().code() != errc::closed;
    wrong += trades.next(2).code() != errc::closed;
    wrong += trades.try_next().code() != errc::closed;
    wrong += local.next().code() != errc::closed;
    wrong += traces.local().next().code() != errc::closed;
    wrong += file.sequence("trades").code() != errc::closed;
    wrong += file.blocks("traces").code() != errc::closed;
    wrong += file.tend();
    wrong += !file.close();
    wrong += checkpoint::open(here_.path(), here_.options()).code() != errc::locked;
    { auto gone = std::move(file); }  // must neither close nor join anything of the parent's
    return wrong;
  }));
  EXPECT_EQ(*trades.next(), 2u);
  EXPECT_EQ(*local.next(), 2u);
}

TEST_F(checkpoint_file, a_child_cannot_keep_the_lock_of_a_dead_parent) {
  int alive[2], forked[2];
  ASSERT_EQ(::pipe(alive) + ::pipe(forked), 0);
  char byte = 0;
  const auto owner = ::fork();
  if (owner == 0) {
    auto file = open(true);
    auto trades = strict(file, "trades");
    if (*trades.next() != 1) ::_exit(1);
    if (::fork() == 0) {  // outlives its parent, until the test closes the pipe
      ::close(alive[1]);
      static_cast<void>(!::write(forked[1], &byte, 1));
      while (::read(alive[0], &byte, 1) > 0) {
      }
      ::_exit(0);
    }
    static_cast<void>(!::read(forked[0], &byte, 1));
    ::raise(SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(owner, &status, 0), owner);
  ASSERT_TRUE(WIFSIGNALED(status));
  {
    auto file = open();
    EXPECT_EQ(*strict(file, "trades").next(), 2u);
  }
  for (const int fd : {alive[0], alive[1], forked[0], forked[1]}) ::close(fd);
}

// ---- kills, exits

TEST_F(checkpoint_file, a_killed_process_loses_no_strict_number) {
  EXPECT_EQ(-SIGKILL, in_child([&] {
    auto file = open(true);
    auto trades = strict(file, "trades");
    for (int i = 0; i < 777; ++i) static_cast<void>(trades.next());
    return ::raise(SIGKILL);
  }));
  auto file = open();
  EXPECT_TRUE(file.live());
  EXPECT_EQ(*strict(file, "trades").next(), 778u);
  EXPECT_TRUE(file.holes("trades")->empty());
}

TEST_F(checkpoint_file, what_a_kill_left_survives_a_life_that_does_not_ask_for_it) {
  EXPECT_EQ(-SIGKILL, in_child([&] {
    auto file = open(true);
    for (int i = 0; i < 40; ++i) strict(file, "s" + std::to_string(i));
    for (int i = 0; i < 40; ++i) {
      auto opened = strict(file, "s" + std::to_string(i));
      for (int n = 0; n <= i; ++n) static_cast<void>(opened.next());
    }
    return ::raise(SIGKILL);
  }));
  { auto unconcerned = open(); }
  auto file = open();
  for (int i = 0; i < 40; ++i) {
    EXPECT_EQ(*strict(file, "s" + std::to_string(i)).next(), static_cast<sequence>(i) + 2);
  }
}

TEST_F(checkpoint_file, a_killed_process_leaves_its_tails_known) {
  EXPECT_EQ(-SIGKILL, in_child([&] {
    auto file = open(true);
    auto traces = blocks(file, "traces", {.block = 10});
    auto first = traces.local(), second = traces.local(), idle = traces.local();
    for (int i = 0; i < 3; ++i) static_cast<void>(first.next());
    for (int i = 0; i < 12; ++i) static_cast<void>(second.next());
    return ::raise(SIGKILL);
  }));
  auto file = open();
  const auto holes = *file.holes("traces");
  ASSERT_EQ(holes.size(), 2u);  // [1,11): 1..3; [11,21) all; [21,31): 21, 22
  EXPECT_EQ(holes[0].numbers, (range{4, 11}));
  EXPECT_EQ(holes[1].numbers, (range{23, 31}));
  for (const auto& each : holes) {
    EXPECT_TRUE(each.certain);
    EXPECT_EQ(each.why, loss::killed);
  }
  auto traces = blocks(file, "traces");
  auto local = traces.local();
  EXPECT_EQ(*local.next(), 31u);
}

TEST_F(checkpoint_file, without_a_live_region_a_kill_costs_at_most_the_gap) {
  auto options = here_.options(true);
  options.live = live_policy::off;
  EXPECT_EQ(-SIGKILL, in_child([&] {
    auto file = open(options);
    auto trades = strict(file, "trades", {.max_gap = 256});
    for (int i = 0; i < 500; ++i) static_cast<void>(trades.next());
    return ::raise(SIGKILL);
  }));
  auto file = open(options);
  EXPECT_FALSE(file.live());
  EXPECT_NE(file.live_refusal().find("off"), std::string::npos);
  auto trades = strict(file, "trades");
  const auto next = *trades.next();
  EXPECT_GT(next, 500u);
  EXPECT_LE(next, 501u + 256u);
  const auto holes = *file.holes("trades");
  ASSERT_EQ(holes.size(), 1u);
  EXPECT_FALSE(holes[0].certain);
  EXPECT_EQ(holes[0].why, loss::crashed);
  EXPECT_EQ(holes[0].numbers.last, next);
}

TEST_F(checkpoint_file, exit_ends_orderly_also_without_destructors) {
  // A child that leaves by exit(): nobody destroys the object, only the library closes it.
  const auto child = ::fork();
  if (child == 0) {
    static auto* const file = new checkpoint(open(true));
    auto trades = strict(*file, "trades");
    for (int i = 0; i < 10; ++i) static_cast<void>(trades.next());
    static durable_sequence late = trades;  // still there in static destruction
    std::exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  auto options = here_.options();
  options.live = live_policy::off;
  auto file = open(options);
  EXPECT_EQ(*strict(file, "trades").next(), 11u);
  EXPECT_TRUE(file.holes("trades")->empty());
}

TEST_F(checkpoint_file, a_static_checkpoint_ends_orderly) {
  const auto child = ::fork();
  if (child == 0) {
    static auto file = open(true);
    auto trades = strict(file, "trades");
    for (int i = 0; i < 10; ++i) static_cast<void>(trades.next());
    std::exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  auto options = here_.options();
  options.live = live_policy::off;
  auto file = open(options);
  EXPECT_EQ(*strict(file, "trades").next(), 11u);
}

// ---- copies

TEST_F(checkpoint_file, a_backup_is_sound_and_opens_only_when_adopted) {
  auto file = open(true);
  auto trades = strict(file, "trades");
  auto traces = blocks(file, "traces", {.block = 10});
  auto first = traces.local();
  static_cast<void>(first.next());
  auto second = traces.local();
  static_cast<void>(second.next());
  { auto ended = std::move(first); }
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    while (!stop.load()) static_cast<void>(trades.next());
  });
  const auto copy = here_.path("copy.seq");
  ASSERT_TRUE(file.backup(copy));
  EXPECT_FALSE(file.backup(copy)) << "over an existing file";
  stop.store(true);
  busy.join();
  const auto last = *trades.next();
  expect_refused(checkpoint::open(copy, here_.options()), errc::fenced, "adopt");
  const auto report = checkpoint::inspect(copy, here_.options());
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->backup);
  EXPECT_EQ(report->state, checkpoint_report::verdict::refused);
  EXPECT_EQ(report->parent_uuid, checkpoint::inspect(here_.path(), here_.options())->uuid);
  ASSERT_TRUE(checkpoint::adopt(copy, last + 1, here_.options()));
  auto restored = checkpoint::open(copy, here_.options());
  ASSERT_TRUE(restored) << restored.text();
  EXPECT_GT(restored->open_epoch(), file.open_epoch());
  EXPECT_GT(*restored->sequence("trades")->next(), last);
  EXPECT_EQ(*trades.next(), last + 1) << "the original goes on, as a sequence of its own";
}

TEST_F(checkpoint_file, a_hole_that_a_backup_saw_still_reaches_the_file) {
  {
    auto file = open(true);
    auto traces = blocks(file, "traces", {.block = 10});
    auto first = traces.local(), second = traces.local();
    static_cast<void>(first.next());
    static_cast<void>(second.next());
    { auto ended = std::move(first); }
    ASSERT_TRUE(file.backup(here_.path("copy.seq")));
    while (*second.next() < 20) {
    }
  }
  auto file = open();
  const auto holes = *file.holes("traces");
  ASSERT_EQ(holes.size(), 1u);
  EXPECT_EQ(holes[0].numbers, (range{2, 11}));
}

TEST_F(checkpoint_file, a_copied_file_is_refused_until_adopted) {
  {
    auto file = open(true);
    static_cast<void>(strict(file, "trades").next());
  }
  const auto copy = here_.path("copy.seq");
  std::filesystem::copy_file(here_.path(), copy);
  expect_refused(checkpoint::open(copy, here_.options()), errc::fenced, "inode");
  const auto said = checkpoint::adopt(copy, 100, here_.options());
  ASSERT_TRUE(said) << said.text();
  auto opened = checkpoint::open(copy, here_.options());
  ASSERT_TRUE(opened) << opened.text();
  EXPECT_EQ(*opened->sequence("trades")->next(), 100u);
  const auto holes = *opened->holes("trades");
  ASSERT_EQ(holes.size(), 1u);
  EXPECT_EQ(holes[0].why, loss::adopted);
  EXPECT_EQ(holes[0].numbers, (range{2, 100}));
}

TEST_F(checkpoint_file, a_floor_raises_what_is_created_later_too) {
  {
    auto file = open(true);
    static_cast<void>(strict(file, "old"));
  }
  ASSERT_TRUE(checkpoint::adopt(here_.path(), 1000, here_.options()));
  for (int life = 0; life < 2; ++life) {  // the same program, run twice
    auto file = open();
    auto made = strict(file, "new", {.start = 1});
    EXPECT_EQ(*made.next(), 1000u + static_cast<sequence>(life));
    EXPECT_EQ(strict(file, "small", {.maximum = 10}).next().code(), errc::exhausted);
  }
  expect_refused(checkpoint::adopt(here_.path(), top + 1, here_.options()), errc::invalid,
                 "2^63 - 1");
}

TEST_F(checkpoint_file, an_older_copy_put_back_is_refused_while_the_live_region_knows) {
  { auto file = open(true); static_cast<void>(strict(file, "trades").next()); }
  const auto old = here_.path("old");
  std::filesystem::copy_file(here_.path(), old);
  EXPECT_EQ(-SIGKILL, in_child([&] {
    auto file = open();
    auto trades = strict(file, "trades");
    for (int i = 0; i < 100; ++i) static_cast<void>(trades.next());
    return ::raise(SIGKILL);
  }));
  {
    std::ifstream from(old, std::ios::binary);
    std::fstream to(here_.path(), std::ios::binary | std::ios::in | std::ios::out);
    to << from.rdbuf();  // the same inode
  }
  expect_refused(checkpoint::open(here_.path(), here_.options()), errc::fenced, "older");
  EXPECT_EQ(checkpoint::inspect(here_.path(), here_.options())->state,
            checkpoint_report::verdict::refused);
}

// ---- onlookers, sizes

TEST_F(checkpoint_file, an_onlooker_sees_a_running_owner) {
  auto file = open(true);
  auto trades = strict(file, "trades");
  for (int i = 0; i < 10; ++i) static_cast<void>(trades.next());
  const auto seen = checkpoint::inspect(here_.path(), here_.options());
  ASSERT_TRUE(seen) << seen.text();
  EXPECT_TRUE(seen->owned && seen->live);
  EXPECT_EQ(seen->open_epoch, file.open_epoch());
  EXPECT_EQ(seen->owner_pid, static_cast<std::uint64_t>(::getpid()));
  ASSERT_EQ(seen->sequences.size(), 1u);
  EXPECT_EQ(seen->sequences[0].position, 11u);
  EXPECT_TRUE(seen->sequences[0].exact);
  ASSERT_TRUE(seen->metrics);
  ASSERT_TRUE(file.close());
  const auto later = checkpoint::inspect(here_.path(), here_.options());
  EXPECT_FALSE(later->owned || later->live);
  EXPECT_EQ(later->state, checkpoint_report::verdict::sound);
}

TEST_F(checkpoint_file, sizes_keep_their_laws) {
  auto file = open(true);
  strict(file, "first");
  const auto one = std::filesystem::file_size(here_.path());
  EXPECT_LE(one, 64u * 1024);
  constexpr std::uint64_t further = 48;
  for (std::uint64_t i = 0; i < further; ++i) {
    auto name = std::to_string(i);
    strict(file, name.append(64 - name.size(), 'x'));
  }
  const auto some = std::filesystem::file_size(here_.path());
  EXPECT_LE(some, one + further * 512);
  for (std::uint64_t i = 0; i < further; ++i) {
    auto name = std::to_string(i);
    strict(file, name.append(255 - name.size(), 'x'));
  }
  EXPECT_LE(std::filesystem::file_size(here_.path()), some + further * 1024);
  EXPECT_LE(sizeof(detail::ticket_line), 256u);
  std::uint64_t backed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(here_.live_directory())) {
    struct ::stat region {};
    ASSERT_EQ(::stat(entry.path().c_str(), &region), 0);
    backed += static_cast<std::uint64_t>(region.st_blocks) * 512;
  }
  EXPECT_LE(backed, 8192u + 256u * (2 * further + 16 + further));
}

}  // namespace
}  // namespace sequencer
