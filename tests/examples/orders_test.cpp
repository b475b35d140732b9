// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The short examples of orders: each ends well, and tells what its reader came for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/tool/command.hpp"

namespace {

using testing::HasSubstr;

std::string output_of(const std::string& example) {
  const auto run = command::run({ORDERS_PROGRAMS "/orders_" + example});
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_EQ(run.err, "");
  return run.out;
}

TEST(orders, a_paused_owner_of_the_lock_is_refused) {
  const auto told = output_of("lock");
  EXPECT_THAT(told, HasSubstr("the balance is 1000\n"));
  EXPECT_THAT(told, HasSubstr("b writes: let in\n"
                              "a goes on, and believes that it has the lock\n"
                              "a writes: refused, a newer owner wrote\n"
                              "the balance is 1030\n"));
}

TEST(orders, leaders_follow_each_other_by_name_each_in_an_epoch_of_its_own) {
  EXPECT_EQ(output_of("election"),
            "/election/node-0000000002 gives up\n"
            "/election/node-0000000000 leads in epoch 1: 0x100000001, 0x100000002\n"
            "/election/node-0000000001 leads in epoch 2: 0x200000001, 0x200000002\n"
            "/election/node-0000000003 leads in epoch 3: 0x300000001, 0x300000002\n"
            "6 entries, all in order\n");
}

TEST(orders, logs_agree_and_a_candidate_without_an_entry_gets_no_vote) {
  const auto told = output_of("replicated_log");
  EXPECT_THAT(told, HasSubstr("2 does not vote for 3: unavailable\n"));
  EXPECT_THAT(told, HasSubstr("3 refuses 1: fenced\n"));
  EXPECT_THAT(told, HasSubstr("1 has 1:a 1:b 3:e\n"));
}

TEST(orders, acceptors_keep_the_value_that_they_chose) {
  const auto told = output_of("paxos");
  EXPECT_THAT(told, HasSubstr("red offers red: 0 accept\n"));
  EXPECT_THAT(told, HasSubstr("red offers blue: 2 accept\nchosen: blue\n"));
}

TEST(orders, a_reader_asks_for_what_was_lost_and_not_for_what_never_was) {
  const auto told = output_of("feed");
  EXPECT_THAT(told, HasSubstr("7 taken; 3 to 6 never were\n"));
  EXPECT_THAT(told, HasSubstr("12 came, 9 did not: asked for again\n"));
  EXPECT_THAT(told, HasSubstr("7 of 7 records\n"));
}

}  // namespace
