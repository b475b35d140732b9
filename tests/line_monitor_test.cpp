// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/graph.hpp>
#include <sequencer/line_monitor.hpp>
#include <sequencer/ring.hpp>
#include <sequencer/wait.hpp>

#include <gtest/gtest.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>

namespace {

using namespace sequencer;
using cpu::line_monitor;

// The processor shows what it has; Linux leaves a flag out where it does not let programs use it.
TEST(LineMonitor, IsTheOneThatTheProcessorHas) {
  std::ifstream in("/proc/cpuinfo");
  std::string flags;
  for (std::string text; flags.empty() && std::getline(in, text);) {
    if (text.starts_with("flags")) flags = text + " ";
  }
  if (flags.empty()) GTEST_SKIP() << "the kernel shows no flags here";
  using kind = line_monitor::kind;
  const auto expected = flags.find(" waitpkg ") != flags.npos    ? kind::umwait
                        : flags.find(" mwaitx ") != flags.npos   ? kind::mwaitx
                        : flags.find(" monitorx ") != flags.npos ? kind::mwaitx
                                                                 : kind::none;
  EXPECT_EQ(line_monitor::here(), expected);
}

TEST(LineMonitor, ARestEndsThoughNobodyWrites) {
  alignas(64) const std::uint64_t line = 0;
  for (int i = 0; i < 100; ++i) {
    line_monitor::arm(&line);
    line_monitor::rest(20'000);
  }
}

// A processor that writes down what it is asked for, and lets the test act in between.
struct recorder {
  static inline bool present;
  static inline std::string calls;
  static inline const void* line;
  static inline std::function<void()> on_arm;
  static inline std::function<void()> on_rest;

  static void begin() {
    present = true;
    calls.clear();
    on_arm = on_rest = [] {};
  }
  static bool exists() { return present; }
  static void arm(const void* at) noexcept {
    calls += 'a';
    line = at;
    on_arm();
  }
  static void rest(std::uint32_t) noexcept {
    calls += 'r';
    on_rest();
  }
};
using recorded = wait::watch<recorder>;

struct Watch : testing::Test {
  void SetUp() override { recorder::begin(); }
};

// wait::await() over a waiter at that line.
template <class Line, class Ready>
wait::outcome await_at(Line line, Ready ready) {
  struct here {
    Line line;
    auto enter() noexcept { return wait::watcher<recorder, Line>(line); }
    void wake() noexcept {}
  } how{line};
  return wait::await(how, ready, [] { return false; });
}

TEST_F(Watch, LooksBetweenArmingAndResting) {
  const int line = 0;
  int looks = 0;
  await_at([&]() -> const void* { return &line; }, [&] {
    recorder::calls += 'l';
    return ++looks == 6;
  });
  EXPECT_EQ(recorder::calls, "lalrlalrlal");
  EXPECT_EQ(recorder::line, &line);
}

TEST_F(Watch, DoesNotRestOverWhatHappenedWhileItArmed) {
  bool ready = false;
  recorder::on_arm = [&] { ready = true; };
  await_at([&]() -> const void* { return &ready; }, [&] { return ready; });
  EXPECT_EQ(recorder::calls, "a");
}

TEST_F(Watch, DoesNotRestOnALineThatIsNoLongerTheOne) {
  std::array<int, 4> lines{};
  std::size_t at = 0;
  int looks = 0;
  await_at([&]() -> const void* { return &lines[at]; }, [&] {
    if (++looks < 5 && looks > 1) ++at;
    return looks == 7;
  });
  EXPECT_EQ(recorder::calls, "aaaara");
  EXPECT_EQ(recorder::line, &lines[3]);
}

TEST_F(Watch, SpinsWithoutALineAndWithoutAMonitor) {
  int looks = 0;
  const auto fifth = [&] { return ++looks % 5 == 0; };
  recorded how;
  wait::await(how, fifth, [] { return false; });
  await_at([]() -> const void* { return nullptr; }, fifth);
  recorder::present = false;
  await_at([&]() -> const void* { return &looks; }, fifth);
  EXPECT_EQ(looks, 15);
  EXPECT_EQ(recorder::calls, "");
}

struct quote {
  std::uint64_t price = 0;
};

TEST_F(Watch, APollerWatchesTheStampOfItsNextEvent) {
  alignas(slots<quote>::alignment) std::array<std::byte, slots<quote>::bytes_for(4)> memory;
  ring<quote> of(slots<quote>(4, memory), 6);
  auto in = *of.join();
  auto out = *of.make_producer();
  const auto publish = [&] { EXPECT_TRUE(out.publish([](quote&) {})); };
  for (std::uint64_t i = 6; i != 12; ++i) {
    recorder::begin();
    (i % 2 == 0 ? recorder::on_rest : recorder::on_arm) = publish;
    EXPECT_EQ(in.await<recorded>(), polled::batch);
    EXPECT_EQ(recorder::calls, i % 2 == 0 ? "ar" : "a");
    EXPECT_EQ(recorder::line, &memory[i % 4 * sizeof(slot<quote>)]);
    in.poll([](const quote&, sequence, bool) {});
  }
}

template <class Producers>
void expect_the_laggard_watched() {
  ring<quote, Producers> of(2);
  auto ahead = *of.join();
  auto behind = *of.join();
  auto out = *of.template make_producer<recorded>();
  const auto publish = [&] { return static_cast<bool>(out.publish([](quote&) {})); };
  ASSERT_TRUE(publish() && publish());
  const auto ignore = [](const quote&, sequence, bool) {};
  ahead.poll(ignore);
  const void* first = nullptr;
  recorder::on_rest = [&] {
    first = recorder::line;
    behind.poll(ignore, 1);
  };
  EXPECT_TRUE(publish());
  EXPECT_EQ(recorder::calls, "ar");
  recorder::begin();
  behind.poll(ignore);
  recorder::on_rest = [&] {
    EXPECT_NE(recorder::line, first) << "the other one is behind now";
    ahead.poll(ignore);
  };
  EXPECT_TRUE(publish());
  EXPECT_TRUE(publish());
  EXPECT_EQ(recorder::calls, "ar");
}

TEST_F(Watch, AProducerWatchesTheConsumerThatIsFurthestBehind) {
  expect_the_laggard_watched<producers::one>();
  recorder::begin();
  expect_the_laggard_watched<producers::many>();
}

// A processor whose rests are short, for more threads than cores.
struct restless {
  static inline std::atomic<std::uint64_t> rests{0};
  static bool exists() noexcept { return true; }
  static void arm(const void*) noexcept {}
  static void rest(std::uint32_t) noexcept {
    rests.fetch_add(1);
    ::sched_yield();
  }
};

// Everybody waits by How: a producer, a stage that waits for it, one that follows, shared workers.
template <class How, class Producers>
void pass(std::uint64_t events) {
  ring<quote, Producers> of(4);
  graph plan{of};
  std::atomic<std::uint64_t> sum{0};
  std::atomic<std::uint64_t> shared{0};
  auto doubling = plan.template add<How>("doubling", [](quote& q, sequence, bool) noexcept {
    q.price *= 2;
  });
  plan.template add<How>("adding", [&](const quote& q, sequence, bool) noexcept {
    sum += q.price;
  }, {doubling});
  plan.template add_workers<How>("sharing", 2, [&](std::size_t) {
    return [&](const quote&, sequence, bool) noexcept { ++shared; };
  });
  auto flow = std::move(plan).start();
  ASSERT_TRUE(flow) << flow.text();
  {
    auto out = *flow->template producer<How>();
    for (std::uint64_t i = 0; i != events; ++i) {
      ASSERT_TRUE(out.publish([&](quote& q) { q.price = i; }));
      if (i % 16 == 0) std::this_thread::yield();
    }
  }
  EXPECT_TRUE(flow->drain());
  EXPECT_EQ(sum.load(), events * (events - 1));
  EXPECT_EQ(shared.load(), events);
}

TEST(WatchedRing, PassesEverything) {
  pass<wait::watch<restless>, producers::one>(5'000);
  pass<wait::watch<restless>, producers::many>(5'000);
  EXPECT_GT(restless::rests.load(), 0u);
  pass<wait::hybrid<1'000, wait::watch<restless>>, producers::one>(1'000);
  pass<wait::monitor, producers::one>(100);
  pass<wait::monitor, producers::many>(100);
}

}  // namespace
