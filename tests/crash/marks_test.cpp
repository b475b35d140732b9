// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Marks of a checkpoint: what a power cut, a kill or a rotten copy leaves of them, and what the
// file says of its version.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include <sequencer/checkpoint.hpp>

#include <src/checkpoint/format.hpp>

#include "checked_run.hpp"
#include "scale.hpp"
#include "scratch.hpp"

namespace sequencer::crash {
namespace {

namespace format = detail::format;

checkpoint_options options_for(detail::os& door, bool create = false) {
  return {.create = create,
          .live = live_policy::off,
          .live_directory = "/live",
          .keeper_thread = false,
          .system = &door};
}

constexpr std::uint64_t stored[] = {9, top, 4, 4, 0, 77};

// A mark that moves to and fro beside a strict sequence; when each store had returned.
struct history_of_mark {
  machine host;
  std::optional<std::size_t> made;
  std::vector<std::size_t> told;

  history_of_mark() {
    host.start_journal();
    const auto door = host.boot_process();
    auto file = *checkpoint::open(desk, options_for(*door, true));
    auto trades = *file.sequence("trades", {.max_gap = 4});
    auto mark = *file.mark("mark", {.start = 5});
    made = host.position();
    for (const auto number : stored) {
      EXPECT_EQ(mark.store(number).value(), number);
      told.push_back(host.position());
      while (!trades.try_next()) file.tend();
      static_cast<void>(trades.try_next());
    }
    door->kill();
  }

  // What may be found after so many events: the last number told, or the one that was under way.
  bool allows(std::uint64_t found, std::size_t events) const {
    const auto done = static_cast<std::size_t>(
        std::upper_bound(told.begin(), told.end(), events) - told.begin());
    const auto last = done == 0 ? 5 : stored[done - 1];
    return found == last || (done < std::size(stored) && found == stored[done]);
  }
};

std::optional<std::uint64_t> found_on(const disk_image& disk) {
  machine host(disk);
  const auto door = host.boot_process();
  auto file = checkpoint::open(desk, options_for(*door));
  if (!file) return std::nullopt;
  const auto mark = file->mark("mark");
  return mark ? std::optional(mark->load()) : std::nullopt;
}

TEST(marks, a_power_cut_leaves_the_last_number_or_the_one_under_way) {
  history_of_mark run;
  std::uint64_t states = 0;
  for (auto at = *run.made; at <= run.host.log().events.size(); ++at) {
    each_power_cut(run.host.log(), at, 64, seed() + at, [&](const disk_image& disk) {
      ++states;
      const auto found = found_on(disk);
      ASSERT_TRUE(found) << "after event " << at;
      EXPECT_TRUE(run.allows(*found, at)) << *found << " after event " << at;
    });
    const auto found = found_on(after_kill(run.host.log(), at));
    ASSERT_TRUE(found) << "killed after event " << at;
    EXPECT_TRUE(run.allows(*found, at)) << *found << " killed after event " << at;
  }
  EXPECT_GT(states, 50u);
}

TEST(marks, no_single_rotten_copy_brings_back_another_number) {
  history_of_mark run;
  const auto last = run.told.back();
  for (std::size_t page = 0; page < 10; ++page) {
    auto rotten = after_kill(run.host.log(), last);
    auto& data = rotten.files.at(rotten.names.at(desk));
    std::fill_n(data.begin() + static_cast<std::ptrdiff_t>(page * format::page_bytes),
                format::page_bytes, std::uint8_t{0});
    EXPECT_EQ(found_on(rotten), std::optional<std::uint64_t>(77)) << "page " << page;
  }
}

// The twin that writes one copy only is caught by the very check above.
TEST(marks, one_copy_only_would_be_caught) {
  history_of_mark run;
  bool caught = false;
  // The event before the last store returned: its first copy is durable, its second one is not.
  for (auto at = run.told[4]; at < run.told[5]; ++at) {
    auto rotten = after_kill(run.host.log(), at);
    for (std::size_t page = 8; page < 10; ++page) {
      auto one = rotten;
      auto& data = one.files.at(one.names.at(desk));
      std::fill_n(data.begin() + static_cast<std::ptrdiff_t>(page * format::page_bytes),
                  format::page_bytes, std::uint8_t{0});
      caught = caught || found_on(one) != std::optional<std::uint64_t>(77);
    }
  }
  EXPECT_TRUE(caught);
}

std::uint32_t version_at(const bytes& content, std::size_t page) {
  std::uint32_t version = 0;
  std::memcpy(&version, content.data() + page * format::page_bytes + 8, sizeof version);
  return version;
}

// The sync fails, the process dies, the next one finds the number in the page cache: it may show it
// only once it is durable.
TEST(marks, what_a_dead_process_left_is_shown_only_when_it_is_durable) {
  machine host;
  host.start_journal();
  {
    const auto door = host.boot_process();
    auto file = *checkpoint::open(desk, options_for(*door, true));
    auto mark = *file.mark("m", {.start = 5});
    ASSERT_TRUE(mark.store(6));
    host.to_come = bad_sync{bad_sync::fails, 0};
    EXPECT_FALSE(mark.store(7));
    door->kill();
  }
  host.to_come.reset();
  const auto door = host.boot_process();
  auto file = *checkpoint::open(desk, options_for(*door));
  auto mark = *file.mark("m");
  const auto shown = mark.load();
  each_power_cut(host.log(), host.position(), 1000, seed(), [&](const disk_image& disk) {
    machine after(disk, 77);
    const auto next = after.boot_process();
    auto found = checkpoint::open(desk, options_for(*next));
    ASSERT_TRUE(found) << found.text();
    EXPECT_EQ(found->mark("m")->load(), shown);
  });
  door->kill();
}

TEST(marks, the_first_one_makes_the_file_one_of_version_2_and_nothing_else_does) {
  machine host;
  const auto door = host.boot_process();
  auto file = *checkpoint::open(desk, options_for(*door, true));
  ASSERT_TRUE(file.sequence("trades"));
  const auto before = host.content(desk);
  for (std::size_t page = 0; page < 10; ++page) EXPECT_EQ(version_at(before, page), 1u) << page;
  host.start_journal();
  ASSERT_TRUE(file.mark("mark"));
  const auto after = host.content(desk);
  for (const std::size_t page : {0u, 1u, 8u, 9u}) EXPECT_EQ(version_at(after, page), 2u) << page;
  // Whatever a cut leaves, a page of version 2 lies behind a header that says so in both copies.
  for (std::size_t at = 0; at <= host.log().events.size(); ++at) {
    each_power_cut(host.log(), at, 64, seed(), [&](const disk_image& disk) {
      const auto& content = disk.files.at(disk.names.at(desk));
      if (version_at(content, 8) < 2 && version_at(content, 9) < 2) return;
      EXPECT_TRUE(version_at(content, 0) == 2 && version_at(content, 1) == 2) << at;
    });
  }
}

TEST(marks, what_is_asked_wrongly_is_refused) {
  const scratch place;
  auto file = *checkpoint::open(place.path(), place.options(true));
  ASSERT_TRUE(file.sequence("trades"));
  EXPECT_EQ(file.mark("trades").code(), errc::invalid) << "a sequence has that name";
  EXPECT_EQ(file.mark("").code(), errc::invalid);
  EXPECT_EQ(file.mark("high", {.start = top + 1}).code(), errc::invalid);
  auto mark = *file.mark("mark", {.start = 3});
  EXPECT_EQ(file.sequence("mark").code(), errc::invalid) << "a mark has that name";
  EXPECT_EQ(file.blocks("mark").code(), errc::invalid);
  EXPECT_EQ(mark.store(top + 1).code(), errc::invalid);
  EXPECT_EQ(mark.load(), 3u);
  EXPECT_EQ(in_child([&] { return mark.store(9).code() == errc::closed ? 0 : 1; }), 0);
  ASSERT_TRUE(file.close());
  EXPECT_EQ(mark.store(9).code(), errc::closed);
  EXPECT_EQ(mark.load(), 3u);
  auto known_only = place.options();
  auto again = *checkpoint::open(place.path(), known_only);
  EXPECT_EQ(again.mark("another").code(), errc::invalid) << "unknown without create";
  EXPECT_EQ(again.mark("mark")->load(), 3u);
}

TEST(marks, go_along_with_a_backup_and_stay_when_it_is_adopted) {
  const scratch place;
  auto file = *checkpoint::open(place.path(), place.options(true));
  auto mark = *file.mark(std::string(200, 'm'), {.start = 3});
  ASSERT_TRUE(mark.store(40) && mark.store(30));
  ASSERT_TRUE(file.backup(place.path("copy.seq")));
  ASSERT_TRUE(checkpoint::adopt(place.path("copy.seq"), 1000, place.options()));
  auto copy = *checkpoint::open(place.path("copy.seq"), place.options());
  EXPECT_EQ(copy.mark(std::string(200, 'm'))->load(), 30u);
  const auto seen = *checkpoint::inspect(place.path("copy.seq"), place.options());
  EXPECT_EQ(seen.version, 2u);
  ASSERT_EQ(seen.sequences.size(), 1u);
  EXPECT_EQ(seen.sequences[0].form, record_form::mark);
  EXPECT_EQ(seen.sequences[0].position, 30u);
}

// Copies of a handle name one mark, and the keeper writes the same page meanwhile.
TEST(marks, two_handles_are_one_mark_while_the_keeper_works) {
  const scratch place;
  auto file = *checkpoint::open(place.path(), place.options(true));
  auto one = *file.mark("mark"), other = *file.mark("mark");
  auto trades = *file.sequence("trades", {.max_gap = 64});
  for (std::uint64_t i = 0; i < 50; ++i) {
    ASSERT_TRUE(one.store(1000 - i));
    ASSERT_EQ(other.load(), 1000 - i);
    for (int k = 0; k < 20; ++k) ASSERT_TRUE(trades.next());
  }
}

}  // namespace
}  // namespace sequencer::crash
