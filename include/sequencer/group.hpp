// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sequencer/assignment.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/group_roll.hpp>
#include <sequencer/detail/group_share.hpp>
#include <sequencer/mark_store.hpp>
#include <sequencer/membership.hpp>
#include <sequencer/partitioned.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer {

struct group_options {
  assignment::rule rule = assignment::rule::cooperative;
  offset_reset reset = offset_reset::earliest;  // Kafka: latest, which skips what is there
};

// Shares the partitions of a log among its members, each partition to one at a time, and keeps how
// far they have come: Kafka's consumer group, whose coordinator and leader it is in one. Any number
// of groups follow one log.
//
// A committed offset is the next one to read. It is kept in a mark as itself plus 1; 0 is "none".
// The generation grows with each change of members, durably and before it is used, also over
// restarts: so what a member of an older one commits is refused, wherever it comes from.
//
// Invariant: in one generation a partition has one owner, and what take() gave of it to him it
// gives to nobody again in that generation, unless he seeks. An offset may be given again in a
// later generation if it was not committed: at least once, as in Kafka.
//
// Two locks: one for who is a member, one in each partition for its owner and its offset. A commit
// holds its partition's while it is stored, so that the next owner begins behind it or it is
// refused; commits in other partitions, lag and committed go on.
//
// Threads: any. A membership is a plain value and may outlive the group.
template <mark_store Mark>
class group {
 public:
  static constexpr std::size_t max_name = 255;

  // offsets: a mark for each partition; mark: that of the generation. They and the log must outlive
  // the group, and the marks be its own. Fails: another number of marks than partitions stops the
  // process.
  group(const partitioned& log, std::span<Mark> offsets, Mark& mark,
        group_options how = {})
      : log_(log),
        offsets_(offsets),
        mark_(mark),
        how_(how),
        shares_(std::make_unique<detail::group_share[]>(log.count())),
        asked_(mark.load()),
        ids_(asked_),
        generation_(asked_) {
    if (offsets.size() != log.count()) detail::stop("a group has one mark for each partition");
    for (std::uint32_t p = 0; p != log.count(); ++p) {
      const auto& seen = offsets[p];
      shares_[p].keep(seen.load());
    }
  }
  group(const group&) = delete;
  group& operator=(const group&) = delete;

  // ---- members

  // Takes in a member, in a new generation. Progress: blocking (a mutex, the store of a mark),
  // allocates. Fails: invalid, a name that is empty or longer than 255 bytes; locked, there is a
  // member of this name; what the mark said. Then nothing has changed.
  result<membership> join(std::string_view name) {
    if (name.empty() || name.size() > max_name) {
      return error{errc::invalid, 0,
                   "a member's name has 1 to 255 bytes, this one " + std::to_string(name.size())};
    }
    const std::lock_guard held(guard_);
    if (roll_.find(name) != 0) {
      return error{errc::locked, 0,
                   "the group has a member " + std::string(name) +
                       "; expel it, or join by another name"};
    }
    // The generation that it joins in, so that no restart gives it to another one.
    const auto id = asked_ + 1;
    auto next = roll_;
    next.add(name, id);
    const auto begun = regroup(std::move(next));
    if (!begun) {
      return error{begun.code(), 0,
                   "join: generation " + std::to_string(asked_) + " was not kept: " +
                       std::string(begun.text())};
    }
    // relaxed: changes under this lock only; strangers are told from members by it.
    ids_.store(id, detail::relaxed);
    return membership{id, *begun};
  }

  // Gives up all that the member has, in a new generation. What it has not committed is read again
  // by others. Progress: as join(). Fails: fenced, it is no member any more; invalid, it never was;
  // what the mark said. Then nothing has changed.
  result<sequence> leave(membership who) {
    const std::lock_guard held(guard_);
    if (const auto why = is_member(who.id); why != errc{}) return why;
    return without(who.id);
  }

  // The same done to a member that does not answer. Progress: as join().
  // Fails: invalid, nobody has this name; what the mark said.
  result<sequence> expel(std::string_view name) {
    const std::lock_guard held(guard_);
    const auto id = roll_.find(name);
    return id == 0 ? result<sequence>(errc::invalid) : without(id);
  }

  // What a member shows from now on, once it saw that generation() is no longer its own.
  // Progress: blocking (a mutex). Fails: fenced, it is no member any more; invalid, it never was.
  result<membership> renew(membership who) {
    const std::lock_guard held(guard_);
    if (const auto why = is_member(who.id); why != errc{}) {
      return error{why, 0, "member " + std::to_string(who.id) + " is not in the group; join anew"};
    }
    return membership{who.id, now()};
  }

  // The newest generation: another than a member's own tells it to renew. Progress: wait-free, one
  // load. Order: none.
  std::uint64_t generation() const noexcept { return now(); }

  // Names, in their order. Progress: blocking (a mutex), allocates.
  std::vector<std::string> members() const {
    const std::lock_guard held(guard_);
    return roll_.names();
  }

  // The partitions that are the member's to read. Progress: blocking (a mutex), allocates.
  // Fails: fenced, of an older generation, or no member any more; invalid, it never was.
  result<std::vector<std::uint32_t>> assigned(membership who) const { return owned(who, false); }

  // Those that it is to give up: it commits what it has read of them, then calls release() for
  // each. Only in cooperative groups. Progress, Fails: as assigned().
  result<std::vector<std::uint32_t>> leaving(membership who) const { return owned(who, true); }

  // Gives up a partition that is leaving. With the last one that any member had to give up a new
  // generation begins, in which they are their new owners'. Gives the generation.
  // Progress: as join(). Fails: invalid, no such partition, never a member, or not leaving; fenced,
  // as assigned(); what the mark said. Then nothing has changed.
  result<sequence> release(membership who, std::uint32_t p) {
    if (p >= log_.count()) return errc::invalid;
    const std::lock_guard held(guard_);
    auto& at = shares_[p];
    if (const auto why = refused(at, who); why != errc{}) return why;
    if (!at.leaving) return errc::invalid;
    const bool last = left_ == 1;
    const auto next = last ? begin_generation() : result<sequence>(now());
    if (!next) return next;
    give_up(at);
    if (last) spread(*next);
    return next;
  }

  // ---- reading, as the owner of a partition

  // The next offsets of partition `p`, at most `most` of them, published all.
  // Progress: blocking (the partition's mutex). Order: what was done before they were published is
  // seen. Fails: unavailable, there are none yet; closed, the partition is leaving; fenced, of an
  // older generation, or somebody else's; invalid, no such partition, never a member, most is 0, or
  // nowhere to begin and reset is `refuse` (then seek).
  result<range> take(membership who, std::uint32_t p, std::uint64_t most) noexcept {
    if (p >= log_.count() || most == 0) return errc::invalid;
    auto& at = shares_[p];
    const std::lock_guard held(at.guard);
    if (const auto why = refused(at, who); why != errc{}) return why;
    if (at.leaving) return errc::closed;
    const auto marks = log_.marks(p);
    if (!at.place(marks, how_.reset)) return errc::invalid;
    const auto next = at.advance(marks.high_water, most);
    return next.empty() ? result<range>(errc::unavailable) : result<range>(next);
  }

  // Where take() goes on. Progress, Fails: as take().
  result<sequence> position(membership who, std::uint32_t p) noexcept {
    if (p >= log_.count()) return errc::invalid;
    auto& at = shares_[p];
    const std::lock_guard held(at.guard);
    if (const auto why = refused(at, who); why != errc{}) return why;
    if (!at.place(log_.marks(p), how_.reset)) return errc::invalid;
    return at.position;
  }

  // Lets take() go on at `to`: again, or further on. Below the log's start the group's reset
  // decides, as in Kafka. Progress: as take(). Fails: as take(); invalid also beyond the log's end.
  result<sequence> seek(membership who, std::uint32_t p, sequence to) noexcept {
    if (p >= log_.count()) return errc::invalid;
    auto& at = shares_[p];
    const std::lock_guard held(at.guard);
    if (const auto why = refused(at, who); why != errc{}) return why;
    if (at.leaving) return errc::closed;
    if (to > log_.log_end(p)) return errc::invalid;
    at.position = to;
    at.placed = true;
    return to;
  }

  // Everything below `next` is done. May go back.
  // Progress: blocking (the partition's mutex, the store of a mark). Order: who sees the offset
  // sees what was done before. Fails: fenced, of an older generation, or somebody else's; invalid,
  // no such partition, never a member, or beyond the log's end; exhausted, `top`; what
  // the mark said: then the old offset stands here, and either may be found after a restart.
  result<sequence> commit(membership who, std::uint32_t p, sequence next) noexcept {
    if (p >= log_.count()) return errc::invalid;
    auto& at = shares_[p];
    const std::lock_guard held(at.guard);
    if (const auto why = refused(at, who); why != errc{}) return why;
    return keep(p, next);
  }

  // ---- looking, as anybody

  // Progress: wait-free, one load. Order: what was done before the commit is seen.
  // Fails: unavailable, nothing was committed; invalid, no such partition.
  result<sequence> committed(std::uint32_t p) const noexcept {
    if (p >= log_.count()) return errc::invalid;
    const auto kept = shares_[p].kept();
    return kept == 0 ? result<sequence>(errc::unavailable) : result<sequence>(kept - 1);
  }

  // How many offsets may be read that are not committed. Progress: wait-free, two loads.
  // Order: none; as of some moments. Fails: as committed().
  result<sequence> lag(std::uint32_t p) const noexcept {
    const auto done = committed(p);
    if (!done) return done;
    const auto high = log_.high_water(p);
    return high > *done ? high - *done : 0;
  }

  // Moves a group that nobody is in: to log_start(p), high_water(p), or wherever.
  // Progress: blocking (mutexes, the store of a mark). Fails: locked, it has members; as commit().
  result<sequence> set_committed(std::uint32_t p, sequence next) {
    if (p >= log_.count()) return errc::invalid;
    const std::lock_guard held(guard_);
    if (roll_.size() != 0) return errc::locked;
    const std::lock_guard alone(shares_[p].guard);
    return keep(p, next);
  }

 private:
  errc is_member(std::uint64_t id) const noexcept {
    if (roll_.has(id)) return errc{};
    return is_stranger(id) ? errc::invalid : errc::fenced;
  }
  bool is_stranger(std::uint64_t id) const noexcept {
    // relaxed: ids only grow; who has one had it from join(), after it was stored.
    return id == 0 || id > ids_.load(detail::relaxed);
  }
  errc refused(const detail::group_share& at, membership who) const noexcept {
    if (at.belongs_to(who)) return errc{};
    return is_stranger(who.id) ? errc::invalid : errc::fenced;
  }

  std::uint64_t now() const noexcept {
    // relaxed: who acts on it takes a lock, under which it changes.
    return generation_.load(detail::relaxed);
  }

  result<std::vector<std::uint32_t>> owned(membership who, bool leaving) const {
    const std::lock_guard held(guard_);
    auto why = is_member(who.id);
    if (why == errc{} && who.generation != now()) why = errc::fenced;
    if (why != errc{}) {
      return error{why, 0,
                   "member " + std::to_string(who.id) + " of generation " +
                       std::to_string(who.generation) + " is not in generation " +
                       std::to_string(now()) + "; renew, or join anew"};
    }
    std::vector<std::uint32_t> mine;
    for (std::uint32_t p = 0; p != log_.count(); ++p) {
      if (shares_[p].owner == who.id && shares_[p].leaving == leaving) mine.push_back(p);
    }
    return mine;
  }

  // With the partition's lock.
  result<sequence> keep(std::uint32_t p, sequence next) noexcept {
    if (next > log_.log_end(p)) return errc::invalid;
    if (next == top) return errc::exhausted;
    auto& mark = offsets_[p];
    const auto kept = mark.store(next + 1);
    if (!kept) return kept.code();
    shares_[p].keep(next + 1);
    return next;
  }

  // ---- with the group's lock

  // A generation that could not be stored may be found after a restart: it is never used.
  result<sequence> begin_generation() noexcept {
    if (asked_ >= top) return errc::exhausted;
    return mark_.store(++asked_);
  }

  result<sequence> regroup(detail::group_roll next) {
    const auto begun = begin_generation();
    if (!begun) return begun;
    roll_ = std::move(next);
    spread(*begun);
    return begun;
  }

  result<sequence> without(std::uint64_t id) {
    auto next = roll_;
    next.drop(id);
    return regroup(std::move(next));
  }

  std::vector<std::uint32_t> planned(std::span<const std::uint32_t> had) const {
    switch (how_.rule) {
      case assignment::rule::range: return assignment::by_range(log_.count(), roll_.size());
      case assignment::rule::round_robin: return assignment::by_turns(log_.count(), roll_.size());
      default: return assignment::sticky(had, roll_.size());
    }
  }

  // The number of each partition's owner.
  std::vector<std::uint32_t> present() const {
    std::vector<std::uint64_t> ids(log_.count());
    for (std::uint32_t p = 0; p != log_.count(); ++p) ids[p] = shares_[p].owner;
    return roll_.numbers_of(ids);
  }

  // Gives every partition its owner in the generation that begins. An owner changes between two
  // commits of its partition.
  void spread(std::uint64_t generation) {
    const bool cooperative = how_.rule == assignment::rule::cooperative;
    const auto had = present();
    const auto wanted = planned(had);
    left_ = 0;
    for (std::uint32_t p = 0; p != log_.count(); ++p) {
      auto& at = shares_[p];
      const std::lock_guard held(at.guard);
      const bool stays = had[p] == wanted[p];
      at.generation = generation;
      at.leaving = cooperative && !stays && had[p] != assignment::nobody;
      if (at.leaving) {
        ++left_;
        continue;
      }
      at.owner = wanted[p] == assignment::nobody ? 0 : roll_.id_of(wanted[p]);
      at.placed = at.placed && cooperative && stays;
    }
    // relaxed: as now()
    generation_.store(generation, detail::relaxed);
  }

  void give_up(detail::group_share& at) {
    const std::lock_guard held(at.guard);
    at.free();
    --left_;
  }

  const partitioned& log_;
  std::span<Mark> offsets_;
  Mark& mark_;
  group_options how_;
  std::unique_ptr<detail::group_share[]> shares_;
  mutable detail::mutex guard_;
  detail::group_roll roll_;
  std::uint32_t left_ = 0;  // partitions that are leaving
  std::uint64_t asked_;     // the newest generation that was to be kept
  detail::atomic<std::uint64_t> ids_;  // the newest
  detail::atomic<std::uint64_t> generation_;
};

}  // namespace sequencer
