// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <limits>
#include <memory>

#include <sequencer/ring.hpp>

#include "cases.hpp"
#include "one_way.hpp"
#include "ring_contests.hpp"
#include "ring_ends.hpp"
#include "stats.hpp"

// How old an event is when it is seen, counted from the moment at which it was to be sent, whether
// or not the sender was on time: who is held up must not leave out what he should have sent.
// Beside it, in the same rounds, a loop that sends nothing, and only finds out how late it is.
namespace perf {

namespace {

struct percentile {
  const char* name;
  double q;
};
constexpr percentile percentiles[]{
    {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};

class ring_of_moments : public one_way_link {
 public:
  void send(std::uint64_t moment) override {
    static_cast<void>(out_.publish([&](std::uint64_t& event) { event = moment; }));
  }
  std::uint64_t take() override {
    std::uint64_t moment = 0;
    const auto look = [&](const std::uint64_t& event, sequencer::sequence, bool) {
      moment = event;
    };
    while (in_.poll(look, 1) != sequencer::polled::batch) sequencer::cpu::relax();
    return moment;
  }

 private:
  using ring = sequencer::ring<std::uint64_t, sequencer::producers::one>;
  ring ring_{65'536};
  // Each is written by its own thread.
  alignas(128) producer_of<ring, sequencer::wait::spin> out_ =
      producer_on<sequencer::wait::spin>(ring_);
  alignas(128) poller_of<ring> in_ = poller_on(ring_);
};

// The sender itself is late: what no queue can do better.
class own_lateness : public one_way_link {
 public:
  void send(std::uint64_t) override {}
  std::uint64_t take() override { return 0; }
};

class slice_of_moments {
 public:
  slice_of_moments(double per_second, double ns)
      : gap_(1e9 / per_second / tsc().ns_per_tick()),
        count_(static_cast<std::uint64_t>(ns * per_second / 1e9)) {}

  // The delays in ns of all events of a slice, in no order; empty when an event was wrong.
  std::vector<double> run(team& workers, one_way_link& over, bool alone) {
    std::vector<double> delays(count_);
    start_ = sequencer::cpu::ticks() + tsc().to_ticks(begin_after);
    bool right = true;
    workers.run(alone ? 1 : 2, [&](unsigned thread) {
      if (thread == 0) {
        send(over, alone ? delays.data() : nullptr);
      } else {
        right = receive(over, delays.data());
      }
    });
    return right ? delays : std::vector<double>{};
  }

  // Of the last slice that was received.
  double per_second() const {
    return static_cast<double>(count_) / tsc().to_ns(ended_ - start_) * 1e9;
  }

 private:
  static constexpr std::chrono::microseconds begin_after{200};

  std::uint64_t moment(std::uint64_t i) const {
    return start_ + static_cast<std::uint64_t>(static_cast<double>(i) * gap_);
  }

  void send(one_way_link& over, double* lateness) const {
    for (std::uint64_t i = 0; i < count_; ++i) {
      const auto due = moment(i);
      auto now = sequencer::cpu::ticks();
      while (now < due) now = sequencer::cpu::ticks();
      over.send(due);
      if (lateness != nullptr) lateness[i] = tsc().to_ns(now - due);
    }
  }

  bool receive(one_way_link& over, double* delays) {
    bool right = true;
    for (std::uint64_t i = 0; i < count_; ++i) {
      const auto sent = over.take();
      const auto now = sequencer::cpu::ticks();
      right &= sent == moment(i);
      delays[i] = now > sent ? tsc().to_ns(now - sent) : 0;
    }
    ended_ = sequencer::cpu::ticks();
    return right;
  }

  const double gap_;
  const std::uint64_t count_;
  std::uint64_t start_ = 0;
  std::uint64_t ended_ = 0;
};

struct runner {
  std::string name;
  std::unique_ptr<one_way_link> over;
  bool alone = false;
  std::string wrong = {};
  std::array<std::vector<double>, std::size(percentiles)> figures = {};  // of each round
};

void play_round(runner& of, slice_of_moments& slice, team& workers) {
  auto delays = slice.run(workers, *of.over, of.alone);
  if (delays.empty()) of.wrong = "an event was lost or came in another order";
  std::sort(delays.begin(), delays.end());
  for (std::size_t i = 0; i < std::size(percentiles); ++i) {
    const auto last = delays.empty() ? 0 : delays.size() - 1;
    const auto at = static_cast<std::size_t>(percentiles[i].q * static_cast<double>(last));
    of.figures[i].push_back(delays.empty() ? std::numeric_limits<double>::quiet_NaN()
                                           : delays[at]);
  }
}

void add_figures(surroundings& in, const std::string& name, std::vector<runner>& all) {
  for (std::size_t i = 0; i < std::size(percentiles); ++i) {
    contest of;
    of.name = name + "_" + percentiles[i].name;
    of.params = {8, 1, 2, 65'536, "any"};
    std::vector<std::vector<double>> samples;
    std::vector<std::string> wrong;
    for (const auto& each : all) {
      of.entries.push_back({each.name, nullptr});
      samples.push_back(each.figures[i]);
      wrong.push_back(each.wrong);
    }
    compare(of, "sequencer");
    add_rows(of, samples, std::vector<std::uint64_t>(all.size()), wrong, "ns", in.random, in.into);
  }
}

std::vector<runner> all_runners(const surroundings& in) {
  std::vector<runner> all;
  all.push_back({"sequencer", std::make_unique<ring_of_moments>()});
  all.push_back({"idle_loop", std::make_unique<own_lateness>(), true});
  for (const auto& each : peers::all_offers()) {
    const bool fits = in.full && each.usual && !each.many && each.bytes == 8 &&
                      in.how.wants(each.name);
    if (fits) all.push_back({each.name, each.one_way()});
  }
  return all;
}

void run_rate(surroundings& in, const std::string& name, double per_second, double ns,
              unsigned rounds) {
  auto all = all_runners(in);
  std::vector<runner*> order;
  for (auto& each : all) order.push_back(&each);
  slice_of_moments slice(per_second, ns);
  for (unsigned round = 0; round < rounds; ++round) {
    std::shuffle(order.begin(), order.end(), in.random);
    for (auto* each : order) play_round(*each, slice, in.workers);
  }
  add_figures(in, name, all);
}

// What the ring passes a second when every event is due at once, and both sides read the clock for
// each, as they do at a rate.
double measured_capacity(surroundings& in) {
  constexpr double a_slice = 200'000;
  const auto due_at_once = 1e9 / tsc().ns_per_tick();  // one a tick: more than anything passes
  ring_of_moments over;
  slice_of_moments slice(due_at_once, a_slice * tsc().ns_per_tick());
  std::vector<double> found;
  for (int i = 0; i < 9; ++i) {
    static_cast<void>(slice.run(in.workers, over, false));
    found.push_back(slice.per_second());
  }
  return quantile(found, 0.5);
}

}  // namespace

void run_one_way(surroundings& in) {
  if (in.workers.size() < 2) return;
  const double ms = 1e6;
  const auto rounds = in.quick ? 7u : in.full ? 61u : 21u;
  run_rate(in, "one_way_1m", 1e6, 100 * ms, rounds);
  run_rate(in, "one_way_10m", 10e6, 20 * ms, rounds);
}

void run_one_way_load(surroundings& in) {
  if (in.workers.size() < 2) return;
  const auto capacity = measured_capacity(in);
  in.into.remarks.push_back(fmt::format(
      "one_way_load: the ring passes {:.1f} M/s with both clocks read", capacity / 1e6));
  const double ns = in.quick ? 5e6 : 20e6;
  const auto rounds = in.quick ? 5u : in.full ? 31u : 15u;
  for (const unsigned load : {10u, 50u, 80u, 95u}) {
    run_rate(in, fmt::format("one_way_{}pct", load), capacity * load / 100, ns, rounds);
  }
}

}  // namespace perf
