// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>

#include "checkpoint_state.hpp"
#include "failure.hpp"
#include "records.hpp"

// Named sequences: their records, their moves, and the blocks that sessions take.
namespace sequencer::detail {

using namespace format;

namespace {

constexpr std::uint64_t default_named_gap = std::uint64_t{1} << 20;
constexpr std::uint64_t first_window = 32;  // as many as PostgreSQL logs ahead

// Half of it is what may be taken at once.
std::string agree_on_gap(const named_options& asked, std::uint64_t cache, std::uint64_t& max_gap) {
  const auto before = max_gap;
  max_gap = asked.max_gap.value_or(std::max(max_gap, cache > max_gap / 2 ? 4 * cache : 0));
  if (max_gap > top || max_gap < 2 * cache) {
    return "max_gap " + std::to_string(max_gap) + " is not within twice the cache, " +
           std::to_string(2 * cache) + ", and 2^63 - 1";
  }
  if (max_gap < before) {
    return "max_gap " + std::to_string(before) + " cannot be lowered to " +
           std::to_string(max_gap) + "; it is what was signed for";
  }
  return "";
}

}  // namespace

result<void> checkpoint_state::create_named(std::string_view name, const named_options& asked) {
  if (!in_owner_process()) return fatal(errc::closed);
  const std::lock_guard held(commit_);
  if (closed_ || failed_ != errc{}) return fatal(closed_ ? errc::closed : failed_);
  if (auto fits = check_name(name); !fits) return fits;
  named_rules rules;
  if (const auto wrong = apply(asked, nullptr, rules); !wrong.empty()) {
    return refuse(path_, name, wrong);
  }
  record made{};
  made.max_gap = asked.max_gap ? 0 : default_named_gap;
  if (const auto wrong = agree_on_gap(asked, rules.cache, made.max_gap); !wrong.empty()) {
    return refuse(path_, name, wrong);
  }
  if (find(name)) {
    return refuse(path_, name, "exists already; drop it first, or choose another name");
  }
  made.kind = static_cast<std::uint8_t>(record_kind::named);
  made.durability = static_cast<std::uint8_t>(asked.durability.value_or(durability::ahead));
  made.flags = clean;
  made.window = std::min(std::max(first_window, 2 * rules.cache), made.max_gap / 2);
  made.max_step = made.max_gap / 2;
  const named_state first{rules.start, false, pages_.file_header().spent_epochs, 0};
  put_order(made, rules, {0, raised_to(rules, first, pages_.file_header().floor)});
  const auto added = add_record(name, made);
  return added ? result<void>() : added.failure();
}

result<open_named*> checkpoint_state::open_named_sequence(std::string_view name) {
  if (!in_owner_process()) return fatal(errc::closed);
  const std::lock_guard held(commit_);
  if (closed_ || failed_ != errc{}) return fatal(closed_ ? errc::closed : failed_);
  const auto place = find(name);
  if (!place) return refuse(path_, name, "there is none of that name; create it first");
  const auto page = *place / records_per_page;
  if (auto mended = repair_pair(page); !mended) return mended.failure();
  const auto& of = pages_.record_at(*place);
  if (const auto kind = static_cast<record_kind>(of.kind); kind != record_kind::named) {
    return refuse(path_, name, how_to_open(kind));
  }
  const auto known = named_by_place_.find(*place);
  if (known != named_by_place_.end()) return known->second;
  if (refused_on_this_boot(of)) return fenced_on_this_boot(name);
  auto* line = new_line<move_line>();
  if (line == nullptr) {
    return system_failure(ENOMEM, path_, "reserving memory for a sequence", "free some");
  }
  auto ordinals = ordinals_at(*place);
  if (!ordinals) return ordinals.failure();
  auto& made = named_.emplace_back(**ordinals, (*ordinals)->numbers, *line, rules_of(of),
                                   anchor_of(of));
  named_by_place_.emplace(*place, &made);
  return &made;
}

// Those of a file that was not closed were opened with it.
result<open_sequence*> checkpoint_state::ordinals_at(std::size_t place) {
  const auto known = open_by_place_.find(place);
  if (known != open_by_place_.end()) return known->second;
  auto ready = prepare(place, false);
  if (!ready) return ready;
  const bool memory = (*ready)->how == durability::memory;
  if (write({&pair_of(place)}, memory) != errc{}) return fatal(failed_);
  start(**ready);
  return ready;
}

// Moves by `change`, which is told how it stands and says what is wrong, or "". On return the move
// is on stable storage in both copies and no block from before it is good any more.
result<void> checkpoint_state::move_named(open_named& of, named_move& next,
                                          const std::function<std::string(named_move&)>& change) {
  const std::lock_guard held(of.guard);
  const std::lock_guard committing(commit_);
  // relaxed: written under this lock.
  const bool gone = of.dropped.load(relaxed);
  if (closed_ || gone) return fatal(errc::closed);
  if (failed_ != errc{}) return fatal(failed_);
  const auto place = of.ordinals.place;
  const auto at = of.numbers.word();
  const auto now = state_behind(of.rules, of.anchor.at, at - of.anchor.first);
  next = {of.rules, now, pages_.record_at(place).max_gap};
  if (const auto wrong = change(next); !wrong.empty()) {
    return refuse(path_, name_at(place), wrong);
  }
  if (goes_back(of.rules, now, next.rules, next.at) && ++next.at.epoch == 0) {
    return failure(errc::exhausted, path_, "sequence '" + name_at(place) +
                                               "': its epochs are used up; use another one");
  }
  return write_order(of, next.rules, {at, next.at}, next.max_gap, true);
}

// of.guard and commit_ held.
result<void> checkpoint_state::write_order(open_named& of, const named_rules& rules,
                                           const named_anchor& anchor, std::uint64_t max_gap,
                                           bool voids) {
  auto& to = pages_.record_at(of.ordinals.place);
  put_order(to, rules, anchor);
  to.max_gap = of.ordinals.max_gap = max_gap;
  note_progress(of.ordinals, to);
  if (write_both({&pair_of(of.ordinals.place)}) != errc{}) {
    of.void_blocks();  // the file may have the new order
    return fatal(failed_);
  }
  of.follow(rules, anchor, voids);
  return {};
}

result<void> checkpoint_state::alter_named(std::string_view name, const named_change& asked) {
  const auto opened = open_named_sequence(name);
  if (!opened) return opened.failure();
  named_move done;
  return move_named(**opened, done, [&](named_move& next) -> std::string {
    if (asked.options.durability) return "durability cannot change; drop and create it";
    const auto there = next.rules;
    if (auto wrong = apply(asked.options, &there, next.rules); !wrong.empty()) return wrong;
    if (asked.restart || asked.restart_with) {
      next.at.last = asked.restart_with.value_or(next.rules.start);
      next.at.called = false;
    }
    if (auto wrong = fault_of(next.rules, next.at); !wrong.empty()) return wrong;
    return agree_on_gap(asked.options, next.rules.cache, next.max_gap);
  });
}

result<void> checkpoint_state::set_named(named_view& of, std::int64_t number, bool called) {
  if (!in_owner_process()) return fatal(errc::closed);
  named_move done;
  auto moved = move_named(*of.of, done, [&](named_move& next) -> std::string {
    const bool inside = number >= next.rules.minimum && number <= next.rules.maximum;
    if (!inside) {
      return "cannot be set to " + std::to_string(number) + ", which is not within " +
             std::to_string(next.rules.minimum) + " .. " + std::to_string(next.rules.maximum);
    }
    next.at.last = number;
    next.at.called = called;
    return "";
  });
  if (!moved || !called) return moved;
  of.last = of.block_last = number;
  of.epoch = done.at.epoch;
  of.has_last = true;
  return moved;
}

// One that is made under a dropped name must not begin again: the header remembers for all of them,
// durably before the record goes.
errc checkpoint_state::spend_epochs(std::uint64_t last) noexcept {
  auto& header = pages_.file_header();
  if (header.spent_epochs > last) return {};
  header.spent_epochs = last + 1;
  return write_both({&pages_.header()});
}

result<void> checkpoint_state::drop_named(std::string_view name) {
  const auto opened = open_named_sequence(name);
  if (!opened) return opened.failure();
  auto& of = **opened;
  const std::lock_guard held(of.guard);
  const std::lock_guard committing(commit_);
  if (closed_ || failed_ != errc{}) return fatal(closed_ ? errc::closed : failed_);
  // relaxed: written under this lock.
  if (of.dropped.load(relaxed)) return refuse(path_, name, "was dropped meanwhile");
  const auto place = of.ordinals.place;
  const auto ended = state_behind(of.rules, of.anchor.at,
                                  of.numbers.word() - of.anchor.first);
  if (ended.epoch == ~std::uint64_t{0}) return refuse(path_, name, "its epochs are used up");
  if (spend_epochs(ended.epoch) != errc{}) return fatal(failed_);
  for (auto each = place; each < place + records_needed(name); ++each) {
    pages_.record_at(each) = {};
  }
  if (write_both({&pair_of(place)}) != errc{}) {
    of.void_blocks();
    return fatal(failed_);
  }
  // order: named-dropped -> named-drop-seen: nothing
  of.dropped.store(true, release);
  of.void_blocks();
  of.ordinals.dropped = true;
  of.numbers.close();
  named_by_place_.erase(place);
  open_by_place_.erase(place);
  index_.erase(name);
  used_records_ -= used_records_ == 0 ? 0 : 1;
  full_pages_ = std::min(full_pages_, place / records_per_page);
  return {};
}

result<sequence_status> checkpoint_state::status_of_named(std::string_view name) {
  if (!in_owner_process()) return fatal(errc::closed);
  const std::lock_guard held(commit_);
  if (closed_) return fatal(errc::closed);
  const auto place = find(name);
  if (!place) return refuse(path_, name, "there is none of that name");
  const auto kind = static_cast<record_kind>(pages_.record_at(*place).kind);
  if (kind != record_kind::named) return refuse(path_, name, how_to_open(kind));
  return status_of(*place);
}

// of.guard held. Waits for the keeper, or does its work where there is none.
result<range> checkpoint_state::take_ordinals(open_named& of, std::uint64_t n) noexcept {
  auto& from = of.numbers;
  for (;;) {
    const auto taken = from.take(n);
    if (taken || taken.code() != errc::unavailable) return taken;
    auto why = from.await_room(n, options_.keeper_thread ? wait::never : wait::at_once);
    if (why == errc::unavailable) {
      tend();
      why = from.stopped();
    }
    if (why != errc{}) return why;
  }
}

result<std::int64_t> checkpoint_state::next_block(named_view& to) noexcept {
  if (!in_owner_process()) return errc::closed;
  auto& of = *to.of;
  const std::lock_guard held(of.guard);
  return of.take_block(to, [&](std::uint64_t n) { return take_ordinals(of, n); });
}

// A range above half of max_gap, or above 2^32, takes no ordinals, of which there are 2^63: the
// anchor goes behind it instead.
result<named_range> checkpoint_state::take_named(open_named& of, std::uint64_t n) noexcept {
  const auto fail = [](errc why) { return error{why, 0, std::string(message(why))}; };
  if (!in_owner_process()) return fail(errc::closed);
  if (n == 0 || n > top) return fail(errc::invalid);
  const std::lock_guard held(of.guard);
  if (const auto why = of.refusal(); why != errc{}) return fail(why);
  const auto at = of.numbers.word();
  if (at > top) return fail(of.numbers.refusal());
  const auto behind = at - of.anchor.first;
  const auto first = run_behind(of.rules, of.anchor.at, behind);
  const auto last = run_behind(of.rules, of.anchor.at, behind + (n - 1));
  if (!first || !last) return fail(errc::exhausted);
  if (n <= std::min(of.ordinals.max_gap / 2, std::uint64_t{1} << 32)) {
    if (const auto taken = take_ordinals(of, n); !taken) return fail(taken.code());
  } else {
    const std::lock_guard committing(commit_);
    if (closed_ || failed_ != errc{}) return fatal(closed_ ? errc::closed : failed_);
    const named_anchor next{at, state_behind(of.rules, of.anchor.at, behind + n)};
    const auto moved = write_order(of, of.rules, next, of.ordinals.max_gap, false);
    if (!moved) return moved.failure();
  }
  return named_range{first->number,       last->number,     last->cycles - first->cycles,
                     of.rules.increment,  of.rules.minimum, of.rules.maximum,
                     first->epoch};
}

}  // namespace sequencer::detail
