// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The parts behind the checkpoint, each by itself on a simulated machine.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include <sequencer/checkpoint.hpp>

#include <src/checkpoint/crc32c.hpp>
#include <src/checkpoint/file_lock.hpp>
#include <src/checkpoint/keeper.hpp>
#include <src/checkpoint/live_region.hpp>
#include <src/checkpoint/new_file.hpp>
#include <src/checkpoint/page_store.hpp>
#include <src/checkpoint/records.hpp>

#include "simulated_disk.hpp"

namespace sequencer::crash {
namespace {

using namespace detail;

const std::string desk = "/disk/desk.seq";

// ---- crc32c

TEST(crc32c, has_its_check_value) {
  EXPECT_EQ(crc32c("123456789", 9), 0xE3069283u);
  EXPECT_EQ(crc32c_portable("123456789", 9), 0xE3069283u);
  EXPECT_EQ(crc32c("", 0), 0u);
}

TEST(crc32c, the_instruction_agrees_with_boost) {
  std::vector<unsigned char> data(5000);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<unsigned char>(i * 131 + 7);
  for (std::size_t from = 0; from < 16; ++from) {
    for (const std::size_t bytes : {0u, 1u, 7u, 8u, 9u, 63u, 4096u}) {
      EXPECT_EQ(crc32c(data.data() + from, bytes), crc32c_portable(data.data() + from, bytes))
          << from << " + " << bytes;
    }
  }
}

// ---- pages

TEST(page, says_what_is_wrong_with_it) {
  format::bytes16 mine{1}, other{2};
  format::page page{};
  seal(page, format::page_kind::records, 3, 1, mine, 1);
  const auto verdict = [&](auto change) {
    auto copy = page;
    change(copy);
    return judge(copy, format::page_kind::records, 3, &mine);
  };
  EXPECT_EQ(verdict([](auto&) {}), page_verdict::sound);
  EXPECT_EQ(verdict([](auto& p) { p.body[17] ^= 4; }), page_verdict::damaged);
  EXPECT_EQ(verdict([](auto& p) { p.header.magic = 0; }), page_verdict::foreign);
  EXPECT_EQ(verdict([&](auto& p) { seal(p, format::page_kind::ledger, 3, 1, mine, 1); }),
            page_verdict::foreign);
  EXPECT_EQ(verdict([&](auto& p) { seal(p, format::page_kind::records, 4, 1, mine, 1); }),
            page_verdict::foreign);
  EXPECT_EQ(verdict([&](auto& p) { seal(p, format::page_kind::records, 3, 1, other, 1); }),
            page_verdict::foreign);
  EXPECT_EQ(verdict([](auto& p) { p.header.magic = format::magic_of_other_byte_order; }),
            page_verdict::other_byte_order);
  EXPECT_EQ(verdict([](auto& p) {
              p.header.version = format::version + 1;
              p.header.crc = 0;
              p.header.crc = crc32c(&p, sizeof p);
            }),
            page_verdict::newer_version);
}

format::record sane_record() {
  format::record of{};
  of.state = static_cast<std::uint8_t>(format::record_state::used);
  of.kind = of.durability = of.name_bytes = 1;
  of.id = 1;
  of.increment = 1;
  of.maximum = 100;
  of.max_gap = 16;
  of.block = of.max_block = 1;
  return of;
}

TEST(page, with_a_right_checksum_must_keep_the_rules) {
  const auto verdict = [](auto change) {
    format::page page{};
    auto* of = reinterpret_cast<format::record*>(page.body.data());
    *of = sane_record();
    change(*of);
    const format::bytes16 uuid{1};
    seal(page, format::page_kind::records, 0, 1, uuid, 1);
    return judge(page, format::page_kind::records, 0, &uuid);
  };
  EXPECT_EQ(verdict([](auto&) {}), page_verdict::sound);
  const std::vector<void (*)(format::record&)> broken = {
      [](auto& r) { r.state = 9; },        [](auto& r) { r.kind = 0; },
      [](auto& r) { r.kind = 3; },         [](auto& r) { r.durability = 4; },
      [](auto& r) { r.name_bytes = 0; },   [](auto& r) { r.name_bytes = 200; },
      [](auto& r) { r.id = 0; },           [](auto& r) { r.start = -1; },
      [](auto& r) { r.maximum = -1; },     [](auto& r) { r.increment = 2; },
      [](auto& r) { r.mark = 102; },       [](auto& r) { r.next = 102; },
      [](auto& r) { r.settled = 102; },    [](auto& r) { r.max_gap = 1; },
      [](auto& r) { r.max_step = ~0ull; }, [](auto& r) { r.kind = 2, r.block = 0; },
      [](auto& r) { r.kind = 2, r.block = 9; }};
  for (std::size_t i = 0; i < broken.size(); ++i) {
    EXPECT_EQ(verdict(broken[i]), page_verdict::unruly) << i;
  }
}

class pages : public testing::Test {
 protected:
  pages() : door_(host_.boot_process()) {
    file_image image;
    image.records.resize(1);
    EXPECT_TRUE(write_new_file(*door_, desk, image));
    fd_ = door_->open(desk.c_str(), O_RDWR, 0);
  }

  void load(page_store& into) {
    ASSERT_TRUE(into.load_header());
    ASSERT_TRUE(into.load_rest(host_.content(desk).size()));
  }

  std::uint64_t generation(int copy) {
    format::page page;
    const auto at = offset_of(format::page_kind::records, 0, copy);
    EXPECT_EQ(read_fully(*door_, fd_, &page, sizeof page, at), 0);
    return page.header.generation;
  }

  machine host_;
  std::unique_ptr<machine::process> door_;
  int fd_ = -1;
};

TEST_F(pages, the_older_copy_gives_way) {
  page_store store(*door_, fd_, desk);
  load(store);
  EXPECT_EQ(generation(0), 1u);
  EXPECT_EQ(generation(1), 2u);
  ASSERT_EQ(store.write({&store.records(0)}, 1, false), 0);
  EXPECT_EQ(generation(0), 3u);
  EXPECT_EQ(generation(1), 2u);
  ASSERT_EQ(store.write({&store.records(0)}, 1, false), 0);
  EXPECT_EQ(generation(1), 4u);
}

TEST_F(pages, an_unsynced_write_never_replaces_the_synced_copy) {
  page_store store(*door_, fd_, desk);
  load(store);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(store.write({&store.records(0)}, 1, true), 0);
  EXPECT_EQ(generation(0), 5u);
  EXPECT_EQ(generation(1), 2u);
}

TEST_F(pages, a_damaged_copy_is_named_and_the_other_one_counts) {
  auto content = host_.content(desk);
  content[static_cast<std::size_t>(offset_of(format::page_kind::records, 0, 1)) + 300] ^= 1;
  host_.replace_content(desk, content);
  page_store store(*door_, fd_, desk);
  load(store);
  EXPECT_TRUE(store.records(0).one_damaged);
  ASSERT_EQ(store.findings().size(), 1u);
  EXPECT_NE(store.findings()[0].find("byte 36864: records page 0, copy B"), std::string::npos)
      << store.findings()[0];
  ASSERT_EQ(store.write({&store.records(0)}, 1, false), 0);
  EXPECT_FALSE(store.records(0).one_damaged);
  EXPECT_EQ(generation(1), 2u) << "the damaged copy was the one to replace";
}

TEST_F(pages, records_keep_long_names_together) {
  page_store store(*door_, fd_, desk);
  load(store);
  const std::string name(255, 'n');
  EXPECT_EQ(records_needed(name), 2u);
  EXPECT_EQ(records_needed(std::string(64, 'n')), 1u);
  put_record(store, 14, sane_record(), name);
  EXPECT_EQ(record_name(store, 14), name);
  EXPECT_EQ(find_record(store, name), 14u);
  EXPECT_FALSE(find_record(store, std::string(254, 'n')));
  EXPECT_EQ(free_run(store, 0, 2), 0u);
  for (std::size_t i = 0; i < 13; ++i) put_record(store, i, sane_record(), "x");
  EXPECT_EQ(free_run(store, 0, 1), 13u);
  EXPECT_FALSE(free_run(store, 0, 2));
}

TEST_F(pages, a_new_file_never_goes_over_another_one) {
  file_image image;
  image.records.resize(1);
  const auto before = host_.content(desk);
  const auto refused = write_new_file(*door_, desk, image);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.failure().os_error, EEXIST);
  EXPECT_EQ(host_.content(desk), before);
  EXPECT_EQ(host_.disk().names.size(), 1u) << "a draft was left behind";
}

// ---- the live region

class regions : public testing::Test {
 protected:
  regions() : door_(host_.boot_process()) {
    mine_.uuid = {9};
    mine_.device = 7;
    mine_.inode = 100;
    mine_.boot_id = host_.boot_id();
    mine_.open_epoch = 4;
    mine_.open_nonce = {4};
  }

  live_region::finding find(const live_identity& file) {
    auto found = live_region::finding::none;
    EXPECT_TRUE(live_region::attach(*door_, "/live", file, found));
    return found;
  }

  live_identity opened(std::uint8_t nonce, std::uint64_t epoch) const {
    auto next = mine_;
    next.open_nonce = {nonce};
    next.open_epoch = epoch;
    return next;
  }

  machine host_;
  std::unique_ptr<machine::process> door_;
  live_identity mine_;
};

TEST_F(regions, are_trusted_by_the_opening_that_made_them_only) {
  using finding = live_region::finding;
  EXPECT_EQ(find(mine_), finding::none);
  auto made = live_region::create(*door_, "/live", mine_, {5});
  ASSERT_TRUE(made) << made.text();
  EXPECT_EQ(find(mine_), finding::stale) << "its opening is not durable yet";
  EXPECT_EQ(find(opened(5, 5)), finding::trusted) << "it is now, confirmed or not";
  made->confirm(5, {5});
  EXPECT_EQ(find(opened(5, 5)), finding::trusted);
  EXPECT_EQ(find(mine_), finding::newer) << "an older copy of the file";
  EXPECT_EQ(find(opened(6, 6)), finding::stale) << "an opening without it came in between";
  auto other = opened(5, 5);
  other.inode = 101;
  EXPECT_EQ(find(other), finding::stale);
  other = opened(5, 5);
  other.boot_id = "ffffffff-0000-4000-8000-000000000000";
  EXPECT_EQ(find(other), finding::stale);
  EXPECT_EQ(find(opened(0, 0)), finding::newer) << "no opening has no nonce";
}

TEST_F(regions, stay_trusted_while_they_change_hands) {
  using finding = live_region::finding;
  auto made = live_region::create(*door_, "/live", mine_, {5});
  ASSERT_TRUE(made);
  made->confirm(5, {5});
  made->announce({6});
  EXPECT_EQ(find(opened(5, 5)), finding::trusted);
  EXPECT_EQ(find(opened(6, 6)), finding::trusted);
  made->confirm(6, {6});
  EXPECT_EQ(find(opened(6, 6)), finding::trusted);
  made->discard();
  EXPECT_EQ(find(opened(6, 6)), finding::none);
}

TEST_F(regions, are_backed_where_they_are_used) {
  auto made = live_region::create(*door_, "/live", mine_, {5});
  ASSERT_TRUE(made);
  EXPECT_FALSE(made->tickets_backed(0));
  EXPECT_TRUE(made->back_tickets(3));
  EXPECT_TRUE(made->tickets_backed(0)) << "a page of counters at a time";
  EXPECT_FALSE(made->tickets_backed(16));
  EXPECT_TRUE(made->back_holder(0));
  EXPECT_EQ(made->holders_used(), 1u);
  EXPECT_FALSE(made->back_holder(live_region::holders));
  host_.live_room = 0;
  EXPECT_FALSE(made->back_tickets(16));
  EXPECT_FALSE(made->back_holder(1));
}

// ---- lock and keeper

TEST(file_lock, conflicts_within_one_process_and_ends_with_its_object) {
  machine host;
  const auto door = host.boot_process();
  const auto open = [&] { return door->open(desk.c_str(), O_RDWR | O_CREAT, 0644); };
  file_lock second;
  {
    file_lock first(*door, open());
    EXPECT_EQ(first.acquire(), 0);
    second = file_lock(*door, open());
    EXPECT_EQ(second.acquire(), EAGAIN);
    EXPECT_EQ(door->is_locked(second.fd()), 1);
    file_lock moved(std::move(first));
    EXPECT_EQ(second.acquire(), EAGAIN) << "moving gave it up";
  }
  EXPECT_EQ(second.acquire(), 0);
}

TEST(keeper, serves_every_kick_and_stops) {
  std::atomic<int> asked = 0, served = 0;
  detail::keeper keeper;
  EXPECT_FALSE(keeper.running());
  keeper.kick();  // costs nothing
  ASSERT_EQ(keeper.start("a-name-that-is-too-long-for-a-thread", -1, [&] {
    const auto now = asked.load();
    const bool found = served.load() < now;
    served.store(now);
    return found;
  }),
            0);
  for (int i = 1; i <= 100; ++i) {
    asked.store(i);
    keeper.kick();
    while (served.load() < i) ::sched_yield();
  }
  keeper.stop();
  keeper.stop();
  EXPECT_FALSE(keeper.running());
}

}  // namespace
}  // namespace sequencer::crash
