// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Files as every version wrote them, and what they mean. SEQUENCER_WRITE_GOLDEN=DIRECTORY writes
// them anew: only before a version is released, never after.

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include <sequencer/checkpoint.hpp>
#include <sequencer/named_sequence.hpp>

#include <src/checkpoint/format.hpp>

#include "simulated_disk.hpp"

namespace sequencer::crash {
namespace {

namespace format = detail::format;

const std::string desk = "/disk/desk.seq";
const std::string long_name = std::string(200, 'n') + "/orders";

checkpoint_options options_for(detail::os& door, bool create = false) {
  return {.create = create,
          .live = live_policy::off,
          .live_directory = "/live",
          .keeper_thread = false,
          .system = &door};
}

void take(checkpoint& file, durable_sequence& from, int count) {
  while (count > 0) from.try_next() ? static_cast<void>(--count) : static_cast<void>(file.tend());
}

// trades at 8, orders at 103, traces with the hole [3, 5), fast in memory.
bytes make(bool closed) {
  machine host({}, 42);
  const auto door = host.boot_process();
  auto file = *checkpoint::open(desk, options_for(*door, true));
  auto trades = *file.sequence("trades", {.max_gap = 64});
  auto orders = *file.sequence(long_name, {.durability = durability::each, .start = 100,
                                           .maximum = 1000, .max_gap = 128});
  auto traces = *file.blocks("traces", {.max_gap = 64, .block = 4, .max_block = 8});
  auto fast = *file.sequence("fast", {.durability = durability::memory, .max_gap = 32});
  take(file, trades, 7);
  take(file, orders, 3);
  take(file, fast, 2);
  {
    auto below = traces.local(), above = traces.local();
    static_cast<void>(below.try_next());
    static_cast<void>(below.try_next());
    static_cast<void>(above.try_next());
    { auto ended = std::move(below); }
    while (*above.try_next() < 8) {
    }
  }
  if (closed && !file.close()) std::abort();
  if (!closed) {
    take(file, trades, 10);
    door->kill();
  }
  return host.content(desk);
}

// mark at 30; orders at -5 of epoch 2: once round, and then set back; trades at 8.
bytes make_second(bool closed) {
  machine host({}, 43);
  const auto door = host.boot_process();
  auto file = *checkpoint::open(desk, options_for(*door, true));
  auto trades = *file.sequence("trades", {.max_gap = 64});
  auto mark = *file.mark("mark");
  if (!mark.store(40) || !mark.store(30)) std::abort();
  const bool made = static_cast<bool>(file.named().create(
      "orders", {.increment = -5, .minimum = -12, .cache = 2, .cycle = true, .max_gap = 8}));
  auto session = file.named().session();
  auto orders = *session.open("orders");
  bool right = made && *orders.nextval() == -1 && *orders.nextval() == -6;
  right = right && orders.setval(-12) && *orders.nextval() == -1;  // the first round
  right = right && orders.setval(-5, false) && *orders.nextval() == -5 && orders.epoch() == 2;
  take(file, trades, 7);
  if (!right || (closed && !file.close())) std::abort();
  if (!closed) door->kill();
  return host.content(desk);
}

bytes read(const std::string& name) {
  std::ifstream from(SEQUENCER_GOLDEN "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(from), {}};
}

class golden : public testing::TestWithParam<const char*> {
 protected:
  // The file on a machine of its own, under the inode that it names.
  std::unique_ptr<machine> machine_with(const bytes& content) {
    format::file_header header{};
    std::memcpy(&header, content.data() + format::page_header_bytes, sizeof header);
    disk_image disk;
    disk.names[desk] = header.inode;
    disk.files[header.inode] = content;
    return std::make_unique<machine>(disk);
  }
};

TEST(golden_files, are_written_only_when_asked) {
  const char* into = std::getenv("SEQUENCER_WRITE_GOLDEN");
  if (into == nullptr) GTEST_SKIP() << "SEQUENCER_WRITE_GOLDEN=DIRECTORY writes them";
  const auto write = [&](const char* name, const bytes& content) {
    std::ofstream to(std::string(into) + "/" + name, std::ios::binary);
    to.write(reinterpret_cast<const char*>(content.data()),
             static_cast<std::streamsize>(content.size()));
  };
  write("v1-closed.seq", make(true));
  write("v1-killed.seq", make(false));
  write("v2-closed.seq", make_second(true));
  write("v2-killed.seq", make_second(false));
}

TEST_P(golden, says_today_what_it_said_then) {
  const auto content = read(GetParam());
  ASSERT_FALSE(content.empty());
  const auto host = machine_with(content);
  const auto door = host->boot_process();
  const auto seen = checkpoint::inspect(desk, options_for(*door));
  ASSERT_TRUE(seen) << seen.text();
  EXPECT_EQ(seen->version, 1u);
  EXPECT_EQ(seen->open_epoch, 1u);
  ASSERT_EQ(seen->sequences.size(), 4u);
  const auto& trades = seen->sequences[0];
  EXPECT_EQ(trades.name, "trades");
  EXPECT_EQ(trades.max_gap, 64u);
  EXPECT_EQ(trades.durability, durability::ahead);
  const auto& orders = seen->sequences[1];
  EXPECT_EQ(orders.name, long_name);
  EXPECT_EQ(orders.start, 100u);
  EXPECT_EQ(orders.maximum, 1000u);
  EXPECT_EQ(orders.durability, durability::each);
  const auto& traces = seen->sequences[2];
  EXPECT_TRUE(traces.blocks);
  EXPECT_EQ(traces.block, 4u);
  EXPECT_EQ(traces.max_block, 8u);
  EXPECT_EQ(seen->sequences[3].durability, durability::memory);
}

TEST_P(golden, goes_on_where_it_was) {
  const auto content = read(GetParam());
  ASSERT_FALSE(content.empty());
  const auto host = machine_with(content);
  const auto door = host->boot_process();
  const bool closed = std::string(GetParam()).find("closed") != std::string::npos;
  auto file = checkpoint::open(desk, options_for(*door));
  ASSERT_TRUE(file) << file.text();
  EXPECT_EQ(file->open_epoch(), 2u);
  const auto trades = *file->sequence("trades")->try_next();
  if (closed) {
    EXPECT_EQ(trades, 8u);
  } else {
    EXPECT_GT(trades, 17u);
    EXPECT_LE(trades, 18u + 64u);
  }
  EXPECT_EQ(*file->sequence(long_name)->try_next(), 103u);
  EXPECT_TRUE(file->sequence("fast")) << "the same boot id";
  const auto holes = *file->holes("traces");
  ASSERT_FALSE(holes.empty());
  EXPECT_LE(holes.front().numbers.first, 3u);
  EXPECT_GE(holes.front().numbers.last, 5u);
}

// The bytes themselves, by their offsets: a compiler that lays them out otherwise is caught.
TEST_P(golden, has_its_words_where_the_format_says) {
  const auto content = read(GetParam());
  ASSERT_EQ(content.size(), 10u * 4096);
  const auto word = [&](std::size_t at) {
    std::uint64_t value = 0;
    std::memcpy(&value, content.data() + at, 8);
    return value;
  };
  for (std::size_t page = 0; page < 10; ++page) {
    EXPECT_EQ(std::memcmp(content.data() + page * 4096, "SEQCKPT1", 8), 0) << page;
  }
  EXPECT_EQ(word(128), 0x0102030405060708u);
  EXPECT_EQ(std::memcmp(content.data() + 8 * 4096 + 128 + 184, "trades", 6), 0);
}

class golden_second : public golden {};

TEST_P(golden_second, goes_on_where_it_was) {
  const auto content = read(GetParam());
  ASSERT_FALSE(content.empty());
  const auto host = machine_with(content);
  const auto door = host->boot_process();
  const bool closed = std::string(GetParam()).find("closed") != std::string::npos;
  const auto seen = checkpoint::inspect(desk, options_for(*door));
  ASSERT_TRUE(seen) << seen.text();
  EXPECT_EQ(seen->version, 2u);
  ASSERT_EQ(seen->sequences.size(), 3u);
  EXPECT_EQ(seen->sequences[1].form, record_form::mark);
  const auto& orders = seen->sequences[2];
  ASSERT_TRUE(orders.named);
  EXPECT_EQ(orders.named->start, -1);
  EXPECT_EQ(orders.named->increment, -5);
  EXPECT_EQ(orders.named->minimum, -12);
  EXPECT_EQ(orders.named->maximum, -1);
  EXPECT_EQ(orders.named->cache, 2u);
  EXPECT_TRUE(orders.named->cycle);
  auto file = checkpoint::open(desk, options_for(*door));
  ASSERT_TRUE(file) << file.text();
  EXPECT_EQ(file->mark("mark")->load(), 30u);
  auto session = file->named().session();
  auto next = *session.open("orders");
  const auto number = *next.nextval();
  if (closed) {
    EXPECT_EQ(*file->sequence("trades")->try_next(), 8u);
    EXPECT_EQ(number, -1) << "-5 and -10 were of one block, and it goes round";
    EXPECT_EQ(next.epoch(), 3u);
  } else {
    EXPECT_GE(*file->sequence("trades")->try_next(), 8u);
    EXPECT_TRUE(number == -1 || number == -6 || number == -11) << number;
    EXPECT_GE(next.epoch(), 3u);
  }
}

TEST_P(golden_second, has_its_words_where_the_format_says) {
  const auto content = read(GetParam());
  ASSERT_EQ(content.size(), 10u * 4096);
  // The newer of the two copies of the records.
  const auto word = [&](std::size_t at) {
    std::int64_t value = 0;
    std::memcpy(&value, content.data() + at, 8);
    return value;
  };
  const std::size_t page = word(8 * 4096 + 24) > word(9 * 4096 + 24) ? 8 : 9;
  const auto record = [&](std::size_t place) { return page * 4096 + 128 + place * 248; };
  EXPECT_EQ(content[page * 4096 + 8], 2) << "version";
  EXPECT_EQ(content[record(1) + 1], 3) << "a mark";
  EXPECT_EQ(word(record(1) + 112), 30);
  EXPECT_EQ(content[record(2) + 1], 4) << "a named sequence";
  EXPECT_EQ(word(record(2) + 16), -1);
  EXPECT_EQ(word(record(2) + 24), -5);
  EXPECT_EQ(word(record(2) + 32), -12);
  EXPECT_EQ(word(record(2) + 40), -1);
  EXPECT_EQ(word(record(2) + 56), 2) << "epoch of the anchor";
  EXPECT_EQ(word(record(2) + 168), -5) << "anchor_last";
}

INSTANTIATE_TEST_SUITE_P(version_2, golden_second,
                         testing::Values("v2-closed.seq", "v2-killed.seq"),
                         [](const auto& info) {
                           return std::string(info.param).find("closed") != std::string::npos
                                      ? "closed"
                                      : "killed";
                         });

INSTANTIATE_TEST_SUITE_P(version_1, golden, testing::Values("v1-closed.seq", "v1-killed.seq"),
                         [](const auto& info) {
                           return std::string(info.param).find("closed") != std::string::npos
                                      ? "closed"
                                      : "killed";
                         });

}  // namespace
}  // namespace sequencer::crash
