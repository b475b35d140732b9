// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// nextval of several sessions against moves of one sequence: a call that began after a move was
// told answers with nothing from before it. The same program is built once more on a nextval that
// does not look whether its block is void, and must fail there; see CMakeLists.txt.

#include <sequencer/named_sequence.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <sequencer/checkpoint.hpp>

#include <tests/crash/scratch.hpp>

#include "rounds.hpp"

namespace sequencer {
namespace {

using pair = std::pair<std::uint64_t, std::int64_t>;

// Every move goes back, so every move has an epoch of its own, which the mover tells.
struct race {
  explicit race(const crash::scratch& on)
      : file(*checkpoint::open(on.live_directory() + "/desk.seq", on.options(true))) {}

  void take(std::uint64_t seed, std::vector<pair>& into) {
    auto session = file.named().session();
    auto of = *session.open("s");
    std::mt19937_64 random(seed);
    if (!of.nextval()) over = true;
    begun.fetch_add(1);
    // Once more when all moves were told: who did not look has a number of long ago by then.
    for (bool last = false; !last;) {
      last = over.load(std::memory_order_acquire);
      const auto known = told.load(std::memory_order_acquire);
      for (auto calls = random() % 8 + 1; calls != 0; --calls) {
        const auto number = of.nextval();
        if (!number) {
          ADD_FAILURE() << number.text();
          over = true;
          return;
        }
        if (of.epoch() < known) {
          ADD_FAILURE() << "a number from before the move: " << *number << " of epoch "
                        << of.epoch() << " after epoch " << known << " was told";
          over = true;
          return;
        }
        if (into.size() < 100'000) into.emplace_back(of.epoch(), *number);
      }
    }
  }

  // Once every taker has a block.
  void move(int times, std::size_t takers, std::uint64_t seed) {
    while (begun.load() != takers) std::this_thread::yield();
    auto session = file.named().session();
    auto of = *session.open("s");
    std::mt19937_64 random(seed);
    for (int i = 0; i < times && !over; ++i) {
      ASSERT_TRUE(of.nextval());
      const auto what = random() % 3;
      const auto done = what == 0   ? of.setval(1)
                        : what == 1 ? of.setval(1, false)
                                    : file.named().restart("s");
      ASSERT_TRUE(done) << done.text();
      told.store(file.named().status("s")->epoch, std::memory_order_release);
    }
    over = true;
  }

  checkpoint file;
  std::atomic<std::uint64_t> told{0};
  std::atomic<bool> over{false};
  std::atomic<std::size_t> begun{0};
};

TEST(NamedStress, NoNumberFromBeforeAMoveThatWasTold) {
  stress::in_rounds(1, [](std::uint64_t seed) {
    const crash::scratch here;
    race run(here);
    ASSERT_TRUE(run.file.named().create("s", {.cache = 1'000'000}));
    std::vector<std::vector<pair>> taken(3);
    std::vector<std::thread> threads;
    for (auto& each : taken) {
      threads.emplace_back([&, who = seed * 10 + threads.size()] { run.take(who, each); });
    }
    run.move(60, taken.size(), seed);
    run.over = true;
    for (auto& each : threads) each.join();
    std::set<pair> all;
    for (const auto& mine : taken) {
      for (const auto& each : mine) {
        ASSERT_TRUE(all.insert(each).second)
            << each.second << " of epoch " << each.first << " came twice";
      }
    }
    ASSERT_FALSE(all.empty());
  });
}

}  // namespace
}  // namespace sequencer
