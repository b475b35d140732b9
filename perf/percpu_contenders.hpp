// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <sequencer/cpu_cache.hpp>

#include "contest.hpp"
#include "counter_contenders.hpp"
#include "numbers.hpp"

// Numbers for any thread without a handle, from what belongs to the CPU that it runs on.
namespace perf {

// A fresh cache for every slice. It is stopped behind it and knows every number that was left: with
// those that were issued they must be all there are.
// Wrong: one that issues a number twice once in a while, which must be seen.
template <bool Wrong>
class cpu_contender : public contender {
 public:
  explicit cpu_contender(bool exclusive) : exclusive_(exclusive) {}

  void prepare(unsigned) override {
    numbers_ = std::make_unique<cache>(
        sequencer::cpu_cache_options{.block = block_size, .exclusive = exclusive_});
    bound_ = numbers_->held_bound();
  }
  void work(unsigned, std::uint64_t items, share& to) override {
    take_numbers(taker(), items, to);
  }
  void record(unsigned, std::uint64_t items, share& to) override {
    record_numbers(taker(), items, to);
  }
  std::string judge(std::span<const share> shares) override {
    if (auto failed = first_failure(shares); !failed.empty()) return failed;
    numbers_->stop();
    std::uint64_t sum = 0;
    std::uint64_t lost = 0;
    for (const auto& each : shares) sum += each.sum;
    for (const auto& each : numbers_->holes()) {
      lost += each.lost;
      sum += sum_of(each.numbers.first, each.numbers.last);
    }
    if (sum != sum_of(0, numbers_->source().peek())) {
      return "issued and held numbers are not all there are";
    }
    if (lost > bound_) return "CPUs held more numbers than they may";
    return judge_unique(shares);
  }
  std::optional<std::uint64_t> gap() override { return bound_; }

 private:
  using cache = sequencer::cpu_cache<sequencer::memory_source>;

  auto taker() {
    return [&from = *numbers_](std::uint64_t& number) {
      const auto got = from.next();
      if (!got) return false;
      number = *got;
      if (Wrong && number % 64 == 63) --number;
      return true;
    };
  }

  bool exclusive_;
  std::unique_ptr<cache> numbers_;
  std::uint64_t bound_ = 0;
};

// The usual way without restartable sequences: a word for each CPU, each of which counts every
// so-manyth number. The thread may be moved between its question and the addition, so that must
// lock all the same.
class cpu_words : public contender {
 public:
  void prepare(unsigned) override {
    for (auto& each : words_) each.next = 0;
  }
  void work(unsigned, std::uint64_t items, share& to) override {
    take_numbers([this](std::uint64_t& number) { return take(number); }, items, to);
  }
  void record(unsigned, std::uint64_t items, share& to) override {
    record_numbers([this](std::uint64_t& number) { return take(number); }, items, to);
  }
  std::string judge(std::span<const share> shares) override {
    if (auto failed = first_failure(shares); !failed.empty()) return failed;
    std::uint64_t left = 0;
    for (const auto& each : shares) left += each.sum;
    for (std::size_t cpu = 0; cpu != words_.size(); ++cpu) {
      const auto taken = words_[cpu].next.load();
      left -= sum_of(0, taken) * words_.size() + taken * cpu;
    }
    if (left != 0) return "the sum of the numbers is wrong";
    return judge_unique(shares);
  }

 private:
  struct alignas(128) word {
    std::atomic<std::uint64_t> next{0};
  };

  bool take(std::uint64_t& number) {
    const auto cpu = static_cast<std::uint64_t>(::sched_getcpu());
    if (cpu >= words_.size()) return false;
    number = words_[cpu].next.fetch_add(1, std::memory_order_relaxed) * words_.size() + cpu;
    return true;
  }

  std::vector<word> words_ = std::vector<word>(sequencer::detail::possible_cpus());
};

}  // namespace perf
