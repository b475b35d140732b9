// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/clock/hybrid.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

#include "wire_checks.hpp"

namespace sequencer {
namespace {

using clock::hybrid;
using clock::hybrid_options;
using clock::hybrid_stamp;
using clock::shared_hybrid;
using clock::wide_hybrid_stamp;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A wall clock that a test sets, in the unit of a narrow stamp's wall time, or beyond it.
struct hand {
  const std::uint64_t* at;
  std::uint64_t operator()() const noexcept {
    return *at > hybrid_stamp::max_wall ? ~std::uint64_t{0} : hybrid_stamp::begins(*at);
  }
};
// The same in nanoseconds.
struct fine_hand {
  const std::uint64_t* at;
  std::uint64_t operator()() const noexcept { return *at; }
};

using narrow = hybrid<hybrid_stamp, hand>;
using wide = hybrid<wide_hybrid_stamp, fine_hand>;
using shared = shared_hybrid<hand>;
using kept = hybrid<hybrid_stamp, hand, memory_mark>;
using shared_kept = shared_hybrid<hand, memory_mark>;

static_assert(!std::is_copy_constructible_v<narrow> && !std::is_copy_constructible_v<shared>);
static_assert(alignof(shared) == 128 && sizeof(shared) == 128);

constexpr std::uint64_t second = 1 << 16;

hybrid_stamp stamp(std::uint64_t wall, std::uint64_t logical) {
  return {hybrid_stamp::at(wall).bits + logical};
}

template <class Clock>
class Narrow : public testing::Test {};
using narrow_clocks = testing::Types<narrow, shared>;
TYPED_TEST_SUITE(Narrow, narrow_clocks);

TYPED_TEST(Narrow, FollowsTheWallAndCountsWhereItStands) {
  std::uint64_t wall = 1'000;
  TypeParam here({}, {&wall});
  EXPECT_EQ(here.tick().value(), stamp(1'000, 0));
  EXPECT_EQ(here.tick().value(), stamp(1'000, 1));
  wall = 1'001;
  EXPECT_EQ(here.tick().value(), stamp(1'001, 0));
  EXPECT_EQ(here.peek(), stamp(1'001, 0));
}

TYPED_TEST(Narrow, StaysMonotoneWhileTheWallIsSetBack) {
  std::uint64_t wall = 10'000 * second;
  TypeParam here({}, {&wall});
  EXPECT_EQ(here.tick().value(), stamp(wall, 0));
  wall -= 3'600 * second;
  EXPECT_EQ(here.tick().value(), stamp(10'000 * second, 1));
  EXPECT_EQ(here.ahead(), hours(1));
  wall = 10'000 * second + 1;
  EXPECT_EQ(here.tick().value(), stamp(wall, 0));
  EXPECT_EQ(here.ahead(), microseconds(0));
}

TYPED_TEST(Narrow, GoesNoFurtherAheadThanItIsAllowed) {
  std::uint64_t wall = 10'000 * second;
  TypeParam here({.max_drift = seconds(2)}, {&wall});
  const auto last = here.tick().value();
  wall -= 2 * second;
  EXPECT_EQ(here.tick().value(), last.next()) << "the bound itself is allowed";
  wall -= 1;
  EXPECT_EQ(here.tick().code(), errc::unavailable);
  EXPECT_EQ(here.observe(stamp(1, 0)).code(), errc::unavailable);
  EXPECT_EQ(here.peek(), last.next());
  wall += 1;
  EXPECT_EQ(here.tick().value(), last.next().next());
}

TYPED_TEST(Narrow, AFullCountCarriesIntoTheWallTime) {
  std::uint64_t wall = 1'000;
  TypeParam here({}, {&wall});
  EXPECT_EQ(here.observe(stamp(1'000, 0xfffe)).value(), stamp(1'000, 0xffff));
  EXPECT_EQ(here.tick().value(), stamp(1'001, 0));
  EXPECT_EQ(here.tick().value(), stamp(1'001, 1));
}

TYPED_TEST(Narrow, TakesTheLargestOfWallOwnAndReceived) {
  std::uint64_t wall = 1'000;
  TypeParam here({}, {&wall});
  EXPECT_EQ(here.observe(stamp(900, 7)).value(), stamp(1'000, 0)) << "the wall alone";
  EXPECT_EQ(here.observe(stamp(1'010, 4)).value(), stamp(1'010, 5)) << "what was received";
  EXPECT_EQ(here.observe(stamp(1'005, 9)).value(), stamp(1'010, 6)) << "its own";
  EXPECT_EQ(here.observe(stamp(1'010, 9)).value(), stamp(1'010, 10)) << "the larger count";
  EXPECT_EQ(here.observe(stamp(1'010, 2)).value(), stamp(1'010, 11));
}

TYPED_TEST(Narrow, RefusesAStampFromTheFutureAndStaysWhereItIs) {
  std::uint64_t wall = 100 * second;
  TypeParam here({.max_ahead = milliseconds(500)}, {&wall});
  const auto own = here.tick().value();
  const auto bound = wall + second / 2;
  EXPECT_EQ(here.observe(stamp(bound + 1, 0)).code(), errc::invalid);
  EXPECT_EQ(here.observe(hybrid_stamp::last()).code(), errc::invalid);
  EXPECT_EQ(here.peek(), own);
  EXPECT_EQ(here.observe(stamp(bound, 3)).value(), stamp(bound, 4)) << "the bound is allowed";
  EXPECT_EQ(here.ahead(), milliseconds(500));
}

TYPED_TEST(Narrow, EndsAtTheLastStampAndDoesNotWrap) {
  std::uint64_t wall = ~std::uint64_t{0};
  TypeParam here({}, {&wall});
  EXPECT_EQ(here.tick().value(), stamp(hybrid_stamp::max_wall, 0)) << "a source beyond the layout";
  EXPECT_EQ(here.observe(hybrid_stamp{hybrid_stamp::last().bits - 1}).value(),
            hybrid_stamp::last());
  EXPECT_EQ(here.tick().code(), errc::exhausted);
  EXPECT_EQ(here.observe(stamp(1, 0)).code(), errc::exhausted);
}

TEST(WideHybrid, CountsNanosecondsAndCarriesAFullCount) {
  std::uint64_t wall = 5'000'000'000;
  wide here({}, {&wall});
  EXPECT_EQ(here.tick().value(), (wide_hybrid_stamp{wall, 0}));
  EXPECT_EQ(here.observe({wall, 0xffff'fffe}).value(), (wide_hybrid_stamp{wall, 0xffff'ffff}));
  EXPECT_EQ(here.tick().value(), (wide_hybrid_stamp{wall + 1, 0}));
  EXPECT_EQ(here.observe({wall + 500'000'001, 0}).code(), errc::invalid);
  EXPECT_EQ(here.observe({wall + 500'000'000, 0}).value(),
            (wide_hybrid_stamp{wall + 500'000'000, 1}));
}

TEST(WideHybrid, EndsAtTheLastStampAndDoesNotWrap) {
  std::uint64_t wall = ~std::uint64_t{0};
  wide here({}, {&wall});
  EXPECT_EQ(here.observe({top, 0xffff'fffe}).value(), wide_hybrid_stamp::last());
  EXPECT_EQ(here.tick().code(), errc::exhausted);
}

TEST(HybridDeathTest, StopsAtBoundsThatAreNone) {
  const std::uint64_t wall = 0;
  EXPECT_DEATH(narrow({.max_ahead = microseconds(-1)}, {&wall}), "bounds are 0 or more");
  EXPECT_DEATH(narrow({.max_drift = microseconds(-1)}, {&wall}), "bounds are 0 or more");
  EXPECT_DEATH(narrow({.window = microseconds(0)}, {&wall}), "window is not empty");
}

TEST(SystemTime, IsTheSystemsClock) {
  const auto nanoseconds = [](auto of) {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(of.time_since_epoch()).count());
  };
  const auto before = std::chrono::system_clock::now();
  const auto now = clock::system_time()();
  const auto after = std::chrono::system_clock::now();
  EXPECT_GE(now, nanoseconds(before));
  EXPECT_LE(now, nanoseconds(after));
}

TEST(HybridStamp, AWallTimeBeginsAtTheFirstNanosecondThatIsInIt) {
  EXPECT_EQ(hybrid_stamp::begins(0), 0u);
  EXPECT_EQ(hybrid_stamp::begins(1), 15'259u) << "15,258.8 ns, and the next whole one";
  EXPECT_EQ(hybrid_stamp::begins(7 * second), 7'000'000'000u);
  EXPECT_EQ(hybrid_stamp::wall_at(7'999'999'999), 8 * second - 1);
  std::mt19937_64 random(crash::seed());
  for (int i = 0; i < 10'000; ++i) {
    const auto wall = random() % hybrid_stamp::max_wall + 1;
    const auto begin = hybrid_stamp::begins(wall);
    ASSERT_EQ(hybrid_stamp::wall_at(begin), wall);
    ASSERT_EQ(hybrid_stamp::wall_at(begin - 1), wall - 1);
  }
}

TEST(Hybrid, TheWallTimeStandsUntilItsLastNanosecond) {
  std::uint64_t nanoseconds = hybrid_stamp::begins(1'000);
  hybrid<hybrid_stamp, fine_hand> here({}, {&nanoseconds});
  EXPECT_EQ(here.tick().value(), stamp(1'000, 0));
  nanoseconds = hybrid_stamp::begins(1'001) - 1;
  EXPECT_EQ(here.tick().value(), stamp(1'000, 1));
  nanoseconds += 1;
  EXPECT_EQ(here.tick().value(), stamp(1'001, 0));
}

// ---- kept

template <class Clock>
class Kept : public testing::Test {};
using kept_clocks = testing::Types<kept, shared_kept>;
TYPED_TEST_SUITE(Kept, kept_clocks);

TYPED_TEST(Kept, ARestartWithTheWallAnHourBackIsAboveAllBefore) {
  memory_mark mark;
  std::uint64_t wall = 1'000'000 * second;
  hybrid_stamp last;
  {
    TypeParam before(mark, {}, {&wall});
    for (int i = 0; i < 1'000; ++i) {
      wall += 100;
      last = before.tick().value();
      EXPECT_LT(last.wall(), mark.load());
    }
  }
  wall -= 3'600 * second;
  TypeParam after(mark, {}, {&wall});
  const auto first = after.tick().value();
  EXPECT_GT(first, last);
  EXPECT_LT(first.wall(), mark.load());
  EXPECT_LE(first.wall() - last.wall(), second / 4) << "further ahead than a window";
}

TYPED_TEST(Kept, WaitsForTheWallWhereDriftIsBounded) {
  memory_mark mark;
  std::uint64_t wall = 1'000'000 * second;
  {
    TypeParam before(mark, {.window = seconds(1)}, {&wall});
    ASSERT_TRUE(before.tick());
  }
  TypeParam after(mark, {.max_drift = microseconds(0), .window = seconds(1)}, {&wall});
  EXPECT_EQ(after.tick().code(), errc::unavailable);
  EXPECT_EQ(after.ahead(), seconds(1));
  wall += second;
  EXPECT_EQ(after.tick().value(), stamp(wall, 1));
}

TYPED_TEST(Kept, WhoTendsItKeepsWritingFromTheCallers) {
  memory_mark mark;
  std::uint64_t wall = 1'000 * second;
  TypeParam here(mark, {.window = seconds(2)}, {&wall});
  for (int i = 0; i < 100; ++i) {
    wall += second / 10;
    ASSERT_TRUE(here.tend());
    const auto bound = mark.load();
    ASSERT_TRUE(here.tick());
    EXPECT_EQ(mark.load(), bound);
    EXPECT_LE(bound - wall, 2 * second) << "further ahead than a window";
  }
}

TYPED_TEST(Kept, AMarkBeyondTheLayoutLeavesNoStamp) {
  memory_mark mark(hybrid_stamp::max_wall + 1);
  std::uint64_t wall = 1'000;
  TypeParam here(mark, {}, {&wall});
  EXPECT_EQ(here.tick().code(), errc::exhausted);
}

struct broken_mark {
  static std::uint64_t load() noexcept { return 0; }
  static result<std::uint64_t> store(std::uint64_t) noexcept { return errc::io; }
};

TEST(Hybrid, NoStampLeavesThatTheStoreRefused) {
  broken_mark mark;
  const std::uint64_t wall = 1'000;
  hybrid<hybrid_stamp, hand, broken_mark> one(mark, {}, {&wall});
  EXPECT_EQ(one.tick().code(), errc::io);
  EXPECT_EQ(one.peek(), hybrid_stamp{});
  shared_hybrid<hand, broken_mark> many(mark, {}, {&wall});
  EXPECT_EQ(many.tick().code(), errc::io);
  EXPECT_EQ(many.observe(stamp(2, 0)).code(), errc::io);
  EXPECT_EQ(many.tend().code(), errc::io);
}

// ---- bytes

TEST(HybridStamp, HasTheseBytes) {
  EXPECT_EQ(hex(encoded(stamp(0x123456789abc, 0xdef0))), "21 12 34 56 78 9a bc de f0");
  EXPECT_EQ(hex(encoded(wide_hybrid_stamp{0x123456789abcdef0, 0x01020304})),
            "31 12 34 56 78 9a bc de f0 01 02 03 04");
  EXPECT_EQ(decoded<hybrid_stamp>(from_hex("21 12 34 56 78 9a bc de f0")).value(),
            stamp(0x123456789abc, 0xdef0));
}

TEST(HybridStamp, SortsAsItsBytesDo) {
  std::mt19937_64 random(crash::seed());
  for (int i = 0; i < 1'000; ++i) {
    const hybrid_stamp a{random() >> random() % 40}, b{random() >> random() % 40};
    EXPECT_EQ(a < b, encoded(a) < encoded(b));
    const wide_hybrid_stamp c{random() % 4, static_cast<std::uint32_t>(random())},
        d{random() % 4, static_cast<std::uint32_t>(random())};
    EXPECT_EQ(c < d, encoded(c) < encoded(d));
  }
}

TEST(HybridStamp, RefusesBytesOfAnythingElse) {
  EXPECT_EQ(refusal<hybrid_stamp>("31 12 34 56 78 9a bc de f0"), errc::corrupt);
  EXPECT_EQ(refusal<hybrid_stamp>("22 12 34 56 78 9a bc de f0"), errc::version);
  EXPECT_EQ(refusal<wide_hybrid_stamp>("31 80 00 00 00 00 00 00 00 00 00 00 00"), errc::corrupt)
      << "a wall time above top";
}

TEST(HybridStamp, HasAnAnswerToAnyBytes) {
  check_wire<hybrid_stamp>(encoded(stamp(1'234'567, 89)));
  check_wire<wide_hybrid_stamp>(encoded(wide_hybrid_stamp{1'234'567, 89}));
}

}  // namespace
}  // namespace sequencer
