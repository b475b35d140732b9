// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/private_arena.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tests/emulated.hpp>

namespace {

using sequencer::emulated;
using sequencer::without_wipe_on_fork;
using sequencer::detail::private_arena;

TEST(PrivateArena, IsZeroedAndRoundedToPages) {
  const auto arena = private_arena::make(1);
  ASSERT_TRUE(arena);
  EXPECT_EQ(arena.size() % static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)), 0u);
  for (std::size_t i = 0; i < arena.size(); ++i) {
    ASSERT_EQ(static_cast<const char*>(arena.data())[i], 0);
  }
}

TEST(PrivateArena, MovesItsMemory) {
  auto one = private_arena::make(100);
  void* const at = one.data();
  private_arena two(std::move(one));
  EXPECT_FALSE(one);
  EXPECT_EQ(two.data(), at);
}

TEST(PrivateArena, AChildFindsItZeroedAndTheParentDoesNot) {
  if (emulated) GTEST_SKIP() << without_wipe_on_fork;
  auto arena = private_arena::make(1);
  auto* word = static_cast<volatile int*>(arena.data());
  *word = 42;
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(*word);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(*word, 42);
}

TEST(PrivateArena, IsEmptyWhereItWouldHaveToLieOnANodeThatThereIsNot) {
  EXPECT_FALSE(private_arena::make(1, 1000));
  EXPECT_FALSE(private_arena::make(1, 1u << 20));
}

TEST(PrivateArena, PartsAreBoundUntilOneIsRefused) {
  auto arena = private_arena::make(2 * 4096);
  EXPECT_TRUE(arena.bind_each(4096, {sequencer::unbound}, 2));
  EXPECT_FALSE(arena.bind_each(4096, {sequencer::unbound, 1000}, 2));
  EXPECT_TRUE(arena.bind_each(4096, {sequencer::unbound, 1000}, 1));  // no such part
}

}  // namespace
