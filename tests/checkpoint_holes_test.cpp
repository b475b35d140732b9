// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/checkpoint.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crash/scratch.hpp"
#include "crash/watched_os.hpp"

// The account of lost numbers stays complete and bounded.
namespace {

using sequencer::checkpoint;
using sequencer::hole;
using sequencer::crash::in_child;
using sequencer::crash::scratch;

std::vector<hole> holes_of(checkpoint& file, const std::string& name) {
  auto found = file.holes(name);
  EXPECT_TRUE(found) << found.text();
  return found ? *found : std::vector<hole>();
}

std::uint64_t total(const std::vector<hole>& holes) {
  std::uint64_t sum = 0;
  for (const auto& each : holes) sum += each.lost;
  return sum;
}

// Two handles; the lower one ends, so its tail of 9 numbers is a hole.
void lose_nine(checkpoint& file, const std::string& name) {
  auto blocks = file.blocks(name, {.block = 10});
  ASSERT_TRUE(blocks) << blocks.text();
  auto low = blocks->local();
  ASSERT_TRUE(low.next());
  auto high = blocks->local();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(high.next());
}

TEST(Holes, MoreSequencesThanTheLedgerHasRoomForLoseNoAccount) {
  const scratch here;
  constexpr int sequences = 400;
  const auto name = [](int i) { return "s" + std::to_string(i); };
  {
    auto file = checkpoint::open(here.path("many.seq"), here.options(true));
    ASSERT_TRUE(file) << file.text();
    for (int i = 0; i < sequences; ++i) lose_nine(*file, name(i));
    ASSERT_TRUE(file->close());
  }
  auto file = checkpoint::open(here.path("many.seq"), here.options());
  ASSERT_TRUE(file) << file.text();
  int merged = 0;
  for (int i = 0; i < sequences; ++i) {
    const auto holes = holes_of(*file, name(i));
    EXPECT_EQ(total(holes), 9u) << name(i);
    for (const auto& each : holes) merged += each.merged;
  }
  EXPECT_GT(merged, 0) << "what found no room must say that it was merged";
  const auto report = checkpoint::inspect(here.path("many.seq"));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->holes.size(), static_cast<std::size_t>(sequences));
}

TEST(Holes, AnUnorderedSequenceReusesTailsForEver) {
  const scratch here;
  auto file = checkpoint::open(here.path("loose.seq"), here.options(true));
  ASSERT_TRUE(file) << file.text();
  auto blocks = file->blocks("loose", {.block = 4, .unordered = true});
  ASSERT_TRUE(blocks) << blocks.text();
  auto keeps_the_top = blocks->local();
  std::vector<bool> seen(200'000);
  for (int i = 0; i < 20'000; ++i) {
    auto brief = blocks->local();
    const auto number = brief.next();
    ASSERT_TRUE(number) << "cycle " << i << ": " << number.text();
    ASSERT_FALSE(seen.at(*number)) << *number << " was issued twice";
    seen[*number] = true;
    if (i % 5 != 0) continue;
    const auto other = keeps_the_top.next();
    ASSERT_TRUE(other);
    ASSERT_FALSE(seen.at(*other)) << *other << " was issued twice";
    seen[*other] = true;
  }
}

TEST(Holes, AnIdleHandleDoesNotInflateWhatACrashMayHaveLost) {
  const scratch here;
  constexpr std::uint64_t max_gap = 16'384;
  const auto path = here.path("idle.seq");
  const int ended = in_child([&] {
    auto options = here.options(true);
    options.live = sequencer::live_policy::off;
    auto file = checkpoint::open(path, options);
    auto blocks = file->blocks("idle", {.max_gap = max_gap, .block = 64});
    auto idle = blocks->local();
    static_cast<void>(idle.next());
    auto busy = blocks->local();
    for (int i = 0; i < 500'000; ++i) static_cast<void>(busy.next());
    return ::raise(SIGKILL);
  });
  ASSERT_EQ(ended, -SIGKILL);
  auto file = checkpoint::open(path, here.options());
  ASSERT_TRUE(file) << file.text();
  auto blocks = file->blocks("idle");
  ASSERT_TRUE(blocks) << blocks.text();
  const auto lost = total(holes_of(*file, "idle"));
  EXPECT_GE(lost, 63u);
  EXPECT_LE(lost, max_gap + 2 * 64);
}

// Tails in the file, tails that only the live region knows, and an idle handle that keeps all of
// them above what is settled.
void leave_tails_of_every_kind(const scratch& here) {
  ASSERT_EQ(-SIGKILL, in_child([&] {
    auto options = here.options(true);
    options.keeper_thread = false;
    auto file = checkpoint::open(here.path(), options);
    auto blocks = file->blocks("traces", {.max_gap = 256, .block = 16});
    auto idle = blocks->local();
    static_cast<void>(idle.next());
    auto above = blocks->local();
    for (int i = 0; i < 40; ++i) {
      auto brief = blocks->local();
      while (!brief.try_next()) file->tend();
      while (!above.try_next()) file->tend();
      for (int n = 1; n < 16; ++n) static_cast<void>(above.next());
    }
    return ::raise(SIGKILL);
  })) << "wanted a life that ends by SIGKILL";
}

// Opens without the live region, killed at call `n` of the system; false when it came through.
bool dies_in_an_opening_without_the_region(const scratch& here, int n) {
  const int ended = in_child([&] {
    int calls = 0;
    sequencer::crash::watched_os door(sequencer::detail::system_os(), [&](std::string_view) {
      if (++calls == n) ::raise(SIGKILL);
      return sequencer::crash::fate{};
    });
    auto options = here.options();
    options.keeper_thread = false;
    options.live = sequencer::live_policy::off;
    options.system = &door;
    auto file = checkpoint::open(here.path(), options);
    return file && file->blocks("traces") ? 0 : 1;
  });
  EXPECT_TRUE(ended == 0 || ended == -SIGKILL) << ended;
  return ended == -SIGKILL;
}

// Of each 16 the first went to a handle that ended: 15 are lost, of the idle handle's block too.
TEST(Holes, AnOpeningThatDiedWithoutTheRegionForgetsNone) {
  for (int n = 1;; ++n) {
    SCOPED_TRACE("killed at call " + std::to_string(n));
    const scratch here;
    leave_tails_of_every_kind(here);
    const bool died = dies_in_an_opening_without_the_region(here, n);
    auto file = checkpoint::open(here.path(), here.options());
    ASSERT_TRUE(file) << file.text();
    auto blocks = file->blocks("traces");
    ASSERT_TRUE(blocks) << blocks.text();
    auto local = blocks->local();
    const auto next = local.next();
    ASSERT_TRUE(next);
    EXPECT_GE(*next, 16 * 81 + 1u);
    std::vector<bool> listed(*next, false);
    for (const auto& each : holes_of(*file, "traces")) {
      for (auto number = each.numbers.first; number < each.numbers.last; ++number) {
        listed.at(number) = true;
      }
    }
    // Blocks: the idle handle's, then one brief handle's and one of `above` by turns.
    for (std::uint64_t block = 0; block < 81; ++block) {
      const bool used_up = block != 0 && block % 2 == 0;
      for (std::uint64_t number = 16 * block + 2; number < 16 * block + 17; ++number) {
        ASSERT_TRUE(used_up || listed[number]) << number << " was lost without a word";
      }
    }
    if (!died) break;
  }
}

}  // namespace
