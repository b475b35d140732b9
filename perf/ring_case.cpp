// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include <sequencer/or_throw.hpp>
#include <sequencer/ring.hpp>

#include "cases.hpp"
#include "numbers.hpp"
#include "ring_peers.hpp"

// One producer and one consumer of 8-byte events, one at a time and in batches, against the queues
// that Debian has. Every event is looked at: the order and the count of each slice are checked.
namespace perf {

namespace {

using sequencer::or_throw;
namespace wait = sequencer::wait;

constexpr std::size_t most_in_batch = 128;

// Both threads of a slice: thread 0 publishes items, thread 1 sees them.
class passing_contender : public contender {
 public:
  void prepare(unsigned) override {}
  void record(unsigned thread, std::uint64_t items, share& to) override {
    if (thread == 1) to.kept.resize(items);
    if (thread == 1) kept_ = to.kept.data();
    work(thread, items, to);
    if (thread == 1) kept_ = nullptr;
  }
  std::string judge(std::span<const share> shares) override {
    if (auto failed = first_failure(shares); !failed.empty()) return failed;
    if (shares[1].count != shares[0].count || sent_ != seen_) return "events were lost";
    for (std::size_t i = 1; i < shares[1].kept.size(); ++i) {
      if (shares[1].kept[i] != shares[1].kept[i - 1] + 1) return "an event out of order";
    }
    return {};
  }

 protected:
  std::uint64_t sent_ = 0;               // the producer's
  alignas(128) std::uint64_t seen_ = 0;  // the consumer's
  std::uint64_t* kept_ = nullptr;        // the consumer's, while it records
};

template <class Producers>
class ring_contender : public passing_contender {
 public:
  explicit ring_contender(std::uint64_t batch)
      : batch_(batch),
        ring_(peers::capacity),
        out_(or_throw(ring_.template make_producer<wait::spin>())),
        in_(or_throw(ring_.join())) {}

  void work(unsigned thread, std::uint64_t items, share& to) override {
    if (thread == 0) {
      publish(items);
      to.count = items;
    } else {
      consume(items, to);
    }
  }

 private:
  using ring_type = sequencer::ring<std::uint64_t, Producers>;

  void publish(std::uint64_t items) {
    auto out = std::move(*out_);
    auto next = sent_;
    const auto end = next + items;
    while (next != end) {
      if (batch_ == 1) {
        static_cast<void>(out.publish([&](std::uint64_t& event) { event = next++; }));
      } else {
        static_cast<void>(out.publish(std::min(batch_, end - next),
                                      [&](std::uint64_t& event, std::uint64_t) {
                                        event = next++;
                                      }));
      }
    }
    sent_ = next;
    out_.emplace(std::move(out));
  }

  void consume(std::uint64_t items, share& to) {
    auto expected = seen_;
    const auto end = expected + items;
    bool right = true;
    auto* kept = kept_;
    while (expected != end) {
      const auto found = in_.poll([&](const std::uint64_t& event, sequencer::sequence, bool) {
        right &= event == expected++;
        if (kept != nullptr) [[unlikely]] *kept++ = event;
      });
      if (found != sequencer::polled::batch) sequencer::cpu::relax();
    }
    seen_ = end;
    to.count = items;
    if (!right) to.failure = "an event out of order";
  }

  std::uint64_t batch_;
  ring_type ring_;
  std::optional<sequencer::producer<ring_type, wait::spin>> out_;
  sequencer::poller<ring_type> in_;
};

template <class Queue>
class queue_contender : public passing_contender {
 public:
  explicit queue_contender(std::uint64_t batch) : batch_(batch) {}

  void work(unsigned thread, std::uint64_t items, share& to) override {
    if (thread == 0) {
      put(items);
      to.count = items;
    } else {
      take(items, to);
    }
  }

 private:
  static constexpr bool has_batches = requires(Queue q, std::uint64_t* e) { q.take_some(e, 1); };

  void put(std::uint64_t items) {
    auto& queue = *queue_;
    auto next = sent_;
    const auto end = next + items;
    if constexpr (has_batches) {
      std::array<std::uint64_t, most_in_batch> batch;
      while (batch_ != 1 && next != end) {
        const auto n = std::min(batch_, end - next);
        for (std::uint64_t i = 0; i < n; ++i) batch[i] = next++;
        queue.put_some(batch.data(), n);
      }
    }
    while (next != end) queue.put(next++);
    sent_ = next;
  }

  void take(std::uint64_t items, share& to) {
    auto& queue = *queue_;
    auto expected = seen_;
    const auto end = expected + items;
    bool right = true;
    auto* kept = kept_;
    const auto look = [&](std::uint64_t event) {
      right &= event == expected++;
      if (kept != nullptr) [[unlikely]] *kept++ = event;
    };
    if constexpr (has_batches) {
      std::array<std::uint64_t, most_in_batch> batch;
      while (batch_ != 1 && expected != end) {
        const auto n = queue.take_some(batch.data(), std::min(batch_, end - expected));
        if (n == 0) sequencer::cpu::relax();
        for (std::size_t i = 0; i < n; ++i) look(batch[i]);
      }
    }
    while (expected != end) look(queue.take());
    seen_ = end;
    to.count = items;
    if (!right) to.failure = "an event out of order";
  }

  std::uint64_t batch_;
  std::unique_ptr<Queue> queue_ = std::make_unique<Queue>();
};

template <class Contender>
entry make(std::string name, std::uint64_t batch) {
  return {std::move(name), std::make_unique<Contender>(batch)};
}

contest start_contest(const std::string& name, std::uint64_t batch) {
  contest made;
  made.name = name;
  made.params = {8, batch, 2, peers::capacity, "one"};
  made.counting = 1;
  made.entries.push_back(make<ring_contender<sequencer::producers::one>>("sequencer", batch));
  made.entries.push_back(
      make<ring_contender<sequencer::producers::many>>("sequencer:many", batch));
  return made;
}

// Ratios of one of ours to every peer.
void compare(contest& of, const std::string& ours) {
  for (const auto& each : of.entries) {
    if (!each.name.starts_with("sequencer")) of.ratios.emplace_back(ours, each.name);
  }
}

// The least ratio of ours to any peer decides.
void judge_fastest(surroundings& in, const std::string& what, double least,
                   const std::string& name, const std::string& ours) {
  const auto target = fmt::format(">= {} x", least);
  const ratio* worst = nullptr;
  for (const auto& each : in.into.ratios) {
    const bool here = each.name == name && each.ours == ours && each.params.placement == "near";
    if (here && (worst == nullptr || each.median < worst->median)) worst = &each;
  }
  if (worst == nullptr) {
    in.into.verdicts.push_back({what, target, "not measured, or void", false});
    return;
  }
  in.into.verdicts.push_back(
      {what, target, text_of(*worst) + " to " + worst->peer, worst->median >= least});
}

using single_queue = peers::atomic_queue_of<true, false>;
using shared_queue = peers::atomic_queue_of<false, true>;

}  // namespace

void run_ring(surroundings& in) {
  if (in.workers.size() < 2) return;
  auto of = start_contest("ring_1p1c", 1);
  of.entries.push_back(make<queue_contender<peers::boost_spsc>>("boost_spsc", 1));
  of.entries.push_back(make<queue_contender<peers::readerwriterqueue>>("readerwriterqueue", 1));
  of.entries.push_back(make<queue_contender<single_queue>>("atomic_queue", 1));
  compare(of, "sequencer");
  run_contest(of, in.how, in.workers, in.random, in.into);
  judge_fastest(in, "ring, one at a time, vs the fastest queue", 2, "ring_1p1c", "sequencer");
}

void run_ring_batches(surroundings& in) {
  if (in.workers.size() < 2) return;
  for (const std::uint64_t batch : {10u, 100u}) {
    const auto name = fmt::format("ring_batch_{}", batch);
    auto of = start_contest(name, batch);
    of.entries.push_back(make<queue_contender<peers::boost_spsc>>("boost_spsc", batch));
    of.entries.push_back(make<queue_contender<peers::concurrentqueue>>("concurrentqueue", batch));
    compare(of, "sequencer");
    of.ratios.emplace_back("sequencer:many", "sequencer");
    run_contest(of, in.how, in.workers, in.random, in.into);
    judge_fastest(in, fmt::format("ring, batches of {}, vs the fastest queue", batch),
                  batch == 10 ? 1.25 : 1.1, name, "sequencer");
  }
}

void run_ring_many(surroundings& in) {
  if (in.workers.size() < 2) return;
  auto of = start_contest("ring_many_1p1c", 1);
  of.entries.push_back(make<queue_contender<peers::boost_queue>>("boost_queue", 1));
  of.entries.push_back(make<queue_contender<peers::concurrentqueue>>("concurrentqueue", 1));
  of.entries.push_back(make<queue_contender<shared_queue>>("atomic_queue", 1));
  compare(of, "sequencer:many");
  run_contest(of, in.how, in.workers, in.random, in.into);
  judge_fastest(in, "ring for many, one producer, vs the fastest queue", 1.3, "ring_many_1p1c",
                "sequencer:many");
}

}  // namespace perf
