// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <sequencer/clock/hybrid.hpp>
#include <sequencer/clock/lamport.hpp>
#include <sequencer/clock/vector.hpp>

#include "contest.hpp"
#include "counter_contenders.hpp"
#include "numbers.hpp"

// Logical clocks, and the instructions and loops that they are held against.
namespace perf {

// What each thread does with one shared thing. Work has `shared`, `lane`, and judge(shares).
template <class Work>
class lane_contender : public contender {
 public:
  void prepare(unsigned threads) override {
    shared_ = std::make_unique<typename Work::shared>();
    lanes_.clear();
    for (unsigned i = 0; i != threads; ++i) {
      lanes_.push_back(std::make_unique<typename Work::lane>(*shared_));
    }
  }
  void work(unsigned thread, std::uint64_t items, share& to) override {
    take_numbers([&](std::uint64_t& number) { return lanes_[thread]->take(number); }, items, to);
  }
  void record(unsigned thread, std::uint64_t items, share& to) override {
    record_numbers([&](std::uint64_t& number) { return lanes_[thread]->take(number); }, items, to);
  }
  std::string judge(std::span<const share> shares) override {
    if (auto failed = first_failure(shares); !failed.empty()) return failed;
    return Work::judge(*shared_, shares);
  }

 private:
  std::unique_ptr<typename Work::shared> shared_;
  std::vector<std::unique_ptr<typename Work::lane>> lanes_;
};

// ---- Lamport

struct lamport_ticks {
  sequencer::clock::lamport clock;
  bool take(std::uint64_t& number) {
    const auto got = clock.tick();
    if (!got) return false;
    number = *got;
    return true;
  }
  std::uint64_t position() const { return clock.peek() + 1; }
};

// A CAS loop that does what observing is, and no more.
struct bare_observe {
  alignas(128) std::atomic<std::uint64_t> last{0};
  char rest[120];
  bool observe(std::uint64_t seen, std::uint64_t& number) {
    auto now = last.load(std::memory_order_relaxed);
    do {
      number = std::max(now, seen) + 1;
    } while (!last.compare_exchange_weak(now, number, std::memory_order_relaxed));
    return true;
  }
  std::uint64_t peek() const { return last; }
};

struct lamport_observe {
  sequencer::clock::lamport clock;
  bool observe(std::uint64_t seen, std::uint64_t& number) {
    const auto got = clock.observe(seen);
    if (!got) return false;
    number = *got;
    return true;
  }
  std::uint64_t peek() const { return clock.peek(); }
};

// Each thread observes what is in turn its own last time and one that is ahead of it.
template <class Clock>
struct observing {
  using shared = Clock;
  struct alignas(128) lane {
    explicit lane(Clock& clock) : clock(clock) {}
    Clock& clock;
    std::uint64_t last = 0;
    std::uint64_t ahead = 0;

    bool take(std::uint64_t& number) {
      ahead ^= 16;
      const auto seen = last + ahead;
      if (!clock.observe(seen, number) || number <= seen) return false;
      last = number;
      return true;
    }
  };

  static std::string judge(const Clock& clock, std::span<const share> shares) {
    std::uint64_t count = 0;
    for (const auto& each : shares) count += each.count;
    if (clock.peek() < count) return "fewer times than events";
    return judge_recorded(shares);
  }
};

// ---- hybrid

// The read alone: what a tick is at least.
struct clock_reads {
  struct shared {};
  struct alignas(128) lane {
    explicit lane(shared&) {}
    bool take(std::uint64_t& number) {
      std::timespec at;
      if (::clock_gettime(CLOCK_REALTIME, &at) != 0) return false;
      number = static_cast<std::uint64_t>(at.tv_nsec);
      return true;
    }
  };
  static std::string judge(const shared&, std::span<const share>) { return {}; }
};

// Numbers of stamps that are above the wall time read before them, each thread's increasing.
template <class Clock, bool Shared>
struct hybrid_ticks {
  using shared = Clock;
  struct alignas(128) lane {
    explicit lane(Clock& clock) : clock(clock) {}
    Clock own;
    Clock& clock;

    bool take(std::uint64_t& number) {
      const auto got = (Shared ? clock : own).tick();
      if (!got) return false;
      number = got->wall() << 16 | (got->logical() & 0xffff);
      return true;
    }
  };
  static std::string judge(const Clock&, std::span<const share> shares) {
    for (const auto& each : shares) {
      if (!std::is_sorted(each.kept.begin(), each.kept.end())) return "stamps went back";
    }
    return Shared ? judge_unique(shares) : std::string();
  }
};

// ---- vectors

inline constexpr std::size_t vector_members = 16;

// Clocks as they meet: each is ahead of the others in some of its counts, or in none.
struct count_rows {
  static constexpr std::size_t rows = 64;
  std::array<std::array<std::uint64_t, vector_members>, rows> all;

  count_rows() {
    std::mt19937_64 random(1);
    for (auto& row : all) {
      const auto base = random() % 8;
      for (auto& count : row) count = 1 + base + (random() % 8 == 0 ? random() % 3 : 0);
    }
  }
};

using sixteen = sequencer::clock::fixed_vector<vector_members>;

// Built as its users would: an event at a time.
template <class Clock>
std::vector<Clock> clocks_of(const count_rows& from) {
  std::vector<Clock> made(count_rows::rows);
  for (std::size_t i = 0; i != count_rows::rows; ++i) {
    for (std::size_t member = 0; member != vector_members; ++member) {
      for (auto left = from.all[i][member]; left != 0; --left) {
        static_cast<void>(made[i].tick(member));
      }
    }
  }
  return made;
}

// Counts without a clock around them, compared and merged by the loops that one would write.
struct bare_counts {
  std::array<std::uint64_t, vector_members> counts{};

  sequencer::result<sequencer::sequence> tick(std::size_t member) { return ++counts[member]; }
  void merge(const bare_counts& other) {
    for (std::size_t i = 0; i != vector_members; ++i) {
      counts[i] = std::max(counts[i], other.counts[i]);
    }
  }
  friend sequencer::clock::relation compare(const bare_counts& left, const bare_counts& right) {
    bool at_most = true;
    bool at_least = true;
    for (std::size_t i = 0; i != vector_members; ++i) {
      at_most = at_most && left.counts[i] <= right.counts[i];
      at_least = at_least && left.counts[i] >= right.counts[i];
    }
    return sequencer::clock::relation_of(at_most, at_least);
  }
  std::uint64_t operator[](std::size_t member) const { return counts[member]; }
};

template <class Clock>
struct vector_compares {
  struct shared {
    count_rows rows;
    std::vector<Clock> clocks = clocks_of<Clock>(rows);
  };
  struct alignas(128) lane {
    explicit lane(shared& of) : clocks(of.clocks.data()) {}
    const Clock* clocks;
    std::size_t turn = 0;

    bool take(std::uint64_t& number) {
      const auto i = turn++ % count_rows::rows;
      number = static_cast<std::uint64_t>(compare(clocks[i], clocks[(i + 1) % count_rows::rows]));
      return true;
    }
  };

  static std::string judge(const shared& of, std::span<const share> shares) {
    std::array<std::uint64_t, count_rows::rows> right;
    for (std::size_t i = 0; i != count_rows::rows; ++i) {
      bare_counts one{of.rows.all[i]};
      bare_counts other{of.rows.all[(i + 1) % count_rows::rows]};
      right[i] = static_cast<std::uint64_t>(compare(one, other));
    }
    for (const auto& each : shares) {
      std::uint64_t sum = 0;
      for (std::uint64_t i = 0; i != each.count; ++i) sum += right[i % count_rows::rows];
      if (sum != each.sum) return "a relation is wrong";
    }
    return {};
  }
};

// Merged into four clocks in turn, as messages to several objects.
template <class Clock>
struct vector_merges {
  using shared = typename vector_compares<Clock>::shared;
  struct alignas(128) lane {
    explicit lane(shared& of)
        : clocks(of.clocks.data()), into(of.clocks.begin(), of.clocks.begin() + 4) {}
    const Clock* clocks;
    std::vector<Clock> into;
    std::size_t turn = 0;

    bool take(std::uint64_t& number) {
      const auto i = turn++ % count_rows::rows;
      auto& to = into[i % 4];
      static_cast<void>(to.merge(clocks[i]));
      number = to[0];
      return true;
    }
  };

  static std::string judge(const shared& of, std::span<const share> shares) {
    for (const auto& each : shares) {
      std::array<bare_counts, 4> into;
      for (std::size_t i = 0; i != 4; ++i) into[i].counts = of.rows.all[i];
      std::uint64_t sum = 0;
      for (std::uint64_t i = 0; i != each.count; ++i) {
        auto& to = into[i % 4];
        if (i < 2 * count_rows::rows) to.merge({of.rows.all[i % count_rows::rows]});
        sum += to[0];
      }
      if (sum != each.sum) return "a merged count is wrong";
    }
    return {};
  }
};

}  // namespace perf
