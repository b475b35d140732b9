// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Protocols that lean on ballots, terms, fences and links, on schedules that RapidCheck makes up
// and shortens. Each is also run with a fault in it: what looks on must find that.

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <sequencer/epoch.hpp>
#include <sequencer/fence.hpp>
#include <sequencer/prev_link.hpp>

#include "choices.hpp"
#include "paxos.hpp"
#include "raft.hpp"
#include "tests/unsure_mark.hpp"

namespace sequencer::epochs {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == 0 ? otherwise : std::strtoull(text, nullptr, 10);
}

// Tells RapidCheck the seed and how much to try; before it is asked for anything.
const bool told = [] {
  const auto seed = number_from("SEQUENCER_SEED", std::random_device{}());
  const auto runs = 1'000 * number_from("SEQUENCER_SCALE", 1);
  const auto words = "seed=" + std::to_string(seed) + " max_success=" + std::to_string(runs);
  std::cout << "SEQUENCER_SEED=" << seed << std::endl;
  return ::setenv("RC_PARAMS", words.c_str(), 0) == 0;
}();

// A list of the given length, whatever size RapidCheck has come to.
choices any_choices(std::size_t count) {
  const auto one = rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, 65'536));
  return choices(*rc::gen::container<std::vector<int>>(count, one));
}

// Whether one of many runs from seeds breaks.
template <class Breaks>
bool is_found(Breaks breaks) {
  for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
    if (breaks(seed)) return true;
  }
  return false;
}

// ---- Paxos

TEST(Paxos, ChoosesAtMostOneValue) {
  std::size_t decided = 0;
  std::size_t runs = 0;
  EXPECT_TRUE(rc::check("at most one value is chosen", [&] {
    paxos run(any_choices(500), paxos_fault::none);
    run.run();
    ++runs;
    decided += run.chosen().size();
    RC_ASSERT(run.chosen().size() <= 1u);
  }));
  std::cout << decided << " of " << runs << " runs chose a value\n";
  EXPECT_GT(decided * 2, runs);
}

TEST(Paxos, EachFaultIsFound) {
  for (const auto fault : {paxos_fault::forgetful_disk, paxos_fault::own_value_always,
                           paxos_fault::one_name_for_all}) {
    EXPECT_TRUE(is_found([&](std::uint64_t seed) {
      paxos run(choices::from_seed(seed, 500), fault);
      run.run();
      return run.chosen().size() > 1;
    })) << static_cast<int>(fault);
  }
}

// ---- Raft

TEST(Raft, LogsHaveOnePrefixAndWhatIsCommittedStays) {
  std::size_t elections = 0;
  std::size_t committed = 0;
  std::size_t removed = 0;
  EXPECT_TRUE(rc::check("election safety, log matching, state machine safety", [&] {
    raft run(any_choices(2'500), raft_fault::none);
    run.run();
    elections += run.elections();
    committed += run.committed();
    removed += run.removed();
    if (!run.broken().empty()) RC_FAIL(run.broken());
  }));
  std::cout << elections << " leaders, " << committed << " entries committed, " << removed
            << " removed\n";
  EXPECT_GT(elections, 200u);
  EXPECT_GT(committed, 150u);
  EXPECT_GT(removed, 20u);
}

TEST(Raft, EachFaultIsFound) {
  for (const auto fault : {raft_fault::forgets_votes, raft_fault::votes_for_any_log,
                           raft_fault::takes_any_prefix}) {
    EXPECT_TRUE(is_found([&](std::uint64_t seed) {
      raft run(choices::from_seed(seed, 2'500), fault);
      run.run();
      return !run.broken().empty();
    })) << static_cast<int>(fault);
  }
}

// ---- owners, their epochs, and the fence before what they write to

// Answers before anything is on the disk: what a fence must not be built on.
struct hasty_mark {
  unsure_mark& disk;

  std::uint64_t load() const noexcept { return disk.load(); }
  result<std::uint64_t> store(std::uint64_t number) noexcept {
    disk.fail(true);
    (void)disk.store(number);
    disk.mend();
    return number;
  }
};

// One run of owners who come and go over crashes of both sides; which promise broke, or nothing.
template <class Mark>
std::string fenced_run(choices chance, Mark& mark, unsure_mark& disk) {
  unsure_mark owners;
  std::optional<epoch<unsure_mark>> giver(owners);
  std::optional<durable_fence<Mark>> before(mark);
  std::vector<sequence> tokens;
  std::set<sequence> begun;
  sequence highest = 0;
  while (!chance.over()) {
    const auto what = chance.below(100);
    if (what < 15) {
      const auto mine = giver->begin();
      if (!mine) continue;
      if (!begun.insert(*mine).second || *mine < *begun.rbegin()) return "an epoch came again";
      tokens.push_back(*mine);
    } else if (what < 75 && !tokens.empty()) {
      // Mostly one of the last owners; now and then one who slept for long.
      const auto back = chance.in_percent(80) ? chance.below(3) : chance.below(tokens.size());
      const auto token = tokens[tokens.size() - 1 - std::min(back, tokens.size() - 1)];
      if (!before->admit(token)) continue;
      if (token < highest) return "a late owner was let in";
      highest = token;
    } else if (what < 81) {
      disk.fail(chance.in_percent(50));
    } else if (what < 87) {
      disk.mend();
    } else if (what < 91) {
      owners.fail(chance.in_percent(50));
    } else if (what < 96) {
      before.reset();
      disk.crash(chance.in_percent(50));
      before.emplace(mark);
    } else {
      giver.reset();
      owners.crash(chance.in_percent(50));
      giver.emplace(owners);
    }
  }
  return "";
}

TEST(Fencing, NoCrashLetsALateOwnerIn) {
  EXPECT_TRUE(rc::check("once a token was let in no lower one is", [] {
    unsure_mark disk;
    const auto broken = fenced_run(any_choices(600), disk, disk);
    if (!broken.empty()) RC_FAIL(broken);
  }));
}

TEST(Fencing, AMarkThatAnswersTooEarlyIsFound) {
  EXPECT_TRUE(is_found([](std::uint64_t seed) {
    unsure_mark disk;
    hasty_mark mark{disk};
    return fenced_run(choices::from_seed(seed, 600), mark, disk) == "a late owner was let in";
  }));
}

// ---- links

// A reader of a chain whose records are lost, doubled and overtaken, against the list of all that
// were issued.
TEST(Links, AHoleHoldsNoRecordAndALossHoldsOne) {
  std::size_t holes = 0;
  std::size_t losses = 0;
  EXPECT_TRUE(rc::check("holes and losses are told apart", [&] {
    auto chance = any_choices(400);
    prev_stamper stamps;
    prev_checker reader;
    network<prev_link> net;
    std::set<sequence> issued;
    const auto records_in = [&](range of) {
      return std::distance(issued.lower_bound(of.first), issued.lower_bound(of.last));
    };
    while (!chance.over()) {
      if (chance.in_percent(50)) {
        net.send(link_of(*stamps.next(1 + chance.below(4))));
        issued.insert(stamps.last());
        continue;
      }
      net.step(chance, [&](const prev_link& link) {
        const auto before = reader.last();
        const auto found = reader.see(link);
        if (found == prev_checker::finding::follows) {
          RC_ASSERT(records_in({before + 1, link.number}) == 0);
          RC_ASSERT(records_in(reader.hole()) == 0);
          holes += reader.hole().size();
        } else if (found == prev_checker::finding::lost) {
          RC_ASSERT(records_in(reader.missing()) > 0);
          RC_ASSERT(issued.contains(reader.missing().last - 1));
          RC_ASSERT(reader.last() == before);
          ++losses;
          if (chance.in_percent(50)) RC_ASSERT(reader.skip_to(link.prev));
        } else {
          RC_ASSERT(found == prev_checker::finding::repeated);
          RC_ASSERT(link.number <= before);
        }
      });
    }
  }));
  EXPECT_GT(holes, 100u);
  EXPECT_GT(losses, 100u);
}

}  // namespace
}  // namespace sequencer::epochs
