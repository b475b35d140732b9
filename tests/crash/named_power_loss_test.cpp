// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Named sequences on a simulated disk: whatever a kill, a power cut or a rotten copy leaves around
// setval, restart, alter, cycle, ranges and drop, no pair of epoch and number comes again, no move
// that was told is forgotten, and no more is lost than was signed for.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/checkpoint.hpp>
#include <sequencer/named_sequence.hpp>

#include <src/checkpoint/format.hpp>
#include <src/checkpoint/page_store.hpp>

#include "checked_run.hpp"
#include "scale.hpp"

namespace sequencer::crash {
namespace {

namespace format = detail::format;

using pair = std::pair<std::uint64_t, std::int64_t>;  // epoch and number

constexpr std::uint64_t cache = 3;
constexpr std::uint64_t sessions = 2;
constexpr std::uint64_t max_gap = 16;

checkpoint_options options_for(detail::os& door, bool create = false) {
  return {.create = create, .live_directory = "/live", .keeper_thread = false, .system = &door};
}

// One program, what it was answered, and when.
struct program {
  machine host;
  std::unique_ptr<machine::process> door = host.boot_process();
  std::optional<checkpoint> file;
  std::vector<named_sequence> handles;
  std::map<pair, std::size_t> issued;
  std::vector<std::pair<std::uint64_t, std::size_t>> epochs;  // told by a move, when
  std::size_t made = 0;
  bool moved = false;  // numbers tell nothing about how many were lost

  explicit program(sabotage broken = {}) {
    host.sabotaged = std::move(broken);
    host.start_journal();
    file = *checkpoint::open(desk, options_for(*door, true));
  }

  void create(named_options options) {
    options.cache = cache;
    options.max_gap = max_gap;
    ASSERT_TRUE(file->named().create("s", options));
    open();
    made = host.position();
  }

  void open() {
    handles.clear();
    for (std::uint64_t i = 0; i < sessions; ++i) {
      handles.push_back(*file->named().session().open("s"));
    }
  }

  void take(int count) {
    for (int i = 0; i < count; ++i) {
      auto& from = handles[static_cast<std::size_t>(i) % sessions];
      const auto number = from.nextval();
      ASSERT_TRUE(number) << number.text();
      note({from.epoch(), *number});
    }
  }

  void note(const pair& taken) {
    EXPECT_TRUE(issued.emplace(taken, host.position()).second) << taken.first << taken.second;
  }

  void range(std::uint64_t count) {
    const auto taken = *handles[0].range(count);
    moved = true;
    for (std::uint64_t i = 0; i < count; ++i) {
      note({taken.epoch, taken.first + static_cast<std::int64_t>(i)});
    }
  }

  void told(const result<void>& move) {
    ASSERT_TRUE(move) << move.text();
    moved = true;
    epochs.emplace_back(file->named().status("s")->epoch, host.position());
  }
};

struct after {
  std::size_t events = 0;
  const live_image* live = nullptr;
  std::string boot_id{};
  const char* how = "";
};

// What the real recovery makes of a disk; "" or the promise that it breaks.
std::string judge(const program& past, const disk_image& disk, const after& at) {
  machine host(disk, 77);
  host.sabotaged = past.host.sabotaged;
  if (!at.boot_id.empty()) host.set_boot_id(at.boot_id);
  if (at.live != nullptr) host.restore_live(*at.live);
  const auto door = host.boot_process();
  auto file = checkpoint::open(desk, options_for(*door));
  if (!file) return "does not open: " + std::string(file.text());
  auto session = file->named().session();
  auto of = session.open("s");
  if (!of) return "is gone: " + std::string(of.text());
  std::uint64_t least = 0;
  for (const auto& [epoch, when] : past.epochs) least = when <= at.events ? epoch : least;
  std::optional<std::int64_t> first;
  for (int i = 0; i < 8; ++i) {
    const auto number = of->nextval();
    if (!number) return number.code() == errc::exhausted ? "" : std::string(number.text());
    if (!first) first = *number;
    const auto found = past.issued.find({of->epoch(), *number});
    if (found != past.issued.end() && found->second <= at.events) {
      return "REISSUED " + std::to_string(*number) + " of epoch " + std::to_string(of->epoch());
    }
    if (of->epoch() < least) return "FORGOT the move to epoch " + std::to_string(least);
  }
  if (past.moved) return "";
  // One counts up from 1 in steps of 1, so the last one tells how many are missing.
  std::int64_t last = 0;
  for (const auto& [taken, when] : past.issued) {
    if (when <= at.events) last = std::max(last, taken.second);
  }
  const auto held = cache * sessions + cache;  // one block may be under way
  const auto most = static_cast<std::int64_t>(at.live != nullptr ? held : held + max_gap);
  return *first - last - 1 <= most ? "" : "LOST " + std::to_string(*first - last - 1);
}

struct verdict {
  std::uint64_t states = 0;
  std::vector<std::string> broken{};

  void add(const program& past, const disk_image& disk, const after& at) {
    ++states;
    if (broken.size() > 500) return;
    const auto wrong = judge(past, disk, at);
    if (!wrong.empty()) {
      broken.push_back(std::string(at.how) + " after event " + std::to_string(at.events) + ": " +
                       wrong);
    }
  }
  bool says(const std::string& what) const {
    return std::any_of(broken.begin(), broken.end(),
                       [&](const auto& each) { return each.find(what) != each.npos; });
  }
};

verdict judge_everything(const program& past) {
  verdict all;
  const auto& log = past.host.log();
  const auto cuts = 24 * scale();
  for (auto at = past.made; at <= log.events.size(); ++at) {
    each_power_cut(log, at, cuts, seed() + at, [&](const disk_image& disk) {
      all.add(past, disk, {at, nullptr, "ffffffff-0000-4000-8000-000000000000", "power cut"});
    });
    const auto killed = after_kill(log, at);
    const auto boot = at == 0 ? log.boot_id : log.events[at - 1].boot_id;
    all.add(past, killed, {at, nullptr, boot, "killed without its region"});
    if (at < log.events.size()) {
      all.add(past, killed, {at, log.events[at].live.get(), log.events[at].boot_id, "killed"});
    }
    for (std::size_t page = format::first_record_page; page < format::first_record_page + 2;
         ++page) {
      auto rotten = killed;
      auto& data = rotten.files.at(rotten.names.at(desk));
      std::fill_n(data.begin() + static_cast<std::ptrdiff_t>(page * format::page_bytes),
                  format::page_bytes, std::uint8_t{0});
      all.add(past, rotten, {at, nullptr, boot, "killed and rotten"});
    }
  }
  return all;
}

void expect_sound(const program& past) {
  const auto all = judge_everything(past);
  std::cout << all.states << " states\n";
  EXPECT_GT(all.states, 50u);
  for (const auto& each : all.broken) ADD_FAILURE() << each;
}

void move_to_and_fro(program& run) {
  run.create({.maximum = 1000});
  run.take(5);
  run.told(run.handles[0].setval(2));
  run.take(5);
  run.told(run.handles[1].setval(2, false));
  run.take(7);
  run.told(run.file->named().restart("s"));
  run.take(4);
  run.told(run.handles[0].setval(500));
  run.take(3);
}

TEST(named_power_loss, counting_up) {
  program run;
  run.create({});
  run.take(60);
  expect_sound(run);
}

TEST(named_power_loss, moved_to_and_fro) {
  program run;
  move_to_and_fro(run);
  expect_sound(run);
}

TEST(named_power_loss, round_and_round) {
  program run;
  run.create({.maximum = 5, .cycle = true});
  run.moved = true;
  run.take(40);
  run.told(run.handles[0].setval(3, false));
  run.take(20);
  expect_sound(run);
}

TEST(named_power_loss, altered_and_taken_in_ranges) {
  program run;
  run.create({.maximum = 400});
  run.take(4);
  run.range(3);
  run.range(50);
  run.take(4);
  run.told(run.file->named().alter("s", {.options = {.increment = -1}}));
  run.take(6);
  run.told(run.file->named().alter("s", {.options = {.increment = 2, .cycle = true}}));
  run.take(6);
  expect_sound(run);
}

TEST(named_power_loss, reopened_after_a_kill) {
  program run;
  run.create({.maximum = 300});
  run.take(5);
  run.told(run.handles[0].setval(4));
  run.take(5);
  run.handles.clear();
  run.door->kill();
  run.file.reset();
  run.door = run.host.boot_process();
  run.file = *checkpoint::open(desk, options_for(*run.door));
  run.open();
  run.take(5);
  run.told(run.handles[0].setval(1, false));
  run.take(5);
  ASSERT_TRUE(run.file->close());
  expect_sound(run);
}

// A dropped sequence is there or not; one that was made in its place is not touched by it.
TEST(named_power_loss, dropped_and_made_again) {
  program run;
  run.create({.maximum = 300});
  run.take(5);
  const auto before = run.host.position();
  ASSERT_TRUE(run.file->named().drop("s"));
  const auto dropped = run.host.position();
  ASSERT_TRUE(run.file->named().create("t", {.start = 7}));
  const auto made = run.host.position();
  for (auto at = before; at <= run.host.log().events.size(); ++at) {
    each_power_cut(run.host.log(), at, 32, seed(), [&](const disk_image& disk) {
      machine host(disk, 77);
      const auto door = host.boot_process();
      auto file = checkpoint::open(desk, options_for(*door));
      ASSERT_TRUE(file) << file.text();
      auto session = file->named().session();
      if (at >= dropped) {
        EXPECT_FALSE(session.open("s")) << at;
      }
      if (!session.open("s")) {
        ASSERT_TRUE(file->named().create("s")) << at;
        auto again = *session.open("s");
        ASSERT_TRUE(again.nextval()) << at;
        EXPECT_GT(again.epoch(), 0u) << at << ": 1 came with epoch 0 before";
      }
      auto t = session.open("t");
      EXPECT_TRUE(t || at < made) << at;
      if (t) {
        EXPECT_EQ(*t->nextval(), 7) << at;
      }
    });
  }
}

// ---- variants that must fail

// Moves that reach one copy of the page only: as if the second write had not been there.
TEST(broken_named, a_move_in_one_copy_only_is_caught) {
  sabotage broken;
  broken.one_copy = true;
  program run(broken);
  move_to_and_fro(run);
  const auto all = judge_everything(run);
  EXPECT_TRUE(all.says("does not open")) << all.states << " states";
}

TEST(broken_named, a_sync_that_lies_is_caught) {
  sabotage broken;
  broken.sync_is_a_lie = true;
  program run(broken);
  move_to_and_fro(run);
  const auto all = judge_everything(run);
  EXPECT_TRUE(all.says("FORGOT") && all.says("REISSUED")) << all.states << " states";
}

// Records whose epoch stays 0: moves backwards that start none.
void forget_epochs(std::uint64_t at, bytes& page) {
  if (page.size() != format::page_bytes || at < format::first_record_page * format::page_bytes) {
    return;
  }
  format::page whole;
  std::memcpy(&whole, page.data(), sizeof whole);
  reinterpret_cast<format::record*>(whole.body.data())->epoch = 0;
  const auto was = whole.header;
  detail::seal(whole, format::page_kind::records, was.index, was.generation, was.uuid,
               was.open_epoch, was.version);
  std::memcpy(page.data(), &whole, sizeof whole);
}

TEST(broken_named, an_epoch_that_is_not_written_is_caught) {
  sabotage broken;
  broken.rewrite = forget_epochs;
  program run(broken);
  move_to_and_fro(run);
  const auto all = judge_everything(run);
  EXPECT_TRUE(all.says("FORGOT") && all.says("REISSUED")) << all.states << " states";
}

}  // namespace
}  // namespace sequencer::crash
