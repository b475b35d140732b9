// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/sequential_name.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <sequencer/block_cache.hpp>
#include <sequencer/block_source.hpp>
#include <sequencer/counter.hpp>

namespace sequencer {
namespace {

using testing::HasSubstr;

static_assert(number_source<counter>);
static_assert(number_source<block_cache<memory_source>::handle>);
static_assert(!number_source<int>);

TEST(SequentialName, IsThePathAndTheNextNumber) {
  counter numbers{1};
  EXPECT_EQ(*next_name(numbers, "/tasks/task_"), "/tasks/task_0000000001");
  EXPECT_EQ(*next_name(numbers, "/tasks/"), "/tasks/0000000002");
  EXPECT_EQ(*next_name(numbers, "/tasks/task_", wide_names), "/tasks/task_0000000000000000003");
  EXPECT_EQ(*next_name(numbers, "/tasks/t", name_format(12)), "/tasks/t000000000004");
  EXPECT_EQ(*next_name(numbers, "/"), "/0000000005");
}

TEST(SequentialName, IsWrittenAsPrintfDoes) {
  for (const sequence number : {0ull, 7ull, 1234567890ull, 2147483647ull}) {
    char expected[64];
    std::snprintf(expected, sizeof expected, "/a/b-%010llu",
                  static_cast<unsigned long long>(number));
    std::array<char, 64> to;
    EXPECT_EQ(write_name(to, "/a/b-", number), expected);
  }
}

TEST(SequentialName, TheInt32FormatEndsBeforeItWouldBeNegative) {
  counter numbers{2'147'483'646};
  EXPECT_EQ(*next_name(numbers, "/q/n"), "/q/n2147483646");
  EXPECT_EQ(*next_name(numbers, "/q/n"), "/q/n2147483647");
  for (int i = 0; i < 3; ++i) {
    const auto refused = next_name(numbers, "/q/n");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.code(), errc::exhausted);
    EXPECT_THAT(std::string(refused.text()), HasSubstr("'/q/n' end at 2147483647"));
  }
}

TEST(SequentialName, OtherFormatsEndWhereTheirDigitsDo) {
  counter numbers{9'999'999'999};
  EXPECT_EQ(*next_name(numbers, "/q/n", ten_digit_names), "/q/n9999999999");
  EXPECT_EQ(next_name(numbers, "/q/n", ten_digit_names).code(), errc::exhausted);
  counter last{top};
  EXPECT_EQ(*next_name(last, "/q/n", wide_names), "/q/n9223372036854775807");
  EXPECT_EQ(next_name(last, "/q/n", wide_names).code(), errc::exhausted);
}

TEST(SequentialName, IntoABufferNothingIsAllocatedAndNoNumberIsLost) {
  counter numbers{5};
  std::array<char, 22> exact;
  EXPECT_EQ(*next_name(numbers, "/tasks/task_", exact), 5u);
  EXPECT_EQ(std::string_view(exact.data(), exact.size()), "/tasks/task_0000000005");
  std::array<char, 21> small;
  EXPECT_EQ(next_name(numbers, "/tasks/task_", small).code(), errc::invalid);
  EXPECT_EQ(next_name(numbers, "tasks/task_", exact).code(), errc::invalid);
  EXPECT_EQ(numbers.peek(), 6u);
  EXPECT_TRUE(write_name(small, "/tasks/task_", 1).empty());
  EXPECT_TRUE(write_name(exact, "/tasks/task_", 2'147'483'648).empty());
}

TEST(SequentialNameDeathTest, StopsWhoAsksForThePredecessorOfWhatHasNone) {
  const std::vector<std::string> all{"/l/a-0000000003"};
  EXPECT_DEATH(static_cast<void>(predecessor_of("/l/plain", all)), "'/l/plain' is no name");
  EXPECT_DEATH(static_cast<void>(predecessor_of("/l/a--000000005", all)), "is no name");
}

TEST(SequentialNameDeathTest, StopsAtAFormatThatHoldsNoNames) {
  EXPECT_DEATH(name_format(0), "1 to 19 digits");
  EXPECT_DEATH(name_format(20), "1 to 19 digits");
  EXPECT_DEATH(name_format(3, 1'000), "too many digits");
}

// ---- paths

TEST(NamePath, IsWhatZooKeeperTakes) {
  for (const auto* good : {"/", "/a", "/a/b", "/a.b/..c", "/.../a", "/a b", "/\xc3\xa9", "/a-"}) {
    EXPECT_TRUE(is_name_path(good)) << good;
    EXPECT_TRUE(is_name_prefix(good)) << good;
  }
  for (const auto* bad : {"", "a", "//", "/a//b", "/./a", "/a/../b", "/a\n", "/\x7f", "/\xc2\x80",
                          "/\xee\x80\x80", "/\xef\xbf\xbd", "/\xf0\x9f\x98\x80", "/\xc3",
                          "/\xc0\xaf", "/\xff", "/\xed\xa0\x80", "/\xe0\x80\xaf"}) {
    EXPECT_FALSE(is_name_path(bad)) << bad;
    EXPECT_FALSE(is_name_prefix(bad)) << bad;
  }
  EXPECT_FALSE(is_name_path(std::string_view("/a\0b", 4)));
  // Behind these a number may stand.
  for (const auto* open : {"/a/", "/a/.", "/a/..", "/."}) {
    EXPECT_FALSE(is_name_path(open)) << open;
    EXPECT_TRUE(is_name_prefix(open)) << open;
  }
}

TEST(NamePath, ARefusedPrefixTakesNoNumberAndIsNamed) {
  counter numbers;
  const auto refused = next_name(numbers, "/a//b");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.code(), errc::invalid);
  EXPECT_THAT(std::string(refused.text()), HasSubstr("'/a//b'"));
  EXPECT_EQ(numbers.peek(), 0u);
}

TEST(NamePath, HasAParent) {
  EXPECT_EQ(parent_of("/a/b/c-"), "/a/b");
  EXPECT_EQ(parent_of("/a/b/"), "/a/b");
  EXPECT_EQ(parent_of("/a"), "/");
  EXPECT_EQ(parent_of("/"), "/");
}

// ---- taking apart

TEST(ParseName, TakesThePrefixAndTheNumber) {
  const auto read = parse_name("/tasks/task_0000000042");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->prefix, "/tasks/task_");
  EXPECT_EQ(read->number, 42u);
  EXPECT_EQ(parse_name("x120000000042")->prefix, "x12");
  EXPECT_EQ(parse_name("0000000007")->number, 7u);
  EXPECT_EQ(parse_name("/q/n2147483647")->number, 2'147'483'647u);
  EXPECT_EQ(parse_name("/q/n9223372036854775807", wide_names)->number, top);
}

TEST(ParseName, RefusesWhatIsNoneAndSaysWhatItFound) {
  for (const auto* bad : {"", "123456789", "/tasks/task_", "/a/00000000x1", "/a/-", "/a/+000000001",
                          "/a/000000 001"}) {
    const auto read = parse_name(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.code(), errc::invalid);
    EXPECT_THAT(std::string(read.text()), HasSubstr("'" + std::string(bad) + "'"));
  }
  // A counter that ran over.
  for (const auto* wrapped : {"/a/n-2147483648", "/a/n-000000005", "/a/n2147483648"}) {
    const auto read = parse_name(wrapped);
    ASSERT_FALSE(read) << wrapped;
    EXPECT_EQ(read.code(), errc::exhausted);
  }
  EXPECT_EQ(parse_name("/a/9999999999999999999", wide_names).code(), errc::exhausted);
  EXPECT_EQ(parse_name("/a/-000000005", ten_digit_names).code(), errc::invalid);
}

TEST(ParseName, OrdersByTheNumberWhateverThePrefix) {
  EXPECT_LT(*parse_name("/l/zzz-0000000001"), *parse_name("/l/aaa-0000000002"));
  EXPECT_LT(*parse_name("/l/a-0000000002"), *parse_name("/l/b-0000000002"));
}

TEST(Predecessor, IsTheOneMadeLastBefore) {
  const std::vector<std::string> all{"/l/c-0000000007", "/l/a-0000000003", "/l/plain",
                                     "/l/b-0000000005", "/l/d-0000000009"};
  EXPECT_EQ(predecessor_of("/l/d-0000000009", all), "/l/c-0000000007");
  EXPECT_EQ(predecessor_of("/l/b-0000000005", all), "/l/a-0000000003");
  EXPECT_EQ(predecessor_of("/l/a-0000000003", all), std::nullopt);
}

// ---- any bytes

// Any change of a name is refused or is a name that is written back as it was read.
TEST(ParseName, AnyBytesAreReadOrRefused) {
  std::mt19937_64 random(4711);
  int taken = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string name = i % 2 == 0 ? "/tasks/task_0000000042" : "/l/-2147483648";
    for (auto changes = random() % 4; changes != 0; --changes) {
      constexpr std::string_view likely = "0123456789-/._\x00\x7f\xc3\xa9\xed";
      name[random() % name.size()] = random() % 2 == 0 ? likely[random() % likely.size()]
                                                       : static_cast<char>(random());
    }
    if (random() % 4 == 0) name.resize(random() % name.size());
    const auto read = parse_name(name);
    if (read) {
      ++taken;
      std::array<char, 64> to;
      ASSERT_EQ(write_name(to, read->prefix, read->number), name);
      ASSERT_LE(read->number, int32_names.last());
    }
    counter numbers;
    const auto made = next_name(numbers, name);
    ASSERT_EQ(static_cast<bool>(made), is_name_prefix(name));
    ASSERT_EQ(numbers.peek(), made ? 1u : 0u);
    if (made) {
      ASSERT_TRUE(is_name_path(*made)) << *made;
      ASSERT_EQ(parse_name(*made)->prefix, name);
    }
  }
  EXPECT_GT(taken, 500);
}

}  // namespace
}  // namespace sequencer
