// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Power loss and kills as a model: real runs on a simulated disk, then the real recovery from
// every state that a failure at any point of the journal can leave.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <iostream>

#include <sequencer/checkpoint.hpp>

#include <src/checkpoint/format.hpp>
#include <src/checkpoint/page_store.hpp>

#include "checked_run.hpp"
#include "scale.hpp"
#include "watched_os.hpp"

namespace sequencer::crash {
namespace {

namespace format = detail::format;

struct verdict {
  std::uint64_t states = 0;
  std::vector<std::string> broken;

  bool says(const std::string& what) const {
    return std::any_of(broken.begin(), broken.end(),
                       [&](const auto& each) { return each.find(what) != each.npos; });
  }
};

constexpr std::size_t enough_failures = 20;

void judge(verdict& into, checked_run& run, const disk_image& disk, const aftermath& after) {
  ++into.states;
  for (auto& each : broken_promises(run.past(), disk, run.options(), after)) {
    into.broken.push_back("after event " + std::to_string(after.events) + ": " + each);
  }
}

std::size_t sectors_of(const disk_image& disk) {
  return disk.files.at(disk.names.at(desk)).size() / sector_bytes;
}

// Whatever one sector of the file becomes: what was promised for a rotten copy.
void judge_rot(verdict& all, checked_run& run, std::size_t at) {
  const auto& log = run.host().log();
  const auto killed = after_kill(log, at);
  aftermath after{failure_kind::kill_without_live, at, at, nullptr, run.host().boot_id(),
                  run.is_closed(), run.host().sabotaged};
  for (std::size_t i = 0; i < sectors_of(killed); ++i) {
    auto rotten = killed;
    auto& data = rotten.files.at(rotten.names.at(desk));
    std::fill_n(data.begin() + static_cast<std::ptrdiff_t>(i * sector_bytes), sector_bytes, 0);
    judge(all, run, rotten, after);
  }
}

// The same after a power cut that tore nothing: everything unsynced had arrived, or nothing had.
void judge_rot_of_cuts(verdict& all, checked_run& run, std::size_t at) {
  const auto& log = run.host().log();
  aftermath after{failure_kind::power_cut, at, at, nullptr, {}, run.is_closed(),
                  run.host().sabotaged};
  each_power_cut(log, at, 2, seed(), [&](const disk_image& disk) {
    if (!disk.names.contains(desk)) return;
    for (std::size_t i = 0; i < sectors_of(disk); i += sectors_per_page) {
      auto rotten = disk;
      auto& data = rotten.files.at(rotten.names.at(desk));
      std::fill_n(data.begin() + static_cast<std::ptrdiff_t>(i * sector_bytes), sector_bytes, 0);
      if (all.broken.size() <= enough_failures) judge(all, run, rotten, after);
    }
  });
}

// Boots within the journal change the boot id and the tmpfs; a kill is judged on the boot of the
// event before it or of the one after it.
verdict judge_everything(checked_run& run) {
  verdict all;
  const auto& log = run.host().log();
  const auto exhaustive = scale() >= 20 ? std::uint64_t{1} << 16 : 200 * scale();
  for (std::size_t at = 0; at <= log.events.size(); ++at) {
    if (all.broken.size() > enough_failures) break;
    aftermath after{failure_kind::power_cut, at, at, nullptr, {}, true, run.host().sabotaged};
    each_power_cut(log, at, exhaustive, seed() + at,
                   [&](const disk_image& disk) {
                     if (all.broken.size() <= enough_failures) judge(all, run, disk, after);
                   });
    const auto killed = after_kill(log, at);
    after.boot_id = at == 0 ? log.boot_id : log.events[at - 1].boot_id;
    after.how = failure_kind::kill_without_live;
    judge(all, run, killed, after);
    if (run.options().live == live_policy::off) continue;
    after.how = failure_kind::kill_with_live;
    if (at < log.events.size()) {
      after.live = log.events[at].live.get();
      after.boot_id = log.events[at].boot_id;
      judge(all, run, killed, after);
    }
    if (at == 0) continue;
    after.live = log.events[at - 1].live.get();
    after.boot_id = log.events[at - 1].boot_id;
    after.told = at - 1;  // answers that followed the event are later than this tmpfs
    judge(all, run, killed, after);
  }
  judge_rot(all, run, log.events.size());
  return all;
}

using scenario = std::function<void(checked_run&)>;

verdict play(const scenario& what, sabotage broken = {}, checkpoint_options options = {}) {
  checked_run run(std::move(options), std::move(broken));
  what(run);
  return judge_everything(run);
}

void expect_sound(const scenario& what, checkpoint_options options = {}) {
  const auto all = play(what, {}, std::move(options));
  std::cout << all.states << " states\n";
  EXPECT_GT(all.states, 20u);
  for (const auto& each : all.broken) ADD_FAILURE() << each;
}

constexpr std::uint64_t small_gap = 64;

sequence_options made(std::uint64_t gap = small_gap, durability how = durability::ahead) {
  return {.create = true, .durability = how, .max_gap = gap};
}

block_sequence_options made_blocks(std::uint64_t block = 4, durability how = durability::ahead) {
  return {.create = true, .durability = how, .max_gap = small_gap, .block = block};
}

// Records that share no sector with the head of their page, so that its copies can tear.
void fill_a_sector(checked_run& run) {
  constexpr auto records = sector_bytes / format::record_bytes;
  static_assert(records == 2);
  run.strict("first", made());
  run.strict("second", made());
}

// ---- scenarios

void create_and_issue(checked_run& run) {
  run.open(true);
  run.strict("trades", made());
  run.take("trades", 100);
  run.close();
}

void two_on_a_page(checked_run& run) {
  run.open(true);
  run.strict("trades", made());
  run.strict("orders", made(32));
  run.strict("quotes", made(16));
  for (int i = 0; i < 12; ++i) {
    run.take("trades", 5);
    run.take("orders", 7);
    run.take("quotes", 3);
  }
}

void each_number_durable(checked_run& run) {
  run.open(true);
  fill_a_sector(run);
  run.strict("each", made(small_gap, durability::each));
  run.strict("third", made(small_gap, durability::each));
  run.take("each", 20);
  run.take("third", 10);
  run.take("each", 2, 7);
  run.close();
  run.open();
  run.strict("each");
  run.take("each", 5);
}

void blocks_of_two_handles(checked_run& run) {
  run.open(true);
  fill_a_sector(run);
  run.blocks("traces", made_blocks());
  for (int i = 0; i < 6; ++i) {
    run.take_from_blocks("traces", 0, 5);
    run.take_from_blocks("traces", 1, 3);
  }
  run.end_handle("traces", 0);
  run.take_from_blocks("traces", 1, 30);
  run.end_handle("traces", 1);
  run.take_from_blocks("traces", 2, 30);
  run.close();
}

void window_grows_and_jumps(checked_run& run) {
  run.open(true);
  fill_a_sector(run);
  run.strict("jumps", made(4096));
  run.take("jumps", 10);
  run.take("jumps", 3, 2000);
  run.take("jumps", 10);
  run.take("jumps", 2, 2048);
  run.take("first", 40, 20);
}

void killed_then_reopened(checked_run& run) {
  run.open(true);
  fill_a_sector(run);
  run.strict("trades", made());
  run.blocks("traces", made_blocks());
  run.take("trades", 50);
  run.take_from_blocks("traces", 0, 9);
  run.take_from_blocks("traces", 1, 2);
  run.kill();
  run.open();
  run.strict("trades");
  run.blocks("traces");
  run.take("trades", 10);
  run.take_from_blocks("traces", 0, 3);
  run.kill();
  run.open();
  run.kill();
  run.open();
  run.strict("first");
  run.strict("trades");
  run.take("first", 5);
  run.take("trades", 5);
  run.close();
  run.open();
  run.strict("trades");
  run.take("trades", 5);
}

void many_pages(checked_run& run) {
  run.open(true);
  for (int i = 0; i < 18; ++i) run.strict("s" + std::to_string(i), made(16));
  run.take("s0", 10);
  run.take("s10", 10);
  run.take("s17", 10);
  run.kill();
  run.open();
  run.strict("s10");
  run.take("s10", 3);
  run.close();
  run.open();
  run.strict("s17");
  run.take("s17", 3);
}

// Two pages of records, and a region that is younger than the last crash.
void opened_by_name_after_a_power_cut(checked_run& run) {
  run.open(true);
  for (int i = 0; i < 18; ++i) run.strict("s" + std::to_string(i), made(16));
  run.take("s17", 5);
  run.power_cut();
  run.open();
  run.strict("s17");
  run.take("s17", 12);
}

void memory_beside_ahead(checked_run& run) {
  run.open(true);
  fill_a_sector(run);
  run.strict("fast", made(small_gap, durability::memory));
  run.strict("trades", made());
  run.take("fast", 50);
  run.take("trades", 20);
  run.take("fast", 50);
  run.take("trades", 40);
  run.kill();
  run.open();
  run.strict("fast");
  run.take("fast", 50);
  run.close();
}

void adopted(checked_run& run) {
  run.open(true);
  fill_a_sector(run);
  run.strict("trades", made());
  run.take("trades", 50);
  run.close();
  run.adopt(200);
  run.open();
  run.strict("trades");
  run.take("trades", 5);
}

void backed_up(checked_run& run) {
  run.open(true);
  run.strict("trades", made());
  run.blocks("traces", made_blocks());
  run.take("trades", 30);
  run.take_from_blocks("traces", 0, 3);
  run.take_from_blocks("traces", 1, 3);
  run.end_handle("traces", 0);
  ASSERT_TRUE(run.file().backup("/disk/copy.seq"));
  run.take("trades", 40);
  run.take_from_blocks("traces", 1, 30);
  run.close();
}

// The owner dies of a sync or after it, so that what it wrote last is in the page cache only. Who
// comes next must not replace the one copy that is durable.
scenario ends_at_a_bad_sync(bad_sync what, durability how) {
  return [=](checked_run& run) {
    run.open(true);
    fill_a_sector(run);
    run.strict("trades", made(16, how));
    run.take("trades", 3);
    run.order(what);
    run.take("trades", 40);
    run.kill();
    run.open();
    run.strict("trades");
    run.take("trades", 18);
    run.kill();
    run.open();
    run.strict("trades");
    run.take("trades", 12);
  };
}

// Which sync goes wrong: all of the first three at full length, else the one that the seed names.
std::vector<std::uint64_t> syncs_to_spoil() {
  if (scale() >= 20) return {0, 1, 2};
  return {seed() % 3};
}

class power_loss_after_a_bad_sync
    : public testing::TestWithParam<std::tuple<bad_sync::kind, durability, live_policy>> {};

TEST_P(power_loss_after_a_bad_sync, loses_and_repeats_nothing) {
  const auto [kind, how, live] = GetParam();
  for (const auto after : syncs_to_spoil()) {
    expect_sound(ends_at_a_bad_sync({kind, after}, how), {.live = live});
  }
}

// Whichever page head rots in the end: what the next owners wrote must not rest on a copy that
// never arrived.
void expect_sound_under_rot(const scenario& what, live_policy live) {
  checked_run run({.live = live});
  what(run);
  verdict all;
  for (std::size_t at = 0; at <= run.host().log().events.size(); ++at) {
    if (at < run.past().openings.back()) continue;
    judge_rot_of_cuts(all, run, at);
  }
  std::cout << all.states << " states\n";
  EXPECT_GT(all.states, 20u);
  for (const auto& each : all.broken) ADD_FAILURE() << each;
}

TEST_P(power_loss_after_a_bad_sync, then_a_copy_rots) {
  const auto [kind, how, live] = GetParam();
  for (const auto after : syncs_to_spoil()) {
    expect_sound_under_rot(ends_at_a_bad_sync({kind, after}, how), live);
  }
}

// The next owner ends orderly and never touches the page of which a sync had failed.
TEST_P(power_loss_after_a_bad_sync, then_an_orderly_end_and_rot) {
  const auto [kind, how, live] = GetParam();
  for (const auto after : syncs_to_spoil()) {
    const bad_sync what{kind, after};
    expect_sound_under_rot(
        [what, mode = how](checked_run& run) {
          run.open(true);
          for (int i = 0; i < 18; ++i) run.strict("s" + std::to_string(i), made(16, mode));
          run.take("s17", 3);
          run.order(what);
          run.take("s17", 40);
          run.kill();
          run.open();
          run.strict("s0");
          run.take("s0", 3);
          run.close();
          run.open();
          run.strict("s17");
          run.take("s17", 10);
        },
        live);
  }
}

// What an opening writes, ledger or header, never arrives, once or twice; then a page rots.
TEST_P(power_loss_after_a_bad_sync, of_an_opening_then_rot) {
  const auto [kind, how, live] = GetParam();
  for (const std::uint64_t which : {0u, 1u, 2u, 3u}) {
    const auto times = which % 2 + 1;
    expect_sound_under_rot(
        [what = bad_sync{kind, which / 2}, times, mode = how](checked_run& run) {
          run.open(true);
          fill_a_sector(run);
          run.strict("trades", made(16, mode));
          run.take("trades", 3);
          run.kill();
          for (std::uint64_t i = 0; i < times; ++i) run.open_badly(what);
          run.open();
          run.strict("trades");
          run.take("trades", 18);
        },
        live);
  }
}

// The next opening finds nothing to add to a ledger that never arrived.
TEST_P(power_loss_after_a_bad_sync, of_the_ledger_alone) {
  const auto [kind, how, live] = GetParam();
  // The second sync is the ledger's.
  for (const auto after : scale() >= 20 ? syncs_to_spoil() : std::vector<std::uint64_t>{1}) {
    expect_sound([what = bad_sync{kind, after}, mode = how](checked_run& run) {
      run.open(true);
      run.strict("trades", made(16, mode));
      run.take("trades", 3);
      run.kill();
      run.open_badly(what);
      run.open();
      run.strict("trades");
      run.take("trades", 1);
    }, {.live = live});
  }
}

using instance = testing::TestParamInfo<power_loss_after_a_bad_sync::ParamType>;

std::string name_of_instance(const instance& of) {
  const auto [kind, how, live] = of.param;
  return std::string(kind == bad_sync::kills ? "kills" : "fails") +
         (how == durability::each ? "_each" : "_ahead") +
         (live == live_policy::off ? "_without_live" : "_with_live");
}

INSTANTIATE_TEST_SUITE_P(
    all, power_loss_after_a_bad_sync,
    testing::Combine(testing::Values(bad_sync::kills, bad_sync::fails),
                     testing::Values(durability::ahead, durability::each),
                     testing::Values(live_policy::automatic, live_policy::off)),
    name_of_instance);

TEST(power_loss, create_and_issue) { expect_sound(create_and_issue); }
TEST(power_loss, two_sequences_on_one_page) { expect_sound(two_on_a_page); }
TEST(power_loss, each_number_durable) { expect_sound(each_number_durable); }
TEST(power_loss, blocks) { expect_sound(blocks_of_two_handles); }
TEST(power_loss, window_growth_and_steps_beyond_the_recorded_one) {
  expect_sound(window_grows_and_jumps);
}
TEST(power_loss, reopened_after_kills) { expect_sound(killed_then_reopened); }
TEST(power_loss, reopened_after_kills_without_a_live_region) {
  expect_sound(killed_then_reopened, {.live = live_policy::off});
}
TEST(power_loss, many_pages) { expect_sound(many_pages); }
TEST(power_loss, opened_by_name_after_a_power_cut) {
  expect_sound(opened_by_name_after_a_power_cut);
}
TEST(power_loss, memory_beside_ahead) { expect_sound(memory_beside_ahead); }
TEST(power_loss, adoption) { expect_sound(adopted); }
TEST(power_loss, backup) { expect_sound(backed_up); }

// An opening without the live region dies before its epoch is durable, but after its ledger is; the
// next one finds the region and goes on below what was listed.
TEST(dead_opening, leaves_no_hole_where_numbers_are_still_to_come) {
  machine host;
  const auto open_with = [&](detail::os& system, live_policy live) {
    return checkpoint::open(desk, {.create = true,
                                   .live = live,
                                   .live_directory = "/live",
                                   .keeper_thread = false,
                                   .system = &system});
  };
  {
    const auto door = host.boot_process();
    auto file = open_with(*door, live_policy::automatic);
    ASSERT_TRUE(file) << file.text();
    auto trades = file->sequence("trades", {.max_gap = 16});
    ASSERT_TRUE(trades && trades->try_next());
    door->kill();
  }
  {
    const auto door = host.boot_process();
    watched_os failing(*door);
    int writes = 0;
    failing.watch([&](std::string_view call) {
      return fate{call.starts_with("pwrite") && ++writes > 1 ? EIO : 0, 0};
    });
    EXPECT_FALSE(open_with(failing, live_policy::off));
    EXPECT_GT(writes, 1) << "the ledger went first";
    door->kill();
  }
  const auto door = host.boot_process();
  auto file = open_with(*door, live_policy::automatic);
  ASSERT_TRUE(file) << file.text();
  auto trades = file->sequence("trades");
  EXPECT_EQ(*trades->try_next(), 2u);
  EXPECT_TRUE(file->holes("trades")->empty());
}

// Linux may drop a page whose sync failed, and then the former content is back on the same boot.
TEST(dead_opening, whose_header_vanished_does_not_fence_the_file) {
  for (const int times : {1, 2, 3}) {
    checked_run run({.live = live_policy::automatic});
    run.open(true);
    run.strict("trades", made());
    run.take("trades", 3);
    run.kill();
    const auto durable = run.host().content(desk);
    for (int i = 0; i < times; ++i) run.open_badly({bad_sync::fails, 0});
    run.host().replace_content(desk, durable);
    run.open();
    run.strict("trades");
    run.take("trades", 1);
    EXPECT_TRUE(run.past().sequences.at("trades").issued.contains(4)) << times << " openings";
  }
}

bytes& content(disk_image& of) { return of.files.at(of.names.at(desk)); }

// The epoch of an opening that is killed at once; the disk as it leaves it.
std::uint64_t epoch_of_an_opening(disk_image& disk, std::uint64_t id) {
  machine host(disk, id);
  const auto door = host.boot_process();
  const auto opened = checkpoint::open(desk, {.create = disk.names.empty(),
                                              .live = live_policy::off,
                                              .keeper_thread = false,
                                              .system = door.get()});
  EXPECT_TRUE(opened) << opened.text();
  const auto epoch = opened ? opened->open_epoch() : 0;
  door->kill();
  disk = after_kill(host.log(), host.position());
  return epoch;
}

TEST(open_epoch, rises_whichever_copy_of_the_header_rots_before_each_opening) {
  for (unsigned copies = 0; copies < 16; ++copies) {
    disk_image disk;
    auto last = epoch_of_an_opening(disk, copies);
    for (unsigned round = 0; round < 4; ++round) {
      const auto at = static_cast<std::ptrdiff_t>((copies >> round & 1) * format::page_bytes);
      std::fill_n(content(disk).begin() + at, format::page_bytes, std::uint8_t{0});
      const auto next = epoch_of_an_opening(disk, copies);
      EXPECT_GT(next, last) << "copies " << copies << ", round " << round;
      last = next;
    }
  }
}

// ---- variants that must fail

TEST(broken_variant, one_slot_only_is_caught) {
  sabotage broken;
  broken.one_copy = true;
  const auto all = play(two_on_a_page, broken);
  EXPECT_TRUE(all.says("does not open")) << all.states << " states";
}

TEST(broken_variant, publishing_before_the_sync_is_caught) {
  sabotage broken;
  broken.sync_is_a_lie = true;
  const auto all = play(two_on_a_page, broken);
  EXPECT_FALSE(all.broken.empty());
  EXPECT_TRUE(all.says("REISSUED") || all.says("does not open")) << all.states << " states";
}

void forget_steps(std::uint64_t at, bytes& page) {
  if (page.size() != format::page_bytes || at < format::first_record_page * format::page_bytes) {
    return;
  }
  format::page whole;
  std::memcpy(&whole, page.data(), sizeof whole);
  for (std::size_t i = 0; i < format::records_per_page; ++i) {
    auto* of = reinterpret_cast<format::record*>(whole.body.data() + i * format::record_bytes);
    of->max_step = 0;
  }
  const auto was = whole.header;
  detail::seal(whole, format::page_kind::records, was.index, was.generation, was.uuid,
               was.open_epoch);
  std::memcpy(page.data(), &whole, sizeof whole);
}

TEST(broken_variant, no_maximum_step_is_caught) {
  sabotage broken;
  broken.rewrite = forget_steps;
  const auto all = play(two_on_a_page, broken);
  EXPECT_TRUE(all.says("REISSUED")) << all.states << " states";
}

}  // namespace
}  // namespace sequencer::crash
