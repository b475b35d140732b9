// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Each law catches its breaker, and lets the lawful neighbour pass.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "laws.hpp"

namespace house {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

tree one(std::string path, const std::string& text) { return {split(std::move(path), text)}; }

tree library(const std::string& text) { return one("include/sequencer/counter.hpp", text); }

auto says(const std::string& what) { return Contains(Field(&finding::what, HasSubstr(what))); }

// ---- the splitter: a law that reads comments as code is no law

TEST(splitter, tells_code_from_comments_and_strings) {
  const auto file = split("a.cpp",
                          "int a; // throw\n"
                          "const char* b = \"throw // no\"; /* throw\n"
                          "throw */ int c = 1'000; char d = '\"'; int e;\n"
                          "auto f = R\"x(throw \" )x\"; int g;\n");
  ASSERT_THAT(file.lines, SizeIs(4));
  EXPECT_EQ(file.lines[0].code, "int a; ");
  EXPECT_EQ(file.lines[0].comment, "// throw");
  EXPECT_THAT(find_word(file.code(), "throw"), IsEmpty());
  EXPECT_THAT(find_word(file.code(), "e"), SizeIs(1));
  EXPECT_THAT(find_word(file.code(), "g"), SizeIs(1));
}

// ---- floors

TEST(floors, catches_an_include_that_goes_up) {
  EXPECT_THAT(floors(one("include/sequencer/result.hpp", "#include <sequencer/counter.hpp>\n")),
              says("not below"));
}
TEST(floors, catches_wings_that_include_each_other) {
  EXPECT_THAT(floors(one("include/sequencer/cursor.hpp", "#include <sequencer/counter.hpp>\n")),
              says("not below"));
}
TEST(floors, catches_a_core_header_that_reaches_into_a_compiled_room) {
  EXPECT_THAT(floors(library("#include \"checkpoint/file.hpp\"\n")), says("not below"));
}
TEST(floors, catches_a_library_that_leans_on_a_program) {
  EXPECT_THAT(floors(one("src/checkpoint/a.cpp", "#include \"../tool/b.hpp\"\n")),
              says("not below"));
}
TEST(floors, catches_a_room_outside_the_plan) {
  EXPECT_THAT(floors(one("include/sequencer/attic.hpp", "\n")), says("no room"));
}
TEST(floors, lets_includes_go_down) {
  EXPECT_THAT(
      floors(library("#include <sequencer/result.hpp>\n// #include <sequencer/wait.hpp>\n")),
      IsEmpty());
}

// ---- guests

TEST(guests, catches_a_third_party_header_in_the_core) {
  EXPECT_THAT(guests_in_their_rooms(library("#include <fmt/format.h>\n")), says("may not"));
}
TEST(guests, catches_a_leak_through_the_compiled_room) {
  EXPECT_THAT(guests_in_their_rooms(one("src/checkpoint/a.cpp", "#include <fmt/format.h>\n")),
              says("may not"));
}
TEST(guests, catches_an_unknown_library) {
  EXPECT_THAT(guests_in_their_rooms(one("bench/a_bench.cpp", "#include <folly/Bits.hpp>\n")),
              says("known guest"));
}
TEST(guests, catches_an_example_that_uses_inner_headers) {
  EXPECT_THAT(
      guests_in_their_rooms(one("examples/a.cpp", "#include <sequencer/detail/atomic.hpp>\n")),
      says("no API"));
}
TEST(guests, lets_a_guest_into_its_room) {
  EXPECT_THAT(guests_in_their_rooms(one("src/checkpoint/a.cpp",
                                        "#include <sys/mman.h>\n#include <boost/crc.hpp>\n"
                                        "#include <vector>\n#include <unistd.h>\n")),
              IsEmpty());
}

// ---- the memory-order ledger

constexpr auto lawful_pair =
    "void give() {\n"
    "  // order: given -> taken: the value\n"
    "  word_.store(1, detail::release);\n"
    "}\n"
    "int take() {\n"
    "  return word_.load(detail::acquire);  // order: taken <- given: the value\n"
    "}\n"
    "int look() {\n"
    "  // relaxed: a hint\n"
    "  return word_.load(detail::relaxed);\n"
    "}\n";

TEST(ledger, lets_a_kept_ledger_pass) {
  EXPECT_THAT(memory_order_ledger(library(lawful_pair)), IsEmpty());
}
TEST(ledger, catches_a_default_order) {
  EXPECT_THAT(memory_order_ledger(library("int a = word_.load();\n")), says("does not name"));
}
TEST(ledger, knows_a_durable_mark_from_an_atomic) {
  EXPECT_THAT(memory_order_ledger(library("auto n = mark_->load();\nmark_->store(n);\n")),
              IsEmpty());
  EXPECT_THAT(memory_order_ledger(library("mark_.store(n, detail::release);\n")), says("no tag"));
  EXPECT_THAT(memory_order_ledger(library("auto n = mark_.fetch_add(1);\n")),
              says("does not name"));
  EXPECT_THAT(memory_order_ledger(library("auto n = word_mark_.load();\n")),
              says("does not name"));
}
TEST(ledger, catches_an_exchange_with_one_of_its_two_orders) {
  EXPECT_THAT(memory_order_ledger(library(
                  "// relaxed: why\nword_.compare_exchange_weak(a, b, detail::relaxed);\n")),
              says("does not name"));
}
TEST(ledger, catches_an_untagged_release) {
  EXPECT_THAT(memory_order_ledger(library("word_.store(1, detail::release);\n")), says("no tag"));
}
TEST(ledger, catches_a_tag_too_far_above) {
  EXPECT_THAT(memory_order_ledger(library("// order: a -> b: x\n\n\n\n\n"
                                          "word_.store(1, detail::release);\n")),
              says("no tag"));
}
TEST(ledger, catches_a_tag_of_the_wrong_direction) {
  EXPECT_THAT(memory_order_ledger(library("// order: a <- b: x\n"
                                          "word_.store(1, detail::release);\n")),
              says("no tag"));
}
TEST(ledger, catches_a_partner_that_is_missing) {
  EXPECT_THAT(memory_order_ledger(library("// order: a -> b: x\n"
                                          "word_.store(1, detail::release);\n")),
              says("does not name it back"));
}
TEST(ledger, catches_a_partner_that_names_another) {
  EXPECT_THAT(memory_order_ledger(library("// order: a -> b: x\n"
                                          "word_.store(1, detail::release);\n"
                                          "void f() {}\nvoid g() {}\nvoid h() {}\nvoid i() {}\n"
                                          "// order: b <- c: x\n"
                                          "word_.load(detail::acquire);\n")),
              says("does not name it back"));
}
TEST(ledger, catches_a_relaxed_operation_without_reason) {
  EXPECT_THAT(memory_order_ledger(library("word_.fetch_add(1, detail::relaxed);\n")),
              says("no reason"));
}
TEST(ledger, catches_a_tag_that_outlived_its_code) {
  EXPECT_THAT(memory_order_ledger(library(std::string(lawful_pair) +
                                          "\n\n\n\n// order: given -> taken: the value\n")),
              says("without an operation"));
}
TEST(ledger, catches_a_tag_without_a_partner) {
  EXPECT_THAT(memory_order_ledger(library("// order: given to whom it concerns\n"
                                          "word_.store(1, detail::release);\n")),
              says("is written"));
}
TEST(ledger, catches_standard_orders_and_atomics) {
  EXPECT_THAT(memory_order_ledger(library("std::atomic<int> word_;\n")), says("detail::atomic"));
  EXPECT_THAT(memory_order_ledger(library("auto o = std::memory_order_acquire;\n")),
              says("detail::atomic"));
  EXPECT_THAT(memory_order_ledger(library("auto o = std::memory_order::acquire;\n")),
              says("memory_order"));
}
TEST(ledger, catches_fences) {
  EXPECT_THAT(memory_order_ledger(library("atomic_thread_fence(detail::acquire);\n")),
              says("fence"));
}
TEST(ledger, reads_an_operation_over_several_lines) {
  EXPECT_THAT(memory_order_ledger(library("// relaxed: why\n"
                                          "word_.compare_exchange_weak(\n"
                                          "    a, b,\n"
                                          "    detail::relaxed, detail::relaxed);\n")),
              IsEmpty());
}
TEST(ledger, does_not_borrow_an_order_from_a_nested_call) {
  EXPECT_THAT(memory_order_ledger(library("// relaxed: why\n"
                                          "word_.store(other_.load(detail::relaxed));\n")),
              says("store does not name"));
}
TEST(ledger, leaves_the_seam_alone) {
  EXPECT_THAT(memory_order_ledger(one("include/sequencer/detail/atomic.hpp",
                                      "auto relaxed = std::memory_order_relaxed;\n")),
              IsEmpty());
}

// ---- lengths

TEST(lengths, catches_a_long_line) {
  EXPECT_THAT(lengths(library(std::string(101, 'x') + "\n")), says("101 columns"));
  EXPECT_THAT(lengths(library(std::string(100, 'x') + "\n")), IsEmpty());
}
TEST(lengths, leaves_what_was_measured_as_it_is) {
  const std::string text = std::string(101, 'x') + "\n";
  EXPECT_THAT(lengths(one("perf/results/here/full.json", text)), IsEmpty());
  EXPECT_THAT(lengths(one("perf/targets.json", text)), says("101 columns"));
}
TEST(lengths, catches_a_long_header) {
  std::string text;
  for (int i = 0; i < 401; ++i) text += "\n";
  EXPECT_THAT(lengths(library(text)), says("401 lines"));
}
TEST(lengths, measures_functions) {
  std::string body = "namespace a {\nclass b {\n  int f() const {\n    if (x) {\n";
  for (int i = 0; i < 68; ++i) body += "      call();\n";
  const auto longer = body + "    }\n  }\n  int g() { return 1; }\n};\n}\n";
  EXPECT_EQ(count_functions(library(longer)), 2u);
  EXPECT_THAT(long_functions(library(longer)), says("a function of 72 lines"));
}

// ---- the short laws

TEST(laws, catch_a_throw) {
  EXPECT_THAT(no_throw(library("void f() { throw 1; }\n")), says("throw"));
  EXPECT_THAT(no_throw(one("src/checkpoint/a.cpp", "try { f(); } catch (...) {}\n")), says("try"));
  EXPECT_THAT(no_throw(one("include/sequencer/or_throw.hpp", "throw 1;\n")), IsEmpty());
}
TEST(laws, catch_a_promise) {
  EXPECT_THAT(no_promises(one("src/tool/a.cpp", "// TODO: later\n")), says("TODO"));
  EXPECT_THAT(no_promises(one("CMakeLists.txt", "# FIXME\n")), says("FIXME"));
}
TEST(laws, catch_a_macro) {
  EXPECT_THAT(no_macros(library("#define LIKELY(x) x\n")), says("macro"));
  EXPECT_THAT(no_macros(one("include/sequencer/version.hpp", "#define A 1\n")), IsEmpty());
}
TEST(laws, catch_a_synonym) {
  EXPECT_THAT(no_synonyms(library("int lease = 0;\n")), says("block"));
  EXPECT_THAT(no_synonyms(library("int release = 0;\n")), IsEmpty());
}
TEST(laws, catch_thread_local) {
  EXPECT_THAT(no_thread_local(library("inline thread_local int mine;\n")), says("per instance"));
}
TEST(laws, catch_a_sleeping_test) {
  EXPECT_THAT(no_sleeping_tests(one("tests/a_test.cpp", "std::this_thread::sleep_for(1s);\n")),
              says("condition"));
  EXPECT_THAT(no_sleeping_tests(one("tests/a_test.cpp", "event.sleep_until_woken();\n")),
              IsEmpty());
}
TEST(laws, catch_missing_form) {
  EXPECT_THAT(form(library("#pragma once\n")), says("licence"));
  EXPECT_THAT(
      form(one("include/sequencer/a.hpp",
               "// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0\n")),
      says("#pragma once"));
  EXPECT_THAT(form(library("#include \"sequencer/result.hpp\"\n")), says("angle brackets"));
}

// ---- the page for those who come from the Disruptor

tree page(const std::string& rows) {
  return {split("docs/disruptor.md", rows),
          split("include/sequencer/counter.hpp", "result<sequence> next() noexcept;\n")};
}

TEST(disruptor_page, catches_a_class_and_a_method_that_are_missing) {
  const auto broken = disruptor_page(page("| `Cursored` | `next` | other |\n"));
  EXPECT_THAT(broken, says("Cursored.getCursor is in none of its rows"));
  EXPECT_THAT(broken, says("RingBuffer has no row"));
}
TEST(disruptor_page, reads_the_rows_of_a_class_together) {
  const auto broken = disruptor_page(page("| `Cursored`, `Sequenced` | `next` | |\n"
                                          "| `Cursored` (inner): `getCursor()` | `next` | |\n"));
  EXPECT_THAT(broken, Not(says("Cursored")));
  EXPECT_THAT(broken, says("Sequenced.next"));
}
TEST(disruptor_page, catches_a_name_that_we_do_not_have) {
  const auto broken = disruptor_page(page("| `Cursored` | `counter::next`, `previous` | |\n"));
  EXPECT_THAT(broken, says("previous is in none"));
  EXPECT_THAT(broken, Not(says("next is in none of our")));
}
TEST(disruptor_page, catches_a_row_that_gives_no_reason) {
  EXPECT_THAT(disruptor_page(page("| `Cursored` | - | |\n")), says("no reason"));
  EXPECT_THAT(disruptor_page(page("| `Cursored` | - | because |\n")), Not(says("no reason")));
}

// ---- the page of scenarios

TEST(conformance_page, catches_a_test_that_is_not_there) {
  const auto broken = conformance_page(
      {split("docs/conformance.md", "| 1 | a `Ring.Passes`, `Ring.Stops`, `ring.hpp` |\n"),
       split("tests/ring_test.cpp", "TYPED_TEST(Ring, Passes) {}\n")});
  EXPECT_THAT(broken, says("Ring.Stops is no test"));
  EXPECT_THAT(broken, SizeIs(1));
}

}  // namespace
}  // namespace house
