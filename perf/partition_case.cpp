// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sequencer/partitioned.hpp>
#include <sequencer/partitioner.hpp>

#include "cases.hpp"
#include "numbers.hpp"
#include "sweeps.hpp"

#ifdef SEQUENCER_PERF_RDKAFKA
#include <librdkafka/rdkafka.h>
#endif

// Partitions: a counter each, and which of them a key belongs to.
namespace perf {

namespace {

// ---- a partition for each thread

// Each thread's numbers from a place of its own, dense there. Places has take(place, number) and
// position(place).
template <class Places>
class placed_contender : public contender {
 public:
  explicit placed_contender(unsigned threads) : places_(threads), first_(threads) {}

  void prepare(unsigned threads) override {
    for (unsigned i = 0; i != threads; ++i) first_[i] = places_.position(i);
  }
  void work(unsigned thread, std::uint64_t items, share& to) override {
    take_numbers([&](std::uint64_t& number) { return places_.take(thread, number); }, items, to);
  }
  void record(unsigned thread, std::uint64_t items, share& to) override {
    record_numbers([&](std::uint64_t& number) { return places_.take(thread, number); }, items, to);
  }
  std::string judge(std::span<const share> shares) override {
    for (unsigned i = 0; i != shares.size(); ++i) {
      auto wrong = judge_dense(shares.subspan(i, 1), first_[i], places_.position(i));
      if (!wrong.empty()) return wrong;
    }
    return {};
  }

 private:
  Places places_;
  std::vector<std::uint64_t> first_;
};

struct own_partition {
  sequencer::partitioned log;
  explicit own_partition(unsigned threads) : log(threads) {}
  bool take(unsigned thread, std::uint64_t& number) {
    const auto got = log.append(thread);
    if (!got) return false;
    number = *got;
    return true;
  }
  std::uint64_t position(unsigned thread) const { return log.log_end(thread); }
};

// What nobody shares: words that were asked for one by one.
struct separate_words {
  struct alignas(128) word {
    std::atomic<std::uint64_t> next{0};
  };
  std::vector<std::unique_ptr<word>> words;
  explicit separate_words(unsigned threads) : words(threads) {
    for (auto& each : words) each = std::make_unique<word>();
  }
  bool take(unsigned thread, std::uint64_t& number) {
    number = words[thread]->next.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  std::uint64_t position(unsigned thread) const { return words[thread]->next; }
};

// All threads in one partition.
class shared_contender : public contender {
 public:
  void prepare(unsigned) override { first_ = log_.log_end(0); }
  void work(unsigned, std::uint64_t items, share& to) override {
    take_numbers([this](std::uint64_t& number) { return take(number); }, items, to);
  }
  void record(unsigned, std::uint64_t items, share& to) override {
    record_numbers([this](std::uint64_t& number) { return take(number); }, items, to);
  }
  std::string judge(std::span<const share> shares) override {
    return judge_dense(shares, first_, log_.log_end(0));
  }

 private:
  bool take(std::uint64_t& number) {
    const auto got = log_.append(0);
    if (!got) return false;
    number = *got;
    return true;
  }

  sequencer::partitioned log_{1};
  std::uint64_t first_ = 0;
};

void add_partitions(contest& of, unsigned threads) {
  const auto add = [&](const char* name, auto made) {
    of.entries.push_back({name, std::move(made)});
  };
  add("sequencer", std::make_unique<placed_contender<own_partition>>(threads));
  add("separate_words", std::make_unique<placed_contender<separate_words>>(threads));
  add("sequencer:one_partition", std::make_unique<shared_contender>());
  of.ratios = {{"sequencer", "separate_words"}, {"sequencer", "sequencer:one_partition"}};
}

// P partitions on P cores beside one partition on one.
void judge_scaling(surroundings& in) {
  const auto cores = static_cast<unsigned>(in.workers.size());
  const auto* one = in.into.find_row("partitions", 1, "sequencer");
  const auto* all = in.into.find_row("partitions", cores, "sequencer");
  if (cores < 2 || one == nullptr || all == nullptr) return;
  const auto times = one->median / all->median;
  const auto least = 0.9 * cores;
  in.into.verdicts.push_back({fmt::format("{0} partitions on {0} cores, one on one", cores),
                              fmt::format(">= {:.1f} x", least), fmt::format("{:.2f} x", times),
                              one->valid && all->valid && times >= least});
}

// ---- the partition of a key

constexpr std::size_t key_bytes = 16;
constexpr std::size_t key_count = 4096;
constexpr std::uint32_t partition_count = 12;

using choice = sequencer::sequence (*)(std::string_view key, std::uint32_t count);

// A loop of its own for each way, so that ours is inlined as it is where it is used.
template <choice Choose, choice Check>
class key_contender : public contender {
 public:
  key_contender() : keys_(key_bytes * key_count) {
    std::mt19937_64 random(1);  // all contenders have the same keys
    for (auto& byte : keys_) byte = static_cast<char>(random());
    for (std::size_t i = 0; i != key_count; ++i) right_.push_back(Check(key(i), partition_count));
  }

  void prepare(unsigned) override {}
  void work(unsigned, std::uint64_t items, share& to) override {
    std::size_t at = 0;
    const auto take = [&](std::uint64_t& number) {
      number = Choose(key(at), count_);
      at = (at + 1) % key_count;
      return true;
    };
    take_numbers(take, items, to);
    if (to.sum != right_sum(items)) to.failure = "a key went to another partition";
  }
  void record(unsigned, std::uint64_t items, share& to) override {
    for (std::uint64_t i = 0; i != items; ++i) {
      to.kept.push_back(Choose(key(i % key_count), count_));
      to.sum += to.kept.back();
      if (to.kept.back() != right_[i % key_count]) to.failure = "a key went to another partition";
    }
    to.count = items;
  }
  std::string judge(std::span<const share> shares) override { return first_failure(shares); }

 private:
  std::string_view key(std::size_t i) const { return {keys_.data() + i * key_bytes, key_bytes}; }
  std::uint64_t right_sum(std::uint64_t items) const {
    std::uint64_t lap = 0;
    std::uint64_t rest = 0;
    for (std::size_t i = 0; i != key_count; ++i) {
      lap += right_[i];
      if (i < items % key_count) rest += right_[i];
    }
    return items / key_count * lap + rest;
  }

  std::vector<char> keys_;
  std::vector<std::uint64_t> right_;
  std::uint32_t count_ = partition_count;
};

sequencer::sequence nothing(std::string_view, std::uint32_t) { return 0; }
sequencer::sequence by_murmur2(std::string_view key, std::uint32_t count) {
  return *sequencer::partition_of_positive(sequencer::murmur2(key), count);
}
sequencer::sequence by_crc32(std::string_view key, std::uint32_t count) {
  return *sequencer::partition_of(sequencer::crc32(key), count);
}
sequencer::sequence by_fnv1a(std::string_view key, std::uint32_t count) {
  return *sequencer::partition_of(sequencer::fnv1a(key), count);
}

// Ours beside librdkafka's, each checked against the other where both are.
#ifdef SEQUENCER_PERF_RDKAFKA
template <auto Ask>
sequencer::sequence theirs(std::string_view key, std::uint32_t count) {
  const auto signed_count = static_cast<std::int32_t>(count);
  return static_cast<sequencer::sequence>(
      Ask(nullptr, key.data(), key.size(), signed_count, nullptr, nullptr));
}
constexpr choice their_murmur2 = theirs<rd_kafka_msg_partitioner_murmur2>;
constexpr choice their_crc32 = theirs<rd_kafka_msg_partitioner_consistent>;
constexpr choice their_fnv1a = theirs<rd_kafka_msg_partitioner_fnv1a>;
#else
constexpr choice their_murmur2 = by_murmur2;
constexpr choice their_crc32 = by_crc32;
constexpr choice their_fnv1a = by_fnv1a;
#endif

template <choice Choose, choice Check>
void add_keys(contest& of, const char* name) {
  of.entries.push_back({name, std::make_unique<key_contender<Choose, Check>>()});
}

}  // namespace

void run_partitions(surroundings& in) {
  for (const auto threads : thread_counts(in.workers.size())) {
    if (threads > in.workers.size()) continue;
    contest of;
    of.name = "partitions";
    of.params = {8, 1, threads, threads, "one"};
    add_partitions(of, threads);
    run_contest(of, in.how, in.workers, in.random, in.into);
  }
  if (in.workers.size() >= 2) {
    judge_ratio(in, "partitions vs separate words, 2 threads", ">= 0.95 x", "partitions", 2,
                "sequencer", "separate_words", [](const ratio& r) { return r.median >= 0.95; });
  }
  judge_scaling(in);
}

void run_partitioner(surroundings& in) {
  contest of;
  of.name = "partitioner";
  of.params = {key_bytes, 1, 1, partition_count, "one"};
  add_keys<nothing, nothing>(of, "null");
  add_keys<by_murmur2, their_murmur2>(of, "sequencer");
  add_keys<by_crc32, their_crc32>(of, "sequencer:crc32");
  add_keys<by_fnv1a, their_fnv1a>(of, "sequencer:fnv1a");
#ifdef SEQUENCER_PERF_RDKAFKA
  add_keys<their_murmur2, by_murmur2>(of, "librdkafka");
  add_keys<their_crc32, by_crc32>(of, "librdkafka:crc32");
  add_keys<their_fnv1a, by_fnv1a>(of, "librdkafka:fnv1a");
  of.ratios = {{"sequencer", "librdkafka"},
               {"sequencer:crc32", "librdkafka:crc32"},
               {"sequencer:fnv1a", "librdkafka:fnv1a"}};
#endif
  run_contest(of, in.how, in.workers, in.random, in.into);
#ifdef SEQUENCER_PERF_RDKAFKA
  judge_ratio(in, "murmur2 partition of 16 bytes vs librdkafka's", ">= 0.833 x", "partitioner", 1,
              "sequencer", "librdkafka", [](const ratio& r) { return r.median >= 1 / 1.2; });
#endif
}

}  // namespace perf
