// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>

#include <sequencer/ring.hpp>

#include "cases.hpp"
#include "events.hpp"
#include "host.hpp"
#include "passing.hpp"
#include "ring_contests.hpp"
#include "ring_ends.hpp"

// What sleeping costs: how long a sleeper takes to see what woke it, and what publishing costs
// while nobody sleeps but somebody might.
namespace perf {

namespace {

namespace wait = sequencer::wait;

// Longer than a parking waiter spins before it sleeps.
constexpr std::chrono::microseconds until_asleep{60};

// Thread 1 sleeps in `Bed`::sleep(number) until thread 0 has called wake(number), which it does
// when the other has been asleep for long. The time of an item is from before wake() until after
// sleep().
template <class Bed>
class waking : public contender {
 public:
  void prepare(unsigned) override { ns_ = 0; }
  void work(unsigned thread, std::uint64_t items, share& to) override {
    to.count = items;
    for (std::uint64_t i = 0; i < items; ++i) {
      if (thread == 0) {
        call();
      } else if (!answer()) {
        to.failure = "another number was there when it woke";
      }
    }
  }
  void record(unsigned thread, std::uint64_t items, share& to) override {
    work(thread, std::min<std::uint64_t>(items, 20), to);
  }
  std::string judge(std::span<const share> shares) override { return first_failure(shares); }
  double own_ns() override { return ns_; }

 private:
  void call() {
    while (ready_.load() != calls_ + 1) sequencer::cpu::relax();
    const auto from = sequencer::cpu::ticks();
    const auto pause = tsc().to_ticks(until_asleep);
    while (sequencer::cpu::ticks() - from < pause) sequencer::cpu::relax();
    ++calls_;
    called_ = sequencer::cpu::ticks();
    bed_.wake(calls_);
  }

  bool answer() {
    ready_.store(++answers_);
    const bool right = bed_.sleep(answers_);
    ns_ += tsc().to_ns(sequencer::cpu::ticks() - called_);
    return right;
  }

  Bed bed_;
  alignas(128) std::uint64_t calls_ = 0;
  std::uint64_t called_ = 0;  // handed over with the event
  alignas(128) std::uint64_t answers_ = 0;
  double ns_ = 0;
  alignas(128) std::atomic<std::uint64_t> ready_{0};
};

class ring_bed {
 public:
  void wake(std::uint64_t number) {
    static_cast<void>(out_.publish([&](std::uint64_t& event) { event = number; }));
  }
  bool sleep(std::uint64_t number) {
    bool right = false;
    in_.await<wait::park>();
    in_.poll([&](const std::uint64_t& event, sequencer::sequence, bool) {
      right = event == number;
    });
    return right;
  }

 private:
  using ring = sequencer::ring<std::uint64_t, sequencer::producers::one>;
  ring ring_{1024};
  producer_of<ring, wait::park> out_ = producer_on<wait::park>(ring_);
  poller_of<ring> in_ = poller_on(ring_);
};

// The least that a program can do: a word, and the system's call to sleep on it.
class futex_bed {
 public:
  void wake(std::uint64_t number) {
    word_.store(static_cast<std::uint32_t>(number), std::memory_order_release);
    ::syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }
  bool sleep(std::uint64_t number) {
    const auto before = static_cast<std::uint32_t>(number - 1);
    while (word_.load(std::memory_order_acquire) == before) {
      ::syscall(SYS_futex, &word_, FUTEX_WAIT_PRIVATE, before, nullptr, nullptr, 0);
    }
    return word_.load(std::memory_order_acquire) == static_cast<std::uint32_t>(number);
  }

 private:
  std::atomic<std::uint32_t> word_{0};
};

contest two_threads(const std::string& name) {
  contest of;
  of.name = name;
  of.params = {8, 1, 2, 1024, "one"};
  of.counting = 1;
  return of;
}

}  // namespace

void run_wake(surroundings& in) {
  if (in.workers.size() < 2) return;
  auto of = two_threads("wake");
  of.entries.push_back({"sequencer", std::make_unique<waking<ring_bed>>()});
  of.entries.push_back({"bare_futex", std::make_unique<waking<futex_bed>>()});
  of.ratios = {{"sequencer", "bare_futex"}};
  run_contest(of, in.how, in.workers, in.random, in.into);
  judge_ratio(in, "waking a parked consumer, vs a bare futex", ">= 0.87 x (1.15 times the cost)",
              "wake", 2, "sequencer", "bare_futex",
              [](const ratio& each) { return each.median >= 1 / 1.15; });
}

void run_parking_publish(surroundings& in) {
  if (in.workers.size() < 2) return;
  auto of = two_threads("parking_publish");
  of.params.capacity = slots_for<std::uint64_t>;
  using ring = sequencer::ring<std::uint64_t, sequencer::producers::one>;
  of.entries.push_back(
      {"sequencer:spin", std::make_unique<ring_passing<ring, std::uint64_t, wait::spin>>(1)});
  of.entries.push_back(
      {"sequencer:park", std::make_unique<ring_passing<ring, std::uint64_t, wait::park>>(1)});
  of.ratios = {{"sequencer:park", "sequencer:spin"}};
  run_contest(of, in.how, in.workers, in.random, in.into);
  const auto* spins = in.into.find_row(of.name, 2, "sequencer:spin");
  const auto* parks = in.into.find_row(of.name, 2, "sequencer:park");
  const bool there = spins != nullptr && parks != nullptr && spins->valid && parks->valid;
  const auto more = there ? parks->median - spins->median : 0;
  in.into.verdicts.push_back({"publishing, consumer awake but parking, vs one that spins",
                              "<= 0.3 ns more",
                              there ? fmt::format("{:+.2f} ns", more) : "not measured, or void",
                              there && more <= 0.3});
}

}  // namespace perf
