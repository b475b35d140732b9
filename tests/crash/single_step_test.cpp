// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Death at every instruction: a parent single-steps a child through creating, marking, refilling,
// opening and closing. Whenever an instruction changed the file or the live region, the real code
// recovers from a copy of both: no number again, no strict number lost, every tail known.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <new>
#include <set>
#include <string>
#include <vector>

#include <sequencer/checkpoint.hpp>

#include "../sanitized.hpp"
#include "scale.hpp"
#include "scratch.hpp"
#include "simulated_disk.hpp"
#include "watched_os.hpp"

namespace sequencer::crash {
namespace {

const std::string desk = "/disk/desk.seq";
const std::string boot = "12345678-0000-4000-8000-000000000000";
constexpr std::uint64_t device = 7;
constexpr std::uint64_t inode = 100;

// The child's file looks as it will on the simulated disk that it is recovered on.
class same_identity final : public watched_os {
 public:
  int fstat(int fd, struct ::stat* to) override { return dress(behind().fstat(fd, to), to); }
  int stat(const char* path, struct ::stat* to) override {
    return dress(behind().stat(path, to), to);
  }
  std::string boot_id() override { return boot; }
  std::int64_t birth_ns(int) override { return inode; }

 private:
  static int dress(int outcome, struct ::stat* to) {
    to->st_dev = device;
    to->st_ino = inode;
    return outcome;
  }
};

// What the child was told, in memory that outlives it.
struct diary {
  static constexpr std::size_t room = 1000;
  std::atomic<std::uint64_t> has_strict, has_blocks, count;
  struct {
    bool of_blocks;
    sequence number;
  } entries[room];

  void note(bool of_blocks, sequence number) {
    const auto at = count.load();
    entries[at] = {of_blocks, number};
    count.store(at + 1);
  }
};

// ---- the child's program

class program {
 public:
  program(const scratch& here, diary& into) : diary_(into) {
    options_ = here.options();
    options_.system = &door_;
    options_.keeper_thread = false;
    path_ = here.path();
  }

  void use_tails_again() { traces_of_.unordered = true; }

  // From now on blocks come by way of a node and two domains, of which each handle has one.
  void use_tiers() {
    traces_of_.tiers = tiers::even(1, 2, 1);
    traces_of_.tiers->domain_block = 4;
    traces_of_.tiers->node_block = 8;
    traces_of_.max_gap = 32;
    traces_of_.block = 2;
  }

  void open(bool create) {
    options_.create = create;
    auto opened = checkpoint::open(path_, options_);
    if (!opened) give_up(opened.text());
    file_.emplace(std::move(*opened));
    auto strict = file_->sequence("trades", {.max_gap = 16});
    if (!strict) give_up(strict.text());
    trades_.emplace(*strict);
    diary_.has_strict.store(1);
    auto blocks = file_->blocks("traces", traces_of_);
    if (!blocks) give_up(blocks.text());
    traces_.emplace(*blocks);
    diary_.has_blocks.store(1);
  }

  void take(int strict, int first, int second) {
    for (; strict > 0; --strict) one(false, [&] { return trades_->try_next(); });
    if (first > 0 && !first_) first_.emplace(traces_->local(0));
    for (; first > 0; --first) one(true, [&] { return first_->try_next(); });
    if (second > 0 && !second_) second_.emplace(traces_->local(1));
    for (; second > 0; --second) one(true, [&] { return second_->try_next(); });
  }

  void end_first() { first_.reset(); }
  void end_second() { second_.reset(); }
  void second_moves_to_the_first() { second_.emplace(traces_->local(0)); }
  void close() {
    if (const auto closed = file_->close(); !closed) give_up(closed.text());
  }

 private:
  [[noreturn]] static void give_up(std::string_view why) {
    std::cerr << why << std::endl;
    ::_exit(1);
  }

  template <class Next>
  void one(bool of_blocks, Next next) {
    for (;;) {
      const auto taken = next();
      if (taken) return diary_.note(of_blocks, *taken);
      if (taken.code() != errc::unavailable) give_up(taken.text());
      file_->tend();
    }
  }

  same_identity door_;
  checkpoint_options options_;
  block_sequence_options traces_of_{.max_gap = 16, .block = 4};
  std::string path_;
  diary& diary_;
  std::optional<checkpoint> file_;
  std::optional<durable_sequence> trades_;
  std::optional<durable_blocks> traces_;
  std::optional<durable_blocks::handle> first_, second_;
};

// ---- what is there after an instruction

// The pages of the live region that one page of records and a few handles use.
constexpr std::uint64_t live_bytes_at[] = {0, 4096, 4096 + 131'072ull * 256};

class bystander {
 public:
  explicit bystander(const scratch& here) : here_(here) {}
  ~bystander() { unmap(); }

  // True when something that a recovery could see has changed since it was last asked.
  bool look(bool at_files) {
    bool changed = false;
    if (at_files) {
      changed = look_at_file();
      changed = look_at_region() || changed;
    }
    for (std::size_t i = 0; i < std::size(pages_); ++i) {
      if (mapped_[i] == nullptr) continue;
      if (std::memcmp(mapped_[i], pages_[i].data(), pages_[i].size()) == 0) continue;
      std::memcpy(pages_[i].data(), mapped_[i], pages_[i].size());
      changed = true;
    }
    return changed;
  }

  bool has_file() const { return has_file_; }

  disk_image disk() const {
    disk_image image;
    if (!has_file_) return image;
    image.names[desk] = inode;
    image.files[inode] = file_;
    return image;
  }

  live_image live() const {
    live_image image;
    if (name_.empty()) return image;
    auto& region = image.files["/live/" + name_];
    region = {inode + 1, length_, 0100600, {}};
    for (std::size_t i = 0; i < std::size(pages_); ++i) {
      if (mapped_[i] != nullptr) region.pages[live_bytes_at[i]] = pages_[i];
    }
    return image;
  }

 private:
  bool look_at_file() {
    std::ifstream from(here_.path(), std::ios::binary);
    const bool there = from.good();
    bytes now{std::istreambuf_iterator<char>(from), {}};
    const bool changed = there != has_file_ || now != file_;
    has_file_ = there;
    file_ = std::move(now);
    return changed;
  }

  bool look_at_region() {
    std::string name;
    for (const auto& each : std::filesystem::directory_iterator(here_.live_directory())) {
      name = each.path().filename();
    }
    struct ::stat now {};
    const auto path = here_.live_directory() + "/" + name;
    if (!name.empty() && ::stat(path.c_str(), &now) != 0) return false;
    const auto length = static_cast<std::uint64_t>(now.st_size);
    if (name == name_ && now.st_ino == region_inode_ && length == length_) return false;
    unmap();
    name_ = name;
    region_inode_ = now.st_ino;
    length_ = length;
    if (!name.empty()) map(path);
    return true;
  }

  void map(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    for (std::size_t i = 0; i < std::size(pages_); ++i) {
      pages_[i].assign(4096, 0);
      if (live_bytes_at[i] + 4096 > length_) continue;
      void* at = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd,
                        static_cast<off_t>(live_bytes_at[i]));
      if (at != MAP_FAILED) mapped_[i] = at;
    }
    ::close(fd);
  }

  void unmap() {
    for (auto& at : mapped_) {
      if (at != nullptr) ::munmap(at, 4096);
      at = nullptr;
    }
  }

  const scratch& here_;
  bool has_file_ = false;
  bytes file_;
  std::string name_;
  ino_t region_inode_ = 0;
  std::uint64_t length_ = 0;
  void* mapped_[std::size(live_bytes_at)] = {};
  bytes pages_[std::size(live_bytes_at)];
};

// ---- judging

class verdict {
 public:
  explicit verdict(const diary& told) {
    for (std::size_t i = 0; i < told.count.load(); ++i) {
      (told.entries[i].of_blocks ? traces_ : trades_).insert(told.entries[i].number);
    }
    has_strict_ = told.has_strict.load() != 0;
    has_blocks_ = told.has_blocks.load() != 0;
  }

  std::string of(const bystander& seen) {
    machine host(seen.disk());
    host.set_boot_id(boot);
    host.restore_live(seen.live());
    const auto door = host.boot_process();
    auto file = checkpoint::open(desk, {.create = !has_strict_,
                                        .live_directory = "/live",
                                        .keeper_thread = false,
                                        .system = door.get()});
    if (!file) return std::string(file.text());
    auto wrong = has_strict_ ? judge_strict(*file) : "";
    if (wrong.empty() && has_blocks_) wrong = judge_blocks(*file);
    door->kill();
    return wrong;
  }

 private:
  template <class Next>
  static result<sequence> patiently(checkpoint& file, Next next) {
    result<sequence> taken = errc::unavailable;
    for (int i = 0; i < 10 && !taken; ++i) {
      taken = next();
      if (!taken) file.tend();
    }
    return taken;
  }

  // One number may be on its way to the child's diary.
  std::string judge_strict(checkpoint& file) {
    auto trades = file.sequence("trades");
    if (!trades) return std::string(trades.text());
    const auto next = patiently(file, [&] { return trades->try_next(); });
    if (!next) return "trades issue nothing";
    const auto last = trades_.empty() ? 0 : *trades_.rbegin();
    if (*next <= last) return "trades REISSUED " + std::to_string(*next);
    if (*next > last + 2) return "trades lost a number before " + std::to_string(*next);
    return {};
  }

  std::string judge_blocks(checkpoint& file) {
    auto traces = file.blocks("traces");
    if (!traces) return std::string(traces.text());
    auto local = traces->local();
    const auto next = patiently(file, [&] { return local.try_next(); });
    if (!next) return "traces issue nothing";
    if (traces_.contains(*next)) return "traces REISSUED " + std::to_string(*next);
    if (!traces_.empty() && *next < *traces_.rbegin()) return "traces went back";
    std::set<sequence> known = traces_;
    std::uint64_t lost = 0;
    std::set<sequence> holes;
    for (const auto& each : *file.holes("traces")) {
      lost += each.lost;
      if (each.numbers.last > *next) return "a hole above the next number";
      for (auto n = each.numbers.first; n < each.numbers.last; ++n) {
        const bool late = each.why == loss::closed && !each.certain;
        if (traces_.contains(n) && !late) return std::to_string(n) + " was issued, yet a hole";
        if (!each.certain && !late) return "a tail is uncertain";
        known.insert(n);
        holes.insert(n);
      }
    }
    if (lost != holes.size()) return "holes counted twice";
    const auto missing = *next - 1 - known.size();
    if (missing > 1) return "traces lost " + std::to_string(missing) + " without a word";
    return {};
  }

  std::set<sequence> trades_, traces_;
  bool has_strict_ = false;
  bool has_blocks_ = false;
};

// ---- stepping

bool at_system_call(pid_t child) {
#if defined(__x86_64__)
  const auto at = ::ptrace(PTRACE_PEEKUSER, child, 16 * 8, nullptr);  // rip
  errno = 0;
  const auto code = ::ptrace(PTRACE_PEEKTEXT, child, at, nullptr);
  return errno != 0 || (code & 0xffff) == 0x050f;
#else
  static_cast<void>(child);
  return true;
#endif
}

struct walk {
  std::uint64_t instructions = 0;
  std::uint64_t recoveries = 0;
  std::string wrong;
};

// `setup` runs freely, `walked` one instruction at a time.
walk step_through(const scratch& here, diary& told, const std::function<void(program&)>& setup,
                  const std::function<void(program&)>& walked) {
  walk done;
  const auto child = ::fork();
  if (child == 0) {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    program mine(here, told);
    setup(mine);
    ::raise(SIGSTOP);
    walked(mine);
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSTOPPED(status)) {
    done.wrong = "the child ended before it was walked";
    return done;
  }
  bystander here_now(here);
  here_now.look(true);
  std::uint64_t known = ~0ull;
  for (;;) {
    const bool calls = at_system_call(child);
    if (::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) break;
    ::waitpid(child, &status, 0);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) == SIGSTOP) break;
    ++done.instructions;
    const auto now = told.count.load() + told.has_strict.load() + told.has_blocks.load();
    if (!here_now.look(calls) && now == known) continue;
    known = now;
    ++done.recoveries;
    done.wrong = verdict(told).of(here_now);
    if (!done.wrong.empty()) break;
  }
  if (WIFEXITED(status)) done.wrong = "the child gave up";
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return done;
}

class single_step : public testing::Test {
 protected:
  void SetUp() override {
    if (sanitized) GTEST_SKIP() << "most instructions would be the sanitizer's";
    const int can = in_child([] {
      return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 ? 0 : 1;
    });
    if (can != 0) GTEST_SKIP() << "no ptrace here";
    void* at = ::mmap(nullptr, sizeof(diary), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(at, MAP_FAILED);
    told_ = new (at) diary;
  }

  void walk_and_judge(const std::function<void(program&)>& setup,
                      const std::function<void(program&)>& walked) {
    const auto done = step_through(here_, *told_, setup, walked);
    std::cout << done.instructions << " instructions, " << done.recoveries << " recoveries\n";
    EXPECT_EQ(done.wrong, "") << "after " << done.instructions << " instructions";
    EXPECT_GT(done.instructions, 1000u);
    EXPECT_GE(done.recoveries, 5u);
  }

  // A life that is killed after `what`.
  void live_and_die(const std::function<void(program&)>& what) {
    ASSERT_EQ(-SIGKILL, in_child([&] {
      program mine(here_, *told_);
      what(mine);
      return ::raise(SIGKILL);
    }));
  }

  scratch here_;
  diary* told_ = nullptr;
};

void nothing(program&) {}

TEST_F(single_step, through_the_creation_of_a_file_and_its_sequences) {
  if (scale() < 2) GTEST_SKIP() << "long; with SEQUENCER_SCALE of 2 or more";
  walk_and_judge(nothing, [](program& p) { p.open(true); });
}

TEST_F(single_step, judge_misses_what_a_lost_live_region_costs) {
  live_and_die([](program& p) {
    p.open(true);
    p.take(9, 6, 2);
  });
  bystander seen(here_);
  seen.look(true);
  EXPECT_EQ(verdict(*told_).of(seen), "");
  for (const auto& each : std::filesystem::directory_iterator(here_.live_directory())) {
    std::filesystem::remove(each.path());
  }
  seen.look(true);
  EXPECT_NE(verdict(*told_).of(seen), "");
}

TEST_F(single_step, through_marks) {
  walk_and_judge([](program& p) { p.open(true); }, [](program& p) { p.take(40, 0, 0); });
}

TEST_F(single_step, through_refills_and_ends_of_handles) {
  walk_and_judge([](program& p) { p.open(true); },
                 [](program& p) {
                   p.take(0, 6, 2);
                   p.take(0, 5, 3);
                   p.end_first();  // below the other's block: a hole
                   p.take(0, 0, 6);
                   p.end_second();  // on top: goes back
                   p.take(0, 2, 0);
                 });
}

TEST_F(single_step, through_tails_that_are_handed_out_again) {
  walk_and_judge(
      [](program& p) {
        p.use_tails_again();
        p.open(true);
        p.take(0, 2, 2);
        p.end_first();
      },
      [](program& p) {
        p.take(0, 3, 0);  // the tail, on a fresh line
        p.take(0, 0, 6);
      });
}

TEST_F(single_step, through_tiers) {
  walk_and_judge(
      [](program& p) {
        p.use_tiers();
        p.open(true);
      },
      [](program& p) {
        p.take(0, 3, 3);  // each domain has a block of the node's
        p.take(0, 4, 0);  // the node is empty and asks the counter
        p.take(0, 0, 3);
        p.end_first();  // goes back to its pool
        p.end_second();
        p.second_moves_to_the_first();
        p.take(0, 0, 9);
        p.take(0, 9, 0);
      });
}

TEST_F(single_step, through_a_close_with_tiers) {
  walk_and_judge(
      [](program& p) {
        p.use_tiers();
        p.open(true);
        p.take(9, 6, 2);
      },
      [](program& p) { p.close(); });
}

TEST_F(single_step, through_a_close) {
  walk_and_judge(
      [](program& p) {
        p.open(true);
        p.take(9, 6, 2);
      },
      [](program& p) { p.close(); });
}

TEST_F(single_step, through_an_open_after_a_close) {
  ASSERT_EQ(0, in_child([&] {
    program mine(here_, *told_);
    mine.open(true);
    mine.take(9, 6, 2);
    mine.close();
    return 0;
  }));
  walk_and_judge(nothing, [](program& p) {
    p.open(false);
    p.take(2, 1, 0);
  });
}

TEST_F(single_step, through_an_open_after_a_kill) {
  live_and_die([](program& p) {
    p.open(true);
    p.take(9, 6, 2);
  });
  walk_and_judge(nothing, [](program& p) {
    p.open(false);
    p.take(2, 1, 0);
  });
}

TEST_F(single_step, through_an_open_after_two_kills) {
  if (scale() < 2) GTEST_SKIP() << "long; with SEQUENCER_SCALE of 2 or more";
  live_and_die([](program& p) {
    p.open(true);
    p.take(9, 6, 2);
  });
  live_and_die([](program& p) {
    p.open(false);
    p.take(1, 6, 2);
  });
  walk_and_judge(nothing, [](program& p) { p.open(false); });
}

}  // namespace
}  // namespace sequencer::crash
