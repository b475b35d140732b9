// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

// Three rings of random sizes into one consumer, more producers than cores, ends at any moment, and
// a consumer that stops in the middle as it likes. Written for the thread sanitizer, useful
// without. SEQUENCER_MINUTES and SEQUENCER_SEED as in the other stress programs.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include <sequencer/fan_in.hpp>
#include <sequencer/ring.hpp>

#include "rounds.hpp"

namespace {

using namespace sequencer;

struct small {
  std::uint64_t source = 0;
  std::uint64_t number = 0;
};
struct large {
  std::uint64_t source = 0;
  std::uint64_t number = 0;
  std::array<std::uint64_t, 20> copies{};
};

void fill(small& at, std::uint64_t source, std::uint64_t number) { at = {source, number}; }
void fill(large& at, std::uint64_t source, std::uint64_t number) {
  at.source = source;
  at.number = number;
  at.copies.fill(number);
}

// What a consumer saw of one ring: positions without a gap but skips, numbers in their order.
class follower {
 public:
  void see(const small& at, sequence s) { follow(at.source, at.number, s); }
  void see(const large& at, sequence s) {
    follow(at.source, at.number, s);
    for (const auto copy : at.copies) sound_ = sound_ && copy == at.number;
  }
  bool sound() const { return sound_; }
  std::uint64_t count() const { return next_[0] + next_[1]; }

 private:
  void follow(std::uint64_t source, std::uint64_t number, sequence s) {
    sound_ = sound_ && s >= position_ && source < next_.size() && number == next_[source];
    if (!sound_) return;
    ++next_[source];
    position_ = s + 1;
  }

  std::array<std::uint64_t, 2> next_{};
  sequence position_ = 0;
  bool sound_ = true;
};

template <wait::strategy How, class Ring>
std::uint64_t publish_some(Ring& of, std::uint64_t source, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  auto out = of.template make_producer<How>();
  std::uint64_t number = 0;
  while (out && number != 400) {
    const bool skipped = random() % 8 == 0;
    const auto done = out->publish([&](auto& event) {
      fill(event, source, number);
      return !skipped;
    });
    if (!done) break;
    number += skipped ? 0 : 1;
    if (random() % 16 == 0) std::this_thread::yield();
  }
  return number;
}

class round_of {
 public:
  explicit round_of(std::uint64_t seed) : random_(seed) {}

  void run() {
    ring<small> first(capacity());
    ring<large, producers::many> second(capacity());
    ring<small, producers::many> third(capacity());
    fan_in all{*first.join(), *second.join(), *third.join()};
    std::vector<std::thread> sources;
    feed(sources, first, 0, 1);
    feed(sources, second, 1, 2);
    feed(sources, third, 2, 2);
    std::thread closer([&, seed = random_()] { close_all(seed, sources, first, second, third); });
    consume(all);
    closer.join();
    for (std::size_t i = 0; i != seen_.size(); ++i) {
      EXPECT_TRUE(seen_[i].sound());
      EXPECT_EQ(seen_[i].count(), published_[i].load());
    }
  }

 private:
  std::size_t capacity() { return std::size_t{1} << random_() % 6; }

  template <class Ring>
  void feed(std::vector<std::thread>& sources, Ring& of, std::size_t index, std::size_t writers) {
    for (std::size_t writer = 0; writer != writers; ++writer) {
      sources.emplace_back([&, index, writer, seed = random_()] {
        published_[index] += seed % 2 == 0 ? publish_some<wait::park>(of, writer, seed)
                                           : publish_some<wait::backoff>(of, writer, seed);
      });
    }
  }

  // Early or late, in any order.
  template <class... Rings>
  static void close_all(std::uint64_t seed, std::vector<std::thread>& sources, Rings&... rings) {
    const bool early = seed % 2 == 0;
    const auto join = [&] {
      for (auto& each : sources) each.join();
    };
    if (!early) join();
    std::array<std::function<void()>, sizeof...(rings)> ends{[&] { rings.close(); }...};
    std::shuffle(ends.begin(), ends.end(), std::mt19937_64(seed));
    for (auto& end : ends) {
      end();
      std::this_thread::yield();
    }
    if (early) join();
  }

  template <class All>
  void consume(All& all) {
    const auto handle = [&](follower& mine) {
      return [&](const auto& event, sequence s, bool) {
        mine.see(event, s);
        return random_() % 32 != 0;
      };
    };
    auto found = polled::idle;
    while (found != polled::closed) {
      found = wait_somehow(all);
      if (found == polled::batch) {
        all.poll_at_most(random_() % 4, handle(seen_[0]), handle(seen_[1]), handle(seen_[2]));
      }
    }
  }

  template <class All>
  polled wait_somehow(All& all) {
    switch (random_() % 6) {
      case 0: return all.template await<wait::yield>();
      case 1: return all.template await<wait::backoff>();
      case 2: return all.template await<wait::hybrid<1'000>>();
      case 3: return all.template await<wait::park>(wait::in(std::chrono::microseconds(50)));
      case 4: return all.template await<wait::monitor>(wait::in(std::chrono::microseconds(50)));
      default: return all.template await<wait::park>();
    }
  }

  std::mt19937_64 random_;
  std::array<follower, 3> seen_;
  std::array<std::atomic<std::uint64_t>, 3> published_{};
};

TEST(fan_in_stress, three_rings) {
  stress::in_rounds(1, [](std::uint64_t seed) { round_of(seed).run(); });
}

}  // namespace
