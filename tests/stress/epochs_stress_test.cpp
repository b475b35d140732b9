// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

// Fences, epochs and name lists under more owners than there are cores, in rounds until time is up;
// written for the thread sanitizer. What a fence lets in writes plain variables.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include <sequencer/epoch.hpp>
#include <sequencer/fence.hpp>
#include <sequencer/mark_store.hpp>
#include <sequencer/name_list.hpp>

#include "rounds.hpp"

namespace {

using sequencer::sequence;

constexpr int cases = 4;
constexpr unsigned owners = 5;

template <class Round>
void in_rounds(Round round) {
  sequencer::stress::in_rounds(cases, round);
}

// Each owner tells his predecessors' fence what he did before he showed his token: whoever sees the
// token, let in or refused, may read it.
template <class Fence>
void owners_after_each_other(Fence& before, std::uint64_t seed) {
  constexpr sequence tokens = 400;
  std::vector<std::uint64_t> done(tokens + 1);  // plain: written by the token's owner, once
  std::atomic<sequence> next{1};
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < owners; ++i) {
    threads.emplace_back([&, i] {
      std::mt19937_64 random(seed + i);
      for (;;) {
        const auto mine = next.fetch_add(1, std::memory_order_relaxed);
        if (mine > tokens) return;
        done[mine] = mine * 3;
        bool late = false;
        for (auto writes = 1 + random() % 20; writes != 0 && !late; --writes) {
          const auto answer = before.admit(mine);
          late = !answer;
          if (!late) continue;
          ASSERT_EQ(answer.code(), sequencer::errc::fenced);
          const auto newer = before.highest();
          ASSERT_GT(newer, mine);
          ASSERT_EQ(done[newer], newer * 3);
        }
        if (random() % 8 == 0) std::this_thread::yield();
      }
    });
  }
  for (auto& each : threads) each.join();
  EXPECT_EQ(before.highest(), tokens);
}

TEST(fence_stress, who_is_refused_sees_what_the_newer_owner_did) {
  in_rounds([](std::uint64_t seed) {
    sequencer::fence before;
    owners_after_each_other(before, seed);
  });
}

TEST(fence_stress, the_durable_one_is_never_ahead_of_its_mark) {
  in_rounds([](std::uint64_t seed) {
    sequencer::memory_mark mark;
    sequencer::durable_fence before{mark};
    owners_after_each_other(before, seed);
    EXPECT_EQ(mark.load(), before.highest());
  });
}

// One thread begins epochs; the others see each only when it is in the mark.
TEST(epoch_stress, an_epoch_that_is_seen_is_durable) {
  in_rounds([](std::uint64_t) {
    sequencer::memory_mark mark;
    sequencer::epoch mine{mark};
    std::atomic<bool> over{false};
    std::vector<std::thread> readers;
    for (unsigned i = 1; i < owners; ++i) {
      readers.emplace_back([&] {
        std::uint64_t last = 0;
        while (!over) {
          const auto now = mine.current();
          ASSERT_GE(now, last);
          ASSERT_GE(mark.load(), now);
          last = now;
        }
      });
    }
    for (int i = 0; i < 5'000; ++i) ASSERT_TRUE(mine.begin());
    over = true;
    for (auto& each : readers) each.join();
  });
}

// The lock of names, some of whose waiters give up: what it guards is plain.
TEST(name_list_stress, is_a_lock_that_waiters_may_leave) {
  in_rounds([](std::uint64_t seed) {
    sequencer::counter numbers;
    sequencer::name_list<> list("/lock", numbers);
    std::uint64_t guarded = 0;
    std::atomic<std::uint64_t> taken{0};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < owners; ++i) {
      threads.emplace_back([&, i] {
        std::mt19937_64 random(seed + i);
        for (int n = 0; n < 100; ++n) {
          const auto mine = *list.create("/lock/n-");
          bool gives_up = false;
          for (;;) {
            const auto before = list.predecessor(mine);
            if (!before) break;
            gives_up = random() % 4 == 0;
            if (gives_up) break;
            list.await_removal(*before);
          }
          if (!gives_up) {
            ++guarded;
            taken.fetch_add(1, std::memory_order_relaxed);
          }
          ASSERT_TRUE(list.remove(mine));
        }
      });
    }
    for (auto& each : threads) each.join();
    EXPECT_EQ(guarded, taken);
    EXPECT_TRUE(list.names().empty());
  });
}

}  // namespace
