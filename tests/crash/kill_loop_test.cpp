// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Random SIGKILLs on the real kernel: a child takes numbers of every kind from several threads and
// writes each into memory that outlives it; its parent kills it after a random number of system
// calls or of numbers, and holds the next child's view of the file against what was written.
// SEQUENCER_SCALE multiplies the number of kills, SEQUENCER_MINUTES goes on for that long.

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sequencer/checkpoint.hpp>

#include "scale.hpp"
#include "scratch.hpp"
#include "watched_os.hpp"

namespace sequencer::crash {
namespace {

constexpr std::size_t threads = 3;
constexpr std::size_t kinds = 6;
constexpr std::size_t room = 8192;   // numbers a thread may write down in one life
constexpr std::size_t hole_room = 256;
constexpr std::uint64_t gap = 256;
constexpr std::uint64_t block = 16;

struct kind {
  const char* name;
  bool blocks;
  durability how;
};
constexpr kind all_kinds[kinds] = {{"ahead", false, durability::ahead},
                                   {"each", false, durability::each},
                                   {"memory", false, durability::memory},
                                   {"blocks", true, durability::ahead},
                                   {"quick", true, durability::memory},
                                   {"tiers", true, durability::ahead}};

// One node of two domains; together they hold a quarter of the gap.
tiers small_tiers() {
  auto made = tiers::even(1, 2, 1);
  made.node_block = 32;
  made.domain_block = 16;
  return made;
}
constexpr std::uint64_t block_in_tiers = 4;

using word = std::atomic<std::uint64_t>;

// What one life leaves in memory shared with its parent.
struct diary {
  word calls;              // of the door
  word numbers;            // written down, all threads
  word opened;             // 1 once the words below are there
  word epoch;
  word live;
  word starts[kinds];      // next number found at open
  word hole_count[kinds];
  hole holes[kinds][hole_room];
  struct page {
    word calling;          // 1 + kind while a call is under way whose number is not written yet
    word count;
    std::uint64_t entries[room];  // number << 3 | kind
  } pages[threads];
  word ended;              // handles of "blocks" that ended before their thread did
  word done;               // nothing more comes
  word failed;             // something was refused that must not be
  char why[256];
};

diary& shared_diary() {
  void* at = ::mmap(nullptr, sizeof(diary), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                    -1, 0);
  if (at == MAP_FAILED) std::abort();
  return *new (at) diary;
}

struct plan {
  bool live = true;
  bool close_by_itself = false;
  std::uint64_t numbers = 0;  // killed after so many,
  std::uint64_t calls = 0;    // or after so many calls of the door
  std::uint64_t seed = 0;
};

// ---- the child

class life {
 public:
  life(const std::string& path, checkpoint_options options, const plan& how, diary& into)
      : path_(path), options_(std::move(options)), how_(how), diary_(into) {}

  int run() {
    watched_os door(detail::system_os(), [&](std::string_view) {
      diary_.calls.fetch_add(1, std::memory_order_relaxed);
      return fate{};
    });
    options_.system = &door;
    options_.live = how_.live ? live_policy::automatic : live_policy::off;
    auto file = checkpoint::open(path_, options_);
    if (!file) return fail(file.text());
    for (std::size_t i = 0; i < kinds; ++i) {
      if (!open_kind(*file, i)) return 1;
    }
    if (!write_down_what_was_found(*file)) return 1;
    std::vector<std::thread> at_work;
    for (std::size_t i = 0; i < threads; ++i) at_work.emplace_back([this, i] { work(i); });
    for (auto& thread : at_work) thread.join();
    if (how_.close_by_itself && !file->close()) return fail("close failed");
    diary_.done.store(1);
    for (;;) ::sched_yield();  // until the kill
  }

 private:
  int fail(std::string_view why) {
    why.copy(diary_.why, sizeof diary_.why - 1);
    diary_.failed.store(1);
    return 1;
  }

  bool open_kind(checkpoint& file, std::size_t i) {
    const auto& of = all_kinds[i];
    if (of.blocks) {
      block_sequence_options how{
          .create = true, .durability = of.how, .max_gap = gap, .block = block};
      if (of.name == std::string_view("tiers")) {
        how.block = block_in_tiers;
        how.tiers = small_tiers();
      }
      auto made = file.blocks(of.name, how);
      if (!made) return fail(made.text()) == 0;
      blocks_.push_back(*made);
    } else {
      auto made =
          file.sequence(of.name, {.create = true, .durability = of.how, .max_gap = gap});
      if (!made) return fail(made.text()) == 0;
      strict_.push_back(*made);
    }
    return true;
  }

  bool write_down_what_was_found(checkpoint& file) {
    const auto list = file.list();
    for (std::size_t i = 0; i < kinds; ++i) {
      const auto holes = file.holes(all_kinds[i].name);
      if (!list || !holes || holes->size() > hole_room) return fail("no account") == 0;
      for (const auto& each : *list) {
        if (each.name == all_kinds[i].name) diary_.starts[i].store(each.position);
      }
      std::copy(holes->begin(), holes->end(), diary_.holes[i]);
      diary_.hole_count[i].store(holes->size());
    }
    diary_.epoch.store(file.open_epoch());
    diary_.live.store(file.live());
    diary_.opened.store(1);
    return true;
  }

  void work(std::size_t thread) {
    std::mt19937_64 random(how_.seed + thread);
    auto& page = diary_.pages[thread];
    auto first = blocks_[0].local();
    auto second = blocks_[1].local();
    auto third = blocks_[2].local(thread % 2);
    const auto most = how_.close_by_itself ? random() % room : room;
    for (std::size_t i = 0; i < most; ++i) {
      const auto which = random() % 20;
      const std::size_t kind = which < 5    ? 0
                               : which < 6  ? 1
                               : which < 9  ? 2
                               : which < 13 ? 3
                               : which < 16 ? 4
                                            : 5;
      page.calling.store(kind + 1);
      const auto taken = kind == 3   ? first.next()
                         : kind == 4 ? second.next()
                         : kind == 5 ? third.next()
                                     : strict_[kind].next();
      if (!taken) {
        fail(taken.text());
        return;
      }
      page.entries[i] = *taken << 3 | kind;
      page.count.store(i + 1);
      page.calling.store(0);
      diary_.numbers.fetch_add(1, std::memory_order_relaxed);
      if (random() % 200 != 0) continue;
      diary_.ended.fetch_add(1);
      first = blocks_[0].local();
      third = blocks_[2].local(random() % 2);
    }
  }

  const std::string& path_;
  checkpoint_options options_;
  const plan& how_;
  diary& diary_;
  std::vector<durable_sequence> strict_;
  std::vector<durable_blocks> blocks_;
};

// ---- the parent

class watcher {
 public:
  watcher() : random_(seed()) {}

  void run(std::uint64_t kills, std::chrono::minutes span) {
    const auto until = std::chrono::steady_clock::now() + span;
    while (lives_ < kills || std::chrono::steady_clock::now() < until) {
      one_life();
      if (testing::Test::HasFailure()) break;
    }
    std::cout << lives_ << " lives, " << kills_in_open_ << " of them killed before they were open, "
              << numbers_ << " numbers, " << exact_ << " deaths accounted for to the number\n";
    EXPECT_GT(numbers_, 0u);
    EXPECT_GT(exact_, 0u);
  }

 private:
  void one_life() {
    ++lives_;
    plan how;
    how.live = random_() % 4 != 0;
    how.close_by_itself = random_() % 8 == 0;
    how.seed = random_();
    how.numbers = random_() % (random_() % 4 == 0 ? threads * room : 3000);
    how.calls = random_() % 4 == 0 ? random_() % 120 : ~0ull;
    auto& now = shared_diary();
    const auto child = ::fork();
    if (child == 0) ::_exit(life(here_.path(), here_.options(true), how, now).run());
    const bool exited = wait_for_the_moment(child, how, now);
    if (!exited) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    read(now, how);
    ::munmap(&now, sizeof now);
  }

  // True when the child ended by itself, which it never should.
  bool wait_for_the_moment(pid_t child, const plan& how, diary& now) {
    while (now.numbers.load() < how.numbers && now.calls.load() < how.calls &&
           now.failed.load() == 0 && now.done.load() == 0) {
      if (::waitpid(child, nullptr, WNOHANG) == child) return true;
      ::sched_yield();
    }
    return false;
  }

  struct account {
    sequence from = 1;             // where the last life that was opened began
    std::vector<sequence> issued;  // by it, sorted
    std::uint64_t in_flight = 0;
    std::uint64_t ended = 0;  // tails of handles, besides those held at the end
    sequence highest = 0;
  };

  void read(const diary& now, const plan& how) {
    EXPECT_EQ(now.failed.load(), 0u) << now.why;
    since_live_ = since_live_ && how.live;
    ++failures_;
    if (now.opened.load() == 0) {
      ++kills_in_open_;
      return;
    }
    EXPECT_GT(now.epoch.load(), epoch_) << "life " << lives_;
    epoch_ = now.epoch.load();
    for (std::size_t i = 0; i < kinds; ++i) settle(i, now);
    failures_ = 0;
    since_live_ = how.live && now.live.load() != 0;
    for (std::size_t i = 0; i < kinds; ++i) begin(i, now);
  }

  // What the life before left of this kind, as the one that followed found it.
  void settle(std::size_t i, const diary& now) {
    auto& before = accounts_[i];
    const auto end = now.starts[i].load();
    const std::string who = std::string(all_kinds[i].name) + ", life " + std::to_string(lives_);
    ASSERT_GT(end, before.highest) << who << " would REISSUE";
    std::vector<bool> known(end - before.from, false);
    for (const auto number : before.issued) known[number - before.from] = true;
    for (std::size_t h = 0; h < now.hole_count[i].load(); ++h) {
      const auto& each = now.holes[i][h];
      for (auto n = std::max(each.numbers.first, before.from); n < std::min(each.numbers.last, end);
           ++n) {
        if (each.certain && known[n - before.from]) {
          ADD_FAILURE() << who << ": " << n << " was issued, yet a certain hole";
        }
      }
    }
    for (std::size_t h = 0; h < now.hole_count[i].load(); ++h) {
      const auto& each = now.holes[i][h];
      if (since_live_ && !each.certain && !each.merged && each.numbers.first >= before.from &&
          each.why != loss::closed) {
        ADD_FAILURE() << who << ": an uncertain hole [" << each.numbers.first << ", "
                      << each.numbers.last << ") (" << name(each.why)
                      << ") though the live region was there";
      }
      for (auto n = std::max(each.numbers.first, before.from); n < std::min(each.numbers.last, end);
           ++n) {
        known[n - before.from] = true;
      }
    }
    const auto missing =
        static_cast<std::uint64_t>(std::count(known.begin(), known.end(), false));
    EXPECT_LE(missing, before.in_flight)
        << who << ": lost without a word in [" << before.from << ", " << end << ")";
    const auto lost = end - before.from - before.issued.size();
    const auto held = all_kinds[i].blocks ? block * (2 * threads + before.ended) : 0;
    const auto bound = since_live_ ? before.in_flight : failures_ * (gap + held);
    if (!all_kinds[i].blocks || !since_live_) {
      EXPECT_LE(lost, bound + before.in_flight) << who;
    }
    if (since_live_) ++exact_;
  }

  void begin(std::size_t i, const diary& now) {
    auto& next = accounts_[i];
    next.from = now.starts[i].load();
    next.issued.clear();
    next.in_flight = 0;
    next.ended = now.ended.load() + threads;
    for (const auto& page : now.pages) {
      if (page.calling.load() == i + 1) ++next.in_flight;
      sequence last = 0;
      for (std::size_t e = 0; e < page.count.load(); ++e) {
        if ((page.entries[e] & 7) != i) continue;
        const auto number = page.entries[e] >> 3;
        if (!all_kinds[i].blocks) {
          EXPECT_GT(number, last) << all_kinds[i].name << ": order within a thread";
        }
        EXPECT_GE(number, next.from) << all_kinds[i].name << ": order across lives";
        last = number;
        next.issued.push_back(number);
      }
    }
    std::sort(next.issued.begin(), next.issued.end());
    const auto twice = std::adjacent_find(next.issued.begin(), next.issued.end());
    EXPECT_EQ(twice, next.issued.end()) << all_kinds[i].name << ": REISSUED in one life";
    if (!next.issued.empty()) next.highest = next.issued.back();
    numbers_ += next.issued.size();
  }

  scratch here_;
  std::mt19937_64 random_;
  account accounts_[kinds];
  std::uint64_t epoch_ = 0;
  std::uint64_t lives_ = 0;
  std::uint64_t failures_ = 0;
  bool since_live_ = true;  // every life since the last open one had a live region
  std::uint64_t kills_in_open_ = 0;
  std::uint64_t numbers_ = 0;
  std::uint64_t exact_ = 0;
};

TEST(kill_loop, nothing_is_issued_twice_and_nothing_is_lost_without_a_word) {
  const auto minutes = number_from("SEQUENCER_MINUTES", 0);
  watcher().run(200 * scale(), std::chrono::minutes(minutes));
}

}  // namespace
}  // namespace sequencer::crash
