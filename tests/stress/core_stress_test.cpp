// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

// The core under more threads than there are cores, in rounds until time is up; written for the
// thread sanitizer, useful without. SEQUENCER_MINUTES is shared by the cases, SEQUENCER_SEED
// repeats what is random in a round.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <sequencer/block_cache.hpp>
#include <sequencer/combining_counter.hpp>
#include <sequencer/counter.hpp>
#include <sequencer/cursor.hpp>
#include <sequencer/detail/reservation.hpp>
#include <sequencer/tiered_source.hpp>

#include "rounds.hpp"

namespace {

namespace wait = sequencer::wait;
using sequencer::errc;
using sequencer::range;
using sequencer::sequence;
using sequencer::detail::reservation;

using numbers_of_a_thread = std::vector<sequence>;

constexpr int cases = 8;

using sequencer::stress::seed_of_run;

template <class Round>
void in_rounds(Round round) {
  sequencer::stress::in_rounds(cases, round);
}

unsigned crowd() { return 2 * std::max(2u, std::thread::hardware_concurrency()) + 1; }

// One thread of work each, all let go together.
template <class Work>
void run_crowd(unsigned threads, Work work) {
  std::atomic<unsigned> ready{0};
  std::vector<std::thread> all;
  for (unsigned i = 0; i < threads; ++i) {
    all.emplace_back([&, i] {
      ready.fetch_add(1);
      while (ready.load() != threads) std::this_thread::yield();
      work(i);
    });
  }
  for (auto& each : all) each.join();
}

void expect_increasing(const numbers_of_a_thread& mine) {
  const auto fell = std::adjacent_find(mine.begin(), mine.end(), std::greater_equal<>());
  EXPECT_TRUE(fell == mine.end()) << "a thread was given " << *std::next(fell) << " after "
                                  << *fell;
}

// Nothing twice; returns how many there are.
sequence expect_unique(const std::vector<numbers_of_a_thread>& all, sequence below) {
  std::vector<bool> seen(below);
  sequence count = 0;
  for (const auto& mine : all) {
    for (const auto number : mine) {
      if (number >= below || seen[number]) {
        ADD_FAILURE() << "issued twice or out of range: " << number;
        return count;
      }
      seen[number] = true;
      ++count;
    }
  }
  return count;
}

void append(numbers_of_a_thread& to, range got) {
  for (auto s = got.first; s != got.last; ++s) to.push_back(s);
}

TEST(CoreStress, CounterIsDense) {
  in_rounds([](std::uint64_t seed) {
    sequencer::counter numbers;
    std::vector<numbers_of_a_thread> all(crowd());
    run_crowd(crowd(), [&](unsigned i) {
      std::mt19937_64 random(seed + i);
      for (int turn = 0; turn < 5'000; ++turn) {
        const auto n = random() % 8;
        if (n == 0) {
          append(all[i], *numbers.next(1 + random() % 8));
        } else {
          all[i].push_back(*numbers.next());
        }
      }
    });
    for (const auto& mine : all) expect_increasing(mine);
    EXPECT_EQ(expect_unique(all, numbers.peek()), numbers.peek()) << "a gap";
  });
}

// The word is always slow, and company never enough for long: all the time some take numbers alone
// and some together.
TEST(CoreStress, CombiningCounterIsDenseWhileItChangesItsMind) {
  in_rounds([](std::uint64_t seed) {
    sequencer::combining_counter numbers(
        {.lane_of_cpu = {0, 1}, .slow = std::chrono::nanoseconds(0)});
    std::vector<numbers_of_a_thread> all(crowd());
    run_crowd(crowd(), [&](unsigned i) {
      std::mt19937_64 random(seed + i);
      for (int turn = 0; turn < 5'000; ++turn) {
        if (random() % 8 == 0) {
          append(all[i], *numbers.next(1 + random() % 8));
        } else {
          all[i].push_back(*numbers.next());
        }
      }
    });
    for (const auto& mine : all) expect_increasing(mine);
    EXPECT_EQ(expect_unique(all, numbers.peek()), numbers.peek()) << "a gap";
  });
}

TEST(CoreStress, CursorShowsWhatIsDone) {
  in_rounds([](std::uint64_t) {
    constexpr sequence steps = 20'000;
    sequencer::cursor done;
    std::vector<sequence> work(steps);
    run_crowd(crowd(), [&](unsigned i) {
      if (i == 0) {
        for (sequence s = 0; s < steps; ++s) {
          work[s] = s + 1;
          done.advance_to(s + 1);
        }
        return;
      }
      for (sequence seen = 0; seen != steps;) {
        const auto position = done.position();
        for (; seen < position; ++seen) ASSERT_EQ(work[seen], seen + 1);
        std::this_thread::yield();
      }
    });
  });
}

TEST(CoreStress, ParkedThreadsMissNoWakeUp) {
  in_rounds([](std::uint64_t seed) {
    constexpr int turns = 300;
    wait::park parked;
    std::atomic<int> turn{0};
    std::atomic<unsigned> arrived{0};
    const auto sleepers = crowd() - 1;
    run_crowd(crowd(), [&](unsigned i) {
      std::mt19937_64 random(seed + i);
      for (int t = 1; t <= turns; ++t) {
        if (i != 0) {
          if (random() % 4 == 0) std::this_thread::yield();
          wait::await(parked, [&] { return turn.load(std::memory_order_relaxed) >= t; },
                      [] { return false; });
          arrived.fetch_add(1);
          continue;
        }
        turn.store(t, std::memory_order_relaxed);
        parked.wake();
        while (arrived.load() != sleepers * static_cast<unsigned>(t)) std::this_thread::yield();
      }
    });
  });
}

// A source whose blocks come late, from behind a mutex of its own.
class late_source {
 public:
  static constexpr bool slow = true;
  sequencer::result<sequencer::block> acquire(const sequencer::block_request& asked) noexcept {
    for (int i = 0; i < 3; ++i) std::this_thread::yield();
    const std::lock_guard held(guard_);
    const sequencer::block granted{{next_, next_ + asked.want}};
    next_ += asked.want;
    return granted;
  }
  bool release(std::uint32_t, range tail) noexcept {
    const std::lock_guard held(guard_);
    if (tail.last != next_) return false;
    next_ = tail.first;
    return true;
  }
  sequence peek() noexcept {
    const std::lock_guard held(guard_);
    return next_;
  }

 private:
  std::mutex guard_;
  sequence next_ = 0;
};

// Handles come and go; each is increasing, all of them are unique, and whatever was not issued is
// back in the source or a hole.
template <class Cache>
void take_from_handles(Cache& cache, std::uint64_t seed, unsigned index,
                       numbers_of_a_thread& mine) {
  std::mt19937_64 random(seed + index);
  for (int life = 0; life < 40; ++life) {
    auto handle = cache.local();
    numbers_of_a_thread got;
    for (auto left = random() % 200; left != 0; --left) {
      const auto number = handle.next();
      if (!number) {
        EXPECT_EQ(number.code(), errc::closed);
        EXPECT_FALSE(handle.next()) << "a stopped handle went on";
        break;
      }
      got.push_back(*number);
    }
    expect_increasing(got);
    mine.insert(mine.end(), got.begin(), got.end());
  }
}

template <class Cache>
void expect_accounted(Cache& cache, const std::vector<numbers_of_a_thread>& all) {
  const auto end = cache.source().peek();
  auto known = expect_unique(all, end);
  for (const auto& hole : cache.holes()) known += hole.lost;
  EXPECT_EQ(known, end) << "a number neither issued, nor given back, nor a hole";
  EXPECT_EQ(cache.held_bound(), 0u);
}

TEST(CoreStress, BlocksFromMemory) {
  in_rounds([](std::uint64_t seed) {
    sequencer::block_cache<sequencer::memory_source> cache({.block = 16, .max_block = 128});
    std::vector<numbers_of_a_thread> all(crowd());
    run_crowd(crowd(), [&](unsigned i) { take_from_handles(cache, seed, i, all[i]); });
    expect_accounted(cache, all);
  });
}

TEST(CoreStress, BlocksFetchedAheadAndAStopAtAnyTime) {
  in_rounds([](std::uint64_t seed) {
    sequencer::block_cache<late_source> cache({.block = 16, .max_block = 64});
    std::vector<numbers_of_a_thread> all(crowd());
    std::atomic<unsigned> finished{0};
    const auto takers = crowd() - 1;
    run_crowd(crowd(), [&](unsigned i) {
      if (i != 0) {
        take_from_handles(cache, seed, i, all[i]);
        finished.fetch_add(1);
        return;
      }
      for (std::uint64_t turn = 0; finished.load() != takers; ++turn) {
        if (!cache.tend()) std::this_thread::yield();
        if (seed % 2 == 0 && turn == seed % 500) cache.stop();
      }
    });
    expect_accounted(cache, all);
  });
}

// The CPU that a thread says it runs on.
struct pretended_cpu {
  static inline thread_local unsigned now = 0;
  unsigned operator()() const noexcept { return now; }
};

// Threads move between domains at any time and their handles come and go. What every level still
// holds at the end is no more than it may.
TEST(CoreStress, BlocksByTiersUnderThreadsThatMove) {
  using source = sequencer::tiered_source<sequencer::memory_source, pretended_cpu>;
  in_rounds([](std::uint64_t seed) {
    auto how = sequencer::tiers::even(2, 2, 1);
    how.domain_block = 8 << seed % 4;
    how.node_block = seed % 3 == 0 ? 0 : 4 * how.domain_block;
    sequencer::block_cache<source> cache({.block = 4, .max_block = 16}, how);
    std::vector<numbers_of_a_thread> all(crowd());
    run_crowd(crowd(), [&](unsigned i) {
      std::mt19937_64 random(seed + i);
      for (int life = 0; life < 20; ++life) {
        auto handle = cache.local();
        numbers_of_a_thread got;
        for (auto left = random() % 400; left != 0; --left) {
          if (random() % 16 == 0) pretended_cpu::now = static_cast<unsigned>(random() % 5);
          const auto number = random() % 8 == 0 ? handle.try_next() : handle.next();
          if (number) got.push_back(*number);
          EXPECT_TRUE(number || number.code() == errc::unavailable) << name(number.code());
        }
        expect_increasing(got);
        all[i].insert(all[i].end(), got.begin(), got.end());
      }
    });
    const auto end = cache.source().source().peek();
    auto known = expect_unique(all, end);
    for (const auto& hole : cache.holes()) known += hole.lost;
    EXPECT_LE(known, end) << "a number both issued and a hole";
    EXPECT_LE(end - known, cache.held_bound()) << "more is held than may be";
  });
}

// A keeper on a disk of memory. `covered_[v]` is plain on purpose: who leaves with v and reads it
// without an order is a race that the sanitizer sees.
class desk : public sequencer::detail::mark_keeper {
 public:
  static constexpr sequence room = 1'000'000;

  explicit desk(bool each, sequence window)
      : numbers(tickets_, limits_, *this, room, each), covered_(room), window_(window) {
    numbers.open();
  }

  void request(reservation& from) noexcept override {
    from.queued_behind = nullptr;
    asked_.store(true, std::memory_order_release);
    woken_.wake();
  }
  void serve_now(reservation&) noexcept override { serve(); }

  // The keeper's thread, until `enough` numbers were taken; then closes. Returns the final number.
  sequence keep(sequence enough) {
    while (numbers.position() < enough) {
      const auto how = wait::await(
          woken_, [&] { return asked_.exchange(false, std::memory_order_acquire); },
          [] { return false; }, wait::in(std::chrono::milliseconds(1)));
      if (how == wait::outcome::ready) serve();
    }
    const std::lock_guard held(one_keeper_);
    return numbers.close();
  }

  void serve() noexcept {
    const std::lock_guard held(one_keeper_);
    const auto mark = std::min(numbers.demand() + window_, numbers.beyond());
    for (; durable_ < mark; ++durable_) covered_[durable_] = 1;
    numbers.raise(durable_, durable_ - window_ / 2);
    numbers.wake();
  }

  bool covered(sequence number) const { return covered_[number] == 1; }

 private:
  sequencer::detail::ticket_line tickets_;
  sequencer::detail::limit_line limits_;

 public:
  reservation numbers;

 private:
  std::vector<char> covered_;
  sequence window_;
  sequence durable_ = 0;
  std::mutex one_keeper_;
  std::atomic<bool> asked_{false};
  wait::park woken_;
};

// One call of a random kind. False when the sequence is closed.
bool call_once(desk& at, std::mt19937_64& random, numbers_of_a_thread& mine) {
  const auto kind = random() % 8;
  range got{};
  if (kind < 5) {
    const auto one = at.numbers.next();
    if (!one) {
      EXPECT_EQ(one.code(), errc::closed);
      return false;
    }
    got = {*one, *one + 1};
  } else {
    const auto until = kind == 5   ? wait::never
                       : kind == 6 ? wait::at_once
                                   : wait::in(std::chrono::microseconds(20));
    const auto some = at.numbers.next_for(1 + random() % 5, until);
    if (!some && some.code() == errc::closed) return false;
    if (!some) {
      const auto why = kind == 6 ? errc::unavailable : errc::timeout;
      EXPECT_TRUE(kind != 5 && some.code() == why) << name(some.code());
      return true;
    }
    got = *some;
  }
  append(mine, got);
  for (auto s = got.first; s != got.last; ++s) EXPECT_TRUE(at.covered(s)) << s;
  return true;
}

void stress_reservation(bool each, std::uint64_t seed) {
  desk at(each, each ? 0 : 1 + seed % 300);
  std::vector<numbers_of_a_thread> all(crowd());
  sequence final = 0;
  run_crowd(crowd(), [&](unsigned i) {
    if (i == 0) {
      final = at.keep(20'000);
      return;
    }
    std::mt19937_64 random(seed + i);
    while (call_once(at, random, all[i])) {
    }
  });
  for (const auto& mine : all) expect_increasing(mine);
  EXPECT_EQ(expect_unique(all, final), final) << "a gap, or a number beyond the final one";
}

TEST(CoreStress, ReservationBehindAKeeper) {
  in_rounds([](std::uint64_t seed) { stress_reservation(false, seed); });
}

TEST(CoreStress, ReservationWhereCallersLead) {
  in_rounds([](std::uint64_t seed) { stress_reservation(true, seed); });
}

}  // namespace
