// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/acceptor.hpp>
#include <sequencer/ballot.hpp>

#include "choices.hpp"
#include "tests/unsure_mark.hpp"

// Single-decree Paxos on `acceptor` and `ballots`, over a network that loses, doubles and
// overtakes, with nodes that fall and come back. What was chosen is seen from outside.
namespace sequencer::epochs {

// What is wrong on purpose, so that the check is seen to find it.
enum class paxos_fault { none, forgetful_disk, own_value_always, one_name_for_all };

using value = int;

// A disk for an acceptance: a failed write may be seen, and may be there after a crash.
class acceptance_disk {
 public:
  bool forgets = false;
  bool fails = false;
  bool kept_all_the_same = false;

  acceptance<value> load() const { return seen; }
  result<void> store(const acceptance<value>& next) {
    if (fails) {
      if (kept_all_the_same) seen = next;
      return error{errc::io, 0, "failed"};
    }
    if (!forgets) seen = durable = next;
    return {};
  }
  // The machine ends and comes back.
  void crash(bool unsynced_is_kept) {
    (unsynced_is_kept ? durable : seen) = unsynced_is_kept ? seen : durable;
  }

  acceptance<value> seen;
  acceptance<value> durable;
};

class paxos {
 public:
  paxos(choices chance, paxos_fault fault) : chance_(std::move(chance)), fault_(fault) {
    acceptors_.resize(3 + chance_.below(3));
    for (auto& each : acceptors_) {
      each.disk = std::make_unique<acceptance_disk>();
      each.disk->forgets = fault == paxos_fault::forgetful_disk;
      each.restart();
    }
    proposers_.resize(2 + chance_.below(2));
    for (std::size_t i = 0; i < proposers_.size(); ++i) {
      proposers_[i].mark = std::make_unique<unsure_mark>();
      proposers_[i].restart(name_of(i));
    }
  }

  void run() {
    while (!chance_.over()) {
      step();
      look();
    }
  }

  // Values that a quorum accepted under one ballot; more than one is what must not be.
  const std::set<value>& chosen() const { return chosen_; }

 private:
  enum class kind { prepare, promised, accept };
  struct message {
    kind what;
    std::size_t acceptor;
    std::size_t proposer;
    ballot under;
    promise<value> answer{};
    value offered = 0;
  };
  struct acceptor_node {
    std::unique_ptr<acceptance_disk> disk;
    std::unique_ptr<acceptor<value, acceptance_disk>> rule;
    void restart() { rule = std::make_unique<acceptor<value, acceptance_disk>>(*disk); }
  };
  struct proposer_node {
    std::unique_ptr<unsure_mark> mark;
    std::unique_ptr<ballots<unsure_mark>> source;
    ballot current;
    ballot seen;
    std::map<std::size_t, promise<value>> promises;
    bool offered = false;

    void restart(std::uint64_t node) {
      source = std::make_unique<ballots<unsure_mark>>(*mark, node);
      current = seen = ballot{};
      promises.clear();
    }
  };

  void step() {
    const auto what = chance_.below(100);
    if (what < 84) return net_.step(chance_, [&](const message& m) { receive(m); });
    if (what < 92) return begin(chance_.below(proposers_.size()));
    const auto whose = chance_.below(acceptors_.size());
    auto& fallen = acceptors_[whose];
    if (what < 96) {
      fallen.disk->fails = false;
      // Or the process alone, and the next one finds what may not be durable.
      if (chance_.in_percent(70)) fallen.disk->crash(chance_.in_percent(50));
      return fallen.restart();
    }
    if (what < 98) {
      fallen.disk->fails = true;
      fallen.disk->kept_all_the_same = chance_.in_percent(50);
      return;
    }
    const auto proposer = chance_.below(proposers_.size());
    proposers_[proposer].restart(name_of(proposer));
  }

  std::uint64_t name_of(std::size_t proposer) const {
    return fault_ == paxos_fault::one_name_for_all ? 1 : proposer + 1;
  }

  void begin(std::size_t who) {
    auto& mine = proposers_[who];
    const auto next = mine.source->next_above(mine.seen);
    if (!next) return;
    mine.current = *next;
    mine.promises.clear();
    mine.offered = false;
    for (std::size_t to = 0; to < acceptors_.size(); ++to) {
      net_.send({kind::prepare, to, who, mine.current});
    }
  }

  void receive(const message& m) {
    auto& asked = acceptors_[m.acceptor];
    if (m.what == kind::prepare) {
      const auto promised = asked.rule->prepare(m.under);
      if (promised) net_.send({kind::promised, m.acceptor, m.proposer, m.under, *promised});
      auto& asking = proposers_[m.proposer];
      if (!promised) asking.seen = std::max(asking.seen, asked.rule->promised());
    } else if (m.what == kind::accept) {
      (void)asked.rule->accept(m.under, m.offered);
    } else {
      count(m);
    }
  }

  void count(const message& m) {
    auto& mine = proposers_[m.proposer];
    if (m.under != mine.current || mine.offered) return;
    mine.promises[m.acceptor] = m.answer;
    if (mine.promises.size() < quorum_of(acceptors_.size())) return;
    mine.offered = true;
    std::vector<promise<value>> quorum;
    for (const auto& each : mine.promises) quorum.push_back(each.second);
    const value own = next_value_++;
    const auto offer = fault_ == paxos_fault::own_value_always
                           ? own
                           : value_to_propose<value>(quorum, own);
    for (std::size_t to = 0; to < acceptors_.size(); ++to) {
      net_.send({kind::accept, to, m.proposer, mine.current, {}, offer});
    }
  }

  // What each acceptor answers from. A write that failed counts from a restart on that finds it:
  // until then nobody was told, and the next write may replace it.
  void look() {
    for (std::size_t i = 0; i < acceptors_.size(); ++i) {
      const auto& now = acceptors_[i].rule->state();
      if (now.accepted.is_none()) continue;
      auto& who = accepted_[{now.accepted, now.value}];
      who.insert(i);
      if (who.size() >= quorum_of(acceptors_.size())) chosen_.insert(now.value);
    }
  }

  choices chance_;
  paxos_fault fault_;
  network<message> net_;
  std::vector<acceptor_node> acceptors_;
  std::vector<proposer_node> proposers_;
  value next_value_ = 1;
  std::map<std::pair<ballot, value>, std::set<std::size_t>> accepted_;
  std::set<value> chosen_;
};

}  // namespace sequencer::epochs
