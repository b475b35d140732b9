// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A replicated log by Raft's rules, with the network left out: who may lead, where a follower takes
// entries, and which of its own it must give up.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include <sequencer/log_position.hpp>
#include <sequencer/mark_store.hpp>
#include <sequencer/term.hpp>

namespace {

using sequencer::log_position;

struct entry {
  std::uint64_t term;
  std::string text;
};

class node {
 public:
  explicit node(std::uint32_t id) : id_(id) {}

  // ---- what the rules ask of a log
  log_position last() const { return at(entries_.size()); }
  std::uint64_t term_at(sequencer::sequence index) const { return entries_[index - 1].term; }
  log_position at(sequencer::sequence index) const {
    return index == 0 ? log_position{} : log_position{term_at(index), index};
  }

  // Wins with the votes of a majority of three.
  bool stand(std::vector<node*> others) {
    const auto asked = term_.stand(id_);
    if (!asked) return false;
    std::size_t votes = 1;
    for (auto* each : others) {
      const auto given = each->term_.grant(*asked, id_, last(), each->last());
      if (given) ++votes;
      if (!given) fmt::print("  {} does not vote for {}: {}\n", each->id_, id_, name(given.code()));
    }
    return votes >= 2;
  }

  void write(const std::string& text) { entries_.push_back({term_.current(), text}); }

  // As leader: offers what follows entry `from`; goes back until the follower agrees.
  void replicate(node& to) {
    for (auto before = last().index;;) {
      const std::vector<entry> sent(entries_.begin() + static_cast<std::ptrdiff_t>(before),
                                    entries_.end());
      const auto plan = to.offer(term_.current(), at(before), sent);
      if (!plan) {
        fmt::print("  {} refuses {}: {}\n", to.id_, id_, name(plan.code()));
        return;
      }
      if (plan->matches) return;
      fmt::print("  {} has no ({}, {}): try before {}\n", to.id_, term_at(before), before,
                 plan->try_before);
      before = plan->try_before;
    }
  }

  void print() const {
    std::vector<std::string> all;
    for (const auto& each : entries_) all.push_back(fmt::format("{}:{}", each.term, each.text));
    fmt::print("  {} has {}\n", id_, fmt::join(all, " "));
  }

  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const auto& each : entries_) all.push_back(each.text);
    return all;
  }

 private:
  sequencer::result<sequencer::append_plan> offer(std::uint64_t term, log_position before,
                                                  const std::vector<entry>& sent) {
    if (const auto heard = term_.hear(term); !heard) {
      return sequencer::error{heard.code(), 0, "of an older term"};
    }
    std::vector<std::uint64_t> terms;
    for (const auto& each : sent) terms.push_back(each.term);
    auto plan = plan_append(*this, before, terms);
    if (plan && plan->matches) {
      entries_.resize(plan->keep);
      entries_.insert(entries_.end(), sent.begin() + static_cast<std::ptrdiff_t>(plan->known),
                      sent.end());
    }
    return plan;
  }

  std::uint32_t id_;
  sequencer::memory_mark mark_;  // a checkpoint's, where it must last
  sequencer::term<sequencer::memory_mark> term_{mark_};
  std::vector<entry> entries_;
};

}  // namespace

int main() {
  node one(1), two(2), three(3);
  fmt::print("1 stands: {}\n", one.stand({&two, &three}) ? "leads" : "does not lead");
  one.write("a");
  one.replicate(two);
  one.replicate(three);
  one.write("b");
  one.replicate(two);
  fmt::print("1 is cut off, and writes on\n");
  one.write("c");
  one.write("d");

  const bool without = three.stand({&two});
  fmt::print("3, which lacks an entry, stands: {}\n", without ? "leads" : "does not lead");
  fmt::print("2 stands: {}\n", two.stand({&three}) ? "leads" : "does not lead");
  two.write("e");
  two.replicate(three);

  fmt::print("1 is back, and believes that it leads\n");
  one.replicate(three);
  fmt::print("2 sends it what it has\n");
  two.replicate(one);
  for (const auto* each : {&one, &two, &three}) each->print();
  const std::vector<std::string> agreed{"a", "b", "e"};
  return one.texts() == agreed && two.texts() == agreed && three.texts() == agreed ? 0 : 1;
}
