// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "checked_run.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace sequencer::crash {

namespace {

// A scenario that the library refuses is a scenario written wrongly.
template <class T>
T must(result<T> outcome, const char* what) {
  if (outcome) return std::move(*outcome);
  std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(outcome.text().size()),
               outcome.text().data());
  std::abort();
}

void must(result<void> outcome, const char* what) {
  if (outcome) return;
  std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(outcome.text().size()),
               outcome.text().data());
  std::abort();
}

}  // namespace

checked_run::checked_run(checkpoint_options options, sabotage broken)
    : options_(std::move(options)) {
  options_.keeper_thread = false;
  options_.live_directory = "/live";
  host_.sabotaged = std::move(broken);
  door_ = host_.boot_process();
}

void checked_run::open(bool create) {
  options_.create = create;
  options_.system = door_.get();
  past_.openings.push_back(host_.position());
  file_.emplace(must(checkpoint::open(desk, options_), "open"));
  if (!past_.file_made) past_.file_made = host_.position();
  past_.epochs.emplace_back(file_->open_epoch(), host_.position());
}

void checked_run::open_badly(bad_sync what) {
  options_.create = false;
  options_.system = door_.get();
  past_.openings.push_back(host_.position());
  host_.to_come = what;
  {
    const auto opened = checkpoint::open(desk, options_);
    if (opened && !host_.to_come) {
      std::fprintf(stderr, "an opening outlived its bad sync\n");
      std::abort();
    }
    if (opened) past_.epochs.emplace_back(opened->open_epoch(), host_.position());
    host_.to_come.reset();  // it needed fewer syncs than that
    door_->kill();
  }
  forget_process();
}

void checked_run::strict(const std::string& name, sequence_options options) {
  strict_.insert_or_assign(name, must(file_->sequence(name, options), "sequence"));
  past_.sequences.try_emplace(
      name, told{false, options.durability.value_or(durability::ahead), options.start.value_or(1),
                 options.max_gap.value_or(1u << 20), 0, 1, host_.position()});
}

void checked_run::blocks(const std::string& name, block_sequence_options options) {
  blocks_.insert_or_assign(name, must(file_->blocks(name, options), "blocks"));
  const auto block = options.block.value_or(1024);
  past_.sequences.try_emplace(
      name, told{true, options.durability.value_or(durability::ahead), options.start.value_or(1),
                 options.max_gap.value_or(1u << 20), options.max_block.value_or(block),
                 1, host_.position()});
}

void checked_run::note(const std::string& name, sequence number) {
  past_.sequences.at(name).issued.emplace(number, host_.position());
}

void checked_run::take(const std::string& name, std::uint64_t count, std::uint64_t at_once) {
  auto& from = strict_.at(name);
  auto& in_flight = past_.sequences.at(name).in_flight;
  in_flight = std::max(in_flight, at_once);
  while (count != 0) {
    const auto taken = from.next_for(at_once, wait::at_once);
    if (taken) {
      for (auto each = taken->first; each < taken->last; ++each) note(name, each);
      --count;
    } else if (taken.code() == errc::unavailable) {
      file_->tend();
    } else if (taken.code() == errc::io && bad_sync_ordered_ && !host_.to_come) {
      return;
    } else {
      must(result<void>(error{taken.code(), 0, std::string(taken.text())}), "next");
    }
  }
}

void checked_run::order(bad_sync what) {
  host_.to_come = what;
  bad_sync_ordered_ = true;
}

void checked_run::take_from_blocks(const std::string& name, std::size_t handle,
                                   std::uint64_t count) {
  auto at = handles_.find({name, handle});
  if (at == handles_.end()) {
    at = handles_.emplace(std::pair(name, handle), blocks_.at(name).local()).first;
    past_.handles = std::max(past_.handles, handles_.size());
  }
  while (count != 0) {
    const auto taken = at->second.try_next();
    if (taken) {
      note(name, *taken);
      --count;
    } else if (taken.code() == errc::unavailable) {
      file_->tend();
    } else {
      must(result<void>(error{taken.code(), 0, std::string(taken.text())}), "next of a block");
    }
  }
}

void checked_run::end_handle(const std::string& name, std::size_t handle) {
  handles_.erase({name, handle});
}

void checked_run::forget_process() {
  handles_.clear();
  blocks_.clear();
  strict_.clear();
  file_.reset();
  door_ = host_.boot_process();
}

void checked_run::close() {
  must(file_->close(), "close");
  forget_process();
}

void checked_run::kill() {
  door_->kill();
  forget_process();
}

void checked_run::power_cut() {
  kill();
  host_.reboot();
}

void checked_run::adopt(sequence floor) {
  options_.system = door_.get();
  must(checkpoint::adopt(desk, floor, options_), "adopt");
  past_.floors.emplace_back(floor, host_.position());
}

// ---- judging

namespace {



// What an onlooker finds before anybody opens the file.
struct damage {
  bool torn = false;
  bool in_ledger = false;
};

damage look_at(const checkpoint_options& options) {
  damage found;
  const auto seen = checkpoint::inspect(desk, options);
  if (!seen) return found;
  for (const auto& each : seen->findings) {
    found.torn = true;
    found.in_ledger = found.in_ledger || each.find("hole ledger") != each.npos;
  }
  return found;
}

class judge_of_sequence {
 public:
  judge_of_sequence(const std::string& name, const told& of, const history& past,
                    const aftermath& after, const damage& seen, std::vector<std::string>& broken)
      : name_(name), of_(of), past_(past), after_(after), seen_(seen), broken_(broken) {
    for (const auto& [number, when] : of.issued) {
      if (when <= after.told) issued_.insert(number);
    }
  }

  void look(checkpoint& file) {
    const bool forgotten =
        of_.how == durability::memory && after_.how == failure_kind::power_cut;
    if (forgotten) return look_at_forgotten(file);
    // No step bounds what a rotten copy of such a mark may have said: it refuses.
    if (of_.how == durability::memory && seen_.torn && !file.sequence(name_)) {
      return look_at_forgotten(file);
    }
    if (of_.blocks) {
      auto opened = file.blocks(name_);
      if (!opened) return say("does not open: " + std::string(opened.text()));
      auto handle = opened->local();
      look_on(file, [&] { return handle.try_next(); });
    } else {
      auto opened = file.sequence(name_);
      if (!opened) return say("does not open: " + std::string(opened.text()));
      look_on(file, [&] { return opened->try_next(); });
    }
  }

 private:
  void say(const std::string& what) { broken_.push_back(name_ + ": " + what); }

  // Durability memory: a new boot must refuse.
  void look_at_forgotten(checkpoint& file) {
    const auto opened = file.sequence(name_);
    if (opened) return say("a mark in memory survived the boot it was good for");
    if (opened.code() != errc::fenced) {
      say("memory durability refused with the wrong code: " + std::string(opened.text()));
    }
  }

  template <class Next>
  void look_on(checkpoint& file, Next next) {
    std::vector<sequence> given;
    for (int tries = 0; given.size() < 3 && tries < 20; ++tries) {
      const auto taken = next();
      if (taken) {
        given.push_back(*taken);
      } else if (taken.code() == errc::unavailable) {
        file.tend();
      } else {
        return say("issues nothing: " + std::string(taken.text()));
      }
    }
    if (given.empty()) return say("issues nothing");
    compare(given);
    compare_holes(file, given.front());
  }

  void compare(const std::vector<sequence>& given) {
    const auto highest = issued_.empty() ? of_.start - 1 : *issued_.rbegin();
    for (const auto number : given) {
      if (issued_.contains(number)) say("REISSUED " + std::to_string(number));
      if (number <= highest) {
        say("went back to " + std::to_string(number) + " after " + std::to_string(highest));
      }
    }
    const auto gap = given.front() - highest - 1;
    const auto allowed = bound();
    if (gap > allowed) {
      say("gap of " + std::to_string(gap) + " where " + std::to_string(allowed) +
          " is the bound");
    }
  }

  // Failures since the last number add up: each loses at most one bound.
  std::uint64_t bound() const {
    std::size_t last = of_.created;
    for (const auto& [number, when] : of_.issued) {
      if (when <= after_.told) last = std::max(last, when);
    }
    const auto since =
        static_cast<std::uint64_t>(std::count_if(past_.openings.begin(), past_.openings.end(),
                                                 [&](std::size_t when) {
                                                   return when >= last && when <= after_.told;
                                                 }));
    std::uint64_t raised = 0;
    for (const auto& [floor, when] : past_.floors) raised = std::max(raised, floor);
    const auto held = of_.blocks ? 2 * of_.max_block * past_.handles : 0;
    if (after_.how == failure_kind::kill_with_live && since == 0) return raised + held;
    const auto one = of_.how != durability::each ? of_.max_gap
                                                 : of_.in_flight * (seen_.torn ? 2 : 1);
    return raised + (since + 1) * (one + held);
  }

  void compare_holes(checkpoint& file, sequence next) {
    if (seen_.in_ledger && !after_.ledger_twice) return;
    const auto holes = file.holes(name_);
    if (!holes) return say("has no account of holes: " + std::string(holes.text()));
    std::set<sequence> listed;
    std::uint64_t lost = 0;
    for (const auto& each : *holes) {
      lost += each.lost;
      if (each.numbers.last > next && !of_.blocks) {
        say("lists a hole beyond its next number " + std::to_string(next));
      }
      for (auto number = each.numbers.first; number < std::min(each.numbers.last, next); ++number) {
        listed.insert(number);
        if (each.certain && issued_.contains(number)) {
          say("calls " + std::to_string(number) + " a certain hole, but it was issued");
        }
      }
      if (each.certain && each.numbers.contains(next)) {
        say("issues " + std::to_string(next) + ", which it calls a certain hole");
      }
    }
    std::uint64_t missing = 0;
    for (auto number = of_.start; number < next; ++number) {
      if (issued_.contains(number)) continue;
      ++missing;
      if (!listed.contains(number)) {
        return say("lost " + std::to_string(number) + " without a word (next is " +
                   std::to_string(next) + ")");
      }
    }
    if (missing > lost) {
      say("lost " + std::to_string(missing) + " numbers and admits " + std::to_string(lost));
    }
  }

  const std::string& name_;
  const told& of_;
  const history& past_;
  const aftermath& after_;
  const damage& seen_;
  std::vector<std::string>& broken_;
  std::set<sequence> issued_;
};

void judge_opened(checkpoint& file, const history& past, const aftermath& after,
                  const damage& seen,
                  std::vector<std::string>& broken) {
  for (const auto& [epoch, when] : past.epochs) {
    if (when <= after.told && file.open_epoch() <= epoch) {
      broken.push_back("open epoch " + std::to_string(file.open_epoch()) + " after " +
                       std::to_string(epoch));
    }
  }
  for (const auto& [name, of] : past.sequences) {
    if (of.created > after.told) continue;
    judge_of_sequence(name, of, past, after, seen, broken).look(file);
  }
}

}  // namespace

std::vector<std::string> broken_promises(const history& past, const disk_image& disk,
                                         const checkpoint_options& asked,
                                         const aftermath& after) {
  std::vector<std::string> broken;
  machine host(disk, 77 + after.events);
  host.sabotaged = after.broken;
  if (after.how != failure_kind::power_cut) host.set_boot_id(after.boot_id);
  if (after.how == failure_kind::power_cut) {
    host.set_boot_id("ffffffff-0000-4000-8000-000000000000");
  }
  if (after.live != nullptr) host.restore_live(*after.live);
  const auto door = host.boot_process();
  auto options = asked;
  options.system = door.get();
  const bool made = past.file_made && *past.file_made <= after.told;
  options.create = !made;
  const auto seen = look_at(options);
  {
    auto opened = checkpoint::open(desk, options);
    if (!opened) {
      broken.push_back("does not open: " + std::string(opened.text()));
    } else {
      judge_opened(*opened, past, after, seen, broken);
    }
    door->kill();
  }
  return broken;
}

}  // namespace sequencer::crash
