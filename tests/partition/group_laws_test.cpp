// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Random programs of joins, leaves, takes, commits, failures and restarts, on a group and on an
// account of what a group is that keeps everything in maps. RapidCheck makes the programs, and the
// shortest one that fails.

#include <gtest/gtest.h>

#include <rapidcheck.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <sequencer/group.hpp>

#include "tests/failing_mark.hpp"
#include "tests/stress/rounds.hpp"

namespace sequencer {
namespace {

using assignment::rule;
using marked = group<failing_mark>;
using fails = failing_mark::fails;
using step = std::tuple<int, unsigned, unsigned, unsigned>;  // what, who, which partition, how much

constexpr std::uint32_t partitions = 7;

// RC_ASSERT for all places in one: it is templates throughout.
void require(bool holds, unsigned line = __builtin_LINE()) {
  if (!holds) RC_FAIL("line " + std::to_string(line) + " does not hold");
}

// What is known of one partition.
struct known_partition {
  std::uint64_t owner = 0;
  bool leaving = false;
  std::optional<sequence> position;
  std::optional<sequence> committed;  // here
  std::optional<sequence> kept;       // by the mark
  partition_marks marks;
};

class account {
 public:
  account(rule by, offset_reset reset) : by_(by), reset_(reset), offsets_(partitions) { open(); }

  void run(const step& next) {
    const auto [what, who, which, much] = next;
    const auto p = which % (partitions + 1);  // one too many
    switch (what) {
      case 0: return join(std::string(1, static_cast<char>('a' + who % 5)));
      case 1: return leave(someone(who));
      case 2: return expel(std::string(1, static_cast<char>('a' + who % 6)));
      case 3: return renew(who);
      case 4: return extend(p, much);
      case 5: return trim(p, much);
      case 6:
      case 7:
      case 8: return take(someone(who), p, much % 5);
      case 9:
      case 10: return commit(someone(who), p, much);
      case 11: return seek(someone(who), p, much);
      case 12:
      case 13: return release(someone(who), p);
      case 14: return fail(who, which, much);
      default: return much % 4 == 0 ? open() : check_all();
    }
  }

  void check_all() const {
    require(group_->generation() == generation_);
    for (std::uint32_t p = 0; p != partitions; ++p) {
      const auto& known = known_[p];
      const auto found = group_->committed(p);
      require(found ? known.committed == *found : !known.committed);
      const auto done = known.committed.value_or(0);
      const auto high = known.marks.high_water;
      const auto lag = group_->lag(p);
      require(lag ? *lag == (high > done ? high - done : 0) : !known.committed);
      require(log_.marks(p) == known.marks);
    }
  }

 private:
  // ---- what changes members

  void open() {
    group_.reset();
    group_ = std::make_unique<marked>(log_, offsets_, mark_, group_options{by_, reset_});
    generation_ = asked_ = mark_.load();
    names_.clear();
    given_.clear();
    ids_ = asked_;
    for (auto& each : known_) {
      each.owner = 0;
      each.leaving = false;
      each.position.reset();
      each.committed = each.kept;
    }
    check_all();
  }

  // The next generation, or that it could not be kept.
  bool begins() {
    ++asked_;
    return mark_fails_ == fails::never;
  }

  void join(const std::string& name) {
    const auto found = group_->join(name);
    if (names_.count(name) != 0) {
      require(found.code() == errc::locked);
    } else if (!begins()) {
      require(found.code() == errc::io);
    } else {
      ids_ = asked_;  // the generation that it joined in
      require(found->id == ids_);
      names_[name] = found->id;
      given_.push_back(*found);
      follow(found->generation);
    }
  }

  void leave(membership who) {
    const auto found = group_->leave(who);
    const auto at = std::find_if(names_.begin(), names_.end(),
                                 [&](const auto& each) { return each.second == who.id; });
    if (at == names_.end()) {
      require(found.code() == (who.id == 0 || who.id > ids_ ? errc::invalid : errc::fenced));
    } else if (!begins()) {
      require(found.code() == errc::io);
    } else {
      names_.erase(at);
      follow(found.value());
    }
  }

  void expel(const std::string& name) {
    const auto found = group_->expel(name);
    if (names_.count(name) == 0) {
      require(found.code() == errc::invalid);
    } else if (!begins()) {
      require(found.code() == errc::io);
    } else {
      names_.erase(name);
      follow(found.value());
    }
  }

  void renew(unsigned who) {
    if (given_.empty()) return;
    auto& mine = given_[who % given_.size()];
    const auto found = group_->renew(mine);
    if (!is_member(mine.id)) {
      require(found.code() == errc::fenced);
      return;
    }
    mine = found.value();
    require(mine.generation == generation_);
  }

  void release(membership who, std::uint32_t p) {
    const auto found = group_->release(who, p);
    if (p >= partitions) return require(found.code() == errc::invalid);
    if (const auto why = refused(who, p); why != errc{}) return require(found.code() == why);
    auto& known = known_[p];
    if (!known.leaving) return require(found.code() == errc::invalid);
    const auto left = std::count_if(known_.begin(), known_.end(),
                                    [](const auto& each) { return each.leaving; });
    if (left == 1 && !begins()) return require(found.code() == errc::io);
    known.owner = 0;
    known.leaving = false;
    known.position.reset();
    if (left == 1) return follow(found.value());
    require(found.value() == generation_);
  }

  // A new generation: who has what must be fair, and only then is it known.
  void follow(std::uint64_t generation) {
    require(generation == asked_);
    require(generation > generation_);
    generation_ = generation;
    std::vector<std::uint64_t> owners(partitions, 0);
    std::vector<bool> leaving(partitions, false);
    std::vector<std::size_t> sizes;
    for (const auto& [name, id] : names_) {
      const auto mine = group_->assigned({id, generation}).value();
      const auto gives = group_->leaving({id, generation}).value();
      sizes.push_back(mine.size());
      for (const auto* some : {&mine, &gives}) {
        for (const auto p : *some) {
          require(owners[p] == 0U);  // one owner
          owners[p] = id;
          leaving[p] = some == &gives;
        }
      }
    }
    check_fairness(owners, leaving, sizes);
    for (std::uint32_t p = 0; p != partitions; ++p) {
      auto& known = known_[p];
      const bool goes_on = by_ == rule::cooperative && known.owner == owners[p] && owners[p] != 0;
      if (!goes_on) known.position.reset();
      known.owner = owners[p];
      known.leaving = leaving[p];
    }
  }

  void check_fairness(const std::vector<std::uint64_t>& owners, const std::vector<bool>& leaving,
                      const std::vector<std::size_t>& sizes) const {
    const auto moves = std::count(leaving.begin(), leaving.end(), true);
    if (names_.empty()) return require(std::count(owners.begin(), owners.end(), 0U) == 7);
    const auto [least, most] = std::minmax_element(sizes.begin(), sizes.end());
    require(by_ == rule::cooperative || moves == 0);
    require(*most <= (partitions + names_.size() - 1) / names_.size());
    if (moves == 0) {
      require(std::count(owners.begin(), owners.end(), 0U) == 0);
      require(*most - *least <= 1U);
    }
    if (by_ != rule::sticky && by_ != rule::cooperative) return;
    std::map<std::uint64_t, std::size_t> had;
    std::size_t stay = 0;
    for (std::uint32_t p = 0; p != partitions; ++p) {
      if (is_member(known_[p].owner)) ++had[known_[p].owner];
      const bool stays = owners[p] != 0 && owners[p] == known_[p].owner && !leaving[p];
      stay += stays ? 1 : 0;
    }
    require(stay == most_kept(had));
  }

  // What the best even assignment leaves where it was.
  std::size_t most_kept(const std::map<std::uint64_t, std::size_t>& had) const {
    const auto least = partitions / names_.size();
    const auto extra = partitions % names_.size();
    std::size_t sum = 0;
    std::size_t over = 0;
    for (const auto& [id, count] : had) {
      sum += std::min<std::size_t>(count, least);
      over += count > least ? 1 : 0;
    }
    return sum + std::min<std::size_t>(over, extra);
  }

  // ---- what changes the log

  void extend(std::uint32_t p, unsigned much) {
    if (p >= partitions) return require(log_.append(p).code() == errc::invalid);
    auto& marks = known_[p].marks;
    const auto n = 1 + much % 6;
    require(log_.append(p, n)->first == marks.log_end);
    marks.log_end += n;
    marks.high_water += (marks.log_end - marks.high_water) * (much % 3) / 2;
    require(log_.raise_high_water(p, marks.high_water).value() == marks.high_water);
  }

  void trim(std::uint32_t p, unsigned much) {
    if (p >= partitions) return;
    auto& marks = known_[p].marks;
    const auto to = marks.log_start + much % 4;
    const auto found = log_.raise_log_start(p, to);
    if (to > marks.high_water) return require(found.code() == errc::invalid);
    require(found.value() == to);
    marks.log_start = to;
  }

  // ---- what an owner does

  void take(membership who, std::uint32_t p, unsigned most) {
    const auto found = group_->take(who, p, most);
    if (p >= partitions || most == 0) return require(found.code() == errc::invalid);
    if (const auto why = refused(who, p); why != errc{}) return require(found.code() == why);
    auto& known = known_[p];
    if (known.leaving) return require(found.code() == errc::closed);
    if (!place(known)) return require(found.code() == errc::invalid);
    const auto first = *known.position;
    if (first >= known.marks.high_water) return require(found.code() == errc::unavailable);
    known.position = std::min<sequence>(first + most, known.marks.high_water);
    require(found.value() == (range{first, *known.position}));
  }

  void seek(membership who, std::uint32_t p, unsigned much) {
    const sequence to = much % 24;
    const auto found = group_->seek(who, p, to);
    if (p >= partitions) return require(found.code() == errc::invalid);
    if (const auto why = refused(who, p); why != errc{}) return require(found.code() == why);
    if (known_[p].leaving) return require(found.code() == errc::closed);
    if (to > known_[p].marks.log_end) return require(found.code() == errc::invalid);
    require(found.value() == to);
    known_[p].position = to;
  }

  void commit(membership who, std::uint32_t p, unsigned much) {
    const sequence next = much % 24;
    const auto found = group_->commit(who, p, next);
    if (p >= partitions) return require(found.code() == errc::invalid);
    if (const auto why = refused(who, p); why != errc{}) return require(found.code() == why);
    auto& known = known_[p];
    if (next > known.marks.log_end) return require(found.code() == errc::invalid);
    if (offset_fails_[p] != fails::before) known.kept = next;
    if (offset_fails_[p] != fails::never) return require(found.code() == errc::io);
    require(found.value() == next);
    known.committed = next;
  }

  void fail(unsigned who, unsigned which, unsigned much) {
    const auto how = much % 4 > 2 ? fails::never : static_cast<fails>(much % 3);
    if (who % 2 == 0) {
      mark_.fail(mark_fails_ = how);
    } else {
      offsets_[which % partitions].fail(offset_fails_[which % partitions] = how);
    }
  }

  // ---- what is known

  membership someone(unsigned who) const {
    if (given_.empty() || who % 9 == 8) return {ids_ + who, generation_};
    return given_[who % given_.size()];
  }
  bool is_member(std::uint64_t id) const {
    return std::any_of(names_.begin(), names_.end(),
                       [&](const auto& each) { return each.second == id; });
  }
  errc refused(membership who, std::uint32_t p) const {
    if (who.id == 0 || who.id > ids_) return errc::invalid;
    const bool his = who.id == known_[p].owner && who.generation == generation_;
    return his ? errc{} : errc::fenced;
  }
  bool place(known_partition& known) const {
    if (!known.position) known.position = known.committed;
    const auto& marks = known.marks;
    if (known.position && *known.position >= marks.log_start &&
        *known.position <= marks.log_end) {
      return true;
    }
    if (reset_ == offset_reset::refuse) {
      known.position.reset();
      return false;
    }
    known.position = reset_ == offset_reset::earliest ? marks.log_start : marks.high_water;
    return true;
  }

  rule by_;
  offset_reset reset_;
  partitioned log_{partitions};
  std::vector<failing_mark> offsets_;
  failing_mark mark_;
  std::unique_ptr<marked> group_;

  std::uint64_t generation_ = 0;
  std::uint64_t asked_ = 0;
  std::uint64_t ids_ = 0;
  std::map<std::string, std::uint64_t> names_;
  std::vector<membership> given_;  // also old ones
  std::vector<known_partition> known_ = std::vector<known_partition>(partitions);
  fails mark_fails_ = fails::never;
  std::vector<fails> offset_fails_ = std::vector<fails>(partitions, fails::never);
};

// Programs of up to 300 steps.
rc::Gen<std::vector<step>> programs() {
  const auto any = rc::gen::inRange(0U, 1U << 16);
  return rc::gen::resize(
      300, rc::gen::container<std::vector<step>>(
               rc::gen::tuple(rc::gen::inRange(0, 16), any, any, any)));
}

void check(rule by) {
  const auto params = "max_success=1000 seed=" + std::to_string(stress::seed_of_run());
  ASSERT_EQ(::setenv("RC_PARAMS", params.c_str(), 1), 0);
  EXPECT_TRUE(rc::check("a group does what its account says", [by] {
    const auto reset = *rc::gen::element(offset_reset::earliest, offset_reset::latest,
                                         offset_reset::refuse);
    const auto steps = *programs();
    account of(by, reset);
    for (const auto& each : steps) of.run(each);
    of.check_all();
  }));
}

TEST(GroupLaws, ByRange) { check(rule::range); }
TEST(GroupLaws, ByTurns) { check(rule::round_robin); }
TEST(GroupLaws, Sticky) { check(rule::sticky); }
TEST(GroupLaws, Cooperative) { check(rule::cooperative); }

}  // namespace
}  // namespace sequencer
