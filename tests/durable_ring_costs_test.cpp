// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/durable_ring.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>

#include <tests/crash/scratch.hpp>

#include "costs.hpp"
#include "sanitized.hpp"

// As ring_costs_test.cpp, of producers::durable as long as the mark is far ahead. Where more
// numbers are due, once for many claims, the keeper is asked, which may be a system call.
namespace {

using namespace sequencer;

struct order {
  std::uint64_t lot = 0;
};
using orders = ring<order, producers::durable>;

struct passing {
  crash::scratch here;
  std::optional<checkpoint> file;
  std::optional<orders> of;
  std::optional<poller<orders>> in;
  std::optional<producer<orders, wait::park>> out;

  void prepare() {
    auto how = here.options(true);
    how.keeper_thread = false;
    file.emplace(*checkpoint::open(here.path(), how));
    of.emplace(64, *file->order("orders", {.create = true, .max_gap = 1 << 20}));
    in.emplace(*of->join());
    out.emplace(*of->make_producer<wait::park>());
  }
  bool run() {
    std::uint64_t seen = 0;
    for (std::uint64_t i = 0; i < 200; ++i) {
      static_cast<void>(out->publish([&](order& o) { o.lot = i; }));
      static_cast<void>(out->publish(2, [&](order& o, std::uint64_t n) { o.lot = n; }));
      out->claim(2).publish();
      out->try_claim(3).abort();
      static_cast<void>(out->try_claim(of->capacity()));  // not granted
      static_cast<void>(out->publish([](order&) { return false; }));
      if (in->await<wait::park>() != polled::batch) return false;
      in->poll([&](const order&, sequence, bool) { ++seen; });
    }
    return seen == 1'000;
  }
};

TEST(DurableRingCosts, NoAllocationAndNoException) {
  passing work;
  work.prepare();
  const auto before = costs::so_far;
  EXPECT_TRUE(work.run());
  EXPECT_EQ(costs::so_far, before);
}

TEST(DurableRingCosts, NoSystemCall) {
  if (sanitized) GTEST_SKIP() << "the sanitizer makes calls of its own";
  const int how = costs::without_system_calls<passing>();
  if (how == costs::cannot_forbid) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(how, 0);
}

}  // namespace
