// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <sequencer/counter.hpp>
#include <sequencer/fence.hpp>
#include <sequencer/mark_store.hpp>
#include <sequencer/sequential_name.hpp>
#include <sequencer/zxid.hpp>

#include "cases.hpp"
#include "counter_contenders.hpp"

// What a number costs when it becomes a name, and what a write costs when it passes a fence.
namespace perf {

namespace {

constexpr std::string_view name_prefix = "/tasks/task_";
using name_buffer = std::array<char, 64>;

// A name of the next number. Wrong where the name is not that number's.
template <class Names>
struct written_name : Names {
  bool take(std::uint64_t& number) {
    name_buffer name;
    if (!Names::next(number, name)) return false;
    asm volatile("" : : "r"(name.data()) : "memory");
    const auto digit = static_cast<char>('0' + number % 10);
    return name[name_prefix.size() + 9] == digit && name[name_prefix.size() - 1] == '_';
  }
};

struct ours_names {
  sequencer::counter numbers;

  bool next(std::uint64_t& number, name_buffer& name) {
    const auto got = sequencer::next_name(numbers, name_prefix, std::span(name));
    if (!got) return false;
    number = *got;
    return true;
  }
  std::uint64_t position() const { return numbers.peek(); }
};

// As ZooKeeper's server does it, but for the locale.
struct snprintf_names : raw_fetch_add {
  bool next(std::uint64_t& number, name_buffer& name) {
    raw_fetch_add::take(number);
    return std::snprintf(name.data(), name.size(), "%s%010u", name_prefix.data(),
                         static_cast<unsigned>(number)) > 0;
  }
};

struct ours_zxids {
  sequencer::zxid_counter ids{sequencer::zxid(1, 0)};

  bool take(std::uint64_t& number) {
    const auto got = ids.next();
    if (!got) return false;
    number = *got;
    return true;
  }
  std::uint64_t position() const { return ids.last().packed() + 1; }
};

// Writes that pass a gate, numbered by their thread. A late owner tries once a slice, and must not
// pass.
template <class Gate>
class gated : public contender {
 public:
  void prepare(unsigned) override { gate_ = std::make_unique<Gate>(); }
  void work(unsigned, std::uint64_t items, share& to) override {
    std::uint64_t next = 0;
    take_numbers(
        [&](std::uint64_t& number) {
          number = next++;
          return gate_->lets_in(Gate::token);
        },
        items, to);
    if (gate_->lets_in(Gate::token - 1)) to.failure = "a late owner was let in";
  }
  void record(unsigned thread, std::uint64_t items, share& to) override {
    work(thread, items, to);
  }
  std::string judge(std::span<const share> shares) override { return first_failure(shares); }

 private:
  std::unique_ptr<Gate> gate_;
};

struct ours_fence {
  static constexpr std::uint64_t token = 7;
  sequencer::fence here{token};
  bool lets_in(std::uint64_t shown) { return static_cast<bool>(here.admit(shown)); }
};

struct ours_durable_fence {
  static constexpr std::uint64_t token = 7;
  sequencer::memory_mark mark{token};
  sequencer::durable_fence<sequencer::memory_mark> here{mark};
  bool lets_in(std::uint64_t shown) { return static_cast<bool>(here.admit(shown)); }
};

// The least that a check can be: one load and one comparison.
struct bare_load {
  static constexpr std::uint64_t token = 7;
  alignas(128) std::atomic<std::uint64_t> highest{token};
  char rest[120];
  bool lets_in(std::uint64_t shown) {
    return highest.load(std::memory_order_acquire) <= shown;
  }
};

contest names_contest(const std::string& name, unsigned threads) {
  contest made;
  made.name = name;
  made.params = {8, 1, threads, 0, "one"};
  made.entries.push_back(make_counter<null_contender>("null"));
  return made;
}

}  // namespace

void run_names(surroundings& in) {
  for (const unsigned threads : {1u, 2u}) {
    if (threads > in.workers.size()) continue;
    auto of = names_contest("sequential_names", threads);
    of.entries.push_back(make_counter<dense_contender<written_name<ours_names>>>("sequencer"));
    of.entries.push_back(make_counter<dense_contender<written_name<snprintf_names>>>("snprintf"));
    of.entries.push_back(make_counter<dense_contender<ours_zxids>>("sequencer:zxid"));
    of.ratios = {{"sequencer", "snprintf"}};
    run_contest(of, in.how, in.workers, in.random, in.into);
  }
}

void run_fence(surroundings& in) {
  for (const unsigned threads : {1u, 2u}) {
    if (threads > in.workers.size()) continue;
    auto of = names_contest("fence_admit", threads);
    of.entries.push_back(make_counter<gated<ours_fence>>("sequencer"));
    of.entries.push_back(make_counter<gated<ours_durable_fence>>("sequencer:durable"));
    of.entries.push_back(make_counter<gated<bare_load>>("bare_load"));
    of.ratios = {{"sequencer", "bare_load"}, {"sequencer:durable", "bare_load"}};
    run_contest(of, in.how, in.workers, in.random, in.into);
  }
}

}  // namespace perf
