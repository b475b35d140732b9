// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <optional>

#include <sequencer/block_cache.hpp>
#include <sequencer/checkpoint.hpp>
#include <sequencer/counter.hpp>
#include <sequencer/or_throw.hpp>

#include "cases.hpp"
#include "numbers.hpp"

// Counters: strict, durable and block-cached, against the raw instruction and the usual ways.
namespace perf {

namespace {

using sequencer::or_throw;

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
    if (number % 4096 == 4095) --number;
    return true;
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
      : file(or_throw(sequencer::checkpoint::open(path, {.create = true, .live = live}))),
        numbers(or_throw(file.sequence("numbers", {.create = true, .max_gap = max_gap}))) {}

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
    for (unsigned i = 0; i < threads; ++i) handles_.push_back({source_.local(), 0, 0});
    for (auto& each : handles_) each.first = each.last = or_throw(each.from.next());
  }
  void work(unsigned thread, std::uint64_t items, share& to) override {
    auto& mine = handles_[thread];
    take_numbers(taker(mine.from), items, to);
    mine.last = or_throw(mine.from.next());
  }
  void record(unsigned thread, std::uint64_t items, share& to) override {
    auto& mine = handles_[thread];
    record_numbers(taker(mine.from), items, to);
    mine.last = or_throw(mine.from.next());
  }
  std::string judge(std::span<const share> shares) override {
    if (auto failed = first_failure(shares); !failed.empty()) return failed;
    auto first = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t last = 0;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < handles_.size(); ++i) {
      const auto& each = handles_[i];
      const auto end = each.last + 1 + each.from.remaining();
      first = std::min(first, each.first);
      last = std::max(last, end);
      sum += shares[i].sum + each.first + each.last + sum_of(each.last + 1, end);
    }
    if (sum != sum_of(first, last)) return "issued and held numbers are not all there are";
    return judge_recorded(shares);
  }

 private:
  using handle = decltype(std::declval<Handles&>().local());
  struct alignas(128) owned {
    handle from;
    std::uint64_t first;
    std::uint64_t last;
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
};

constexpr std::uint64_t block_size = 4096;
constexpr std::uint64_t wide_gap = std::uint64_t{1} << 26;

struct memory_blocks {
  sequencer::block_cache<sequencer::memory_source> cache{
      sequencer::block_options{.block = block_size}};
  auto local() { return cache.local(); }
};

struct durable_blocks {
  sequencer::checkpoint file;
  sequencer::durable_blocks blocks;

  explicit durable_blocks(const std::string& path)
      : file(or_throw(sequencer::checkpoint::open(path, {.create = true}))),
        blocks(or_throw(file.blocks(
            "numbers", {.create = true, .max_gap = wide_gap, .block = block_size}))) {}
  auto local() { return blocks.local(); }
};

template <class Contender, class... Args>
entry make(std::string name, Args&&... args) {
  return {std::move(name), std::make_unique<Contender>(std::forward<Args>(args)...)};
}

// Calls run(threads) for one thread, and for two where there are two CPUs.
template <class Run>
void for_threads(surroundings& in, Run run) {
  for (const unsigned threads : {1u, 2u}) {
    if (threads <= in.workers.size()) run(threads);
  }
}

contest start_contest(const std::string& name, unsigned threads, std::uint64_t capacity) {
  contest made;
  made.name = name;
  made.params = {8, 1, threads, capacity, "one"};
  made.entries.push_back(make<null_contender>("null"));
  return made;
}

void judge_strict(surroundings& in) {
  const auto reaches = [](double least) { return [=](const ratio& r) { return r.high >= least; }; };
  const auto at_least = [](double least) {
    return [=](const ratio& r) { return r.median >= least; };
  };
  for_threads(in, [&](unsigned threads) {
    judge_ratio(in, fmt::format("strict next() vs fetch_add, {} thread(s)", threads),
                "interval reaches 0.98", "counter_strict", threads, "sequencer", "fetch_add",
                reaches(0.98));
  });
  if (in.workers.size() < 2) return;
  judge_ratio(in, "strict next() vs CAS loop, 2 threads", ">= 2 x", "counter_strict", 2,
              "sequencer", "cas_loop", at_least(2));
  const auto* raw = in.into.find_ratio("counter_strict", 2, "fetch_add", "mutex");
  // What the raw instruction gives, but not more than ten times is asked for.
  const auto most = raw == nullptr ? 10 : std::min(10.0, 0.98 * raw->low);
  const auto target = fmt::format(">= 10 x, or as fetch_add: {:.1f}", raw ? raw->median : 0);
  judge_ratio(in, "strict next() vs std::mutex, 2 threads", target, "counter_strict", 2,
              "sequencer", "mutex", reaches(most));
}

std::string as_cost(const ratio& of) {
  return fmt::format("{:.3f} x [{:.3f}, {:.3f}]", 1 / of.median, 1 / of.high, 1 / of.low);
}

// As judge_ratio, for targets that say how much a thing may cost.
void judge_cost(surroundings& in, const std::string& what, double most, const std::string& name,
                unsigned threads, const std::string& ours, const std::string& peer) {
  const auto target = fmt::format("<= {:.1f} x", most);
  const auto* found = in.into.find_ratio(name, threads, ours, peer);
  if (found == nullptr) {
    in.into.verdicts.push_back({what, target, "not measured, or void", false});
  } else {
    in.into.verdicts.push_back({what, target, as_cost(*found), 1 / found->median <= most});
  }
}

void judge_blocks(surroundings& in) {
  for_threads(in, [&](unsigned threads) {
    judge_cost(in, fmt::format("block next() vs thread-local word, {} thread(s)", threads), 1.3,
               "counter_block", threads, "sequencer", "thread_local");
    const auto* live = in.into.find_row("counter_block", threads, "sequencer:live");
    if (live == nullptr) return;
    // Over all threads together two threads take half the time an item that each of them takes.
    const auto own = live->median * threads;
    in.into.verdicts.push_back({fmt::format("block next(), live region, {} thread(s)", threads),
                                "<= 1.1 ns a thread", fmt::format("{:.2f} ns", own),
                                live->valid && own <= 1.1});
  });
  if (in.workers.size() < 2) return;
  judge_ratio(in, "block next() vs contended fetch_add, 2 threads", ">= 10 x", "counter_block", 2,
              "sequencer", "fetch_add", [](const ratio& r) { return r.median >= 10; });
}

}  // namespace

void run_counter_strict(surroundings& in) {
  for_threads(in, [&](unsigned threads) {
    auto of = start_contest("counter_strict", threads, 0);
    of.entries.push_back(make<dense_contender<ours_strict>>("sequencer"));
    of.entries.push_back(make<dense_contender<raw_fetch_add>>("fetch_add"));
    of.entries.push_back(make<dense_contender<cas_loop>>("cas_loop"));
    of.entries.push_back(make<dense_contender<under_mutex>>("mutex"));
    if (in.plant_wrong) {
      of.entries.push_back(make<dense_contender<planted_wrong>>("planted_wrong"));
    }
    of.ratios = {{"sequencer", "fetch_add"}, {"sequencer", "cas_loop"}, {"sequencer", "mutex"},
                 {"fetch_add", "mutex"}};
    run_contest(of, in.how, in.workers, in.random, in.into);
  });
  judge_strict(in);
}

void run_counter_durable(surroundings& in) {
  for_threads(in, [&](unsigned threads) {
    auto of = start_contest("counter_durable", threads, 0);
    of.entries.push_back(make<durable_contender>("sequencer", fresh_file(in, "ahead.seq"),
                                                 sequencer::live_policy::automatic, wide_gap));
    of.entries.push_back(make<durable_contender>("sequencer:no_live",
                                                 fresh_file(in, "ahead-no-live.seq"),
                                                 sequencer::live_policy::off, wide_gap));
    of.entries.push_back(make<dense_contender<ours_strict>>("sequencer:volatile"));
    of.entries.push_back(make<dense_contender<raw_fetch_add>>("fetch_add"));
    of.ratios = {{"sequencer", "sequencer:volatile"},
                 {"sequencer:no_live", "sequencer:volatile"},
                 {"sequencer", "fetch_add"}};
    run_contest(of, in.how, in.workers, in.random, in.into);
  });
  for_threads(in, [&](unsigned threads) {
    judge_cost(in, fmt::format("durable next() (ahead) vs volatile, {} thread(s)", threads), 1.2,
               "counter_durable", threads, "sequencer", "sequencer:volatile");
  });
}

void run_counter_block(surroundings& in) {
  for_threads(in, [&](unsigned threads) {
    auto of = start_contest("counter_block", threads, block_size);
    of.entries.push_back(make<block_contender<memory_blocks>>("sequencer"));
    of.entries.push_back(
        make<block_contender<durable_blocks>>("sequencer:live", fresh_file(in, "blocks.seq")));
    of.entries.push_back(make<thread_local_word>("thread_local"));
    of.entries.push_back(make<dense_contender<raw_fetch_add>>("fetch_add"));
    of.ratios = {{"sequencer", "thread_local"},
                 {"sequencer", "fetch_add"},
                 {"sequencer:live", "thread_local"},
                 {"sequencer:live", "fetch_add"}};
    run_contest(of, in.how, in.workers, in.random, in.into);
  });
  judge_blocks(in);
}

}  // namespace perf
