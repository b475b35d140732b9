// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/block_cache.hpp>
#include <sequencer/checkpoint.hpp>
#include <sequencer/combining_counter.hpp>
#include <sequencer/counter.hpp>
#include <sequencer/cpu.hpp>
#include <sequencer/or_throw.hpp>

#include "contest.hpp"
#include "numbers.hpp"

// What hands out numbers: ours, strict, durable and from blocks, and what they are held against.
namespace perf {

// Numbers from one shared place that all threads use; dense. Shared has take(number) and
// position().
template <class Shared>
class dense_contender : public contender {
 public:
  template <class... Args>
  explicit dense_contender(Args&&... args) : shared_(std::forward<Args>(args)...) {}

  void prepare(unsigned) override { first_ = shared_.position(); }
  void work(unsigned, std::uint64_t items, share& to) override {
    take_numbers([&](std::uint64_t& number) { return shared_.take(number); }, items, to);
  }
  void record(unsigned, std::uint64_t items, share& to) override {
    record_numbers([&](std::uint64_t& number) { return shared_.take(number); }, items, to);
  }
  std::string judge(std::span<const share> shares) override {
    return judge_dense(shares, first_, shared_.position());
  }

 protected:
  Shared shared_;
  std::uint64_t first_ = 0;
};

struct ours_strict {
  sequencer::counter numbers;
  bool take(std::uint64_t& number) {
    const auto got = numbers.next();
    if (!got) return false;
    number = *got;
    return true;
  }
  std::uint64_t position() const { return numbers.peek(); }
};

// As it comes, and with the threads of a cache domain always meeting first.
template <sequencer::combining When>
struct ours_combining {
  sequencer::combining_counter numbers{{.when = When}};
  bool take(std::uint64_t& number) {
    const auto got = numbers.next();
    if (!got) return false;
    number = *got;
    return true;
  }
  std::uint64_t position() const { return numbers.peek(); }
};

struct raw_fetch_add {
  alignas(128) std::atomic<std::uint64_t> next{0};
  char rest[120];
  bool take(std::uint64_t& number) {
    number = next.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  std::uint64_t position() const { return next; }
};

struct cas_loop {
  alignas(128) std::atomic<std::uint64_t> next{0};
  char rest[120];
  bool take(std::uint64_t& number) {
    number = next.load(std::memory_order_relaxed);
    while (!next.compare_exchange_weak(number, number + 1, std::memory_order_relaxed)) {
    }
    return true;
  }
  std::uint64_t position() const { return next; }
};

struct under_mutex {
  alignas(128) std::mutex guard;
  std::uint64_t next = 0;
  char rest[80];
  bool take(std::uint64_t& number) {
    const std::lock_guard held(guard);
    number = next++;
    return true;
  }
  std::uint64_t position() const { return next; }
};

// Issues the same number twice once in a while: a check that does not see it is no check.
struct planted_wrong : raw_fetch_add {
  bool take(std::uint64_t& number) {
    number = next.fetch_add(1, std::memory_order_relaxed);
    if (number % 64 == 63) --number;
    return true;
  }
};

// As slow as nothing that is measured here: it must come out slow.
struct planted_slow : raw_fetch_add {
  bool take(std::uint64_t& number) {
    for (int i = 0; i < 5; ++i) sequencer::cpu::relax();
    return raw_fetch_add::take(number);
  }
};

// The loop alone.
class null_contender : public contender {
 public:
  void prepare(unsigned) override {}
  void work(unsigned, std::uint64_t items, share& to) override {
    std::uint64_t next = 0;
    take_numbers([&](std::uint64_t& number) { return number = next++, true; }, items, to);
  }
  void record(unsigned thread, std::uint64_t items, share& to) override {
    work(thread, items, to);
  }
  std::string judge(std::span<const share> shares) override { return first_failure(shares); }
};

// A bare thread-local word, incremented in memory.
class thread_local_word : public contender {
 public:
  void prepare(unsigned) override {}
  void work(unsigned, std::uint64_t items, share& to) override {
    const auto first = word;
    const auto increment = [](std::uint64_t& number) {
      number = word++;
      asm volatile("" : "+m"(word));  // in memory, as that of a block cache
      return true;
    };
    take_numbers(increment, items, to);
    if (word - first != items || to.sum != sum_of(first, word)) to.failure = "lost increments";
  }
  void record(unsigned thread, std::uint64_t items, share& to) override {
    work(thread, items, to);
  }
  std::string judge(std::span<const share> shares) override { return first_failure(shares); }

 private:
  static inline thread_local std::uint64_t word = 0;
};

struct durable_file {
  sequencer::checkpoint file;
  sequencer::durable_sequence numbers;

  durable_file(const std::string& path, sequencer::live_policy live, std::uint64_t max_gap)
      : file(sequencer::or_throw(
            sequencer::checkpoint::open(path, {.create = true, .live = live}))),
        numbers(sequencer::or_throw(
            file.sequence("numbers", {.create = true, .max_gap = max_gap}))) {}

  bool take(std::uint64_t& number) {
    const auto got = numbers.next();
    if (!got) return false;
    number = *got;
    return true;
  }
  std::uint64_t position() const { return numbers.position(); }
};

// Its keeper wakes now and then and may push a worker aside; that is part of its price.
class durable_contender : public dense_contender<durable_file> {
 public:
  using dense_contender::dense_contender;
  void prepare(unsigned threads) override {
    dense_contender::prepare(threads);
    requests_ = shared_.file.metrics().requests;
  }
  std::uint64_t own_preemptions() override {
    return 2 * (shared_.file.metrics().requests - requests_);
  }

 private:
  std::uint64_t requests_ = 0;
};

// Numbers from a handle per thread. Fresh handles for every slice: all that was carved since is
// what they issued plus what they hold, so the sum tells whether any number came twice.
template <class Handles>
class block_contender : public contender {
 public:
  template <class... Args>
  explicit block_contender(Args&&... args) : source_(std::forward<Args>(args)...) {}

  void prepare(unsigned threads) override {
    handles_.clear();
    for (unsigned i = 0; i < threads; ++i) handles_.push_back({source_.local(), 0, 0, 0});
    for (auto& each : handles_) each.first = each.last = sequencer::or_throw(each.from.next());
  }
  void work(unsigned thread, std::uint64_t items, share& to) override {
    auto& mine = handles_[thread];
    take_numbers(taker(mine.from), items, to);
    mine.last = sequencer::or_throw(mine.from.next());
  }
  void record(unsigned thread, std::uint64_t items, share& to) override {
    auto& mine = handles_[thread];
    const auto take = taker(mine.from);
    record_numbers(
        [&](std::uint64_t& number) {
          const bool taken = take(number);
          mine.most_held = std::max(mine.most_held, mine.from.remaining());
          return taken;
        },
        items, to);
    mine.last = sequencer::or_throw(mine.from.next());
  }
  std::string judge(std::span<const share> shares) override {
    if (auto failed = first_failure(shares); !failed.empty()) return failed;
    auto first = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t last = 0;
    std::uint64_t sum = 0;
    std::uint64_t held = 0;
    for (std::size_t i = 0; i < handles_.size(); ++i) {
      const auto& each = handles_[i];
      held += each.most_held;
      const auto end = each.last + 1 + each.from.remaining();
      first = std::min(first, each.first);
      last = std::max(last, end);
      sum += shares[i].sum + each.first + each.last + sum_of(each.last + 1, end);
    }
    if (sum != sum_of(first, last)) return "issued and held numbers are not all there are";
    bound_ = source_.held_bound();
    if (held > bound_) return "handles held more numbers than they may";
    return judge_recorded(shares);
  }
  // What would be missing if all threads stopped at once, at the worst moment.
  std::optional<std::uint64_t> gap() override { return bound_; }

 private:
  using handle = decltype(std::declval<Handles&>().local());
  struct alignas(128) owned {
    handle from;
    std::uint64_t first;
    std::uint64_t last;
    std::uint64_t most_held;  // of a checked slice
  };

  static auto taker(handle& from) {
    return [&from](std::uint64_t& number) {
      const auto got = from.next();
      if (!got) return false;
      number = *got;
      return true;
    };
  }

  Handles source_;
  std::vector<owned> handles_;
  std::uint64_t bound_ = 0;
};

inline constexpr std::uint64_t block_size = 4096;
inline constexpr std::uint64_t wide_gap = std::uint64_t{1} << 26;

struct memory_blocks {
  sequencer::block_cache<sequencer::memory_source> cache;

  explicit memory_blocks(std::uint64_t block = block_size)
      : cache(sequencer::block_options{.block = block}) {}
  auto local() { return cache.local(); }
  std::uint64_t held_bound() const { return cache.held_bound(); }
};

struct durable_blocks {
  sequencer::checkpoint file;
  sequencer::durable_blocks blocks;

  explicit durable_blocks(const std::string& path, std::uint64_t block = block_size)
      : file(sequencer::or_throw(sequencer::checkpoint::open(path, {.create = true}))),
        blocks(sequencer::or_throw(file.blocks(
            "numbers", {.create = true, .max_gap = wide_gap, .block = block}))) {}
  auto local() { return blocks.local(); }
  std::uint64_t held_bound() const { return blocks.held_bound(); }
};

template <class Contender, class... Args>
entry make_counter(std::string name, Args&&... args) {
  return {std::move(name), std::make_unique<Contender>(std::forward<Args>(args)...)};
}

}  // namespace perf
