// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "block_intent.hpp"
#include "checkpoint_state.hpp"
#include "crc32c.hpp"
#include "failure.hpp"
#include "identity.hpp"
#include "new_file.hpp"
#include "records.hpp"
#include "storage.hpp"

// Opening: from a file in any state that a crash can leave to one that this process owns.
//
// Order: lock; read; announce the opening to the live region; make what a dead owner may have left
// unsynced durable, page by page as each is written again; write epoch, ledger and marks; only then
// issue.
namespace sequencer::detail {

using namespace format;

checkpoint_state::checkpoint_state(std::string path, checkpoint_options options, os& system)
    : path_(std::move(path)),
      options_(std::move(options)),
      system_(system),
      pages_(system, -1, path_),
      owner_mark_(new_line<limit_line>()) {
  // relaxed: no other thread knows it yet.
  if (owner_mark_ != nullptr) owner_mark_->alive.store(1, relaxed);
}

// Never 0, which no boot has.
std::uint64_t boot_tag_of(const std::string& boot_id) noexcept {
  return std::uint64_t{crc32c(boot_id.data(), boot_id.size())} | std::uint64_t{1} << 32;
}

bool checkpoint_state::in_owner_process() const noexcept {
  // relaxed: constant in the owner, zero in a child.
  return owner_mark_ != nullptr && owner_mark_->alive.load(relaxed) == 1;
}

result<std::shared_ptr<checkpoint_state>> checkpoint_state::open(std::string path,
                                                                 checkpoint_options options) {
  auto& system = options.system != nullptr ? *options.system : system_os();
  auto made = std::make_shared<checkpoint_state>(path, std::move(options), system);
  if (made->owner_mark_ == nullptr) {
    return failure(errc::unsupported, path, "needs MADV_WIPEONFORK (Linux 4.14 or newer)");
  }
  if (auto ready = made->recover(path); !ready) return ready.failure();
  close_at_exit(made);
  if (made->keeper_trouble_ != 0) {
    const int cpu = made->options_.keeper_cpu;
    return system_failure(
        made->keeper_trouble_, path,
        "starting the keeper thread" + (cpu < 0 ? "" : " on CPU " + std::to_string(cpu)),
        cpu < 0 ? "raise the limit of threads"
                : "name a CPU that this process may use, or raise the limit of threads");
  }
  return made;
}

result<void> checkpoint_state::recover(const std::string& asked_path) {
  const std::lock_guard held(commit_);
  closed_ = true;  // until it is open, an early return has nothing to close
  auto opened = open_or_create(system_, asked_path, options_.create, options_.volatile_storage);
  if (!opened) return opened.failure();
  file_ = file_lock(system_, *opened);
  pages_.attach(file_.fd());
  using step = result<void> (checkpoint_state::*)();
  for (const step next : {&checkpoint_state::check_storage, &checkpoint_state::take_lock,
                          &checkpoint_state::check_owner_identity,
                          &checkpoint_state::attach_live_region, &checkpoint_state::begin_epoch}) {
    if (auto done = (this->*next)(); !done) return done;
  }
  closed_ = false;
  return {};
}

result<void> checkpoint_state::check_storage() {
  return check_file_system(system_, file_.fd(), path_, options_.volatile_storage);
}

result<void> checkpoint_state::take_lock() {
  if (const int bad = file_.acquire(); bad == EAGAIN || bad == EACCES) {
    auto header = pages_.load_header();
    const auto owner = header ? std::to_string(pages_.file_header().owner_pid) : "unknown";
    return failure(errc::locked, path_,
                   "is open in another process or checkpoint object (its last opener was process " +
                       owner + "); close it there, or wait for it to end");
  } else if (bad != 0) {
    return system_failure(bad, path_, "locking the file", "use a file system with OFD locks");
  }
  real_path_ = system_.real_path(path_.c_str());
  if (real_path_.empty()) {
    return system_failure(errno, path_, "resolving the path", "check its directories");
  }
  struct ::stat here {};
  if (system_.fstat(file_.fd(), &here) != 0) {
    return system_failure(errno, path_, "asking for its state", "check the device");
  }
  identity_ = here;
  if (auto header = pages_.load_header(); !header) return header;
  return pages_.load_rest(static_cast<std::uint64_t>(here.st_size));
}

result<void> checkpoint_state::check_owner_identity() {
  boot_id_ = system_.boot_id();
  if (boot_id_.size() != 36) {
    return system_failure(errno, path_, "reading the boot id", "mount /proc");
  }
  boot_tag_ = boot_tag_of(boot_id_);
  const auto& header = pages_.file_header();
  nonce_on_disk_ = header.open_nonce;
  if (header.byte_order != byte_order_mark) {
    return failure(errc::version, path_, "at byte 128: unknown byte order mark");
  }
  const bool same_boot = boot_id_ == header.boot_id.data();
  const bool clean_end = (header.flags & closed_cleanly) != 0 && !pages_.header().one_damaged;
  // The header that says so may itself be in the page cache only; what it speaks of is not.
  if (!clean_end) pages_.doubt_all();
  pages_.header().unconfirmed = true;
  const auto trouble = identity_trouble(system_, file_.fd(), identity_, header, same_boot);
  if (!trouble.empty()) {
    return failure(errc::fenced, path_,
                   trouble + "; the original may still run: run `sequencer adopt` with a floor "
                             "above every number ever issued");
  }
  return {};
}

// Whether one sync is enough: the live region knows that the newest header is durable, and there is
// room below the marks that were found. Their page is repeated with the header.
bool checkpoint_state::can_resume() {
  if (pages_.pairs() != 1 || pages_.header().unconfirmed) return false;
  if (pages_.header().one_damaged || pages_.records(0).one_damaged) return false;
  bool any = false;
  for (std::size_t place = 0; place < records_per_page; ++place) {
    const auto& of = pages_.record_at(place);
    if (!was_active(of)) continue;
    const auto to = resolve(place);
    const bool strict = of.kind == static_cast<std::uint8_t>(record_kind::strict);
    const bool memory = of.durability == static_cast<std::uint8_t>(durability::memory);
    const bool each = of.durability == static_cast<std::uint8_t>(durability::each);
    if (!strict || memory || !to.from_live) return false;
    if (!each && to.next >= of.mark) return false;
    any = true;
  }
  return any;
}

result<void> checkpoint_state::attach_live_region() {
  // Drawn in every opening: one without a region must leave a nonce that no region knows.
  if (system_.random(next_nonce_.data(), next_nonce_.size()) != 0) {
    return system_failure(errno, path_, "drawing a nonce", "check getrandom(2)");
  }
  if (options_.live == live_policy::off) {
    live_refusal_ = "switched off by its options";
    return {};
  }
  const auto& header = pages_.file_header();
  const live_identity identity{pages_.header().image->header.uuid,
                               identity_.st_dev,
                               identity_.st_ino,
                               boot_id_,
                               header.open_epoch,
                               header.open_nonce};
  auto found = live_region::finding::none;
  auto attached = live_region::attach(system_, options_.live_directory, identity, found);
  if (attached && found == live_region::finding::newer && !pages_.header().one_damaged) {
    return failure(errc::fenced, path_,
                   "is older than the live region of its last owner (open epoch " +
                       std::to_string(header.open_epoch) +
                       "): an earlier copy was put back; run `sequencer adopt` with a floor "
                       "above every number ever issued");
  }
  if (attached && found == live_region::finding::trusted) {
    live_ = std::move(*attached);
    live_trusted_ = true;
    list_live_blocks();
    const bool known = live_.durable_header() == pages_.header().generation;
    if (known) pages_.header().unconfirmed = false;
    // An opening that died before it confirmed left its nonce as the pending one, and a header that
    // may not be durable: the region knows the former header until this one is.
    if (!live_.confirmed(header.open_nonce)) {
      if (secure_header() != errc{}) return fatal(failed_);
      live_.confirm(header.open_epoch, header.open_nonce);
    }
    resumes_ = can_resume();
    live_.announce(next_nonce_);
    return {};
  }
  auto made = live_region::create(system_, options_.live_directory, identity, next_nonce_);
  if (made) {
    live_ = std::move(*made);
    return {};
  }
  live_refusal_ = made.failure().text;
  if (options_.live == live_policy::required) return made.failure();
  return {};
}

void checkpoint_state::list_live_blocks() {
  live_holders_ = live_.holders_used();
  for (std::size_t i = 0; i < live_holders_; ++i) {
    auto& line = live_.holder(i);
    // relaxed: their writer is dead, its stores are all there.
    const auto id = line.id.load(relaxed);
    if (id == 0) {
      free_holders_.push_back(&line);
    } else {
      live_blocks_.emplace(id, i);
    }
  }
}

result<void> checkpoint_state::begin_epoch() {
  load_ledger();
  auto& header = pages_.file_header();
  const bool after_clean_end = (header.flags & closed_cleanly) != 0;
  // Of a damaged pair the lost copy may have named the next epoch.
  const bool header_damaged = pages_.header().one_damaged;
  open_epoch_ = header.open_epoch + (header_damaged ? 2 : 1);
  header.open_epoch = open_epoch_;
  header.open_nonce = next_nonce_;
  header.boot_id = {};
  std::copy(boot_id_.begin(), boot_id_.end(), header.boot_id.begin());
  header.device = identity_.st_dev;
  header.opened_ns = system_.wall_ns();
  header.owner_pid = static_cast<std::uint64_t>(::getpid());
  header.flags &= ~std::uint64_t{closed_cleanly};
  repaired_.assign(pages_.pairs(), 0);
  // A file of one page of records has what was in use ready by the same sync. Not after an orderly
  // end: no page is written before the header that vouches for them is replaced.
  page_list pages{&pages_.header()};
  std::vector<open_sequence*> ready;
  if (pages_.pairs() == 1 && !after_clean_end) {
    for (std::size_t place = 0; place < records_per_page; ++place) {
      if (!was_active(pages_.record_at(place))) continue;
      auto prepared = prepare(place, (pages_.record_at(place).flags & unordered) != 0);
      if (prepared) ready.push_back(*prepared);
    }
    if (resumes_) {
      if (repeat_records() != errc{}) return fatal(failed_);
    } else if (!ready.empty()) {
      pages.push_back(&pages_.records(0));
    }
    resumes_ = false;
  }
  // The thread starts while the device writes. Nobody asks it for anything yet.
  const auto start_keeper = [this] {
    if (!options_.keeper_thread) return;
    keeper_trouble_ = keeper_.start(options_.keeper_name, options_.keeper_cpu,
                                    [this] { return tend(); });
  };
  if (write(std::move(pages), false, start_keeper) != errc{}) return fatal(failed_);
  // Else the pair would name epochs that are two apart, and losing a copy once more repeat one.
  if (header_damaged && write({&pages_.header()}, false) != errc{}) return fatal(failed_);
  if (live_) live_.confirm(open_epoch_, next_nonce_);
  for (auto* each : ready) start(*each);
  publish_figures();
  return {};
}

errc checkpoint_state::secure_header() noexcept {
  if (check_identity() != errc{}) return failed_;
  if (const int bad = pages_.confirm({&pages_.header()})) fail_write(bad);
  return failed_;
}

errc checkpoint_state::repeat_records() noexcept {
  if (check_identity() != errc{}) return failed_;
  if (const int bad = pages_.repeat_doubtful({&pages_.records(0)})) fail_write(bad);
  return failed_;
}

bool checkpoint_state::was_active(const record& of) const noexcept {
  const bool issuing = of.state == static_cast<std::uint8_t>(record_state::used) &&
                       (of.flags & clean) == 0;
  return issuing && !refused_on_this_boot(of);
}

bool checkpoint_state::refused_on_this_boot(const record& of) const noexcept {
  return of.durability == static_cast<std::uint8_t>(durability::memory) &&
         of.boot_tag != boot_tag_;
}

// Where a sequence goes on, and what was lost on the way.
checkpoint_state::continuation checkpoint_state::resolve(std::size_t place) {
  const auto& of = pages_.record_at(place);
  continuation to;
  const bool damaged = pages_.records(place / records_per_page).one_damaged;
  if ((of.flags & clean) != 0 && !damaged) {
    to.next = of.next;
    return to;
  }
  if (live_trusted_ && (of.flags & clean) == 0) {
    const auto& tickets = live_.tickets(place);
    // order: live-id-seen <- live-id-set: the counter that belongs to the id
    if (live_.tickets_backed(place) && tickets.id.load(acquire) == of.id) {
      // relaxed: the writer is dead, its stores are all there.
      const auto taken = tickets.next.load(relaxed);
      // order: live-limit-seen <- live-limit-raised: numbers below may have left
      to.next = ticket_line::exact(taken, tickets.limit.load(acquire), of.settled);
      to.from_live = true;
      to.counted_from = tickets.since.load(relaxed);  // relaxed: as above
      if (of.kind == static_cast<std::uint8_t>(record_kind::blocks)) {
        resolve_blocks(of, tickets, to);
      }
      return to;
    }
  }
  to.next = damaged ? of.mark + of.max_step : of.mark;
  to.next = std::min(to.next, beyond_of(of));
  const range unknown{of.settled, to.next};
  if (!unknown.empty()) {
    const auto most = to.next - std::min<sequence>(of.next, to.next) + of.held;
    to.lost.push_back({unknown, std::min(unknown.size(), most), pages_.file_header().open_epoch,
                       damaged ? loss::rotten_copy : loss::crashed, false, false});
  }
  return to;
}

// Block mode knows each holder's unissued numbers. The hand-over that was under way, if any, has
// its own note: its block counts as carved when the counter is beyond it.
void checkpoint_state::resolve_blocks(const record& of, const ticket_line& tickets,
                                      continuation& to) {
  std::vector<range> unissued;
  const auto lose = [&](range numbers) {
    if (numbers.first < numbers.last) unissued.push_back(numbers);
  };
  // order: intent-seen <- intent-set, intent-cleared: the hand-over's range, the holder's line
  const auto intent = block_intent::decode(tickets.intent.load(acquire));
  // relaxed: the writer is dead, its stores are all there.
  const range moved{tickets.intent_first.load(relaxed), tickets.intent_last.load(relaxed)};
  const bool carved = intent.kind == block_intent::take && to.next >= moved.last;
  const bool kept = intent.kind == block_intent::give_back && to.next != moved.first;
  if (carved || kept) lose(moved);
  const bool line_is_old = carved || intent.kind == block_intent::give_back;
  const auto [from, last] = live_blocks_.equal_range(of.id);
  for (auto at = from; at != last; ++at) {
    if (line_is_old && intent.holder == at->second) continue;
    const auto& line = live_.holder(at->second);
    // relaxed: as above
    lose({line.next.load(relaxed), line.last.load(relaxed)});
  }
  // A block that was on its way from one line to another is in both.
  std::sort(unissued.begin(), unissued.end(),
            [](const range& a, const range& b) { return a.first < b.first; });
  sequence counted = 0;
  for (const auto& each : unissued) {
    const range rest{std::max(each.first, counted), std::max(each.last, counted)};
    counted = rest.last;
    if (rest.empty()) continue;
    to.lost.push_back({rest, rest.size(), pages_.file_header().open_epoch, loss::killed, true,
                       false});
  }
}

void checkpoint_state::forget_live_blocks(std::uint64_t id) noexcept {
  const auto [from, last] = live_blocks_.equal_range(id);
  for (auto at = from; at != last; ++at) {
    auto& line = live_.holder(at->second);
    // relaxed: read after this process died, or by the next holder under the commit lock.
    line.id.store(0, relaxed);
    free_holders_.push_back(&line);
  }
  live_blocks_.erase(id);
}

// A pair that lost a copy is put right before anything else: every record jumps by the step that
// the lost copy may have taken, and says so in the ledger.
result<void> checkpoint_state::repair_pair(std::size_t index) {
  if (repaired_[index]) return {};
  repaired_[index] = 1;
  if (!pages_.records(index).one_damaged) return {};
  const auto first = index * records_per_page;
  std::vector<std::pair<std::size_t, sequence>> continued;
  for (auto place = first; place < first + records_per_page; ++place) {
    auto& of = pages_.record_at(place);
    if (of.state != static_cast<std::uint8_t>(record_state::used)) continue;
    auto to = resolve(place);
    settle_holes(of, to);
    // Marks of `memory` move without a synced copy, so no step bounds what was lost.
    if (of.durability == static_cast<std::uint8_t>(durability::memory) && !to.from_live) {
      of.boot_tag = 0;
    }
    continued.emplace_back(place, to.next);
  }
  if (write_ledger() != errc{}) return fatal(failed_);
  for (const auto& [place, next] : continued) {
    auto& of = pages_.record_at(place);
    of.mark = of.settled = of.next = next;
    of.held = 0;
    of.flags |= clean;
  }
  if (write({&pages_.records(index)}, false) != errc{}) return fatal(failed_);
  for (const auto& [place, next] : continued) forget_live_blocks(pages_.record_at(place).id);
  return {};
}

}  // namespace sequencer::detail
