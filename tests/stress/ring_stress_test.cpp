// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

// Rings and flows of random shapes with more threads than cores: producers of every kind, stages
// that follow each other, pollers that come and go, closed at any moment. Written for the thread
// sanitizer, useful without. SEQUENCER_MINUTES is shared by the cases, SEQUENCER_SEED repeats the
// shapes.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sequencer/graph.hpp>

#include "rounds.hpp"

namespace {

using namespace sequencer;

struct job {
  std::uint64_t producer = 0;
  std::uint64_t number = 0;
  std::array<sequence, 5> handled{};  // by stage: position + 1
};

constexpr std::size_t most_producers = 3;

// Sees every position from its first one on, and each producer's numbers in their order.
class follower {
 public:
  explicit follower(bool from_the_start) : next_(most_producers, from_the_start ? 1 : 0) {}

  void see(const job& at, sequence s) noexcept {
    sound_ = sound_ && (!begun_ || s >= position_) && at.producer < most_producers;
    if (!sound_) return;
    auto& next = next_[at.producer];
    sound_ = next == 0 || at.number == next;
    next = at.number + 1;
    begun_ = true;
    position_ = s + 1;
    ++count_;
  }
  std::uint64_t count() const { return count_; }
  bool sound() const { return sound_; }

 private:
  std::vector<std::uint64_t> next_;
  sequence position_ = 0;
  std::uint64_t count_ = 0;
  bool begun_ = false;
  bool sound_ = true;
};

// Publishes by all means until it is refused; returns how many.
template <class Out>
std::uint64_t work(Out out, std::uint64_t producer, std::uint64_t most, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uint64_t number = 1;
  const auto fill = [&](job& at) { at = {producer, number++, {}}; };
  while (number <= most) {
    switch (random() % 6) {
      case 0: {
        auto mine = out.try_claim(1 + random() % 3);
        if (!mine && mine.code() != errc::unavailable && mine.code() != errc::invalid) {
          return number - 1;
        }
        for (std::uint64_t i = 0; i < mine.size(); ++i) fill(mine[i]);
        if (mine) std::move(mine).publish();
        break;
      }
      case 1: {
        auto mine = out.claim_until(1, wait::in(std::chrono::microseconds(random() % 100)));
        if (mine && random() % 2 == 0) break;  // a skip
        if (!mine && mine.code() != errc::timeout) return number - 1;
        if (!mine) break;
        fill(mine[0]);
        std::move(mine).publish();
        break;
      }
      case 2: {
        auto mine = out.try_claim_up_to(4);
        for (std::uint64_t i = 0; i < mine.size(); ++i) fill(mine[i]);
        if (mine) std::move(mine).publish();
        break;
      }
      case 3: {
        if (!out.publish(1 + random() % 2, [&](job& at, std::uint64_t) { fill(at); })) {
          if (!out.publish(fill)) return number - 1;
        }
        break;
      }
      default:
        if (!out.publish(fill)) return number - 1;
    }
    if (random() % 16 == 0) std::this_thread::yield();
  }
  return number - 1;
}

template <class Producers, class Work>
void with_any_means(ring<job, Producers>& of, std::uint64_t which, Work begin) {
  switch (which % 4) {
    case 0: return begin(of.template make_producer<wait::yield>());
    case 1: return begin(of.template make_producer<wait::park>());
    case 2: return begin(of.template make_producer<wait::spin>());
    default: return begin(of.template make_producer<wait::backoff>());
  }
}

template <class Producers>
class round_of {
 public:
  explicit round_of(std::uint64_t seed) : random_(seed) {}

  void run() {
    constexpr std::size_t capacities[] = {1, 2, 4, 64};
    constexpr sequence starts[] = {0, (1ull << 32) - 3, (1ull << 63) - (1ull << 20)};
    ring<job, Producers> of(capacities[random_() % 4], starts[random_() % 3]);
    graph plan{of};
    add_stages(plan);
    auto begun = std::move(plan).start();
    ASSERT_TRUE(begun) << begun.text();
    std::atomic<bool> over{false};
    std::thread guest([&, seed = random_()] { visit(of, over, seed); });
    std::vector<std::thread> sources;
    std::atomic<std::uint64_t> published{0};
    const auto writers = std::is_same_v<Producers, producers::one> ? 1 : 1 + random_() % 3;
    const bool closed_early = random_() % 2 == 0;
    for (std::uint64_t w = 0; w < writers; ++w) {
      with_any_means(of, random_(), [&](auto made) {
        sources.emplace_back([&, w, seed = random_(), out = *std::move(made)]() mutable {
          published += work(std::move(out), w, 500, seed);
        });
      });
    }
    if (!closed_early) {
      for (auto& source : sources) source.join();
    }
    EXPECT_TRUE(begun->drain());
    for (auto& source : sources) {
      if (source.joinable()) source.join();
    }
    over = true;
    guest.join();
    for (const auto& each : seen_) {
      EXPECT_TRUE(each.sound());
      EXPECT_EQ(each.count(), published.load());
    }
    for (const auto& each : crews_) {
      EXPECT_TRUE(each.sound.load()) << "an event went to two workers";
      EXPECT_EQ(each.count.load(), published.load());
    }
    EXPECT_TRUE(in_turn_.load()) << "an event before a stage that this one follows";
  }

 private:
  using graph_of = graph<ring<job, Producers>>;

  // What workers share: each event is handled once, in no order.
  struct crew {
    std::atomic<std::uint64_t> count{0};
    std::atomic<bool> sound{true};
  };

  // Each stage follows any of those before it.
  void add_stages(graph_of& plan) {
    const auto count = 1 + random_() % 4;
    std::vector<stage> made;
    for (std::size_t i = 0; i < count; ++i) {
      std::vector<std::size_t> before;
      for (std::size_t other = 0; other < i; ++other) {
        if (random_() % 2 == 0) before.push_back(other);
      }
      const auto pass = [this, i, before](job& at, sequence s) noexcept {
        for (const auto other : before) {
          if (at.handled[other] != s + 1) in_turn_ = false;
        }
        at.handled[i] = s + 1;
      };
      const auto name = "stage " + std::to_string(i);
      with_those(before, made, [&](std::initializer_list<stage> after) {
        made.push_back(random_() % 4 == 0 ? add_crew(plan, name, i, pass, after)
                                          : add_one(plan, name, pass, after));
      });
    }
  }

  template <class Begin>
  static void with_those(const std::vector<std::size_t>& before, const std::vector<stage>& made,
                         Begin begin) {
    switch (before.size()) {
      case 0: return begin({});
      case 1: return begin({made[before[0]]});
      case 2: return begin({made[before[0]], made[before[1]]});
      default: return begin({made[before[0]], made[before[1]], made[before[2]]});
    }
  }

  template <class Pass>
  stage add_crew(graph_of& plan, const std::string& name, std::size_t index, Pass pass,
                 std::initializer_list<stage> after) {
    auto& all = crews_.emplace_back();
    const auto handle = [pass, index, &all](job& at, sequence s, bool) noexcept {
      if (at.handled[index] == s + 1) all.sound = false;
      pass(at, s);
      ++all.count;
    };
    const auto make = [&](std::size_t) { return handle; };
    const stage_options how{.max_batch = random_() % 3};
    const auto workers = 1 + random_() % 3;
    if (random_() % 2 == 0) {
      return plan.template add_workers<wait::park>(name, workers, make, after, how);
    }
    return plan.template add_workers<wait::yield>(name, workers, make, after, how);
  }

  template <class Pass>
  stage add_one(graph_of& plan, const std::string& name, Pass pass,
                std::initializer_list<stage> after) {
    auto& mine = seen_.emplace_back(true);
    const auto handle = [pass, &mine](job& at, sequence s) noexcept {
      pass(at, s);
      mine.see(at, s);
    };
    const auto one = [handle](job& at, sequence s, bool) noexcept { handle(at, s); };
    const auto many = [handle](batch<job>& all) noexcept {
      for (const auto& each : all) handle(each.event, each.position);
    };
    const stage_options how{.max_batch = random_() % 5};
    const auto add = [&](auto handler) {
      switch (random_() % 4) {
        case 0: return plan.template add<wait::park>(name, handler, after, how);
        case 1: return plan.template add<wait::yield>(name, handler, after, how);
        case 2: return plan.template add<wait::spin>(name, handler, after, how);
        default: return plan.template add<wait::backoff>(name, handler, after, how);
      }
    };
    return random_() % 2 == 0 ? add(one) : add(many);
  }

  static void visit(ring<job, Producers>& of, const std::atomic<bool>& over, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!over.load()) {
      auto in = of.join();
      if (!in) return;
      follower mine(false);
      for (auto looks = random() % 8; looks-- != 0 && !over.load();) {
        in->poll([&](const job& at, sequence s, bool) { mine.see(at, s); }, 1 + random() % 4);
        std::this_thread::yield();
      }
      EXPECT_TRUE(mine.sound());
    }
  }

  std::mt19937_64 random_;
  std::deque<follower> seen_;
  std::deque<crew> crews_;
  std::atomic<bool> in_turn_{true};
};

TEST(ring_stress, one_producer) {
  stress::in_rounds(2, [](std::uint64_t seed) { round_of<producers::one>(seed).run(); });
}

TEST(ring_stress, many_producers) {
  stress::in_rounds(2, [](std::uint64_t seed) { round_of<producers::many>(seed).run(); });
}

}  // namespace
