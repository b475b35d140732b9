// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Memory on nodes, as far as this host lets it be; on several nodes: tests/numa.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sequencer/counter.hpp>
#include <sequencer/place/memory.hpp>
#include <sequencer/place/placed.hpp>
#include <sequencer/ring.hpp>
#include <sequencer/slots.hpp>

#include "machines.hpp"

namespace {

using sequencer::errc;
using sequencer::place::huge_pages;
using sequencer::place::memory;
using sequencer::place::memory_options;
using sequencer::place::placed;
using sequencer::place::region;
using sequencer::place::spread;
using sequencer::place::topology;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::size_t mib = std::size_t{1} << 20;

class memory_here : public testing::Test {
 protected:
  void SetUp() override {
    const auto tried = memory::make(here_, on(spread::bind), 4096);
    if (tried) return;
    ASSERT_NE(tried.failure().text, "");
    if (tried.code() == errc::denied) GTEST_SKIP() << tried.text();
    FAIL() << tried.text();
  }

  region on(spread how) const {
    region made{"test", how, {}};
    for (const auto& each : here_.nodes) {
      if (each.usable && (how != spread::bind || made.nodes.empty())) {
        made.nodes.push_back(each.number);
      }
    }
    return made;
  }

  const topology here_ = *topology::discover();
};

TEST_F(memory_here, lies_where_it_was_asked_for) {
  for (const auto how : {spread::bind, spread::interleave, spread::split}) {
    for (const auto bytes : {std::size_t{1}, 3 * mib, 8 * mib}) {
      auto made = memory::make(here_, on(how), bytes);
      ASSERT_TRUE(made) << made.text();
      ASSERT_GE(made->bytes().size(), bytes);
      const auto found = made->verify();
      EXPECT_TRUE(found.as_planned()) << bytes << (found.doubts.empty() ? "" : found.doubts[0]);
      EXPECT_EQ(found.pages * found.page_bytes, made->bytes().size());
      EXPECT_EQ(found.absent, 0u);
      const auto zeroed = std::all_of(made->bytes().begin(), made->bytes().end(),
                                      [](std::byte each) { return each == std::byte{0}; });
      EXPECT_TRUE(zeroed);
    }
  }
}

TEST_F(memory_here, is_aligned_and_apart_from_its_neighbours) {
  auto large = memory::make(here_, on(spread::bind), 2 * mib);
  ASSERT_TRUE(large) << large.text();
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(large->bytes().data()) % (2 * mib), 0u);
  const auto maps = machines::content_of("/proc/self/maps");
  char first[32], last[32];
  std::snprintf(first, sizeof first, "%zx", reinterpret_cast<std::size_t>(large->bytes().data()));
  std::snprintf(last, sizeof last, "%zx",
                reinterpret_cast<std::size_t>(large->bytes().data()) + large->bytes().size());
  EXPECT_THAT(maps, HasSubstr(std::string(first) + '-' + last + " rw-p"));
  EXPECT_THAT(maps, HasSubstr(std::string("-") + first + " ---p"));
  EXPECT_THAT(maps, HasSubstr(std::string("\n") + last + '-'));
}

TEST_F(memory_here, untouched_is_absent) {
  auto made = memory::make(here_, on(spread::bind), mib, {.pages = huge_pages::no, .touch = false});
  ASSERT_TRUE(made) << made.text();
  auto found = made->verify();
  EXPECT_FALSE(found.as_planned());
  EXPECT_EQ(found.absent, found.pages);
  made->bytes()[5 * found.page_bytes] = std::byte{1};
  found = made->verify();
  EXPECT_EQ(found.absent, found.pages - 1);
  ASSERT_THAT(found.by_node, SizeIs(1));
  EXPECT_EQ(found.by_node[0].pages, 1u);
}

TEST_F(memory_here, says_how_much_is_huge) {
  auto small = memory::make(here_, on(spread::bind), 8 * mib, {.pages = huge_pages::no});
  ASSERT_TRUE(small) << small.text();
  EXPECT_EQ(small->verify().huge_bytes, 0u);
  auto huge = memory::make(here_, on(spread::bind), 8 * mib);
  ASSERT_TRUE(huge) << huge.text();
  const auto found = huge->verify();
  EXPECT_TRUE(found.as_planned());
  EXPECT_LE(found.huge_bytes, huge->bytes().size());
  const auto enabled = machines::content_of("/sys/kernel/mm/transparent_hugepage/enabled");
  const bool never = enabled.empty() || enabled.find("[never]") != enabled.npos;
  if (never) {
    EXPECT_EQ(found.huge_bytes, 0u);
  } else if (found.huge_bytes == 0) {
    GTEST_SKIP() << "the kernel found no huge pages just now";
  }
}

// The advice succeeds where nobody gets any.
TEST_F(memory_here, says_when_no_huge_pages_were_given) {
  ASSERT_EQ(::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0) << std::strerror(errno);
  auto made = memory::make(here_, on(spread::bind), 8 * mib);
  auto small = memory::make(here_, on(spread::bind), 8 * mib, {.pages = huge_pages::no});
  ASSERT_EQ(::prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0), 0) << std::strerror(errno);
  ASSERT_TRUE(made) << made.text();
  EXPECT_EQ(made->verify().huge_bytes, 0u);
  EXPECT_THAT(made->refused(), ElementsAre(HasSubstr("the kernel gave 0 KiB of 8 MiB")));
  EXPECT_TRUE(made->verify().as_planned());
  ASSERT_TRUE(small) << small.text();
  EXPECT_THAT(small->refused(), IsEmpty()) << "none were wanted";
}

// What was not read is not told as nothing.
TEST_F(memory_here, doubts_what_it_cannot_read) {
  auto made = memory::make(here_, on(spread::bind), mib, {.pages = huge_pages::no});
  ASSERT_TRUE(made) << made.text();
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  const rlimit none{0, files.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto found = made->verify();
  const auto beyond = memory::make(here_, on(spread::bind), ~std::size_t{0} - 100);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
  EXPECT_THAT(found.doubts, ElementsAre(HasSubstr("/proc/self/smaps cannot be read")));
  EXPECT_TRUE(found.as_planned()) << "where the pages are, no file says";
  ASSERT_FALSE(beyond) << "without a file that says what is free";
  EXPECT_EQ(beyond.code(), errc::unavailable);
}

TEST_F(memory_here, is_split_into_equal_parts) {
  const auto node = on(spread::bind).nodes[0];
  const region where{"test", spread::split, {node, node, node}};
  for (const auto bytes : {std::size_t{1}, std::size_t{20'000}, 2 * mib, 3 * mib, 20 * mib}) {
    auto made = memory::make(here_, where, bytes);
    ASSERT_TRUE(made) << made.text();
    const auto size = made->part(0).size();
    EXPECT_GE(made->bytes().size(), bytes);
    EXPECT_EQ(made->bytes().size(), 3 * size);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(made->part(i).data(), made->bytes().data() + i * size);
      EXPECT_EQ(made->part(i).size(), size);
    }
    EXPECT_EQ(size % (size >= 2 * mib ? 2 * mib : 4096), 0u);
    EXPECT_TRUE(made->verify().as_planned());
  }
}

// Several parts may be on one node, which needs room for all of them.
TEST_F(memory_here, counts_every_part_on_a_node) {
  const auto node = on(spread::bind).nodes[0];
  const auto bytes = here_.nodes[here_.node_at(node)].bytes / 2 * 3;
  const auto made = memory::make(here_, {"test", spread::split, {node, node, node, node}}, bytes,
                                 {.touch = false});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.code(), errc::unavailable);
}

TEST_F(memory_here, falls_back_where_no_huge_pages_are_reserved) {
  auto made = memory::make(here_, on(spread::bind), 4 * mib, {.pages = huge_pages::reserved});
  ASSERT_TRUE(made) << made.text();
  EXPECT_TRUE(made->verify().as_planned());
  std::uint64_t free = 0;
  for (const auto& pool : here_.nodes[here_.node_at(on(spread::bind).nodes[0])].huge) {
    if (pool.page_bytes == 2 * mib) free = pool.free_pages;
  }
  if (free == 0) {
    ASSERT_THAT(made->refused(), testing::Not(IsEmpty()));
    EXPECT_THAT(made->refused()[0], HasSubstr("reserved huge pages are free on node"));
  } else if (free >= 2 && made->refused().empty()) {
    EXPECT_EQ(made->verify().huge_bytes, 4 * mib);
  }
}

TEST_F(memory_here, is_locked_or_says_why_not) {
  auto made = memory::make(here_, on(spread::bind), 64 * 1024, {.lock = true});
  ASSERT_TRUE(made) << made.text();
  if (made->refused().empty()) {
    EXPECT_EQ(made->verify().locked_bytes, made->bytes().size());
  } else {
    EXPECT_THAT(made->refused(), ElementsAre(HasSubstr("Locking")));
  }
}

TEST_F(memory_here, carries_a_ring) {
  constexpr std::size_t capacity = 1024;
  using slots = sequencer::slots<int>;
  auto made = memory::make(here_, on(spread::bind), slots::bytes_for(capacity));
  ASSERT_TRUE(made) << made.text();
  sequencer::ring<int, sequencer::producers::one> ring{slots(capacity, made->bytes())};
  auto out = ring.make_producer();
  ASSERT_TRUE(out);
  EXPECT_TRUE(out->publish([](int& event) noexcept { event = 7; }));
  EXPECT_TRUE(made->verify().as_planned());
}

TEST_F(memory_here, carries_a_counter) {
  auto made = placed<sequencer::counter>::make(here_, on(spread::bind));
  ASSERT_TRUE(made) << made.text();
  auto orders = *std::move(made);
  const auto first = orders->next();
  EXPECT_EQ(*orders->next(), *first + 1);
  EXPECT_TRUE(orders.verify().as_planned());
}

TEST_F(memory_here, refuses_what_cannot_be) {
  const auto code = [&](const region& where, std::size_t bytes) {
    const auto made = memory::make(here_, where, bytes);
    return made ? errc::io : made.code();
  };
  EXPECT_EQ(code(on(spread::bind), 0), errc::invalid);
  EXPECT_EQ(code({"x", spread::bind, {}}, 1), errc::invalid);
  EXPECT_EQ(code({"x", spread::bind, {987}}, 1), errc::invalid);
  EXPECT_EQ(code({"x", spread::bind, {0, 0}}, 1), errc::invalid);
  EXPECT_EQ(code(on(spread::bind), std::size_t{1} << 46), errc::unavailable);
}

TEST(memory, of_another_machine_is_refused) {
  auto of = *topology::discover();
  of.this_machine = false;
  const auto made = memory::make(of, {"slots", spread::bind, {0}}, 4096);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.code(), errc::unsupported);
  EXPECT_THAT(std::string(made.text()), HasSubstr("not this machine; no memory was bound"));
}

}  // namespace
