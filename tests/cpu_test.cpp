// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/cpu.hpp>

#include <gtest/gtest.h>

namespace {

using sequencer::cpu::tsc_clock;

TEST(Cpu, TicksGrowWhileItRelaxes) {
  const auto before = sequencer::cpu::ticks();
  std::uint64_t after = before;
  for (int i = 0; i < 1'000'000 && after == before; ++i) {
    sequencer::cpu::relax();
    after = sequencer::cpu::ticks();
  }
  EXPECT_GT(after, before);
}

// A hint: it writes nothing, and any address will do.
TEST(Cpu, ALineIsAskedForWhateverItIs) {
  const int kept = 7;
  sequencer::cpu::prefetch_for_write(&kept);
  sequencer::cpu::prefetch_for_write(nullptr);
  EXPECT_EQ(kept, 7);
}

TEST(TscClock, ConvertsBothWays) {
  const auto clock = tsc_clock::calibrate(std::chrono::milliseconds(2));
  EXPECT_GT(clock.ns_per_tick(), 0.01);    // below 100 GHz
  EXPECT_LT(clock.ns_per_tick(), 1000.0);  // above 1 MHz
  const auto ticks = clock.to_ticks(std::chrono::milliseconds(1));
  EXPECT_NEAR(clock.to_ns(ticks), 1e6, 2000.0);
  EXPECT_EQ(clock.to_ns(0), 0.0);
}

TEST(TscClock, TwoCalibrationsAgree) {
  const auto one = tsc_clock::calibrate(std::chrono::milliseconds(20));
  const auto two = tsc_clock::calibrate(std::chrono::milliseconds(20));
  EXPECT_NEAR(one.ns_per_tick() / two.ns_per_tick(), 1.0, 0.02);
}

}  // namespace
