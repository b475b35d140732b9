// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include <sequencer/detail/possible_cpus.hpp>

#include "checkpoint_state.hpp"
#include "failure.hpp"
#include "records.hpp"

// Finding, creating and starting sequences by name.
namespace sequencer::detail {

using namespace format;

namespace {

constexpr std::uint64_t default_max_gap = std::uint64_t{1} << 20;
constexpr std::uint64_t default_block = 1024;
constexpr std::uint64_t first_window_share = 16;  // of max_gap

error locked(const std::string& path, std::string_view name, const std::string& why) {
  return failure(errc::locked, path, "sequence '" + std::string(name) + "': " + why);
}

std::string number(std::uint64_t value) { return std::to_string(value); }

// What CPUs may hold, of a block each.
std::uint64_t held_by(std::uint64_t cpus, std::uint64_t block) {
  return durable_cpu_blocks::cache::held_bound(cpus, block, cpu_mode::restartable);
}

error too_much_held(const std::string& path, std::string_view name, std::uint64_t cpus,
                    std::uint64_t block, std::uint64_t max_gap) {
  return refuse(path, name,
                "a block of " + number(block) + " for each of the " + number(cpus) +
                    " CPUs that this machine can have is more than half of max_gap " +
                    number(max_gap) + "; ask for smaller blocks or a larger max_gap");
}

}  // namespace

const char* how_to_open(record_kind kind) noexcept {
  switch (kind) {
    case record_kind::strict: return "is strict; open it with sequence()";
    case record_kind::blocks: return "is handed out in blocks; open it with blocks()";
    case record_kind::mark: return "is a mark; open it with mark()";
    case record_kind::named: return "is a named sequence; open it in a session of named()";
  }
  return "is of an unknown kind";
}

result<durable_sequence> checkpoint_state::strict(std::string_view name,
                                                  const sequence_options& asked) {
  if (!in_owner_process()) return fatal(errc::closed);
  const std::lock_guard held(commit_);
  auto opened = open_strict(name, asked);
  if (!opened) return opened.failure();
  if ((*opened)->lent) {
    return locked(path_, name, "a ring has it; numbers are taken by publishing there");
  }
  (*opened)->asked_for = true;
  durable_sequence made;
  made.state_ = shared_from_this();
  made.reservation_ = &(*opened)->numbers;
  made.max_request_ = (*opened)->max_gap / 2;
  made.open_epoch_ = open_epoch_;
  return made;
}

result<durable_order> checkpoint_state::order(std::string_view name,
                                              const sequence_options& asked) {
  if (!in_owner_process()) return fatal(errc::closed);
  const std::lock_guard held(commit_);
  auto opened = open_strict(name, asked);
  if (!opened) return opened.failure();
  auto& of = **opened;
  if (of.lent) return locked(path_, name, "another ring has it; end that one first");
  if (of.asked_for) {
    return locked(path_, name, "it was asked for as a sequence since the file was opened, and a "
                               "ring wants all of its numbers; leave one of the two");
  }
  if (of.numbers.word() > top) {
    return failure(errc::exhausted, path_, "sequence '" + std::string(name) +
                                               "': every number was issued; use another sequence");
  }
  of.lent = true;
  of.numbers.lend();
  durable_order made;
  made.state_ = shared_from_this();
  made.reservation_ = &of.numbers;
  made.max_request_ = of.max_gap / 2;
  made.open_epoch_ = open_epoch_;
  return made;
}

void checkpoint_state::take_back(reservation& lent) noexcept {
  if (!in_owner_process()) return;
  const std::lock_guard held(commit_);
  if (closed_) return;
  static_cast<open_sequence*>(lent.owner)->lent = false;
  lent.resume();
}

result<open_sequence*> checkpoint_state::open_strict(std::string_view name,
                                                     const sequence_options& asked) {
  return open_by_name(name, {false, asked.create, false, asked.durability, asked.start,
                             asked.maximum, asked.max_gap, std::nullopt, std::nullopt});
}

result<durable_blocks> checkpoint_state::blocks(std::string_view name,
                                                const block_sequence_options& asked) {
  if (!in_owner_process()) return fatal(errc::closed);
  const std::lock_guard held(commit_);
  auto opened = open_by_name(
      name, {true, asked.create, asked.unordered, asked.durability, asked.start, asked.maximum,
             asked.max_gap, asked.block, asked.max_block, asked.tiers ? &*asked.tiers : nullptr});
  if (!opened) return opened.failure();
  auto& of = **opened;
  if (of.cpu_cache) return refuse(path_, name, "is handed out by CPU here; use cpu_blocks()");
  if (auto made = make_cache(name, of, asked.tiers ? &*asked.tiers : nullptr); !made) {
    return made.failure();
  }
  durable_blocks made;
  made.cache_ = of.cache;
  made.open_epoch_ = open_epoch_;
  return made;
}

result<durable_cpu_blocks> checkpoint_state::cpu_blocks(std::string_view name,
                                                        const block_sequence_options& asked) {
  if (!in_owner_process()) return fatal(errc::closed);
  const std::lock_guard held(commit_);
  if (asked.tiers) {
    return refuse(path_, name, "blocks by CPU have no tiers; leave them out, or use blocks()");
  }
  const auto cpus = possible_cpus();
  auto opened = open_by_name(
      name, {true, asked.create, asked.unordered, asked.durability, asked.start, asked.maximum,
             asked.max_gap, asked.block, asked.max_block, nullptr, cpus});
  if (!opened) return opened.failure();
  auto& of = **opened;
  if (of.cache) return refuse(path_, name, "is handed out by thread here; use blocks()");
  if (!of.cpu_cache) {
    of.cpu_cache = std::make_shared<durable_cpu_blocks::cache>(
        cpu_cache_options{.block = pages_.record_at(of.place).block,
                          .cpus = cpus,
                          .node_of_cpu = asked.node_of_cpu},
        shared_from_this(), of);
  }
  durable_cpu_blocks made;
  made.cache_ = of.cpu_cache;
  made.open_epoch_ = open_epoch_;
  return made;
}

// Tiers come before the first handle, and stay.
result<void> checkpoint_state::make_cache(std::string_view name, open_sequence& of,
                                          const tiers* asked) {
  if (of.cache && asked != nullptr && (!of.tiers || of.tiers->shape != *asked)) {
    return refuse(path_, name,
                  "is in use here with other tiers; close the checkpoint before changing them");
  }
  if (of.cache) return {};
  const auto& recorded = pages_.record_at(of.place);
  if (asked != nullptr) {
    of.tiers = std::make_unique<durable_tiers>(*asked);
    of.max_gap = of.gap_beside_tiers(recorded.max_gap);
    of.window = std::min(of.window, std::max<std::uint64_t>(1, of.max_gap / 2));
  }
  for (std::uint32_t pool = 0; of.tiers && pool < of.tiers->count(); ++pool) {
    if (assign_line_locked(of, pool) != nullptr) continue;
    drop_tiers(of);
    return failure(errc::exhausted, path_,
                   "sequence '" + std::string(name) + "': the live region has no room for the " +
                       "pools of its tiers; use fewer domains, or make room in the tmpfs");
  }
  of.cache = std::make_shared<durable_blocks::cache>(
      block_options{recorded.block, recorded.max_block}, shared_from_this(), of);
  return {};
}

void checkpoint_state::drop_tiers(open_sequence& of) {
  of.tiers.reset();
  of.max_gap = pages_.record_at(of.place).max_gap;
  const std::lock_guard refill(of.refill);
  for (auto* each : of.holders) {
    if (each == nullptr) continue;
    // relaxed: never held a block.
    each->id.store(0, relaxed);
    free_holders_.push_back(each);
  }
  of.holders.clear();
}

result<open_sequence*> checkpoint_state::open_by_name(std::string_view name,
                                                      const wishes& asked) {
  if (closed_ || failed_ != errc{}) return fatal(closed_ ? errc::closed : failed_);
  if (auto sane = check_bounds(name, asked); !sane) return sane.failure();
  auto place = find(name);
  if (!place) {
    if (!asked.create && !options_.create) {
      return refuse(path_, name,
                    "there is none of that name; pass create = true if this is its first use");
    }
    const auto block = asked.block.value_or(default_block);
    if (asked.cpus != 0 && asked.max_gap && held_by(asked.cpus, block) > *asked.max_gap / 2) {
      return too_much_held(path_, name, asked.cpus, block, *asked.max_gap);
    }
    auto created = create_record(name, asked);
    if (!created) return created.failure();
    place = created->at;
  }
  const auto page = *place / records_per_page;
  if (auto mended = repair_pair(page); !mended) return mended.failure();
  if (auto agreed = agree(name, *place, asked); !agreed) return agreed.failure();
  if (const auto known = open_by_place_.find(*place); known != open_by_place_.end()) {
    auto& of = *known->second;
    of.max_gap = of.gap_beside_tiers(pages_.record_at(*place).max_gap);
    known->second->unordered = asked.unordered;
    return known->second;
  }
  auto ready = prepare(*place, asked.unordered);
  if (!ready) return ready;
  const bool memory = (*ready)->how == durability::memory;
  if (write({&pages_.records(page)}, memory) != errc{}) return fatal(failed_);
  start(**ready);
  return ready;
}

result<void> checkpoint_state::check_name(std::string_view name) const {
  if (!name.empty() && name.size() <= max_name_bytes && name.find('\0') == name.npos) return {};
  return refuse(path_, name.substr(0, 64),
                "a name has 1 to 255 bytes and no NUL, this one has " + number(name.size()));
}

result<void> checkpoint_state::check_bounds(std::string_view name, const wishes& asked) const {
  if (auto named = check_name(name); !named) return named;
  const auto start = asked.start.value_or(1);
  const auto maximum = asked.maximum.value_or(top);
  if (maximum > top || start > maximum) {
    return refuse(path_, name,
                  "start " + number(start) + " and maximum " + number(maximum) +
                      " must satisfy start <= maximum <= 2^63 - 1");
  }
  const auto gap = asked.max_gap.value_or(default_max_gap);
  if (gap < 2 || gap > top) {
    return refuse(path_, name, "max_gap " + number(gap) + " is not within 2 .. 2^63 - 1");
  }
  if (!asked.blocks) return {};
  const auto block = asked.block.value_or(default_block);
  const auto largest = asked.max_block.value_or(block);
  if (block == 0 || (asked.block && largest < block) || largest > (std::uint64_t{1} << 32)) {
    return refuse(path_, name,
                  "block " + number(block) + " and max_block " + number(largest) +
                      " must satisfy 1 <= block <= max_block <= 2^32");
  }
  if (const auto wrong = asked.tiers ? asked.tiers->fault() : ""; !wrong.empty()) {
    return refuse(path_, name, wrong);
  }
  if (asked.max_gap && largest > gap / 2) {
    return refuse(path_, name,
                  "a block of " + number(largest) + " is more than half of max_gap " +
                      number(gap));
  }
  return {};
}

std::string checkpoint_state::name_at(std::size_t place) { return record_name(pages_, place); }

// A few look-ups scan; who comes back often gets an index.
std::optional<std::size_t> checkpoint_state::find(std::string_view name) {
  if (!indexed_ && ++lookups_ > 4) {
    for_each_record(pages_, [&](std::size_t place, const record&) { index(place); });
    indexed_ = true;
  }
  if (indexed_) {
    const auto at = index_.find(name);
    return at == index_.end() ? std::nullopt : std::optional(at->second);
  }
  return find_record(pages_, name);
}

void checkpoint_state::index(std::size_t place) {
  index_names_.push_back(name_at(place));
  index_.emplace(index_names_.back(), place);
}

// What the caller asks of an existing sequence and what the file says must agree; limits that may
// change (max_gap, block sizes, durability) are taken over.
result<void> checkpoint_state::agree(std::string_view name, std::size_t place,
                                     const wishes& asked) {
  auto& of = pages_.record_at(place);
  const auto kind = static_cast<record_kind>(of.kind);
  if (kind != (asked.blocks ? record_kind::blocks : record_kind::strict)) {
    return refuse(path_, name, how_to_open(kind));
  }
  const auto differs = [](std::optional<sequence> wish, std::int64_t has) {
    return wish && *wish != static_cast<sequence>(has);
  };
  if (differs(asked.start, of.start) || differs(asked.maximum, of.maximum)) {
    return refuse(path_, name,
                  "was created with start " + std::to_string(of.start) + " and maximum " +
                      std::to_string(of.maximum) + ", which cannot change");
  }
  if (refused_on_this_boot(of)) {
    return fenced_on_this_boot(name);
  }
  auto changed = of;
  changed.max_gap = asked.max_gap.value_or(of.max_gap);
  changed.block = asked.block.value_or(of.block);
  changed.max_block = std::max(asked.max_block.value_or(asked.block ? 0 : of.max_block),
                               changed.block);
  if (asked.how) changed.durability = static_cast<std::uint8_t>(*asked.how);
  if (changed.max_block > changed.max_gap / 2) {
    return refuse(path_, name,
                  "a block of " + number(changed.max_block) +
                      " is more than half of the recorded max_gap " + number(changed.max_gap));
  }
  const auto needed = asked.in_tiers() + 2 * asked.largest(changed.max_block);
  if (asked.tiers != nullptr && needed > changed.max_gap) {
    return refuse(path_, name,
                  "its tiers hold up to " + number(asked.in_tiers()) +
                      " numbers, and beside them there must be room for two blocks of " +
                      number(asked.largest(changed.max_block)) + ": max_gap must be at least " +
                      number(needed) + ", it is " + number(changed.max_gap));
  }
  if (asked.cpus != 0 && held_by(asked.cpus, changed.block) > changed.max_gap / 2) {
    return too_much_held(path_, name, asked.cpus, changed.block, changed.max_gap);
  }
  if (std::memcmp(&changed, &of, sizeof changed) == 0) return {};
  if (open_by_place_.contains(place) &&
      (changed.durability != of.durability || changed.block != of.block ||
       changed.max_block != of.max_block || changed.max_gap < of.max_gap)) {
    return refuse(path_, name,
                  "is in use here; close the checkpoint before changing its durability or block "
                  "sizes, or lowering its max_gap");
  }
  of = changed;
  return write_both({&pages_.records(place / records_per_page)}) == errc{} ? result<void>()
                                                                          : fatal(failed_);
}

error checkpoint_state::fenced_on_this_boot(std::string_view name) const {
  return failure(errc::fenced, path_,
                 "sequence '" + std::string(name) +
                     "': durability memory holds for one boot, and its mark is from another one; "
                     "run `sequencer adopt` with a floor above every number ever issued");
}

result<checkpoint_state::record_place> checkpoint_state::free_place(std::size_t records) {
  for (std::size_t page = full_pages_; page < pages_.pairs(); ++page) {
    if (const auto at = free_run(pages_, page, records)) return record_place{*at};
    if (records == 1) full_pages_ = page + 1;
  }
  const auto page = pages_.pairs();
  if (!pages_.add_pair()) {
    return failure(errc::exhausted, path_, "has all " + number(max_pairs) +
                                               " pages of records in use; use another file");
  }
  auto& header = pages_.file_header();
  header.pairs = page + 1;
  repaired_.push_back(1);
  return record_place{page * records_per_page};
}

result<checkpoint_state::record_place> checkpoint_state::add_record(std::string_view name,
                                                                    record made) {
  if (used_records_ == 0) {
    for_each_record(pages_, [&](std::size_t, const record&) { ++used_records_; });
  }
  if (used_records_ >= max_sequences) {
    return failure(errc::exhausted, path_,
                   "already names " + number(max_sequences) + " sequences; use another file");
  }
  const auto pairs_before = pages_.pairs();
  const auto found = free_place(records_needed(name));
  if (!found) return found;
  const auto place = found->at;
  const auto page = place / records_per_page;
  if (auto mended = repair_pair(page); !mended) return mended.failure();
  if (page == pairs_before) {
    if (auto grown = grow_file(page); !grown) return grown.failure();
  }
  if (made.kind > static_cast<std::uint8_t>(record_kind::blocks) && write_as_version(2) != errc{}) {
    return fatal(failed_);
  }
  if (system_.random(&made.id, sizeof made.id) != 0) {
    return system_failure(errno, path_, "drawing an id", "check getrandom(2)");
  }
  made.id |= 1;  // 0 means none
  made.state = static_cast<std::uint8_t>(record_state::used);
  made.boot_tag = boot_tag_;
  put_record(pages_, place, made, name);
  if (write_both({&pages_.records(page)}) != errc{}) return fatal(failed_);
  ++used_records_;
  if (indexed_) index(place);
  return record_place{place};
}

// Both copies of the header say it before a page is written that only that version can read.
errc checkpoint_state::write_as_version(std::uint32_t wanted) noexcept {
  if (pages_.version() >= wanted) return {};
  pages_.write_as(wanted);
  return write_both({&pages_.header()});
}

result<checkpoint_state::record_place> checkpoint_state::create_record(std::string_view name,
                                                                       const wishes& asked) {
  record made{};
  made.kind = static_cast<std::uint8_t>(asked.blocks ? record_kind::blocks : record_kind::strict);
  made.durability = static_cast<std::uint8_t>(asked.how.value_or(durability::ahead));
  made.flags = clean;
  made.increment = 1;
  made.start = static_cast<std::int64_t>(asked.start.value_or(1));
  made.maximum = static_cast<std::int64_t>(asked.maximum.value_or(top));
  if (asked.blocks) {
    made.block = asked.block.value_or(default_block);
    made.max_block = std::max(asked.max_block.value_or(0), made.block);
  }
  made.max_gap = asked.max_gap.value_or(
      std::max({default_max_gap, asked.in_tiers() + 4 * asked.largest(made.max_block),
                asked.cpus == 0 ? 0 : 2 * held_by(asked.cpus, made.block)}));
  made.window = std::max<std::uint64_t>(1, std::min(made.max_gap / 2,
                                                    std::max(made.max_gap / first_window_share,
                                                             2 * made.max_block)));
  made.mark = made.settled = made.next =
      std::min(std::max(static_cast<sequence>(made.start), pages_.file_header().floor),
               static_cast<sequence>(made.maximum) + 1);
  made.max_step = made.max_gap / 2;
  return add_record(name, made);
}

// The new page is on disk, whole and twice, before the header counts it.
result<void> checkpoint_state::grow_file(std::size_t page) {
  auto& header = pages_.file_header();
  const auto from = static_cast<off_t>(file_bytes(page));
  if (const int bad = system_.allocate(file_.fd(), from, 2 * page_bytes)) {
    pages_.drop_last_pair();
    repaired_.pop_back();
    header.pairs = page;
    return system_failure(bad, path_, "reserving room for more sequences",
                          "make room; the sequences there are go on");
  }
  if (write_both({&pages_.records(page)}) != errc{}) return fatal(failed_);
  if (write_both({&pages_.header()}) != errc{}) return fatal(failed_);
  return {};
}

// Everything up to the write of the mark; the caller writes the page, then calls start().
result<open_sequence*> checkpoint_state::prepare(std::size_t place, bool is_unordered) {
  if (auto mended = repair_pair(place / records_per_page); !mended) return mended.failure();
  auto& of = pages_.record_at(place);
  const auto to = resolve(place);
  settle_holes(of, to);
  if (write_ledger() != errc{}) return fatal(failed_);
  // In this order: should we die in between, a line without its intent reads as a hole.
  forget_live_blocks(of.id);
  auto* tickets = tickets_for(place, to.next);
  if (tickets == nullptr && live_) {
    return system_failure(ENOSPC, live_.path(), "backing the counter in the live region",
                          "make room in the tmpfs");
  }
  auto* limits = new_line<limit_line>();
  if (tickets == nullptr || limits == nullptr) {
    return system_failure(ENOMEM, path_, "reserving memory for a counter", "free some");
  }
  const auto how = static_cast<durability>(of.durability);
  auto& made = open_.emplace_back(*this, place, *tickets, *limits,
                                  beyond_of(of),
                                  how == durability::each, *this);
  made.blocks = of.kind == static_cast<std::uint8_t>(record_kind::blocks);
  made.unordered = is_unordered;
  made.how = how;
  made.max_gap = of.max_gap;
  made.window = how == durability::each ? 1 : std::clamp<std::uint64_t>(of.window, 1,
                                                                        of.max_gap / 2);
  made.served_at = to.next;
  made.served_ns = system_.steady_ns();
  open_by_place_.emplace(place, &made);
  if (resumes_) {
    made.first_mark = of.mark;
    return &made;
  }
  const auto ahead = how == durability::each ? 0 : made.window;
  made.first_mark = std::min(to.next + ahead, made.numbers.beyond());
  if (widen_steps({{&made, made.first_mark}}) != errc{}) return fatal(failed_);
  of.settled = to.next;
  note_mark(made, made.first_mark);
  of.flags = static_cast<std::uint8_t>(is_unordered ? of.flags | unordered
                                                    : of.flags & ~unordered);
  return &made;
}

void checkpoint_state::start(open_sequence& of) noexcept {
  of.numbers.raise(of.first_mark, soft_mark(of, of.first_mark));
  of.numbers.open();
}

// The counter's place: in the live region where there is one, so that `min(next, limit)` is `next`
// at every instruction from here on.
ticket_line* checkpoint_state::tickets_for(std::size_t place, sequence next) {
  const auto id = pages_.record_at(place).id;
  if (live_ && live_.back_tickets(place)) {
    auto& line = live_.tickets(place);
    // relaxed, all of these: only a successor of this process reads them, after its death.
    const bool goes_on = line.id.load(relaxed) == id &&
                         (pages_.record_at(place).flags & clean) == 0;
    if (!goes_on) line.id.store(0, relaxed);   // relaxed: as above
    line.next.store(next, relaxed);            // relaxed: as above
    if (!goes_on) line.limit.store(next, relaxed);  // relaxed: as above
    if (!goes_on) line.since.store(next, relaxed);  // relaxed: as above
    line.intent.store(0, relaxed);             // relaxed: as above
    // order: live-id-set -> live-id-seen: the counter that belongs to the id
    line.id.store(id, release);
    return &line;
  }
  if (options_.live == live_policy::required) return nullptr;
  auto arena = private_arena::make(sizeof(ticket_line));
  if (!arena) return nullptr;
  auto* line = new (arena.data()) ticket_line;
  // relaxed: not shared yet.
  line->next.store(next, relaxed);
  ticket_arenas_.push_back(std::move(arena));
  return line;
}

result<std::vector<hole>> checkpoint_state::holes(std::string_view name) {
  if (!in_owner_process()) return fatal(errc::closed);
  const std::lock_guard held(commit_);
  const auto place = find(name);
  if (!place) return refuse(path_, name, "there is none of that name");
  return holes_of(pages_.record_at(*place));
}

std::vector<sequence_status> checkpoint_state::list() {
  std::vector<sequence_status> all;
  if (!in_owner_process()) return all;
  const std::lock_guard held(commit_);
  for_each_record(pages_, [&](std::size_t place, const record&) {
    all.push_back(status_of(place));
  });
  return all;
}

sequence_status checkpoint_state::status_of(std::size_t place) {
  auto status = describe_record(pages_, place);
  const auto known = open_by_place_.find(place);
  if (known == open_by_place_.end()) return status;
  const auto& of = *known->second;
  status.position = of.numbers.position();
  status.exact = true;
  status.high_water = of.numbers.durable();
  status.window = of.window;
  status.waits = of.numbers.waits();
  // relaxed: a figure.
  status.rate = of.tickets.rate.load(relaxed);
  if (status.named) describe_named(pages_.record_at(place), status.position, status);
  return status;
}

checkpoint_metrics checkpoint_state::metrics() {
  checkpoint_metrics all;
  if (!in_owner_process()) return all;
  const std::lock_guard held(commit_);
  publish_figures();
  all = read_figures(own_figures_);
  all.open_epoch = open_epoch_;
  for (const auto& each : open_) all.waits += each.numbers.waits();
  return all;
}

}  // namespace sequencer::detail
