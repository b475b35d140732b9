// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <sequencer/ring.hpp>

#include "cases.hpp"
#include "crossing.hpp"
#include "graph_contenders.hpp"
#include "ring_contests.hpp"
#include "sharing.hpp"

// Shapes of more than two threads. Where they are more than the CPUs, everybody makes way while it
// waits, by yielding or by sleeping, and nobody is pinned; else each spins on a CPU of its own.
namespace perf {

namespace {

namespace wait = sequencer::wait;
using number = std::uint64_t;

// Who waits how in a shape of so many threads.
class shape_contest {
 public:
  shape_contest(surroundings& in, const std::string& name, unsigned threads)
      : crowded_(threads > in.workers.size()) {
    of.name = name;
    of.params = {8, 1, threads, slots_for<number>, "one"};
  }

  // Ours by each strategy: make.operator()<How>().
  template <class Make>
  void add_ours(Make make) {
    if (crowded_) {
      of.entries.push_back({"sequencer", make.template operator()<wait::yield>()});
      of.entries.push_back({"sequencer:park", make.template operator()<wait::park>()});
    } else {
      of.entries.push_back({"sequencer", make.template operator()<wait::spin>()});
    }
  }

  // One whose handlers get what there is at once.
  template <class Make>
  void add_batches(Make make) {
    of.entries.push_back({"sequencer:batch", crowded_ ? make.template operator()<wait::yield>()
                                                      : make.template operator()<wait::spin>()});
    batches_ = true;
  }

  void add_java(const surroundings& in, const std::string& shape) {
    const auto threads = of.params.threads;
    if (!crowded_) return add_lmax(of, in, shape, "spin", threads);
    add_lmax(of, in, shape, "yield", threads);
    add_lmax(of, in, shape, "block", threads);
  }

  void play(surroundings& in) {
    compare(of, "sequencer");
    if (batches_) compare(of, "sequencer:batch");
    if (crowded_) compare(of, "sequencer:park");
    run_pinned_or_crowded(of, in, in.how);
  }

  bool crowded() const noexcept { return crowded_; }

  contest of;

 private:
  const bool crowded_;
  bool batches_ = false;
};

// Loses the last event of a producer now and then.
class planted_crossing : public crossing_contender {
 public:
  using crossing_contender::crossing_contender;

 private:
  void put(unsigned, std::uint64_t next, std::uint64_t end) override {
    for (; next != end; ++next) use(next);
  }
  bool take(unsigned, std::uint64_t items, state& seen) override {
    for (auto left = items; left != 0; --left) use(left);
    seen.counts[0] += items / producers_ - 1;
    for (unsigned i = 1; i < producers_; ++i) seen.counts[i] += items / producers_;
    return true;
  }
};

template <class Ring>
void add_rings(shape_contest& to, const surroundings& in, unsigned producers,
               unsigned consumers) {
  to.add_ours([&]<class How>() -> std::unique_ptr<contender> {
    return std::make_unique<ring_crossing<Ring, How>>(producers, consumers);
  });
  if (!in.plant_wrong) return;
  to.of.entries.push_back(
      {"planted_wrong", std::make_unique<planted_crossing>(producers, consumers)});
}

}  // namespace

void run_sequencer(surroundings& in, unsigned producers) {
  const auto shape = fmt::format("{}p1c", producers);
  shape_contest at(in, "sequencer_" + shape, producers + 1);
  at.of.counting = producers;
  add_rings<sequencer::ring<number, sequencer::producers::many>>(at, in, producers, 1);
  add_queues(
      at.of, in, [](const peers::offer& each) { return each.many && each.bytes == 8; },
      [&](const peers::offer& each) { return each.crossing(producers); });
  at.add_java(in, shape);
  at.play(in);
  const auto what = fmt::format("ring, {} producers, 1 consumer", producers);
  judge_fastest(in, what + ", vs the fastest queue" + (at.crowded() ? ", crowded" : ""),
                at.crowded() ? 5 : 1, at.of.name, "sequencer", is_queue);
  judge_lmax(in, what, at.of.name, "sequencer");
}

void run_multicast(surroundings& in, unsigned consumers) {
  const auto shape = fmt::format("1p{}c", consumers);
  shape_contest at(in, "multicast_" + shape, consumers + 1);
  at.of.counting = 1;
  add_rings<sequencer::ring<number, sequencer::producers::one>>(at, in, 1, consumers);
  if (consumers < 10) at.add_java(in, shape);
  at.play(in);
  if (consumers >= 10) return;
  judge_lmax(in, fmt::format("ring, 1 producer, {} consumers", consumers), at.of.name, "sequencer");
}

namespace {

void run_graph(surroundings& in, const std::string& name, shape_of_graph shape) {
  shape_contest at(in, name, 4);
  at.of.counting = 1;
  at.of.working = 1;
  using ring = sequencer::ring<number, sequencer::producers::one>;
  const auto cpus = at.crowded() ? std::vector<int>{} : usable_cpus();
  at.add_ours([&]<class How>() -> std::unique_ptr<contender> {
    return std::make_unique<graph_contender<ring, How>>(shape, cpus);
  });
  at.add_batches([&]<class How>() -> std::unique_ptr<contender> {
    return std::make_unique<graph_contender<ring, How, true>>(shape, cpus);
  });
  if (in.plant_wrong && shape == shape_of_graph::pipeline) {
    at.of.entries.push_back(
        {"planted_wrong",
         std::make_unique<graph_contender<ring, wait::yield>>(shape_of_graph::reversed, cpus)});
    at.of.entries.push_back(
        {"planted_wrong_batch", std::make_unique<graph_contender<ring, wait::yield, true>>(
                                    shape_of_graph::reversed, cpus)});
  }
  at.add_java(in, name);
  at.play(in);
  judge_lmax(in, name, name, "sequencer");
  judge_lmax(in, name + ", handlers of batches", name, "sequencer:batch");
}

}  // namespace

// As many consumers as producers, and each consumer sees everything.
void run_many_to_many(surroundings& in) {
  for (const unsigned n : {2u, 4u, 8u}) {
    if (n > 2 && (!in.full || 2 * n > in.workers.size())) continue;
    const auto shape = fmt::format("{0}p{0}c", n);
    shape_contest at(in, "many_to_many_" + shape, 2 * n);
    at.of.counting = n;
    add_rings<sequencer::ring<number, sequencer::producers::many>>(at, in, n, n);
    at.add_java(in, shape);
    at.play(in);
  }
}

// Only where each has a CPU of its own.
void run_multicast_more(surroundings& in) {
  for (const unsigned consumers : {7u, 15u, 31u, 63u}) {
    if (consumers < in.workers.size()) {
      run_multicast(in, consumers);
    } else {
      in.into.remarks.push_back(fmt::format(
          "not measured: multicast_1p{}c: {} CPUs are needed", consumers, consumers + 1));
    }
  }
}

// Each event goes to one of several workers.
void run_work_sharing(surroundings& in) {
  using ring = sequencer::ring<number, sequencer::producers::one>;
  for (const unsigned workers : {2u, 3u, 7u, 15u}) {
    if (workers > 2 && !(in.full && (workers == 3 || workers < in.workers.size()))) continue;
    const auto shape = fmt::format("1p{}w", workers);
    shape_contest at(in, "work_sharing_" + shape, workers + 1);
    at.of.counting = 1;
    at.add_ours([&]<class How>() -> std::unique_ptr<contender> {
      return std::make_unique<crew_sharing<ring, How>>(workers);
    });
    // Where a handler takes no time, taking costs more than handling.
    constexpr std::uint64_t at_once = 16;
    at.of.entries.push_back({"sequencer:by_16", nullptr});
    auto& by_16 = at.of.entries.back().runs;
    if (at.crowded()) {
      by_16 = std::make_unique<crew_sharing<ring, wait::yield>>(workers, at_once);
    } else {
      by_16 = std::make_unique<crew_sharing<ring, wait::spin>>(workers, at_once);
    }
    if (in.plant_wrong) {
      at.of.entries.push_back(
          {"planted_wrong", std::make_unique<crew_sharing<ring, wait::yield>>(workers, 1, true)});
    }
    for (const auto& each : peers::all_sharing_offers()) {
      const bool wanted = (each.usual || in.full) && in.how.wants(each.name);
      if (wanted) at.of.entries.push_back({each.name, each.sharing(1, workers)});
    }
    at.add_java(in, shape);
    compare(at.of, "sequencer:by_16");
    at.play(in);
  }
}

void run_pipeline(surroundings& in) { run_graph(in, "pipeline_3", shape_of_graph::pipeline); }

void run_diamond(surroundings& in) { run_graph(in, "diamond_1p3c", shape_of_graph::diamond); }

}  // namespace perf
