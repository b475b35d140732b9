// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A group whose offsets and generation are marks of a checkpoint.

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/checkpoint.hpp>
#include <sequencer/group.hpp>

#include "tests/crash/scratch.hpp"
#include "tests/stress/rounds.hpp"

namespace sequencer {
namespace {

constexpr std::uint32_t partitions = 3;

// A log that holds much, and a group of it in a file.
class kept_group {
 public:
  explicit kept_group(const crash::scratch& in)
      : file_(std::move(checkpoint::open(in.path(), in.options(true)).value())),
        generation_(mark("readers.generation")) {
    for (std::uint32_t p = 0; p != partitions; ++p) {
      offsets_.push_back(mark("readers." + std::to_string(p)));
      EXPECT_TRUE(log_.restore(p, {0, 1'000'000, 1'000'000}));
    }
  }
  group<durable_mark> open() { return {log_, offsets_, generation_}; }

 private:
  durable_mark mark(const std::string& name) {
    return file_.mark(name, {.create = true}).value();
  }

  checkpoint file_;
  partitioned log_{partitions};
  std::vector<durable_mark> offsets_;
  durable_mark generation_;
};

TEST(DurableGroup, GoesOnWhereItCommittedAndFencesWhoWasThere) {
  const crash::scratch scratch;
  membership old;
  {
    kept_group kept(scratch);
    auto readers = kept.open();
    old = readers.join("a").value();
    EXPECT_EQ(readers.take(old, 1, 9).value(), (range{0, 9}));
    EXPECT_EQ(readers.commit(old, 1, 7).value(), 7U);
    EXPECT_EQ(readers.commit(old, 1, 4).value(), 4U);  // back
  }
  kept_group kept(scratch);
  auto readers = kept.open();
  EXPECT_EQ(readers.committed(1).value(), 4U);
  EXPECT_EQ(readers.committed(0).code(), errc::unavailable);
  const auto now = readers.join("a").value();
  EXPECT_GT(now.generation, old.generation);
  EXPECT_EQ(readers.commit(old, 1, 9).code(), errc::fenced);
  EXPECT_EQ(readers.take(now, 1, 1).value(), (range{4, 5}));
}

// Commits one offset after another and says each that was kept, until it is killed.
[[noreturn]] void commit_for_ever(const crash::scratch& in, int said) {
  kept_group kept(in);
  auto readers = kept.open();
  const auto me = readers.join("a").value();
  auto next = readers.position(me, 2).value();
  for (;;) {
    readers.commit(me, 2, ++next).value();
    const char one = 1;
    if (::write(said, &one, 1) != 1) ::_exit(1);
  }
}

TEST(DurableGroup, WhatACommitSaidWasKeptIsThereAfterAKill) {
  const crash::scratch scratch;
  std::mt19937_64 random(stress::seed_of_run());
  sequence before = 0;
  std::uint64_t generation = 0;
  for (int round = 0; round != 8; ++round) {
    std::array<int, 2> said{};
    ASSERT_EQ(::pipe(said.data()), 0);
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(said[0]);
      commit_for_ever(scratch, said[1]);
    }
    ::close(said[1]);
    sequence heard = 0;
    char one = 0;
    const auto enough = 1 + random() % 40;
    while (heard != enough && ::read(said[0], &one, 1) == 1) ++heard;
    ASSERT_EQ(heard, enough) << "the child ended by itself";
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    while (::read(said[0], &one, 1) == 1) ++heard;
    ::close(said[0]);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);

    kept_group kept(scratch);
    auto readers = kept.open();
    const auto found = readers.committed(2).value();
    EXPECT_GE(found, before + heard);
    EXPECT_LE(found, before + heard + 1);  // kept, and not said any more
    EXPECT_GT(readers.generation(), generation);
    before = found;
    generation = readers.generation();
  }
}

}  // namespace
}  // namespace sequencer
