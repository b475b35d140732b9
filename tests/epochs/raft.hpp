// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/log_position.hpp>
#include <sequencer/term.hpp>

#include "choices.hpp"
#include "tests/unsure_mark.hpp"

// Raft's elections and replication on `term` and `plan_append`, over a network that loses, doubles
// and overtakes, with nodes that fall and come back. Its promises are seen from outside.
namespace sequencer::epochs {

// What is wrong on purpose, so that the check is seen to find it.
enum class raft_fault { none, forgets_votes, votes_for_any_log, takes_any_prefix };

struct raft_entry {
  std::uint64_t term;
  int value;
  bool operator==(const raft_entry&) const = default;
};

struct raft_log {
  std::vector<raft_entry> entries;

  log_position last() const { return at(entries.size()); }
  std::uint64_t term_at(sequence index) const { return entries.at(index - 1).term; }
  log_position at(sequence index) const {
    return index == 0 ? log_position{} : log_position{term_at(index), index};
  }
};

class raft {
 public:
  raft(choices chance, raft_fault fault) : chance_(std::move(chance)), fault_(fault) {
    nodes_.resize(3 + 2 * chance_.below(2));
    for (auto& each : nodes_) {
      each.mark = std::make_unique<unsure_mark>();
      each.restart();
    }
  }

  void run() {
    while (broken_.empty() && !chance_.over()) step();
    if (broken_.empty()) look_at_logs();
  }

  // Which promise broke; empty where all held.
  const std::string& broken() const { return broken_; }
  std::size_t elections() const { return leaders_.size(); }
  std::size_t committed() const { return committed_.size(); }
  std::size_t removed() const { return removed_; }

 private:
  enum class kind { ask_vote, vote, append, appended };
  struct message {
    kind what;
    std::size_t from;
    std::size_t to;
    std::uint64_t term;
    log_position at{};             // of the candidate's last entry; or in front of those sent
    std::vector<raft_entry> sent{};
    sequence index = 0;            // the leader's commit; or up to where the follower agrees
    bool good = false;
  };
  struct node {
    std::unique_ptr<unsure_mark> mark;
    std::unique_ptr<term<unsure_mark>> own;
    raft_log log;
    sequence commit = 0;
    bool leads = false;
    bool stands = false;
    std::set<std::size_t> votes;
    std::map<std::size_t, sequence> agrees;   // as leader: up to where a follower has the same
    std::map<std::size_t, sequence> next;     // as leader: in front of what is sent to it

    void follow() { leads = stands = false; }
    void restart() {
      own = std::make_unique<term<unsure_mark>>(*mark);
      follow();
      commit = 0;
    }
  };

  std::size_t quorum() const { return nodes_.size() / 2 + 1; }

  void step() {
    const auto what = chance_.below(100);
    const auto who = chance_.below(nodes_.size());
    if (what < 70) return net_.step(chance_, [&](const message& m) { receive(m); });
    if (what < 72) return stand(who);
    if (what < 95) return lead(who);
    if (what < 98) return fall(who);
    if (what < 99) nodes_[who].mark->fail(chance_.in_percent(50));
  }

  void fall(std::size_t who) {
    auto& mine = nodes_[who];
    if (fault_ == raft_fault::forgets_votes) {
      const auto bare = mine.mark->durable() >> 16 << 16;
      mine.mark->put_back(bare);
    }
    if (chance_.in_percent(30)) {
      mine.mark->mend();  // the process alone: what it left may be seen, and not be durable
    } else {
      mine.mark->crash(chance_.in_percent(50));
    }
    mine.restart();
  }

  void stand(std::size_t who) {
    auto& mine = nodes_[who];
    const auto stood = mine.own->stand(static_cast<std::uint32_t>(who));
    mine.follow();
    if (!stood) return;
    mine.stands = true;
    mine.votes = {who};
    for (std::size_t to = 0; to < nodes_.size(); ++to) {
      if (to != who) net_.send({kind::ask_vote, who, to, *stood, mine.log.last()});
    }
  }

  void become_leader(std::size_t who) {
    auto& mine = nodes_[who];
    mine.stands = false;
    mine.leads = true;
    mine.agrees.clear();
    for (std::size_t to = 0; to < nodes_.size(); ++to) mine.next[to] = mine.log.last().index;
    const auto [known, first] = leaders_.try_emplace(mine.own->current(), who);
    if (!first && known->second != who) broken_ = "two leaders of one term";
  }

  // A leader takes a value of a client, or sends what a follower may lack.
  void lead(std::size_t who) {
    auto& mine = nodes_[who];
    if (!mine.leads) return;
    if (chance_.in_percent(35)) {
      mine.log.entries.push_back({mine.own->current(), next_value_++});
      return;
    }
    const auto to = chance_.below(nodes_.size());
    if (to == who) return;
    const auto before = std::min<sequence>(mine.next[to], mine.log.last().index);
    message m{kind::append, who, to, mine.own->current(), mine.log.at(before)};
    const auto first = mine.log.entries.begin() + static_cast<std::ptrdiff_t>(before);
    const auto count = std::min<std::ptrdiff_t>(3, mine.log.entries.end() - first);
    m.sent.assign(first, first + count);
    m.index = mine.commit;
    net_.send(std::move(m));
  }

  void receive(const message& m) {
    auto& mine = nodes_[m.to];
    const auto before = mine.own->current();
    if (m.what == kind::ask_vote) {
      const auto theirs = fault_ == raft_fault::votes_for_any_log ? log_position{top, top} : m.at;
      const auto given = mine.own->grant(m.term, static_cast<std::uint32_t>(m.from), theirs,
                                         mine.log.last());
      if (mine.own->current() != before) mine.follow();
      if (given) net_.send({kind::vote, m.to, m.from, m.term});
      return;
    }
    if (!mine.own->hear(m.term)) return;
    if (mine.own->current() != before) mine.follow();
    if (m.what == kind::vote && mine.stands) {
      mine.votes.insert(m.from);
      if (mine.votes.size() >= quorum()) become_leader(m.to);
    } else if (m.what == kind::append) {
      take(m);
    } else if (m.what == kind::appended && mine.leads) {
      count(m);
    }
  }

  void take(const message& m) {
    auto& mine = nodes_[m.to];
    mine.stands = false;
    std::vector<std::uint64_t> terms;
    for (const auto& each : m.sent) terms.push_back(each.term);
    auto plan = plan_append(mine.log, m.at, terms, mine.commit);
    if (!plan) {
      broken_ = "a sound leader was refused: " + std::string(plan.text());
      return;
    }
    if (!plan->matches && fault_ == raft_fault::takes_any_prefix) {
      plan->matches = m.at.index <= mine.log.last().index;
      plan->keep = m.at.index;
    }
    if (plan->matches) {
      auto& own = mine.log.entries;
      removed_ += own.size() - plan->keep;
      own.resize(plan->keep);
      own.insert(own.end(), m.sent.begin() + static_cast<std::ptrdiff_t>(plan->known),
                 m.sent.end());
      commit_up_to(m.to, std::min<sequence>(m.index, m.at.index + m.sent.size()));
    }
    const auto agreed = plan->matches ? m.at.index + m.sent.size() : plan->try_before;
    net_.send({kind::appended, m.to, m.from, m.term, {}, {}, agreed, plan->matches});
  }

  // Only entries of the leader's own term are committed by counting (5.4.2 of the paper).
  void count(const message& m) {
    auto& mine = nodes_[m.to];
    if (!m.good) {
      mine.next[m.from] = std::min(mine.next[m.from], m.index);
      return;
    }
    mine.next[m.from] = std::max(mine.next[m.from], m.index);
    mine.agrees[m.from] = std::max(mine.agrees[m.from], m.index);
    for (auto index = mine.log.last().index; index > mine.commit; --index) {
      const auto same = 1 + static_cast<std::size_t>(std::count_if(
                                mine.agrees.begin(), mine.agrees.end(),
                                [&](const auto& each) { return each.second >= index; }));
      if (same < quorum() || mine.log.term_at(index) != mine.own->current()) continue;
      return commit_up_to(m.to, index);
    }
  }

  // What is committed once is the same for everybody and for ever.
  void commit_up_to(std::size_t who, sequence index) {
    auto& mine = nodes_[who];
    for (; mine.commit < index; ++mine.commit) {
      const auto& entry = mine.log.entries.at(mine.commit);
      if (mine.commit == committed_.size()) committed_.push_back(entry);
      if (committed_[mine.commit] != entry) broken_ = "two entries committed at one index";
    }
  }

  // Log matching: one entry in common, and all before it is.
  void look_at_logs() {
    for (const auto& left : nodes_) {
      for (const auto& right : nodes_) {
        const auto& a = left.log.entries;
        const auto& b = right.log.entries;
        auto common = std::min(a.size(), b.size());
        while (common > 0 && a[common - 1].term != b[common - 1].term) --common;
        if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(common), b.begin())) {
          broken_ = "logs that differ before an entry that they share";
        }
      }
    }
  }

  choices chance_;
  raft_fault fault_;
  network<message> net_;
  std::vector<node> nodes_;
  int next_value_ = 1;
  std::map<std::uint64_t, std::size_t> leaders_;
  std::vector<raft_entry> committed_;
  std::size_t removed_ = 0;
  std::string broken_;
};

}  // namespace sequencer::epochs
