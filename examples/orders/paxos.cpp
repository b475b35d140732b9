// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Three acceptors of Paxos agree on one value, though two proposers want two, and an acceptor falls
// in between. Messages are calls here.

#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/acceptor.hpp>
#include <sequencer/ballot.hpp>
#include <sequencer/mark_store.hpp>

namespace {

using sequencer::ballot;

// Stands for a file: what an acceptor has stored is there when it comes back.
struct disk {
  sequencer::acceptance<std::string> kept;

  auto load() const { return kept; }
  sequencer::result<void> store(const sequencer::acceptance<std::string>& now) {
    kept = now;
    return {};
  }
};
using one_acceptor = sequencer::acceptor<std::string, disk>;

// An acceptor, or the place of one that has fallen.
class place {
 public:
  void fall() { now_.reset(); }
  void come_back() { now_.emplace(disk_); }
  one_acceptor* operator->() { return &*now_; }
  explicit operator bool() const { return now_.has_value(); }

 private:
  disk disk_;
  std::optional<one_acceptor> now_{std::in_place, disk_};
};

class proposer {
 public:
  proposer(std::uint64_t node, std::string own) : ballots_(mark_, node), own_(std::move(own)) {}

  // The first half: asks for promises. Whether a quorum gave them.
  bool prepare(std::vector<place*> asked) {
    current_ = *ballots_.next_above(seen_);
    promises_.clear();
    for (auto* each : asked) {
      if (!*each) continue;
      const auto answer = (*each)->prepare(current_);
      if (answer) promises_.push_back(*answer);
      if (!answer) seen_ = std::max(seen_, (*each)->promised());
    }
    fmt::print("{} prepares ({}, {}): {} promises\n", own_, current_.round, current_.node,
               promises_.size());
    return promises_.size() >= sequencer::quorum_of(3);
  }

  // The second half: offers the value that the promises bind it to. What was chosen, if anything.
  std::string offer(std::vector<place*> asked) {
    const auto value = sequencer::value_to_propose<std::string>(promises_, own_);
    std::size_t accepted = 0;
    for (auto* each : asked) {
      if (!*each) continue;
      const auto answer = (*each)->accept(current_, value);
      if (answer) ++accepted;
      if (!answer) seen_ = std::max(seen_, (*each)->promised());
    }
    fmt::print("{} offers {}: {} accept\n", own_, value, accepted);
    return accepted >= sequencer::quorum_of(3) ? value : "";
  }

 private:
  sequencer::memory_mark mark_;  // a checkpoint's, where it must last
  sequencer::ballots<sequencer::memory_mark> ballots_;
  std::string own_;
  ballot current_;
  ballot seen_;
  std::vector<sequencer::promise<std::string>> promises_;
};

}  // namespace

int main() {
  place a, b, c;
  proposer red(1, "red"), blue(2, "blue");

  if (!red.prepare({&a, &b, &c})) return 1;
  if (!blue.prepare({&a, &b, &c})) return 1;
  if (!red.offer({&a, &b, &c}).empty()) return 1;  // blue's ballot is above
  b.fall();
  fmt::print("an acceptor falls\n");
  const auto chosen = blue.offer({&a, &b, &c});
  fmt::print("chosen: {}\n", chosen);

  a.fall();
  b.come_back();
  fmt::print("one comes back, another one falls\n");
  if (!red.prepare({&a, &b, &c})) return 1;
  const auto again = red.offer({&a, &b, &c});  // bound by what it heard
  fmt::print("chosen: {}\n", again);
  return chosen == "blue" && again == "blue" ? 0 : 1;
}
