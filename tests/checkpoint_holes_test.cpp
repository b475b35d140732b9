// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/checkpoint.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "crash/scratch.hpp"

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

}  // namespace
