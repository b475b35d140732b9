// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Real processes that take numbers of a named sequence, move it, send it round, and are killed by
// SIGKILL: no pair comes again, and a kill costs no more than the block of the session.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <random>
#include <set>
#include <string_view>
#include <utility>

#include <sequencer/checkpoint.hpp>
#include <sequencer/named_sequence.hpp>

#include "scale.hpp"
#include "scratch.hpp"
#include "watched_os.hpp"

namespace sequencer::crash {
namespace {

constexpr std::uint64_t cache = 8;
constexpr std::int64_t maximum = 5000;

// What the child took, in memory that outlives it.
struct told {
  std::uint64_t epoch;
  std::int64_t number;
};
constexpr std::size_t most = 100'000;
struct record_of_child {
  std::size_t count;
  bool moving;  // a move was begun, and no number was taken since
  told taken[most];
};

// Takes, and moves if told to, until it is killed; asks for that by a byte after some steps. Who
// kills it may be late: with no room for more it waits.
int be_killed(const scratch& here, record_of_child& into, std::uint64_t seed, bool moves,
              int ready) {
  std::mt19937_64 random(seed);
  auto file = checkpoint::open(here.path(), here.options());
  if (!file) return 2;
  auto session = file->named().session();
  auto of = session.open("s");
  if (!of) return 3;
  const auto steps = random() % 400 + 1;
  for (std::size_t i = 0; i < most; ++i) {
    const auto number = of->nextval();
    if (!number) return 4;
    const_cast<volatile told&>(into.taken[i]).epoch = of->epoch();
    const_cast<volatile told&>(into.taken[i]).number = *number;
    const_cast<volatile std::size_t&>(into.count) = i + 1;
    const_cast<volatile bool&>(into.moving) = false;
    if (i == steps && ::write(ready, "k", 1) != 1) return 5;
    if (!moves || random() % 100 != 0) continue;
    const auto to = static_cast<std::int64_t>(random() % maximum + 1);
    const_cast<volatile bool&>(into.moving) = true;
    if (!of->setval(to, random() % 2 == 0)) return 6;
  }
  for (;;) ::pause();
}

TEST(named_kill, no_pair_comes_again_and_a_kill_costs_a_block) {
  const scratch here;
  {
    auto file = *checkpoint::open(here.path(), here.options(true));
    ASSERT_TRUE(file.named().create("s", {.maximum = maximum, .cache = cache, .cycle = true}));
  }
  auto* shared = static_cast<record_of_child*>(
      ::mmap(nullptr, sizeof(record_of_child), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
             -1, 0));
  ASSERT_NE(shared, MAP_FAILED);
  std::set<std::pair<std::uint64_t, std::int64_t>> all;
  std::optional<told> last;  // of the child before, where nothing moved since
  const auto rounds = 25 * scale();
  const auto first_seed = seed();
  std::uint64_t compared = 0;
  for (std::uint64_t round = 0; round < rounds; ++round) {
    shared->count = 0;
    shared->moving = false;
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const auto child = ::fork();
    const bool moves = round % 2 == 0;
    if (child == 0) ::_exit(be_killed(here, *shared, first_seed + round, moves, pipe[1]));
    ::close(pipe[1]);
    char byte = 0;
    ASSERT_EQ(::read(pipe[0], &byte, 1), 1) << "the child ended by itself";
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(pipe[0]);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
    for (std::size_t i = 0; i < shared->count; ++i) {
      const auto& each = shared->taken[i];
      ASSERT_TRUE(all.emplace(each.epoch, each.number).second)
          << each.number << " of epoch " << each.epoch << " came again in round " << round;
    }
    // What a block lost shows where nothing was moved, and in one round of the sequence.
    const auto first = shared->taken[0];
    if (last && first.epoch == last->epoch) {
      EXPECT_LE(first.number - last->number, static_cast<std::int64_t>(2 * cache)) << round;
      EXPECT_GT(first.number, last->number) << round;
      ++compared;
    }
    last.reset();
    if (!shared->moving) last = shared->taken[shared->count - 1];
  }
  EXPECT_GT(all.size(), rounds * 10);
  EXPECT_GT(compared, 0u);
  ::munmap(shared, sizeof(record_of_child));
}

// The keeper comes late, to a sequence that was dropped meanwhile: whoever has its place now must
// not hear of it.
void kill_behind_a_drop(const scratch& here, bool strict) {
  auto how = here.options(true);
  how.keeper_thread = false;
  auto file = *checkpoint::open(here.path(), how);
  auto session = file.named().session();
  if (!file.named().create("a")) ::_exit(2);
  auto a = *session.open("a");
  for (int i = 0; i < 20; ++i) static_cast<void>(a.nextval());  // asks for more
  if (!file.named().drop("a")) ::_exit(3);
  if (strict) {
    auto b = *file.sequence("b", {.create = true});
    file.tend();
    for (int i = 0; i < 1000; ++i) {
      while (!b.try_next()) file.tend();
    }
  } else {
    if (!file.named().create("b", {.cache = 1000})) ::_exit(4);
    auto b = *session.open("b");
    file.tend();
    for (int i = 0; i < 1000; ++i) static_cast<void>(b.nextval());
  }
  ::kill(::getpid(), SIGKILL);
}

class behind_a_drop : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(named_kill, behind_a_drop, testing::Bool());

TEST_P(behind_a_drop, a_late_request_lowers_nothing_of_its_successor) {
  const scratch here;
  const auto child = ::fork();
  if (child == 0) kill_behind_a_drop(here, GetParam());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
  auto file = *checkpoint::open(here.path(), here.options());
  if (GetParam()) {
    EXPECT_GT(*file.sequence("b")->next(), 1000u);
  } else {
    auto session = file.named().session();
    EXPECT_GT(*session.open("b")->nextval(), 1000);
  }
}

// A move of which one copy reached the disk: nothing may leave any more, whichever order it is.
TEST(named_faults, after_a_move_that_failed_no_pair_comes_again) {
  for (int writes = 0; writes < 4; ++writes) {
    const scratch here;
    std::set<std::pair<std::uint64_t, std::int64_t>> all;
    int left = -1;
    watched_os os(detail::system_os(), [&](std::string_view call) -> fate {
      if (call == "pwrite_durably" && left >= 0 && left-- == 0) return {EIO, 0};
      return {};
    });
    {
      auto how = here.options(true);
      how.keeper_thread = false;
      how.system = &os;
      auto file = *checkpoint::open(here.path(), how);
      ASSERT_TRUE(file.named().create("s", {.increment = 10}));
      auto session = file.named().session();
      auto of = *session.open("s");
      const auto take = [&] {
        const auto number = of.nextval();
        const bool again = number && !all.emplace(of.epoch(), *number).second;
        EXPECT_FALSE(again) << of.epoch();
        return bool(number);
      };
      for (int i = 0; i < 3; ++i) ASSERT_TRUE(take());
      left = writes;
      const auto moved = file.named().alter("s", {.options = {.increment = 1}});
      left = -1;
      for (int i = 0; i < 5; ++i) EXPECT_EQ(take(), bool(moved)) << writes;
    }
    auto file = *checkpoint::open(here.path(), here.options());
    auto session = file.named().session();
    auto of = *session.open("s");
    for (int i = 0; i < 40; ++i) {
      const auto number = of.nextval();
      ASSERT_TRUE(number);
      EXPECT_TRUE(all.emplace(of.epoch(), *number).second)
          << *number << " of epoch " << of.epoch() << " came again, write " << writes;
    }
  }
}

}  // namespace
}  // namespace sequencer::crash
