// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

// A soak for lost wake-ups: every way of a producer to wait with every one of a consumer, over a
// ring so small that both sides wait all the time; two threads that ask and answer; and a stage
// that wakes another one. A wake-up that is lost is a pair that stands still; a watchdog says
// which, and where it stands. Up to 10^5 events a pair, times SEQUENCER_SCALE, as far as a pair
// gets in its share of the time: on a busy machine who spins on one core with who is to wake him
// takes milliseconds an event. SEQUENCER_MINUTES repeats the rounds, SEQUENCER_SEED their pauses.
// From SEQUENCER_SCALE=20 on they are repeated until all six cases together have passed 10^8
// events, a tenth of it under the thread sanitizer.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <sequencer/cpu.hpp>
#include <sequencer/graph.hpp>
#include <sequencer/ring.hpp>

#include <tests/emulated.hpp>
#include <tests/sanitized.hpp>

#include "rounds.hpp"

namespace {

using namespace sequencer;

struct number {
  std::uint64_t value = 0;
};

// How far the pair is that runs. Written without order: it must not do the ring's work.
struct progress {
  std::atomic<std::uint64_t> published{0};
  std::atomic<std::uint64_t> seen{0};

  std::uint64_t sum() const {
    return published.load(std::memory_order_relaxed) + seen.load(std::memory_order_relaxed);
  }
};

void count(std::atomic<std::uint64_t>& one) {
  one.fetch_add(1, std::memory_order_relaxed);
}

// Ends the process when nothing has moved for minutes.
class watchdog {
 public:
  static constexpr std::chrono::minutes patience{3};

  watchdog(std::string pair, const progress& of)
      : pair_(std::move(pair)), of_(of), thread_([this] { watch(); }) {}
  ~watchdog() {
    {
      const std::lock_guard hold(mutex_);
      over_ = true;
    }
    ended_.notify_all();
    thread_.join();
  }

 private:
  void watch() {
    std::unique_lock hold(mutex_);
    for (auto before = of_.sum();; before = of_.sum()) {
      if (ended_.wait_for(hold, patience, [&] { return over_; })) return;
      if (of_.sum() == before) stop();
    }
  }
  [[noreturn]] void stop() const {
    std::fprintf(stderr, "%s: nobody has moved for %d minutes; %llu published, %llu seen\n",
                 pair_.c_str(), static_cast<int>(patience.count()),
                 static_cast<unsigned long long>(of_.published.load()),
                 static_cast<unsigned long long>(of_.seen.load()));
    std::abort();
  }

  std::string pair_;
  const progress& of_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::thread thread_;  // last: it uses the others
};

// Now and then about as long as the other side spins before it turns to its next means: in that
// moment a wake-up is lost where one is.
class pauses {
 public:
  explicit pauses(std::uint64_t seed) : random_(static_cast<std::uint32_t>(seed | 1)) {}
  void next() {
    random_ ^= random_ << 13;
    random_ ^= random_ >> 17;
    random_ ^= random_ << 5;
    if (random_ % 8 != 0) return;
    const auto until = cpu::ticks() + (random_ >> 3) % (2 * wait::spin_ticks);
    while (cpu::ticks() < until) cpu::relax();
  }

 private:
  std::uint32_t random_;
};

struct job {
  std::uint64_t events;
  std::chrono::steady_clock::time_point until;
  std::uint64_t seed;
  progress* at;

  bool goes_on(std::uint64_t i) const {
    return i < events && (i % 64 != 0 || std::chrono::steady_clock::now() < until);
  }
};

template <class Engine>
using numbers = ring<number, Engine>;
template <class Engine>
using reader_of = decltype(*std::declval<numbers<Engine>&>().join());

// Each side is made once for each strategy, not once for each pair.
template <class Engine, class How>
void produce(numbers<Engine>& of, const job& mine, std::uint64_t who) {
  auto out = *of.template make_producer<How>();
  pauses rest(mine.seed + who);
  for (std::uint64_t i = 0; mine.goes_on(i); ++i) {
    if (!out.publish([&](number& n) { n.value = i << 1 | who; })) return;
    count(mine.at->published);
    rest.next();
  }
}

template <class Engine, class How>
void consume(reader_of<Engine>& in, const job& mine) {
  pauses rest(~mine.seed);
  std::array<std::uint64_t, 2> next{};
  std::uint64_t misses = 0;
  while (in.template await<How>() == polled::batch) {
    in.poll([&](const number& n, sequence, bool) {
      misses += n.value >> 1 != next[n.value & 1]++;
      count(mine.at->seen);
    });
    rest.next();
  }
  EXPECT_EQ(misses, 0u);
}

// Publishes and then waits for the answer, so that nothing else wakes who answers: in a full ring a
// producer rings once more before it waits.
template <class Engine, class How>
void ask(numbers<Engine>& to, reader_of<Engine>& from, const job& mine) {
  {
    auto out = *to.make_producer();
    pauses rest(mine.seed);
    for (std::uint64_t i = 0; mine.goes_on(i); ++i) {
      EXPECT_TRUE(out.publish([&](number& n) { n.value = i; }));
      count(mine.at->published);
      EXPECT_EQ(from.template await<How>(), polled::batch);
      from.poll([&](const number& n, sequence, bool) { EXPECT_EQ(n.value, i); });
      rest.next();
    }
  }
  to.close();
}

template <class Engine, class How>
void answer(numbers<Engine>& to, reader_of<Engine>& from, const job& mine) {
  auto out = *to.make_producer();
  pauses rest(~mine.seed);
  while (from.template await<How>() == polled::batch) {
    from.poll([&](const number& asked, sequence, bool) {
      rest.next();
      count(mine.at->seen);
      EXPECT_TRUE(out.publish([&](number& n) { n = asked; }));
    });
  }
}

// What a stage of a graph does.
struct counting {
  std::uint64_t* next;
  std::uint64_t* misses;
  progress* at;  // of the last stage
  pauses rest;

  void operator()(const number& n, sequence, bool) noexcept {
    *misses += n.value != (*next)++;
    if (at != nullptr) count(at->seen);
    rest.next();
  }
};

template <class Engine, class How>
stage add(graph<numbers<Engine>>& plan, std::optional<stage> after, counting handler) {
  if (!after) return plan.template add<How>("first", handler);
  return plan.template add<How>("second", handler, {*after});
}

template <class Engine>
struct side {
  const char* name;
  void (*produce)(numbers<Engine>&, const job&, std::uint64_t);
  void (*consume)(reader_of<Engine>&, const job&);
  void (*ask)(numbers<Engine>&, reader_of<Engine>&, const job&);
  void (*answer)(numbers<Engine>&, reader_of<Engine>&, const job&);
  stage (*add)(graph<numbers<Engine>>&, std::optional<stage>, counting);
};

template <class Engine, class How>
constexpr side<Engine> side_of(const char* name) {
  return {name, &produce<Engine, How>, &consume<Engine, How>, &ask<Engine, How>,
          &answer<Engine, How>, &add<Engine, How>};
}

template <class Engine>
constexpr std::array<side<Engine>, 7> sides{
    side_of<Engine, wait::spin>("spin"),
    side_of<Engine, wait::yield>("yield"),
    side_of<Engine, wait::backoff>("backoff"),
    side_of<Engine, wait::park>("park"),
    side_of<Engine, wait::monitor>("monitor"),
    side_of<Engine, wait::hybrid<1'000>>("hybrid"),
    side_of<Engine, wait::hybrid<1'000, wait::yield>>("hybrid, yielding")};

template <class Engine>
std::uint64_t run_pair(const side<Engine>& out, const side<Engine>& in, job mine) {
  constexpr std::uint64_t writers = std::is_same_v<Engine, producers::one> ? 1 : 2;
  progress at;
  const watchdog over(std::to_string(writers) + " producers by " + out.name + ", a consumer by " +
                          in.name + ", seed " + std::to_string(mine.seed),
                      at);
  mine.at = &at;
  mine.events /= writers;
  numbers<Engine> of(mine.seed % 2 + 1);
  auto reader = *of.join();
  std::thread consumer([&] { in.consume(reader, mine); });
  std::vector<std::thread> sources;
  for (std::uint64_t w = 0; w < writers; ++w) {
    sources.emplace_back([&, w] { out.produce(of, mine, w); });
  }
  for (auto& each : sources) each.join();
  of.close();
  consumer.join();
  EXPECT_EQ(at.seen.load(), at.published.load());
  return at.seen.load();
}

template <class Engine>
std::uint64_t run_to_and_fro(const side<Engine>& one, const side<Engine>& other, job mine) {
  progress at;
  const watchdog over(std::string("asking by ") + one.name + ", answering by " + other.name +
                          ", seed " + std::to_string(mine.seed),
                      at);
  mine.at = &at;
  numbers<Engine> there(2), back(2);
  auto asked = *there.join();
  auto answered = *back.join();
  std::thread second([&] { other.answer(back, asked, mine); });
  one.ask(there, answered, mine);
  second.join();
  EXPECT_EQ(at.seen.load(), at.published.load());
  return at.seen.load();
}

// The second stage is woken by the first one alone, and each by its own strategy.
template <class Engine>
std::uint64_t run_stages(const side<Engine>& one, const side<Engine>& other, job mine) {
  progress at;
  const watchdog over(std::string("a stage by ") + one.name + ", one behind it by " + other.name +
                          ", seed " + std::to_string(mine.seed),
                      at);
  mine.at = &at;
  numbers<Engine> of(mine.seed % 2 + 1);
  graph plan{of};
  std::array<std::uint64_t, 2> next{}, misses{};
  const auto first = one.add(plan, {}, {&next[0], &misses[0], nullptr, pauses(mine.seed)});
  other.add(plan, first, {&next[1], &misses[1], &at, pauses(~mine.seed)});
  auto begun = std::move(plan).start();
  EXPECT_TRUE(begun) << begun.text();
  if (!begun) return 0;
  {
    auto out = *of.template make_producer<wait::park>();
    pauses rest(mine.seed + 1);
    for (std::uint64_t i = 0; mine.goes_on(i); ++i) {
      EXPECT_TRUE(out.publish([&](number& n) { n.value = i; }));
      count(at.published);
      rest.next();
    }
  }
  EXPECT_TRUE(begun->drain());
  EXPECT_EQ(misses[0] + misses[1], 0u);
  EXPECT_EQ(at.seen.load(), at.published.load());
  return at.seen.load();
}

std::uint64_t scale() {
  const char* asked = std::getenv("SEQUENCER_SCALE");
  return std::max<std::uint64_t>(asked ? std::strtoull(asked, nullptr, 10) : 1, 1);
}

constexpr int cases = 6;

// Events that one case passes at least.
std::uint64_t goal() {
  if (scale() < 20 || emulated) return 0;
  return 100'000'000 / cases / (sanitized ? 10 : 1);
}

// Each side with each, as many as fit into a pair's share of the time.
template <class Engine, class Run>
std::uint64_t run_all_pairs(Run run, std::uint64_t seed) {
  std::uint64_t events = 0;
  for (const auto& first : sides<Engine>) {
    for (const auto& second : sides<Engine>) {
      const auto share = std::chrono::milliseconds(50 * scale());
      const auto until = std::chrono::steady_clock::now() + share;
      events += run(first, second, job{100'000 * scale(), until, seed++, nullptr});
    }
  }
  return events;
}

template <class Engine, class Run>
void soak(Run run) {
  std::uint64_t events = 0;
  const auto round = [&](std::uint64_t seed) { events += run_all_pairs<Engine>(run, seed); };
  stress::in_rounds(cases, round);
  auto seed = ~stress::seed_of_run();
  while (events < goal() && !testing::Test::HasFailure()) round(seed += 100);
  EXPECT_GE(events, goal());
  std::cout << events << " events\n";
}

TEST(soak_stress, one_producer_and_a_consumer) {
  soak<producers::one>(run_pair<producers::one>);
}
TEST(soak_stress, many_producers_and_a_consumer) {
  soak<producers::many>(run_pair<producers::many>);
}
TEST(soak_stress, to_and_fro_with_one_producer) {
  soak<producers::one>(run_to_and_fro<producers::one>);
}
TEST(soak_stress, to_and_fro_with_many_producers) {
  soak<producers::many>(run_to_and_fro<producers::many>);
}
TEST(soak_stress, a_stage_and_one_behind_it_with_one_producer) {
  soak<producers::one>(run_stages<producers::one>);
}
TEST(soak_stress, a_stage_and_one_behind_it_with_many_producers) {
  soak<producers::many>(run_stages<producers::many>);
}

}  // namespace
