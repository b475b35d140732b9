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

// One way from a thread to another, of events that carry their moment.
class link {
 public:
  virtual ~link() = default;
  virtual void send(std::uint64_t moment) = 0;
  // The next one, or 0 where there is none yet.
  virtual std::uint64_t look() = 0;
};

class ring_of_moments : public link {
 public:
  void send(std::uint64_t moment) override {
    static_cast<void>(out_.publish([&](std::uint64_t& event) { event = moment; }));
  }
  std::uint64_t look() override {
    std::uint64_t moment = 0;
    in_.poll([&](const std::uint64_t& event, sequencer::sequence, bool) { moment = event; }, 1);
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
class own_lateness : public link {
 public:
  void send(std::uint64_t) override {}
  std::uint64_t look() override { return 0; }
};

class slice_of_moments {
 public:
  slice_of_moments(double per_second, double ns)
      : gap_(1e9 / per_second / tsc().ns_per_tick()),
        count_(static_cast<std::uint64_t>(ns * per_second / 1e9)) {}

  // The delays in ns of all events of a slice, in no order; empty when an event was wrong.
  std::vector<double> run(team& workers, link& over, bool alone) {
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

 private:
  static constexpr std::chrono::microseconds begin_after{200};

  std::uint64_t moment(std::uint64_t i) const {
    return start_ + static_cast<std::uint64_t>(static_cast<double>(i) * gap_);
  }

  void send(link& over, double* lateness) const {
    for (std::uint64_t i = 0; i < count_; ++i) {
      const auto due = moment(i);
      auto now = sequencer::cpu::ticks();
      while (now < due) now = sequencer::cpu::ticks();
      over.send(due);
      if (lateness != nullptr) lateness[i] = tsc().to_ns(now - due);
    }
  }

  bool receive(link& over, double* delays) const {
    bool right = true;
    for (std::uint64_t i = 0; i < count_;) {
      const auto sent = over.look();
      if (sent == 0) {
        sequencer::cpu::relax();
        continue;
      }
      const auto now = sequencer::cpu::ticks();
      right &= sent == moment(i);
      delays[i++] = now > sent ? tsc().to_ns(now - sent) : 0;
    }
    return right;
  }

  const double gap_;
  const std::uint64_t count_;
  std::uint64_t start_ = 0;
};

struct runner {
  std::string name;
  std::unique_ptr<link> over;
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
    of.ratios = {{"sequencer", "idle_loop"}};
    std::vector<std::vector<double>> samples;
    std::vector<std::string> wrong;
    for (const auto& each : all) {
      of.entries.push_back({each.name, nullptr});
      samples.push_back(each.figures[i]);
      wrong.push_back(each.wrong);
    }
    add_rows(of, samples, std::vector<std::uint64_t>(all.size()), wrong, "ns", in.random, in.into);
  }
}

void run_rate(surroundings& in, const std::string& name, double per_second, double ns) {
  std::vector<runner> all;
  all.push_back({"sequencer", std::make_unique<ring_of_moments>()});
  all.push_back({"idle_loop", std::make_unique<own_lateness>(), true});
  slice_of_moments slice(per_second, ns);
  const auto rounds = in.quick ? 7u : in.full ? 61u : 21u;
  for (unsigned round = 0; round < rounds; ++round) {
    std::shuffle(all.begin(), all.end(), in.random);
    for (auto& each : all) play_round(each, slice, in.workers);
  }
  std::sort(all.begin(), all.end(),
            [](const runner& a, const runner& b) { return a.name > b.name; });
  add_figures(in, name, all);
}

}  // namespace

void run_latency(surroundings& in) {
  if (in.workers.size() < 2) return;
  const double ms = 1e6;
  run_rate(in, "latency_1m", 1e6, 100 * ms);
  run_rate(in, "latency_10m", 10e6, 20 * ms);
}

}  // namespace perf
