// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The laws on the project's own source.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

#include "laws.hpp"

namespace house {
namespace {

using testing::IsEmpty;

const tree& project() {
  static const tree all = read_tree(HOUSE_ROOT);
  return all;
}

TEST(project, sees_the_project) {
  EXPECT_GT(project().size(), 20u);
  EXPECT_GT(count_functions(project()), 50u);
}

TEST(project, includes_go_down_the_floors) { EXPECT_THAT(floors(project()), IsEmpty()); }
TEST(project, guests_stay_in_their_rooms) {
  EXPECT_THAT(guests_in_their_rooms(project()), IsEmpty());
}
TEST(project, memory_orders_are_a_ledger) {
  EXPECT_THAT(memory_order_ledger(project()), IsEmpty());
}
TEST(project, headers_and_lines_are_short) { EXPECT_THAT(lengths(project()), IsEmpty()); }
TEST(project, only_or_throw_throws) { EXPECT_THAT(no_throw(project()), IsEmpty()); }
TEST(project, nothing_is_promised_that_is_not_written) {
  EXPECT_THAT(no_promises(project()), IsEmpty());
}
TEST(project, no_macros) { EXPECT_THAT(no_macros(project()), IsEmpty()); }
TEST(project, a_name_has_one_meaning) { EXPECT_THAT(no_synonyms(project()), IsEmpty()); }
TEST(project, state_belongs_to_instances) { EXPECT_THAT(no_thread_local(project()), IsEmpty()); }
TEST(project, tests_do_not_sleep) { EXPECT_THAT(no_sleeping_tests(project()), IsEmpty()); }
TEST(project, sources_have_their_form) { EXPECT_THAT(form(project()), IsEmpty()); }
TEST(project, the_disruptors_page_is_whole) {
  EXPECT_THAT(disruptor_page(project()), IsEmpty());
}
TEST(project, conformance_names_tests) { EXPECT_THAT(conformance_page(project()), IsEmpty()); }

// "Rarely": at most one function in fifty is longer than a reader takes in at one glance or two.
TEST(project, long_functions_are_rare) {
  const auto found = long_functions(project());
  for (const auto& each : found) std::cout << each;
  std::cout << "\n" << found.size() << " of " << count_functions(project()) << " functions\n";
  EXPECT_LE(found.size() * 50, count_functions(project()));
}

}  // namespace
}  // namespace house
