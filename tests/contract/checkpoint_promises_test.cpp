// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What a user's build may lean on in the compiled room's header; see promises_test.cpp.

#include <gtest/gtest.h>

#include <type_traits>
#include <utility>

#include <sequencer/checkpoint.hpp>
#include <sequencer/sequential_name.hpp>

namespace sequencer {
namespace {

using strict = durable_sequence;
using in_blocks = durable_blocks;

// ---- names may take their numbers from it
static_assert(number_source<durable_sequence>);

// ---- hot calls never throw
static_assert(noexcept(std::declval<strict&>().next()));
static_assert(noexcept(std::declval<strict&>().next(2)));
static_assert(noexcept(std::declval<strict&>().try_next()));
static_assert(noexcept(std::declval<strict&>().next_for(wait::at_once)));
static_assert(noexcept(std::declval<const strict&>().position()));
static_assert(noexcept(std::declval<const strict&>().high_water()));
static_assert(noexcept(std::declval<in_blocks::handle&>().next()));
static_assert(noexcept(std::declval<in_blocks::handle&>().try_next()));
static_assert(noexcept(std::declval<checkpoint&>().tend()));

// ---- one owner: a checkpoint moves, its sequences are named by any number of copies
static_assert(!std::is_copy_constructible_v<checkpoint>);
static_assert(!std::is_copy_assignable_v<checkpoint>);
static_assert(std::is_nothrow_move_constructible_v<checkpoint>);
static_assert(std::is_nothrow_move_assignable_v<checkpoint>);
static_assert(std::is_nothrow_destructible_v<checkpoint>);
static_assert(std::is_copy_constructible_v<strict> && std::is_copy_constructible_v<in_blocks>);
static_assert(!std::is_copy_constructible_v<in_blocks::handle>);

// ---- a sequence with a file is a source of blocks like any other
static_assert(block_source<detail::durable_source>);

TEST(contract, creating_and_forgetful_storage_are_asked_for) {
  EXPECT_FALSE(checkpoint_options{}.create);
  EXPECT_FALSE(checkpoint_options{}.volatile_storage);
  EXPECT_FALSE(sequence_options{}.create);
  EXPECT_FALSE(block_sequence_options{}.create);
}

TEST(contract, durabilities_have_names) {
  EXPECT_EQ(name(durability::ahead), "ahead");
  EXPECT_EQ(name(durability::each), "each");
  EXPECT_EQ(name(durability::memory), "memory");
}

}  // namespace
}  // namespace sequencer
