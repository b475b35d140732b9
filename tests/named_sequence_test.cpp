// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/named_sequence.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sequencer/checkpoint.hpp>

#include <tests/crash/scratch.hpp>

namespace sequencer {
namespace {

using crash::in_child;
using crash::scratch;
using numbers = std::vector<std::int64_t>;
using limits = std::numeric_limits<std::int64_t>;

class named : public testing::Test {
 protected:
  named() : file_(*checkpoint::open(here_.path(), here_.options(true))) {}

  named_sequence made(const std::string& name, const named_options& options = {}) {
    const auto created = file_.named().create(name, options);
    EXPECT_TRUE(created) << created.text();
    return *session_.open(name);
  }

  static numbers take(named_sequence& from, int count) {
    numbers all;
    for (int i = 0; i < count; ++i) {
      const auto number = from.nextval();
      if (!number) break;
      all.push_back(*number);
    }
    return all;
  }

  void reopen() {
    ASSERT_TRUE(file_.close());
    file_ = *checkpoint::open(here_.path(), here_.options());
    session_ = file_.named().session();
  }

  sequence_status status(const std::string& name) { return *file_.named().status(name); }

  scratch here_;
  checkpoint file_;
  named_session session_ = file_.named().session();
};

TEST_F(named, counts_as_sql_does) {
  auto plain = made("plain");
  EXPECT_EQ(take(plain, 3), (numbers{1, 2, 3}));
  auto down = made("down", {.increment = -3, .minimum = -8});
  EXPECT_EQ(take(down, 9), (numbers{-1, -4, -7}));
  EXPECT_EQ(down.nextval().code(), errc::exhausted);
  EXPECT_EQ(*down.currval(), -7);
  auto round = made("round", {.maximum = 3, .cache = 5, .cycle = true});
  EXPECT_EQ(take(round, 7), (numbers{1, 2, 3, 1, 2, 3, 1}));
  auto odd = made("odd", {.start = 5, .increment = 4, .minimum = 0, .maximum = 10, .cycle = true});
  EXPECT_EQ(take(odd, 6), (numbers{5, 9, 0, 4, 8, 0}));
  auto wide = made("wide", {.start = limits::max() - 1, .increment = limits::max(),
                            .minimum = limits::min(), .cycle = true});
  EXPECT_EQ(take(wide, 4),
            (numbers{limits::max() - 1, limits::min(), -1, limits::max() - 1}));
  auto lone = made("lone", {.increment = limits::min(), .minimum = limits::min(),
                            .maximum = limits::max()});
  EXPECT_EQ(take(lone, 3), (numbers{limits::max(), -1}));
}

TEST_F(named, has_its_last_numbers_by_session) {
  auto a = made("a"), b = made("b", {.start = 10});
  auto other = file_.named().session();
  auto others_a = *other.open("a");
  EXPECT_EQ(a.currval().code(), errc::unavailable);
  EXPECT_EQ(session_.lastval().code(), errc::unavailable);
  take(a, 2);
  EXPECT_EQ(*b.nextval(), 10);
  EXPECT_EQ(*session_.lastval(), 10);
  EXPECT_EQ(*a.currval(), 2);
  EXPECT_EQ(others_a.currval().code(), errc::unavailable);
  EXPECT_EQ(*others_a.nextval(), 3);
  EXPECT_EQ(*a.currval(), 2);
  ASSERT_TRUE(a.setval(50));
  EXPECT_EQ(*a.currval(), 50);
  EXPECT_EQ(*session_.lastval(), 10) << "setval is no nextval";
  ASSERT_TRUE(a.setval(70, false));
  EXPECT_EQ(*a.currval(), 50) << "70 was not taken";
  EXPECT_EQ(*a.nextval(), 70);
  auto again = *session_.open("a");
  EXPECT_EQ(*again.currval(), 70) << "the same session";
  ASSERT_TRUE(file_.named().drop("a"));
  EXPECT_EQ(session_.lastval().code(), errc::unavailable);
  EXPECT_EQ(a.currval().code(), errc::closed);
  EXPECT_EQ(a.nextval().code(), errc::closed);
  EXPECT_EQ(others_a.setval(1).code(), errc::closed);
  EXPECT_EQ(others_a.range(1).code(), errc::closed);
  EXPECT_EQ(*b.currval(), 10);
}

TEST_F(named, other_sessions_blocks_follow_every_move) {
  auto mine = made("s", {.cache = 10});
  auto other = file_.named().session();
  auto theirs = *other.open("s");
  EXPECT_EQ(*mine.nextval(), 1);
  EXPECT_EQ(*theirs.nextval(), 11);
  ASSERT_TRUE(mine.setval(100));
  EXPECT_EQ(*theirs.nextval(), 101);
  EXPECT_EQ(*mine.nextval(), 111);
  ASSERT_TRUE(file_.named().restart("s"));
  EXPECT_EQ(*theirs.nextval(), 1);
  EXPECT_EQ(*mine.nextval(), 11);
  ASSERT_TRUE(file_.named().alter("s", {.options = {.increment = -1, .minimum = -50}}));
  EXPECT_EQ(*theirs.nextval(), 19) << "behind 20, which was taken last";
  EXPECT_EQ(*theirs.currval(), 19);
  EXPECT_EQ(*mine.currval(), 11) << "a move by others leaves it";
}

TEST_F(named, an_epoch_begins_where_a_number_could_come_again) {
  auto of = made("s", {.maximum = 100, .cycle = true});
  EXPECT_EQ(take(of, 5).back(), 5);
  EXPECT_EQ(of.epoch(), 0u);
  ASSERT_TRUE(of.setval(20));
  EXPECT_EQ(of.epoch(), 0u) << "forwards";
  ASSERT_TRUE(of.setval(20, false));
  EXPECT_EQ(status("s").epoch, 1u) << "20 was taken";
  ASSERT_TRUE(of.setval(20, false));
  EXPECT_EQ(status("s").epoch, 1u) << "20 was not taken";
  EXPECT_EQ(*of.nextval(), 20);
  EXPECT_EQ(of.epoch(), 1u);
  ASSERT_TRUE(of.setval(100));
  EXPECT_EQ(*of.nextval(), 1) << "round";
  EXPECT_EQ(of.epoch(), 2u);
  EXPECT_EQ(status("s").named->cycles, 1u);
  ASSERT_TRUE(file_.named().restart("s"));
  EXPECT_EQ(status("s").epoch, 3u);
  EXPECT_EQ(status("s").named->cycles, 1u) << "is kept";
  ASSERT_TRUE(file_.named().alter("s", {.options = {.increment = 7}}));
  EXPECT_EQ(status("s").epoch, 3u) << "the same direction";
  ASSERT_TRUE(file_.named().alter("s", {.options = {.increment = -7}}));
  EXPECT_EQ(status("s").epoch, 4u);
}

TEST_F(named, goes_on_after_a_clean_end) {
  auto of = made("s", {.increment = 10, .cache = 4});
  take(of, 6);
  ASSERT_TRUE(of.setval(1000));
  take(of, 3);
  ASSERT_TRUE(of.setval(5));
  EXPECT_EQ(*of.nextval(), 15);
  reopen();
  auto again = *session_.open("s");
  EXPECT_EQ(*again.nextval(), 55) << "the block of 15 to 45 was the session's";
  EXPECT_EQ(again.epoch(), 1u);
  const auto seen = status("s");
  EXPECT_EQ(seen.form, record_form::named);
  EXPECT_EQ(seen.named->last_value, 85);
  EXPECT_TRUE(seen.named->is_called);
  EXPECT_TRUE(file_.holes("s")->empty());
}

TEST_F(named, ranges_are_told_as_sql_server_tells_them) {
  auto of = made("s", {.maximum = 100, .cycle = true, .max_gap = 20});
  auto taken = *of.range(5);
  EXPECT_EQ(taken.first, 1);
  EXPECT_EQ(taken.last, 5);
  EXPECT_EQ(taken.cycles, 0u);
  EXPECT_EQ(taken.increment, 1);
  EXPECT_EQ(taken.minimum, 1);
  EXPECT_EQ(taken.maximum, 100);
  EXPECT_EQ(of.currval().code(), errc::unavailable);
  taken = *of.range(95);  // more than half of max_gap, to the bound
  EXPECT_EQ(std::pair(taken.first, taken.last), std::pair(std::int64_t{6}, std::int64_t{100}));
  EXPECT_EQ(taken.epoch, 0u);
  taken = *of.range(250);
  EXPECT_EQ(std::pair(taken.first, taken.last), std::pair(std::int64_t{1}, std::int64_t{50}));
  EXPECT_EQ(taken.cycles, 2u);
  EXPECT_EQ(taken.epoch, 1u);
  EXPECT_EQ(*of.nextval(), 51);
  EXPECT_EQ(of.epoch(), 3u);
  EXPECT_EQ(of.range(0).code(), errc::invalid);
  EXPECT_EQ(of.range(top + 1).code(), errc::invalid);
  EXPECT_TRUE(of.range(top)) << "round and round";
  auto ends = made("ends", {.start = 3, .maximum = 9});
  EXPECT_EQ(ends.range(8).code(), errc::exhausted);
  EXPECT_EQ(ends.range(7)->last, 9) << "the refused one took nothing";
  EXPECT_EQ(ends.nextval().code(), errc::exhausted);
  auto huge = made("huge", {.minimum = limits::min(), .maximum = limits::max()});
  EXPECT_EQ(huge.range(top)->last, -2);
  EXPECT_EQ(huge.range(top)->last, limits::max() - 2);
  EXPECT_EQ(huge.range(3).code(), errc::exhausted);
  EXPECT_EQ(take(huge, 9), (numbers{limits::max() - 1, limits::max()}));
}

// However wide it is, it costs no ordinals, of which there are as many as numbers of a strict one.
TEST_F(named, a_range_above_2_to_the_32_takes_no_ordinals) {
  auto of = made("s", {.maximum = limits::max(), .cycle = true, .max_gap = top});
  for (int i = 0; i < 20; ++i) {
    const auto taken = of.range(std::uint64_t{1} << 61);
    ASSERT_TRUE(taken) << i << ": " << taken.text();
  }
  EXPECT_EQ(of.range(std::uint64_t{1} << 32)->epoch, 5u);
  EXPECT_EQ(*of.nextval(), (std::int64_t{1} << 32) + 6) << "5 rounds have no 0";
}

// Two numbers and then the next epoch, of which 2^64 are soon gone through.
TEST_F(named, nothing_comes_again_once_its_epochs_are_used_up) {
  auto of = made("s", {.maximum = 2, .cycle = true});
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(of.range(top)) << i;
  EXPECT_EQ(of.range(5).code(), errc::exhausted);
  EXPECT_EQ(take(of, 9), (numbers{1, 2, 1, 2}));
  constexpr auto last = ~std::uint64_t{0};
  EXPECT_EQ(of.epoch(), last);
  EXPECT_EQ(of.nextval().code(), errc::exhausted);
  EXPECT_EQ(of.setval(1).code(), errc::exhausted) << "back";
  EXPECT_EQ(of.setval(2, false).code(), errc::exhausted) << "2 was taken";
  EXPECT_EQ(file_.named().restart("s").code(), errc::exhausted);
  EXPECT_FALSE(file_.named().drop("s")) << "what is made under its name could begin nowhere";
  EXPECT_EQ(status("s").epoch, last);
  reopen();
  auto again = *session_.open("s");
  EXPECT_EQ(again.nextval().code(), errc::exhausted);
  EXPECT_EQ(again.setval(1).code(), errc::exhausted);
  ASSERT_TRUE(again.setval(2)) << "it stands there";
  ASSERT_TRUE(file_.named().alter("s", {.options = {.maximum = 3}}));
  EXPECT_EQ(take(again, 9), (numbers{3}));
}

TEST_F(named, what_contradicts_itself_is_refused) {
  auto all = file_.named();
  const auto wrong = [&](const named_options& options) { return all.create("x", options).code(); };
  EXPECT_EQ(wrong({.increment = 0}), errc::invalid);
  EXPECT_EQ(wrong({.minimum = 5, .maximum = 5}), errc::invalid);
  EXPECT_EQ(wrong({.minimum = 0, .no_minimum = true}), errc::invalid);
  EXPECT_EQ(wrong({.start = 0}), errc::invalid);
  EXPECT_EQ(wrong({.start = 11, .maximum = 10}), errc::invalid);
  EXPECT_EQ(wrong({.cache = 0}), errc::invalid);
  EXPECT_EQ(wrong({.cache = (std::uint64_t{1} << 32) + 1}), errc::invalid);
  EXPECT_EQ(wrong({.cache = 10, .max_gap = 19}), errc::invalid);
  EXPECT_EQ(wrong({.max_gap = top + 1}), errc::invalid);
  EXPECT_EQ(all.create("", {}).code(), errc::invalid);
  EXPECT_EQ(all.create(std::string(256, 'x'), {}).code(), errc::invalid);
  EXPECT_EQ(file_.list()->size(), 0u) << "nothing was made";
  auto of = made("s", {.maximum = 10, .cache = 4});
  EXPECT_EQ(all.create("s", {}).code(), errc::invalid) << "it exists";
  EXPECT_EQ(of.setval(11).code(), errc::invalid);
  EXPECT_EQ(of.setval(0, false).code(), errc::invalid);
  const auto cannot = [&](const named_change& change) { return all.alter("s", change).code(); };
  EXPECT_EQ(cannot({.options = {.increment = 0}}), errc::invalid);
  EXPECT_EQ(cannot({.options = {.minimum = 2}}), errc::invalid) << "start is 1";
  EXPECT_EQ(cannot({.options = {.start = 2, .minimum = 2}}), errc::invalid) << "it stands at 1";
  EXPECT_EQ(cannot({.options = {.durability = durability::each}}), errc::invalid);
  EXPECT_EQ(cannot({.options = {.max_gap = 100}}), errc::invalid) << "lower";
  EXPECT_EQ(cannot({.restart_with = 11}), errc::invalid);
  EXPECT_EQ(all.restart("nobody").code(), errc::invalid);
  EXPECT_EQ(all.drop("nobody").code(), errc::invalid);
  EXPECT_EQ(all.status("nobody").code(), errc::invalid);
  EXPECT_EQ(session_.open("nobody").code(), errc::invalid);
  ASSERT_TRUE(file_.sequence("strict", {.create = true}));
  ASSERT_TRUE(file_.mark("mark", {.create = true}));
  for (const auto* kind : {"strict", "mark"}) {
    EXPECT_EQ(all.drop(kind).code(), errc::invalid) << kind;
    EXPECT_EQ(session_.open(kind).code(), errc::invalid) << kind;
    EXPECT_EQ(all.status(kind).code(), errc::invalid) << kind;
  }
  EXPECT_EQ(file_.sequence("s").code(), errc::invalid);
  EXPECT_EQ(file_.mark("s").code(), errc::invalid);
  EXPECT_EQ(take(of, 3), (numbers{1, 2, 3})) << "nothing was moved";
}

TEST_F(named, altered_bounds_count_at_once) {
  auto of = made("s", {.maximum = 2});
  EXPECT_EQ(take(of, 5).size(), 2u);
  ASSERT_TRUE(file_.named().alter("s", {.options = {.maximum = 5}}));
  EXPECT_EQ(take(of, 5), (numbers{3, 4, 5}));
  ASSERT_TRUE(file_.named().alter("s", {.options = {.cycle = true}}));
  EXPECT_EQ(take(of, 2), (numbers{1, 2}));
  ASSERT_TRUE(file_.named().alter("s", {.options = {.no_maximum = true, .cache = 1 << 20}}));
  EXPECT_EQ(*of.nextval(), 3);
  EXPECT_GE(status("s").max_gap, std::uint64_t{1} << 21) << "raised with the cache";
}

TEST_F(named, a_dropped_place_is_somebody_elses) {
  const std::string longest(255, 'n');
  for (int round = 0; round < 40; ++round) {
    auto of = made(longest, {.start = round + 1});
    EXPECT_EQ(*of.nextval(), round + 1);
    EXPECT_EQ(of.epoch(), static_cast<std::uint64_t>(round)) << "above those before";
    ASSERT_TRUE(file_.named().drop(longest));
  }
  EXPECT_TRUE(file_.list()->empty());
  auto strict = *file_.sequence("strict", {.create = true});
  EXPECT_EQ(*strict.next(), 1u);
  reopen();
  EXPECT_EQ(file_.list()->size(), 1u);
  EXPECT_EQ(*file_.sequence("strict")->next(), 2u);
}

TEST_F(named, a_dropped_handle_touches_nothing_of_who_has_its_place) {
  auto gone = made("gone", {.increment = 2, .cache = 9, .max_gap = 1000});
  EXPECT_EQ(take(gone, 2), (numbers{1, 3}));
  ASSERT_TRUE(file_.named().drop("gone"));
  EXPECT_EQ(gone.nextval().code(), errc::closed) << "7 of the block were left";
  auto next = made("next", {.start = 5000, .increment = 10, .max_gap = 1000});
  EXPECT_EQ(take(next, 2), (numbers{5000, 5010}));
  EXPECT_EQ(gone.range(600).code(), errc::closed) << "more than half of max_gap";
  EXPECT_EQ(gone.range(2).code(), errc::closed);
  EXPECT_EQ(gone.nextval().code(), errc::closed);
  ASSERT_TRUE(file_.named().drop("next"));
  auto strict = *file_.sequence("strict", {.create = true});
  EXPECT_EQ(*strict.next(), 1u);
  EXPECT_EQ(next.range(600).code(), errc::closed);
  reopen();
  EXPECT_EQ(*file_.sequence("strict")->next(), 2u);
}

TEST_F(named, is_closed_with_its_file_and_in_a_child) {
  auto of = made("s", {.cache = 100});
  EXPECT_EQ(*of.nextval(), 1);
  EXPECT_EQ(in_child([&] {
              const bool refused = of.nextval().code() == errc::closed &&
                                   of.setval(5).code() == errc::closed &&
                                   of.range(3).code() == errc::closed &&
                                   file_.named().restart("s").code() == errc::closed &&
                                   session_.open("s").code() == errc::closed;
              return refused ? 0 : 1;
            }),
            0);
  EXPECT_EQ(*of.nextval(), 2) << "the parent goes on";
  ASSERT_TRUE(file_.close());
  EXPECT_EQ(of.nextval().code(), errc::closed) << "98 of the block were left";
  EXPECT_EQ(of.setval(5).code(), errc::closed);
  EXPECT_EQ(of.range(1).code(), errc::closed);
  EXPECT_EQ(file_.named().create("t").code(), errc::closed);
  auto emptied = std::move(file_);
  EXPECT_EQ(file_.named().create("t").code(), errc::closed);
  EXPECT_EQ(file_.named().session().open("s").code(), errc::closed);
}

// Sessions take a first block each while the file is closed: whatever they have is void when the
// close returns. In memory, so that many closes are tried.
TEST(NamedClose, ABlockThatIsTakenMeanwhileIsVoidBehindIt) {
  const scratch here;
  constexpr int rounds = 120, sessions = 4000;
  for (int round = 0; round < rounds; ++round) {
    auto file = *checkpoint::open(here.live_directory() + "/desk.seq", here.options(round == 0));
    if (round == 0) {
      ASSERT_TRUE(file.named().create("first"));
      ASSERT_TRUE(file.named().create("s", {.cache = 1000, .max_gap = std::uint64_t{1} << 40}));
    }
    ASSERT_TRUE(file.named().session().open("first"));  // which the close ends before
    std::vector<named_sequence> all;
    for (int i = 0; i < sessions; ++i) all.push_back(*file.named().session().open("s"));
    std::atomic<bool> begun{false};
    std::thread taker([&] {
      begun = true;
      for (auto at = all.begin(); at->nextval();) {
        if (++at == all.end()) at = all.begin();
      }
    });
    while (!begun) std::this_thread::yield();
    ASSERT_TRUE(file.close());
    taker.join();
    for (auto& each : all) ASSERT_EQ(each.nextval().code(), errc::closed) << "round " << round;
  }
}

TEST_F(named, works_without_a_keeper_and_in_every_durability) {
  ASSERT_TRUE(file_.close());
  auto options = here_.options();
  options.keeper_thread = false;
  file_ = *checkpoint::open(here_.path(), options);
  session_ = file_.named().session();
  for (const auto how : {durability::ahead, durability::each, durability::memory}) {
    auto of = made(std::string(name(how)), {.cache = 7, .durability = how, .max_gap = 64});
    const auto all = take(of, 300);
    ASSERT_EQ(all.size(), 300u) << name(how);
    for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], static_cast<int>(i) + 1);
  }
}

TEST_F(named, an_adopted_copy_never_repeats_a_pair) {
  auto up = made("up", {.start = 5, .increment = 10});
  auto down = made("down", {.increment = -1});
  auto ends = made("ends", {.maximum = 50});
  take(up, 3), take(down, 3), take(ends, 3);
  ASSERT_TRUE(file_.backup(here_.path("copy.seq")));
  ASSERT_TRUE(checkpoint::adopt(here_.path("copy.seq"), 100, here_.options()));
  auto copy = *checkpoint::open(here_.path("copy.seq"), here_.options());
  auto session = copy.named().session();
  auto copied = *session.open("up");
  EXPECT_EQ(*copied.nextval() % 10, 5) << "on its own grid";
  EXPECT_GE(*copied.currval(), 105);
  EXPECT_GT(copied.epoch(), up.epoch());
  auto copied_down = *session.open("down");
  EXPECT_LE(*copied_down.nextval(), -4);
  EXPECT_GT(copied_down.epoch(), 0u);
  EXPECT_EQ(session.open("ends")->nextval().code(), errc::exhausted) << "nothing above the floor";
  ASSERT_TRUE(copy.named().create("fresh"));
  EXPECT_EQ(*session.open("fresh")->nextval(), 100);
}

// The original goes on for a long time after the copy was made.
TEST_F(named, an_adopted_copy_is_above_what_its_original_could_come_to) {
  constexpr auto many = std::uint64_t{1} << 41;
  auto round = made("round", {.maximum = 2, .cycle = true});
  made("gone", {.maximum = 2, .cycle = true});
  ASSERT_TRUE(file_.backup(here_.path("copy.seq")));
  ASSERT_TRUE(round.range(many));
  EXPECT_EQ(*round.nextval(), 1);
  ASSERT_TRUE(session_.open("gone")->range(many));
  ASSERT_TRUE(file_.named().drop("gone"));
  auto anew = made("gone");
  EXPECT_EQ(*anew.nextval(), 1);

  ASSERT_TRUE(checkpoint::adopt(here_.path("copy.seq"), 0, here_.options()));
  auto copy = *checkpoint::open(here_.path("copy.seq"), here_.options());
  auto session = copy.named().session();
  auto copied = *session.open("round");
  EXPECT_EQ(*copied.nextval(), 1);
  EXPECT_GT(copied.epoch(), round.epoch());
  ASSERT_TRUE(copy.named().create("other"));
  auto others = *session.open("other");
  EXPECT_EQ(*others.nextval(), 1);
  EXPECT_GT(others.epoch(), anew.epoch()) << "what the original dropped may have had this name";
}

// Both copies of the header are lost, and with them which epochs dropped sequences had.
TEST_F(named, a_salvaged_file_is_above_what_it_dropped) {
  auto of = made("s", {.maximum = 2, .cycle = true});
  made("stays");
  ASSERT_TRUE(of.range(std::uint64_t{1} << 60));
  ASSERT_TRUE(file_.named().drop("s"));
  auto again = made("s");
  EXPECT_EQ(*again.nextval(), 1);
  const auto before = again.epoch();
  EXPECT_GT(before, std::uint64_t{1} << 58);
  ASSERT_TRUE(file_.named().drop("s"));
  ASSERT_TRUE(file_.close());
  {
    std::fstream head(here_.path(), std::ios::in | std::ios::out | std::ios::binary);
    head << std::string(2 * 4096, 'x');
    ASSERT_TRUE(head.flush());
  }
  const auto found = checkpoint::adopt(here_.path(), 0, here_.options());
  ASSERT_TRUE(found) << found.text();
  file_ = *checkpoint::open(here_.path(), here_.options());
  session_ = file_.named().session();
  EXPECT_EQ(*session_.open("stays")->nextval(), 1);
  auto anew = made("s");
  EXPECT_EQ(*anew.nextval(), 1);
  EXPECT_GT(anew.epoch(), before);
}

// Every pair once, whatever eight sessions do to one sequence at the same time.
TEST_F(named, pairs_stay_unique_under_every_statement_at_once) {
  made("s", {.maximum = 200, .cache = 5, .cycle = true, .max_gap = 64});
  constexpr unsigned sessions = 4;
  std::vector<std::vector<std::pair<std::uint64_t, std::int64_t>>> taken(sessions);
  std::vector<std::thread> threads;
  for (unsigned who = 0; who < sessions; ++who) {
    threads.emplace_back([&, who] {
      std::mt19937_64 random(who);
      auto session = file_.named().session();
      auto of = *session.open("s");
      for (int i = 0; i < 2000; ++i) {
        const auto what = random() % 400;
        const auto number = static_cast<std::int64_t>(random() % 200 + 1);
        if (what == 0) {
          EXPECT_TRUE(of.setval(number, random() % 2 == 0));
        } else if (what == 1) {
          EXPECT_TRUE(file_.named().restart("s", number));
        } else if (what == 2) {
          const auto step = random() % 2 == 0 ? 3 : -2;
          EXPECT_TRUE(file_.named().alter("s", {.options = {.increment = step}}));
        } else if (const auto got = of.nextval()) {
          taken[who].emplace_back(of.epoch(), *got);
        } else {
          ADD_FAILURE() << got.text();
        }
      }
    });
  }
  for (auto& each : threads) each.join();
  std::set<std::pair<std::uint64_t, std::int64_t>> seen;
  for (const auto& each : taken) {
    for (const auto& pair : each) {
      EXPECT_TRUE(seen.insert(pair).second) << pair.first << ", " << pair.second;
    }
  }
  EXPECT_GT(seen.size(), 7000u);
}

}  // namespace
}  // namespace sequencer
