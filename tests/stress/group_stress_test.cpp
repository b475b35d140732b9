// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

// Producers append to the partitions of a log while the members of a group read, commit, leave,
// come back and expel each other. Written for the thread sanitizer, useful without.
// SEQUENCER_MINUTES and SEQUENCER_SEED as in the other stress programs.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <sequencer/group.hpp>
#include <sequencer/partitioner.hpp>

#include "rounds.hpp"

namespace {

using namespace sequencer;

constexpr std::uint32_t partitions = 4;
constexpr std::uint64_t producers = 2;
constexpr std::uint64_t of_each = 1'500;
constexpr unsigned readers = 3;

// Something that a member was given, or was allowed to commit.
struct happened {
  std::uint64_t generation;
  std::uint32_t partition;
  std::uint64_t member;
  range offsets;  // of a commit: empty, at the offset
};

struct shared {
  explicit shared(assignment::rule by)
      : rule(by), all(log, offsets, generation, {.rule = by}), records(partitions) {
    for (auto& each : records) each.resize(producers * of_each);
  }

  bool is_committed(std::uint32_t p) const {
    const auto done = all.committed(p);
    return done && *done == log.log_end(p);
  }
  bool is_read() const {
    if (produced != producers) return false;
    for (std::uint32_t p = 0; p != partitions; ++p) {
      if (log.log_end(p) != 0 && !is_committed(p)) return false;
    }
    return true;
  }

  assignment::rule rule;
  partitioned log{partitions};
  std::vector<memory_mark> offsets = std::vector<memory_mark>(partitions);
  memory_mark generation;
  group<memory_mark> all;
  std::vector<std::vector<std::uint64_t>> records;  // as written, by partition and offset
  std::atomic<std::uint64_t> produced{0};
};

void produce(shared& in, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  partitioner choose(partitioning::murmur2_random, seed);
  for (std::uint64_t sent = 0; sent != of_each;) {
    const auto key = std::to_string(random() % 100);
    const auto p = static_cast<std::uint32_t>(choose(key, partitions).value());
    const auto n = std::min<std::uint64_t>(1 + random() % 8, of_each - sent);
    const auto mine = in.log.append(p, n).value();
    for (auto s = mine.first; s != mine.last; ++s) in.records[p][s] = s + 1;
    while (!in.log.publish(p, mine)) std::this_thread::yield();
    sent += n;
  }
  ++in.produced;
}

class reader {
 public:
  reader(shared& in, unsigned number, std::uint64_t seed)
      : in_(in), name_(1, static_cast<char>('a' + number)), random_(seed) {}

  void run() {
    join();
    while (!in_.is_read()) {
      if (in_.all.generation() != me_.generation) renew();
      switch (random_() % 200) {
        case 0: leave(); break;
        case 1: expel(std::string(1, static_cast<char>('a' + random_() % readers))); break;
        default: read();
      }
      std::this_thread::yield();
    }
  }

  std::vector<happened> taken;
  std::vector<happened> committed;
  std::uint64_t late = 0;
  bool sound = true;

 private:
  // A name is free when its reader asks: only it has it, and it was put out.
  void join() {
    me_ = in_.all.join(name_).value();
    unfinished_.clear();
  }

  void leave() {
    // Somebody may have been quicker.
    const auto left = in_.all.leave(me_);
    sound = sound && (left || left.code() == errc::fenced);
    join();
  }

  void expel(const std::string& name) {
    const auto gone = in_.all.expel(name);
    sound = sound && (gone || gone.code() == errc::invalid);
  }

  void renew() {
    // What it did under the older generation comes too late, if only a little.
    const auto old = me_;
    const auto found = in_.all.renew(me_);
    if (!found) return join();
    me_ = *found;
    if (me_.generation == old.generation) return;
    for (const auto& [p, offset] : unfinished_) {
      const auto refused = in_.all.commit(old, p, offset);
      sound = sound && !refused && refused.code() == errc::fenced;
      ++late;
    }
    if (in_.rule != assignment::rule::cooperative) unfinished_.clear();
  }

  void read() {
    const auto leaving = in_.all.leaving(me_);
    const auto mine = in_.all.assigned(me_);
    if (!leaving || !mine) return;
    for (const auto p : *leaving) {
      finish(p);
      const auto released = in_.all.release(me_, p);
      sound = sound && (released || released.code() == errc::fenced);
    }
    for (const auto p : *mine) take(p);
  }

  void take(std::uint32_t p) {
    const auto got = in_.all.take(me_, p, 1 + random_() % 16);
    if (!got) {
      if (got.code() == errc::unavailable) finish(p);
      return;
    }
    taken.push_back({me_.generation, p, me_.id, *got});
    for (auto s = got->first; s != got->last; ++s) {
      sound = sound && in_.records[p][s] == s + 1;
    }
    unfinished_[p] = got->last;
    if (random_() % 4 != 0) finish(p);
  }

  void finish(std::uint32_t p) {
    const auto at = unfinished_.find(p);
    if (at == unfinished_.end()) return;
    if (!in_.all.commit(me_, p, at->second)) return;
    committed.push_back({me_.generation, p, me_.id, {at->second, at->second}});
    unfinished_.erase(at);
  }

  shared& in_;
  std::string name_;
  std::mt19937_64 random_;
  membership me_;
  std::map<std::uint32_t, sequence> unfinished_;  // taken up to there, and not committed
};

// In order of generations, each thread's own order kept within one.
std::vector<happened> in_order(std::vector<happened> all) {
  std::stable_sort(all.begin(), all.end(), [](const happened& a, const happened& b) {
    return std::tie(a.partition, a.generation) < std::tie(b.partition, b.generation);
  });
  return all;
}

// Of one generation every offset to one member once, what it committed was its own, and each
// generation began where the one before it had committed, or further back.
void expect_sound(const std::vector<happened>& taken, const std::vector<happened>& committed) {
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> owners;
  std::map<std::uint32_t, sequence> reached;
  for (std::size_t i = 0; i != taken.size(); ++i) {
    const auto& now = taken[i];
    const auto owner = owners.try_emplace({now.partition, now.generation}, now.member);
    EXPECT_EQ(owner.first->second, now.member) << "two members in one generation";
    EXPECT_LE(now.offsets.first, reached[now.partition]) << "offsets were left out";
    if (i != 0 && taken[i - 1].partition == now.partition &&
        taken[i - 1].generation == now.generation) {
      EXPECT_EQ(taken[i - 1].offsets.last, now.offsets.first) << "not the next ones";
    }
    reached[now.partition] = std::max(reached[now.partition], now.offsets.last);
  }
  std::map<std::uint32_t, sequence> done;
  for (const auto& each : committed) {
    const auto owner = owners.try_emplace({each.partition, each.generation}, each.member);
    EXPECT_EQ(owner.first->second, each.member) << "somebody else's commit was kept";
    EXPECT_GE(each.offsets.first, done[each.partition]) << "a commit went back";
    done[each.partition] = each.offsets.first;
  }
}

void round_of(assignment::rule by, std::uint64_t seed, std::uint64_t& late) {
  std::mt19937_64 random(seed);
  shared in(by);
  std::vector<reader> all;
  for (unsigned i = 0; i != readers; ++i) all.emplace_back(in, i, random());
  std::vector<std::thread> threads;
  for (auto& each : all) threads.emplace_back([&each] { each.run(); });
  for (std::uint64_t i = 0; i != producers; ++i) {
    threads.emplace_back([&in, own = random()] { produce(in, own); });
  }
  for (auto& each : threads) each.join();

  std::vector<happened> taken;
  std::vector<happened> committed;
  for (const auto& each : all) {
    EXPECT_TRUE(each.sound);
    taken.insert(taken.end(), each.taken.begin(), each.taken.end());
    committed.insert(committed.end(), each.committed.begin(), each.committed.end());
    late += each.late;
  }
  expect_sound(in_order(taken), in_order(committed));
  sequence sent = 0;
  for (std::uint32_t p = 0; p != partitions; ++p) sent += in.log.marks(p).high_water;
  EXPECT_EQ(sent, producers * of_each);
}

void stress_of(assignment::rule by) {
  std::uint64_t late = 0;
  stress::in_rounds(2, [&](std::uint64_t seed) { round_of(by, seed, late); });
  std::cout << late << " late commits, all refused\n";
}

TEST(group_stress, sticky) { stress_of(assignment::rule::sticky); }
TEST(group_stress, cooperative) { stress_of(assignment::rule::cooperative); }

}  // namespace
