// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Vector clocks, sets of siblings and interval tree clocks, against sets of events.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/clock/dotted.hpp>
#include <sequencer/clock/interval_tree.hpp>
#include <sequencer/clock/vector.hpp>

#include "causal.hpp"

namespace sequencer {
namespace {

using clock::relation;
using causal::history;

template <class Clock>
struct known {
  Clock clock;
  history past;
};

template <class Clock>
Clock merged(Clock one, const Clock& other) {
  static_cast<void>(one.merge(other));
  return one;
}

template <class Clock>
void check_all_pairs(const std::vector<known<Clock>>& all) {
  for (const auto& a : all) {
    for (const auto& b : all) {
      RC_ASSERT(compare(a.clock, b.clock) == causal::relation_of(a.past, b.past));
      RC_ASSERT((a.clock == b.clock) == (a.past == b.past));
    }
  }
}

// What merging is: the least clock that is not below either.
template <class Clock>
void check_merging(const std::vector<known<Clock>>& all) {
  if (all.empty()) return;
  const auto& a = all[*rc::gen::inRange<std::size_t>(0, all.size())];
  const auto& b = all[*rc::gen::inRange<std::size_t>(0, all.size())];
  const auto& c = all[*rc::gen::inRange<std::size_t>(0, all.size())];
  const auto ab = merged(a.clock, b.clock);
  RC_ASSERT(ab == merged(b.clock, a.clock));
  RC_ASSERT(merged(ab, c.clock) == merged(a.clock, merged(b.clock, c.clock)));
  RC_ASSERT(merged(a.clock, a.clock) == a.clock);
  for (const auto& each : all) {
    const bool above_both = ((a.past | b.past) & ~each.past).none();
    const auto found = compare(ab, each.clock);
    RC_ASSERT((found == relation::before || found == relation::equal) == above_both);
  }
}

// 0 is an event, 1 a sent message, 2 one that is received.
template <class Clock>
std::vector<known<Clock>> run_messages(const causal::program& steps,
                                       std::vector<known<Clock>> clocks) {
  std::vector<known<Clock>> all, messages;
  causal::events events;
  for (const auto& each : steps) {
    if (!events.any_left()) break;
    auto& here = clocks[each.who];
    if (each.what == 2 && !messages.empty()) {
      const auto& message = messages[each.with % messages.size()];
      RC_ASSERT(here.clock.observe(each.who, message.clock));
      here.past |= message.past;
    } else {
      RC_ASSERT(here.clock.tick(each.who));
    }
    events.happen(here.past);
    if (each.what == 1) messages.push_back(here);
    all.push_back(here);
  }
  return all;
}

TEST(VectorLaws, OfFixedMembersAreTheOrderOfHistories) {
  EXPECT_TRUE(rc::check([] {
    using clock = clock::fixed_vector<5>;
    const auto all = run_messages<clock>(*causal::programs(3, 5), std::vector<known<clock>>(5));
    check_all_pairs(all);
    check_merging(all);
  }));
}

TEST(VectorLaws, OfMembersThatComeAreTheOrderOfHistories) {
  EXPECT_TRUE(rc::check([] {
    const auto all = run_messages<clock::vector>(*causal::programs(3, 5),
                                                 std::vector<known<clock::vector>>(5));
    check_all_pairs(all);
    check_merging(all);
  }));
}

TEST(VectorLaws, ComeBackFromTheirBytes) {
  EXPECT_TRUE(rc::check([] {
    const auto steps = *causal::programs(3, 5);
    for (const auto& each :
         run_messages<clock::vector>(steps, std::vector<known<clock::vector>>(5))) {
      std::vector<std::byte> bytes;
      each.clock.encode(bytes);
      RC_ASSERT(*clock::vector::decode(bytes) == each.clock);
    }
  }));
}

// ---- pruning

// Members that tick, hear of each other, retire and are forgotten, each node in its own time and
// each with its own prefix of the list; beside every clock the same one that nobody prunes.
struct pruned_world {
  struct node {
    clock::vector pruned, whole;
    clock::retirements list;
  };
  std::vector<node> nodes = std::vector<node>(5);
  std::vector<node> kept;  // clocks that lie somewhere, pruned as they were
  clock::retirements list;

  // 0, 1: an event; 2: hear of another; 3: retire a member; 4: learn of retirements; 5: prune;
  // 6: keep a copy.
  void play(const causal::step& of) {
    auto& here = nodes[of.who];
    const auto& other = nodes[of.with % nodes.size()];
    if (of.what <= 1 && !list.contains(of.who)) {
      RC_ASSERT(here.pruned.tick(of.who));
      RC_ASSERT(here.whole.tick(of.who));
    } else if (of.what == 2) {
      const auto heard = here.pruned.merge(other.pruned, here.list);
      const bool must = here.list.size() >= std::max(here.pruned.pruned(), other.pruned.pruned());
      RC_ASSERT(heard || !must);
      if (!heard) return RC_ASSERT(heard.code() == errc::unavailable);
      RC_ASSERT(here.whole.merge(other.whole));
    } else if (of.what == 3 && list.size() < 3 && !list.contains(of.who)) {
      RC_ASSERT(list.retire(of.who, here.whole[of.who]));
    } else if (of.what == 4) {
      RC_ASSERT(here.list.follow(of.with % 2 == 0 ? list : other.list));
    } else if (of.what == 5) {
      RC_ASSERT(here.pruned.prune(here.list));
    } else if (of.what == 6) {
      kept.push_back(here);
    }
  }
};

TEST(PruningLaws, HideAnOrderAtWorstAndNothingFromWhoHasTheList) {
  EXPECT_TRUE(rc::check([] {
    pruned_world world;
    for (const auto& each : *causal::programs(7, 5)) world.play(each);
    auto all = world.kept;
    all.insert(all.end(), world.nodes.begin(), world.nodes.end());
    for (const auto& a : all) {
      for (const auto& b : all) {
        const auto truth = compare(a.whole, b.whole);
        RC_ASSERT(compare(a.pruned, b.pruned, world.list) == truth);
        for (const auto* list : {&a.list, &b.list}) {
          const auto found = compare(a.pruned, b.pruned, *list);
          RC_ASSERT(found == truth || found == relation::concurrent);
        }
        const auto found = compare(a.pruned, b.pruned);
        RC_ASSERT(found == truth || found == relation::concurrent);
        if (a.pruned.pruned() == b.pruned.pruned()) RC_ASSERT(found == truth);
      }
    }
  }));
}

// ---- siblings

// Writes are numbers; what a replica has heard of, and what of that is left.
struct heard {
  std::set<int> of;
  std::set<int> left;

  void put(const std::set<int>& seen, int value) {
    forget(seen);
    of.insert(value);
    left.insert(value);
  }
  void forget(const std::set<int>& seen) {
    for (const auto each : seen) {
      of.insert(each);
      left.erase(each);
    }
  }
  void sync(const heard& other) {
    std::set<int> both;
    for (const auto each : left) {
      if (other.left.contains(each) || !other.of.contains(each)) both.insert(each);
    }
    for (const auto each : other.left) {
      if (left.contains(each) || !of.contains(each)) both.insert(each);
    }
    of.insert(other.of.begin(), other.of.end());
    left = both;
  }
  // Whether a sync with `other` would leave `other` as it is.
  bool adds_nothing_to(const heard& other) const {
    auto both = other;
    both.sync(*this);
    return both.of == other.of && both.left == other.left;
  }
};

struct replica {
  clock::siblings<std::string> values;
  heard truth;

  std::set<int> shown() const {
    std::set<int> found;
    for (const auto& each : values.values()) found.insert(std::stoi(each.value));
    return found;
  }
};

// 0, 1: a client writes, having read what some client has read last; 2: a client reads; 3: two
// replicas sync; 4: a client deletes.
std::vector<replica> run_replicas(const causal::program& steps) {
  struct client {
    clock::vector context;
    std::set<int> seen;
  };
  std::vector<replica> replicas(4);
  std::vector<client> clients(3);
  int next = 0;
  for (const auto& each : steps) {
    auto& here = replicas[each.who];
    auto& who = clients[each.with % clients.size()];
    // A replica that a client is ahead of in the replica's own writes would have lost them.
    if (each.what <= 1) {
      RC_ASSERT(here.values.put(each.who, who.context, std::to_string(next)));
      here.truth.put(who.seen, next++);
    } else if (each.what == 2) {
      who = {here.values.context(), here.truth.of};
    } else if (each.what == 3) {
      const auto& other = replicas[each.with % replicas.size()];
      RC_ASSERT(here.values.sync(other.values));
      here.truth.sync(heard(other.truth));
    } else {
      RC_ASSERT(here.values.forget(who.context));
      here.truth.forget(who.seen);
    }
    RC_ASSERT(here.shown() == here.truth.left);
  }
  return replicas;
}

TEST(SiblingsLaws, KeepExactlyWhatNobodyHasOverwritten) {
  EXPECT_TRUE(rc::check([] {
    const auto replicas = run_replicas(*causal::programs(5, 4));
    for (const auto& a : replicas) {
      for (const auto& b : replicas) {
        const auto truth = clock::relation_of(a.truth.adds_nothing_to(b.truth),
                                              b.truth.adds_nothing_to(a.truth));
        RC_ASSERT(compare(a.values, b.values) == truth);
      }
      std::vector<std::byte> bytes;
      a.values.encode(bytes);
      RC_ASSERT(*clock::siblings<std::string>::decode(bytes) == a.values);
    }
  }));
}

TEST(SiblingsLaws, SyncIsCommutativeAssociativeAndIdempotent) {
  EXPECT_TRUE(rc::check([] {
    const auto replicas = run_replicas(*causal::programs(5, 4));
    const auto synced = [](clock::siblings<std::string> one,
                           const clock::siblings<std::string>& other) {
      RC_ASSERT(one.sync(other));
      return one;
    };
    const auto &a = replicas[0].values, &b = replicas[1].values, &c = replicas[2].values;
    RC_ASSERT(synced(a, b) == synced(b, a));
    RC_ASSERT(synced(synced(a, b), c) == synced(a, synced(b, c)));
    RC_ASSERT(synced(a, a) == a);
  }));
}

// ---- interval tree clocks

// Stamps that fork, join, count and hear of each other; and copies that own nothing, which stay.
struct stamps {
  using stamp = known<clock::interval_tree>;
  std::vector<stamp> alive;
  std::vector<stamp> kept;
  causal::events events;

  stamps() { alive.push_back({clock::interval_tree::seed(), {}}); }

  // 0, 1: an event; 2: fork; 3: join; 4: hear of a kept one; 5: keep a copy.
  void play(const causal::step& of) {
    auto& here = alive[of.who % alive.size()];
    const auto other = of.with % alive.size();
    if (of.what <= 1) {
      RC_ASSERT(here.clock.event());
      events.happen(here.past);
    } else if (of.what == 2 && alive.size() < 12) {
      auto made = here.clock.fork();
      RC_ASSERT(made);
      alive.push_back({*std::move(made), here.past});
    } else if (of.what == 3 && &here != &alive[other]) {
      RC_ASSERT(here.clock.join(std::move(alive[other].clock)));
      here.past |= alive[other].past;
      alive.erase(alive.begin() + static_cast<std::ptrdiff_t>(other));
    } else if (of.what == 4 && !kept.empty()) {
      const auto& seen = kept[of.with % kept.size()];
      RC_ASSERT(here.clock.observe(seen.clock));
      here.past |= seen.past;
      events.happen(here.past);
    } else if (of.what == 5) {
      kept.push_back({here.clock.peek(), here.past});
    }
  }
};

TEST(IntervalTreeLaws, AreTheOrderOfHistories) {
  EXPECT_TRUE(rc::check([] {
    stamps all;
    for (const auto& each : *causal::programs(6, 12)) {
      if (!all.events.any_left()) break;
      all.play(each);
    }
    for (auto& each : all.alive) all.kept.push_back({each.clock.peek(), each.past});
    for (const auto& a : all.kept) {
      for (const auto& b : all.kept) {
        RC_ASSERT(compare(a.clock, b.clock) == causal::relation_of(a.past, b.past));
      }
    }
  }));
}

TEST(IntervalTreeLaws, OwnersShareTheWholeAndGiveItBack) {
  EXPECT_TRUE(rc::check([] {
    stamps all;
    for (const auto& each : *causal::programs(6, 12)) {
      if (!all.events.any_left()) break;
      all.play(each);
    }
    for (auto& each : all.alive) {
      std::vector<std::byte> bytes, again;
      each.clock.encode(bytes);
      auto copy = clock::interval_tree::decode(bytes);
      RC_ASSERT(*copy == each.clock);
      // A second owner is refused and changes nothing.
      const auto refused = each.clock.join(*std::move(copy));
      RC_ASSERT(refused.code() == errc::invalid);
      // fork and join are each other's reverse.
      auto half = each.clock.fork();
      RC_ASSERT(each.clock.join(*std::move(half)));
      each.clock.encode(again);
      RC_ASSERT(bytes == again);
    }
    auto whole = std::move(all.alive[0].clock);
    for (std::size_t i = 1; i != all.alive.size(); ++i) {
      RC_ASSERT(whole.join(std::move(all.alive[i].clock)));
    }
    auto seed = clock::interval_tree::seed();
    RC_ASSERT(seed.join(whole.peek()));
    RC_ASSERT(seed == whole);
  }));
}

}  // namespace
}  // namespace sequencer
