// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Real processes that take numbers of a named sequence, move it, send it round, and are killed by
// SIGKILL: no pair comes again, and a kill costs no more than the block of the session.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <random>
#include <set>
#include <utility>

#include <sequencer/checkpoint.hpp>
#include <sequencer/named_sequence.hpp>

#include "scale.hpp"
#include "scratch.hpp"

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

// Takes, and moves if told to, until it is killed; asks for that by a byte after some steps.
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
  return 7;  // nobody came to kill it
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

}  // namespace
}  // namespace sequencer::crash
