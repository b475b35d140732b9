// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include <sequencer/ring.hpp>

#include "cases.hpp"
#include "ping_pong.hpp"
#include "ring_contests.hpp"

// How long a number takes to another thread and back, both of them spinning.
namespace perf {

namespace {

// The floor: one word on lines of its own, and nothing that could hold a second number.
class flag_link {
 public:
  void put(std::uint64_t number) { word_.store(number, std::memory_order_release); }
  std::uint64_t take() {
    const auto before = seen_;
    while ((seen_ = word_.load(std::memory_order_acquire)) == before) sequencer::cpu::relax();
    return seen_;
  }

 private:
  alignas(128) std::atomic<std::uint64_t> word_{0};
  alignas(128) std::uint64_t seen_ = 0;
};

// Answers a wrong number now and then.
class planted_link : public flag_link {
 public:
  std::uint64_t take() {
    const auto number = flag_link::take();
    return number % 50 == 0 ? ~number : number;
  }
};

void judge_tail(surroundings& in) {
  const auto* p50 = in.into.find_row("ping_pong_p50", 2, "sequencer");
  const auto* p99 = in.into.find_row("ping_pong_p99", 2, "sequencer");
  const bool there = p50 != nullptr && p99 != nullptr && p50->valid && p99->valid;
  const auto times = there ? p99->median / p50->median : 0;
  in.into.verdicts.push_back(
      {"ping-pong, p99", "<= 1.5 x p50",
       there ? fmt::format("{:.2f} ({:.0f} ns of {:.0f})", times, p99->median, p50->median)
             : "not measured, or void",
       there && times <= 1.5});
}

}  // namespace

void run_ping_pong(surroundings& in) {
  if (in.workers.size() < 2) return;
  contest of;
  of.name = "ping_pong";
  of.params = {8, 1, 2, slots_for<std::uint64_t>, "one"};
  of.counting = 1;
  of.extras = {"p50", "p99"};
  of.entries.push_back({"sequencer", std::make_unique<ping_pong<ring_link<own_slots>>>()});
  of.entries.push_back({"bare_flags", std::make_unique<ping_pong<flag_link>>()});
  if (in.plant_wrong) {
    of.entries.push_back({"planted_wrong", std::make_unique<ping_pong<planted_link>>()});
  }
  add_queues(
      of, in, [](const peers::offer& each) { return !each.many && each.bytes == 8; },
      [](const peers::offer& each) { return each.ping_pong(); });
  compare(of, "sequencer");
  run_contest(of, in.how, in.workers, in.random, in.into);
  judge_fastest(in, "ping-pong, mean, vs the fastest queue", 1, "ping_pong", "sequencer",
                [](const std::string& peer) { return peer != "bare_flags"; });
  judge_tail(in);
}

}  // namespace perf
