// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/tiered_source.hpp>

#include "model.hpp"

namespace {

using namespace sequencer;

constexpr sequence most = 64;

// Each block has an epoch and a lineage of its own: who reads those of another block is found out.
struct marked_source {
  static constexpr bool slow = false;
  memory_source numbers;

  result<block> acquire(const block_request& asked) noexcept {
    auto got = numbers.acquire(asked);
    if (!got) return got;
    return block{got->numbers, got->numbers.first + 1, got->numbers.last + 100};
  }
  bool release(std::uint32_t holder, range tail) noexcept {
    return numbers.release(holder, tail);
  }
};

// The checker's threads, spread over the CPUs as a suite says.
struct placed_thread {
  inline static unsigned cpu_of[3] = {};
  unsigned operator()() const noexcept { return cpu_of[rl::thread_index()]; }
};

using source_of_tiers = tiered_source<marked_source, placed_thread>;

struct issued {
  bool seen[most] = {};
  sequence count = 0;

  void note(range numbers) {
    for (auto s = numbers.first; s != numbers.last; ++s) {
      model::require(s < most && !seen[s], "a number handed out twice");
      seen[s] = true;
      ++count;
    }
  }
  void forget(range numbers) {
    for (auto s = numbers.first; s != numbers.last; ++s) seen[s] = false;
    count -= numbers.size();
  }
};

tiers shape(std::uint32_t domains, std::uint64_t domain_block, std::uint64_t node_block) {
  auto made = tiers::even(1, domains, 1);
  made.domain_block = domain_block;
  made.node_block = node_block;
  return made;
}

template <unsigned First, unsigned Second, unsigned Third>
void place() {
  placed_thread::cpu_of[0] = First;
  placed_thread::cpu_of[1] = Second;
  placed_thread::cpu_of[2] = Third;
}

// Of a domain's block that is `size` numbers and came from the source itself.
void check_owner(const block& got, std::uint64_t size) {
  const auto first = got.numbers.first / size * size;
  model::require(got.epoch == first + 1, "the epoch of another block");
  model::require(got.lineage == first + size + 100, "the lineage of another block");
}

// One pool, whose filler brings block after block as long as takers want more. Blocks may touch,
// so that the end of one is the first number of the next.
template <unsigned Takers, sequence Distance>
struct pool_alone : rl::test_suite<pool_alone<Takers, Distance>, Takers + 1> {
  static constexpr sequence size = 2;
  static constexpr int blocks = 2;
  detail::tier_pool pool{size, 0, nullptr};
  issued all;

  void thread(unsigned index) {
    if (index == 0) return bring();
    for (int got = 0; got != size * blocks / Takers;) {
      const auto offer = pool.take({1, 1});
      if (offer.how == detail::tier_offer::kind::empty) {
        cpu::relax();
        continue;
      }
      ++got;
      const auto& numbers = offer.numbers.numbers;
      all.note(numbers);
      const auto number = numbers.first / (size + Distance);
      model::require(offer.numbers.epoch == number + 1, "the epoch of another block");
      model::require(offer.numbers.lineage == number + 10, "the lineage of another block");
    }
  }

  void bring() {
    for (sequence i = 0; i != blocks;) {
      if (!pool.drained()) {
        cpu::relax();
        continue;
      }
      const auto first = i * (size + Distance);
      model::require(pool.fill({{first, first + size}, i + 1, i + 10}, 0), "a block refused");
      ++i;
    }
  }

  void after() { model::require(all.count == size * blocks, "numbers left over"); }
};

// Two neighbours drain one pool block after block: whatever they take belongs together.
struct neighbours : rl::test_suite<neighbours, 2> {
  source_of_tiers source{shape(1, 2, 0)};
  issued all;

  void before() { place<0, 0, 0>(); }
  void thread(unsigned) {
    for (int i = 0; i != 3; ++i) {
      const auto got = *source.acquire({1, 1});
      all.note(got.numbers);
      check_owner(got, 2);
    }
  }
  void after() {
    model::require(all.count == 6 && source.source().numbers.peek() == 6, "a block too many");
  }
};

// Two domains refill from their node, that from the source.
struct two_domains : rl::test_suite<two_domains, 3> {
  source_of_tiers source{shape(2, 2, 4)};
  issued all;

  void before() { place<0, 0, 1>(); }
  void thread(unsigned index) {
    sequence floor = 0;
    for (unsigned i = 0; i != (index == 2 ? 3 : 2); ++i) {
      const auto got = *source.acquire({1, 1, floor});
      all.note(got.numbers);
      check_owner(got, 4);
      model::require(got.numbers.first >= floor, "a block below the floor");
      floor = got.numbers.last;
    }
  }
  void after() {
    model::require(source.source().numbers.peek() - all.count <= source.held_bound(),
                   "more is held than may be");
  }
};

// A tail comes back to the pool while a neighbour takes from it and refills it.
struct tails_come_back : rl::test_suite<tails_come_back, 2> {
  source_of_tiers source{shape(1, 4, 0)};
  issued all;
  sequence lost = 0;

  void before() { place<0, 0, 0>(); }
  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i != 2; ++i) take(2);
      return;
    }
    auto got = take(3);
    if (got.size() < 2) return;
    const range tail{got.first + 1, got.last};
    all.forget(tail);
    if (!source.release(1, tail)) lost += tail.size();
    take(2);
  }
  range take(std::uint64_t n) {
    const auto got = *source.acquire({1, n});
    all.note(got.numbers);
    check_owner(got, 4);
    return got.numbers;
  }
  void after() {
    const auto end = source.source().numbers.peek();
    model::require(end - all.count - lost < 4, "numbers nobody has and no pool can");
    for (sequence s = all.count + lost; s < end; ++s) all.note(source.acquire({1, 1})->numbers);
    model::require(all.count + lost == end, "a number unaccounted for");
  }
};

// A newcomer whose floor is above the pool makes it give up while its neighbour takes from it.
struct a_newcomer : rl::test_suite<a_newcomer, 2> {
  source_of_tiers source{shape(1, 4, 0)};
  issued all;

  void before() { place<0, 0, 0>(); }
  void thread(unsigned index) {
    if (index == 0) {
      sequence floor = 0;
      for (int i = 0; i != 3; ++i) floor = take(1, floor);
      return;
    }
    auto floor = take(1, 0);
    floor = take(2, std::max<sequence>(floor, 3));
    take(2, floor);
  }
  sequence take(std::uint64_t n, sequence floor) {
    const auto got = *source.acquire({1, n, floor});
    all.note(got.numbers);
    return got.numbers.last;
  }
  void after() {
    sequence lost = 0;
    for (const auto& each : source.holes()) {
      lost += each.lost;
      model::require(each.epoch == each.numbers.first / 4 * 4 + 1 || each.numbers.first > 3,
                     "a hole of another epoch");
      for (auto s = each.numbers.first; s != each.numbers.last; ++s) {
        model::require(!all.seen[s], "an issued number is called a hole");
      }
    }
    const auto end = source.source().numbers.peek();
    model::require(end - all.count - lost <= source.held_bound(), "more is gone than is held");
  }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  program.run<pool_alone<1, 0>>("one_taker", {.bound = 2, .full_bound = 3});
  program.run<pool_alone<2, 0>>("touching_blocks", {.bound = 1, .full_bound = 2});
  program.run<pool_alone<2, 3>>("blocks_apart", {.bound = 1, .full_bound = 2});
  program.run<neighbours>("neighbours", {.bound = 0, .full_bound = 0});
  program.run<two_domains>("two_domains", {.runs = 20'000, .bound = 0, .full_bound = 0});
  program.run<tails_come_back>("tails_come_back", {.bound = 0, .full_bound = 0});
  program.run<a_newcomer>("a_newcomer", {.bound = 0, .full_bound = 0});
  return program.verdict();
}
