// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Rot: any single bit and any single sector of a closed file and of a killed one. It opens, every
// name is there, no number comes again.

#include <gtest/gtest.h>

#include <cstring>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include <sequencer/checkpoint.hpp>

#include <src/checkpoint/page_store.hpp>

#include "checked_run.hpp"
#include "scale.hpp"

namespace sequencer::crash {
namespace {

namespace format = detail::format;

class rot : public testing::TestWithParam<bool> {
 protected:
  rot() {
    const sequence_options strict{.create = true, .max_gap = 16};
    run_.open(true);
    run_.strict("first", strict);
    run_.strict("trades", strict);
    run_.strict("each", {.create = true, .durability = durability::each, .max_gap = 16});
    run_.blocks("traces", {.create = true, .max_gap = 16, .block = 4});
    run_.take("first", 30);
    run_.take("trades", 40);
    run_.take("each", 5);
    run_.take_from_blocks("traces", 0, 6);
    run_.take_from_blocks("traces", 1, 6);
    if (GetParam()) {
      run_.close();
    } else {
      run_.kill();
    }
    disk_ = run_.host().disk();
  }

  bytes& file(disk_image& of) const { return of.files.at(of.names.at(desk)); }

  // What is broken when this is the disk.
  std::string judge(const disk_image& rotten) {
    const auto events = run_.host().position();
    const auto broken = broken_promises(
        run_.past(), rotten, run_.options(),
        {failure_kind::kill_without_live, events, events, nullptr, run_.host().boot_id(),
         GetParam(), {}});
    return broken.empty() ? "" : broken.front();
  }

  checked_run run_;
  disk_image disk_;
};

TEST_P(rot, of_any_sector) {
  const auto sectors = file(disk_).size() / sector_bytes;
  for (std::size_t i = 0; i < sectors; ++i) {
    for (const std::uint8_t fill : {std::uint8_t{0}, std::uint8_t{255}, std::uint8_t{0xa5}}) {
      auto rotten = disk_;
      std::fill_n(file(rotten).begin() + static_cast<std::ptrdiff_t>(i * sector_bytes),
                  sector_bytes, fill);
      ASSERT_EQ(judge(rotten), "") << "sector " << i << " full of " << int{fill};
    }
  }
}

// A sector that holds what another one of the file does.
TEST_P(rot, of_a_misplaced_sector) {
  const auto sectors = file(disk_).size() / sector_bytes;
  std::uint64_t state = seed();
  for (std::size_t i = 0; i < sectors; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const auto other = state % sectors;
    auto rotten = disk_;
    std::memcpy(file(rotten).data() + i * sector_bytes,
                file(disk_).data() + other * sector_bytes, sector_bytes);
    ASSERT_EQ(judge(rotten), "") << "sector " << i << " is a copy of " << other;
  }
}

// Every bit is seen by the page it lies in; opening is tried for one in 211, or for all.
TEST_P(rot, of_any_bit) {
  const auto bits = file(disk_).size() * 8;
  const std::uint64_t stride = scale() >= 20 ? 1 : 211;
  const auto first = seed() % stride;
  for (std::size_t bit = 0; bit < bits; ++bit) {
    const auto number = bit / 8 / format::page_bytes;
    format::page page;
    std::memcpy(&page, file(disk_).data() + number * format::page_bytes, sizeof page);
    auto* raw = reinterpret_cast<std::uint8_t*>(&page);
    raw[bit / 8 % format::page_bytes] ^= static_cast<std::uint8_t>(1u << bit % 8);
    const bool record = number >= format::first_record_page;
    const bool ledger = !record && number >= format::first_ledger_page;
    const auto kind = record   ? format::page_kind::records
                      : ledger ? format::page_kind::ledger
                               : format::page_kind::header;
    const auto index = record   ? (number - format::first_record_page) / 2
                       : ledger ? (number - format::first_ledger_page) / 2
                                : number / 2;
    ASSERT_NE(detail::judge(page, kind, static_cast<std::uint32_t>(index), nullptr),
              detail::page_verdict::sound)
        << "bit " << bit;
    if (bit % stride != first) continue;
    auto rotten = disk_;
    file(rotten)[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    ASSERT_EQ(judge(rotten), "") << "bit " << bit;
  }
}

INSTANTIATE_TEST_SUITE_P(of_a_file_that_was, rot, testing::Bool(),
                         [](const auto& info) { return info.param ? "closed" : "killed"; });

// ---- long lives

TEST(many_lives, the_epoch_grows_through_a_thousand_of_them) {
  machine host;
  std::uint64_t epoch = 0;
  std::set<sequence> issued;
  for (int life = 0; life < 1000; ++life) {
    const auto door = host.boot_process();
    auto file = checkpoint::open(desk, {.create = life == 0,
                                        .live = life % 3 == 0 ? live_policy::off
                                                              : live_policy::automatic,
                                        .live_directory = "/live",
                                        .keeper_thread = false,
                                        .system = door.get()});
    ASSERT_TRUE(file) << file.text();
    ASSERT_GT(file->open_epoch(), epoch);
    epoch = file->open_epoch();
    auto trades = file->sequence("trades", {.create = life == 0, .max_gap = 16});
    ASSERT_TRUE(trades) << trades.text();
    ASSERT_TRUE(issued.insert(*trades->try_next()).second);
    if (life % 5 == 0) {
      ASSERT_TRUE(file->close());
    }
    door->kill();
    if (life % 7 == 0) host.reboot();
  }
}

TEST(many_names, a_file_holds_65536_and_no_more) {
  machine host;
  host.stop_journal();
  const auto door = host.boot_process();
  const checkpoint_options options{.create = true,
                                   .live = live_policy::off,
                                   .keeper_thread = false,
                                   .system = door.get()};
  const std::uint64_t all = format::max_sequences;
  {
    auto file = checkpoint::open(desk, options);
    ASSERT_TRUE(file) << file.text();
    for (std::uint64_t i = 0; i < all; ++i) {
      auto made = file->sequence("s" + std::to_string(i));
      ASSERT_TRUE(made) << i << ": " << made.text();
    }
    const auto refused = file->sequence("one too many");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.code(), errc::exhausted);
    EXPECT_NE(refused.text().find("65536"), std::string_view::npos) << refused.text();
    ASSERT_TRUE(file->close());
  }
  EXPECT_LE(host.content(desk).size(), 64 * 1024 + 512 * all);
  auto file = checkpoint::open(desk, options);
  ASSERT_TRUE(file) << file.text();
  for (const std::uint64_t i : {std::uint64_t{0}, all / 2, all - 1}) {
    EXPECT_EQ(*file->sequence("s" + std::to_string(i))->try_next(), 1u);
  }
  EXPECT_EQ(file->list()->size(), all);
}

}  // namespace
}  // namespace sequencer::crash
