// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "checkpoint_state.hpp"
#include "failure.hpp"

// Marks: one number each, exact in both copies of its page, so that neither a torn write nor a copy
// that rots later brings back another one.
namespace sequencer::detail {

using namespace format;

result<durable_mark> checkpoint_state::mark(std::string_view name, const mark_options& asked) {
  if (!in_owner_process()) return fatal(errc::closed);
  const std::lock_guard held(commit_);
  if (closed_ || failed_ != errc{}) return fatal(closed_ ? errc::closed : failed_);
  if (auto named = check_name(name); !named) return named.failure();
  const auto refuse = [&](const std::string& why) {
    return failure(errc::invalid, path_, "mark '" + std::string(name) + "': " + why);
  };
  if (asked.start > top) return refuse("a mark is 2^63 - 1 or below");
  auto place = find(name);
  if (!place && !asked.create && !options_.create) {
    return refuse("there is none of that name; pass create = true if this is its first use");
  }
  if (!place) {
    record made{};
    made.kind = static_cast<std::uint8_t>(record_kind::mark);
    made.durability = static_cast<std::uint8_t>(durability::each);
    made.flags = clean;
    made.increment = 1;
    made.maximum = static_cast<std::int64_t>(top);
    made.max_gap = 2;
    made.mark = made.settled = made.next = asked.start;
    auto created = add_record(name, made);
    if (!created) return created.failure();
    place = created->at;
  }
  if (auto mended = repair_pair(*place / records_per_page); !mended) return mended.failure();
  const auto& of = pages_.record_at(*place);
  if (const auto kind = static_cast<record_kind>(of.kind); kind != record_kind::mark) {
    return refuse(how_to_open(kind));
  }
  // What was found may lie in the cache of a process that died before its sync.
  if (auto& pair = pair_of(*place); pair.unconfirmed) {
    if (check_identity() != errc{}) return fatal(failed_);
    if (const int bad = pages_.confirm({&pair})) {
      fail_write(bad);
      return fatal(failed_);
    }
  }
  auto known = std::find_if(open_marks_.begin(), open_marks_.end(),
                            [&](const open_mark& each) { return each.place == *place; });
  if (known == open_marks_.end()) {
    open_marks_.emplace_back(*place, of.next);
    known = std::prev(open_marks_.end());
  }
  durable_mark made;
  made.state_ = shared_from_this();
  made.mark_ = &*known;
  made.number_ = &known->number;
  return made;
}

result<std::uint64_t> checkpoint_state::store_mark(open_mark& to, std::uint64_t number) noexcept {
  if (!in_owner_process()) return errc::closed;
  if (number > top) return errc::invalid;
  const std::lock_guard held(commit_);
  if (closed_ || failed_ != errc{}) return closed_ ? errc::closed : failed_;
  auto& of = pages_.record_at(to.place);
  of.mark = of.settled = of.next = number;
  of.boot_tag = boot_tag_;
  if (write_both({&pair_of(to.place)}) != errc{}) return failed_;
  // order: durable-mark-stored -> durable-mark-seen: what its writer did before
  to.number.store(number, release);
  return number;
}

}  // namespace sequencer::detail
