// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <utility>

#include <sequencer/ring.hpp>

#include "cases.hpp"
#include "passing.hpp"
#include "ring_contests.hpp"

// One producer and one consumer of 8-byte events, one at a time and in batches, against the queues
// that Debian has and LMAX's Disruptor.
namespace perf {

namespace {

using number = std::uint64_t;
using ring_of_one = ring_passing<sequencer::ring<number, sequencer::producers::one>, number>;
using ring_of_constant =
    ring_passing<sequencer::ring<number, sequencer::producers::one, slots_for<number>>, number>;
using ring_of_many = ring_passing<sequencer::ring<number, sequencer::producers::many>, number>;

// Publishes nothing, and says now and then that an event less was seen.
class planted_loss : public passing_contender {
  void put(std::uint64_t, std::uint64_t end) override { sent_ = end; }
  bool take(std::uint64_t expected, std::uint64_t end) override {
    for (; expected != end; ++expected) use(expected);
    seen_ = ++slices_ % 4 == 0 ? end - 1 : end;
    return true;
  }
  std::uint64_t slices_ = 0;
};

// Sees everything, and two events in the other order.
class planted_swap : public passing_contender {
  void put(std::uint64_t, std::uint64_t end) override { sent_ = end; }
  bool take(std::uint64_t expected, std::uint64_t end) override {
    seen_ = end;
    for (auto* to = kept_; expected != end; ++expected) {
      use(expected);
      if (to != nullptr) *to++ = expected;
    }
    if (kept_ != nullptr) std::swap(kept_[0], kept_[1]);
    return true;
  }
};

template <class Contender>
entry make(std::string name, std::uint64_t batch) {
  return {std::move(name), std::make_unique<Contender>(batch)};
}

contest start_contest(const surroundings& in, const std::string& name, std::uint64_t batch) {
  contest made;
  made.name = name;
  made.params = {8, batch, 2, slots_for<number>, "one"};
  made.counting = 1;
  made.entries.push_back(make<ring_of_one>("sequencer", batch));
  made.entries.push_back(make<ring_of_constant>("sequencer:fixed", batch));
  made.entries.push_back(make<ring_of_many>("sequencer:many", batch));
  if (in.plant_wrong && batch == 1) {
    made.entries.push_back({"planted_wrong", std::make_unique<planted_loss>()});
    made.entries.push_back({"planted_wrong_order", std::make_unique<planted_swap>()});
  }
  return made;
}

auto passing_with(std::uint64_t batch) {
  return [batch](const peers::offer& each) { return each.passing(batch); };
}

}  // namespace

void run_unicast(surroundings& in) {
  if (in.workers.size() < 2) return;
  auto of = start_contest(in, "unicast_1p1c", 1);
  const auto fits = [](const peers::offer& each) { return !each.many && each.bytes == 8; };
  add_queues(of, in, fits, passing_with(1));
  add_lmax(of, in, "1p1c", "spin", 2);
  compare(of, "sequencer");
  of.ratios.emplace_back("sequencer:fixed", "sequencer");
  if (in.plant_slow) {
    of.entries.push_back(make<ring_of_one>("sequencer:again", 1));
    of.ratios.emplace_back("sequencer:again", "sequencer");
  }
  run_contest(of, in.how, in.workers, in.random, in.into);
  const std::string what = "ring, one at a time";
  judge_fastest(in, what + ", vs the fastest queue", 2, "unicast_1p1c", "sequencer", is_queue);
  judge_lmax(in, what, "unicast_1p1c", "sequencer");
}

void run_unicast_batch(surroundings& in) {
  if (in.workers.size() < 2) return;
  for (const std::uint64_t batch : {10u, 100u}) {
    const auto name = fmt::format("unicast_1p1c_batch_{}", batch);
    auto of = start_contest(in, name, batch);
    const auto fits = [](const peers::offer& each) { return each.batches && each.bytes == 8; };
    add_queues(of, in, fits, passing_with(batch));
    add_lmax(of, in, fmt::format("1p1c_batch_{}", batch), "spin", 2);
    compare(of, "sequencer");
    of.ratios.emplace_back("sequencer:fixed", "sequencer");
    of.ratios.emplace_back("sequencer:many", "sequencer");
    run_contest(of, in.how, in.workers, in.random, in.into);
    const auto what = fmt::format("ring, batches of {}", batch);
    judge_fastest(in, what + ", vs the fastest queue", batch == 10 ? 1.25 : 1.1, name, "sequencer",
                  is_queue);
    judge_lmax(in, what, name, "sequencer");
  }
}

void run_unicast_many(surroundings& in) {
  if (in.workers.size() < 2) return;
  auto of = start_contest(in, "unicast_1p1c_many", 1);
  const auto fits = [](const peers::offer& each) { return each.many && each.bytes == 8; };
  add_queues(of, in, fits, passing_with(1));
  add_lmax(of, in, "1p1c_multi", "spin", 2);
  compare(of, "sequencer:many");
  run_contest(of, in.how, in.workers, in.random, in.into);
  const std::string what = "ring for many, one producer";
  judge_fastest(in, what + ", vs the fastest queue", 1.3, "unicast_1p1c_many", "sequencer:many",
                is_queue);
  judge_lmax(in, what, "unicast_1p1c_many", "sequencer:many", 8);
}

}  // namespace perf
