// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>

#include "checkpoint_state.hpp"
#include "failure.hpp"

// Moving durable marks ahead: requests come in, one group commit serves all of them.
//
// Order, in every path: plan the marks; announce larger steps by copies of their own; write the
// records and sync; only then raise the limits that callers look at.
namespace sequencer::detail {

using namespace format;

namespace {

constexpr std::uint64_t smallest_window = 1024;  // numbers

// What a reservation should last where max_gap allows it: longer than storage hesitates.
constexpr std::int64_t window_aim_ns = 1'000'000'000;

std::uint64_t now_ns(os& system) { return static_cast<std::uint64_t>(system.steady_ns()); }

}  // namespace

sequence soft_mark(const open_sequence& of, sequence mark) noexcept {
  if (of.how == durability::each) return mark;
  const auto position = of.numbers.position();
  return position < mark ? position + (mark - position) / 2 : mark;
}

void checkpoint_state::request(reservation& from) noexcept {
  auto& asking = *static_cast<open_sequence*>(from.owner);
  // relaxed: a figure; the push below publishes it.
  asking.asked_ns.store(system_.steady_ns(), relaxed);
  // relaxed: only the first guess of the exchange below.
  from.queued_behind = requests_.load(relaxed);
  // order: request-queued -> requests-taken: the link, and all the caller did before
  while (!requests_.compare_exchange_weak(from.queued_behind, &from, release, relaxed)) {
    // relaxed: a failed exchange is tried again with what it saw.
  }
  keeper_.kick();
}

std::vector<open_sequence*> checkpoint_state::take_requests() noexcept {
  std::vector<open_sequence*> asking;
  // order: requests-taken <- request-queued: the links, and all the callers did before
  auto* next = requests_.exchange(nullptr, acquire);
  while (next != nullptr) {
    asking.push_back(static_cast<open_sequence*>(next->owner));
    next = next->queued_behind;
  }
  return asking;
}

bool checkpoint_state::tend() noexcept {
  if (!in_owner_process()) return false;
  const std::lock_guard held(commit_);
  auto asking = take_requests();
  // The place of one that was dropped, and its line, may be somebody else's.
  std::erase_if(asking, [](const open_sequence* each) { return each->dropped; });
  if (ended_holders_.size() >= 256 && failed_ == errc{} && !closed_) write_ledger();
  return !asking.empty() && serve(asking);
}

void checkpoint_state::serve_now(reservation& from) noexcept {
  const std::lock_guard held(commit_);
  auto& asking = *static_cast<open_sequence*>(from.owner);
  if (!asking.dropped) serve({&asking});
}

// True when it served; false when the file failed or is closed, then everybody is stopped.
bool checkpoint_state::serve(const std::vector<open_sequence*>& asking) noexcept {
  if (closed_ || failed_ != errc{}) {
    for (auto* each : asking) each->numbers.stop(closed_ ? errc::closed : failed_);
    return false;
  }
  const auto raises = plan_all(asking);
  if (widen_steps(raises) != errc{}) return false;
  page_list pages;
  bool memory_only = true;
  for (const auto& [of, mark] : raises) {
    note_mark(*of, mark);
    pages.push_back(&pair_of(of->place));
    memory_only = memory_only && of->how == durability::memory;
  }
  // Tails of handles that ended ride along; the marks after this one may then be above them.
  const bool with_ledger = !pages.empty() && !memory_only;
  if (with_ledger) add_ledger(pages);
  if (write(std::move(pages), memory_only) != errc{}) return false;
  if (with_ledger) ledger_is_written();
  for (const auto& [of, mark] : raises) of->numbers.raise(mark, soft_mark(*of, mark));
  for (auto* each : asking) {
    const auto hard = each->numbers.durable();
    each->numbers.raise(hard, soft_mark(*each, hard));
    if (each->how != durability::each) each->numbers.wake();
    count_lag(*each);
    // relaxed: a figure for onlookers.
    each->tickets.waits.store(each->numbers.waits(), relaxed);
  }
  publish_figures();
  return true;
}

std::vector<checkpoint_state::raise> checkpoint_state::plan_all(
    const std::vector<open_sequence*>& asking) noexcept {
  std::vector<raise> raises;
  for (auto* each : asking) {
    if (const auto mark = plan(*each)) raises.push_back({each, *mark});
  }
  return raises;
}

// The next mark, or nothing when the present one is enough. Never more than max_gap / 2 above what
// was issued, nor above the present mark.
std::optional<sequence> checkpoint_state::plan(open_sequence& of) noexcept {
  if (of.dropped) return std::nullopt;
  const auto need = of.numbers.demand();
  const auto hard = of.numbers.durable();
  const auto position = of.numbers.position();
  const auto half_gap = of.max_gap / 2;
  auto mark = need;
  if (of.how != durability::each) {
    adapt_window(of, position);
    if (need <= hard && hard - need >= of.window / 2) return std::nullopt;
    mark = std::max(need, position + of.window);
  }
  mark = std::min({mark, position + half_gap, hard + half_gap, of.numbers.beyond()});
  if (mark <= hard) return std::nullopt;
  if (of.how == durability::each) follow_callers(of, mark - hard);
  return mark;
}

// In `each` the window is the most numbers that one sync covered lately: as many calls as were in
// flight. It is what the next copy may step, so a torn page costs no more than that.
void checkpoint_state::follow_callers(open_sequence& of, std::uint64_t step) noexcept {
  of.window = std::max(step, of.window - of.window / 64);
  // relaxed: a figure for onlookers.
  of.tickets.window.store(of.window, relaxed);
}

// Aims at window_aim_ns a reservation and at eight syncs' worth; at most four times the last one.
void checkpoint_state::adapt_window(open_sequence& of, sequence position) noexcept {
  const auto now = system_.steady_ns();
  const auto lasted = now - of.served_ns;
  const auto used = position - of.served_at;
  of.served_ns = now;
  of.served_at = position;
  if (lasted <= 0) return;
  const auto rate = static_cast<double>(used) / static_cast<double>(lasted);  // numbers a ns
  // relaxed: a figure for onlookers.
  of.tickets.rate.store(static_cast<std::uint64_t>(rate * 1e9), relaxed);
  const auto syncs = static_cast<double>(own_figures_.mean_sync_ns.load(relaxed)) * 8;
  const auto aim = rate * std::max(static_cast<double>(window_aim_ns), syncs);
  const auto wanted = aim < 9e18 ? static_cast<std::uint64_t>(aim) : top;
  const auto half_gap = of.max_gap / 2;
  const auto next = std::clamp(wanted, of.window / 2, of.window * 4);
  of.window = std::min(half_gap, std::max(next, std::min(smallest_window, half_gap)));
  // relaxed: as above
  of.tickets.window.store(of.window, relaxed);
}

// A step larger than the last copy announced needs a copy that announces it, durable first: should
// the larger step's own copy rot, recovery jumps by what the older one says.
errc checkpoint_state::widen_steps(const std::vector<raise>& raises) noexcept {
  page_list widened;
  for (const auto& [of, mark] : raises) {
    auto& held = pages_.record_at(of->place);
    if (of->how == durability::memory) continue;  // without a synced copy no step bounds a loss
    if (mark <= held.mark || mark - held.mark <= held.max_step) continue;
    held.max_step = mark - held.mark;
    widened.push_back(&pair_of(of->place));
  }
  return widened.empty() ? errc{} : write(std::move(widened), false);
}

void checkpoint_state::note_mark(open_sequence& of, sequence mark) noexcept {
  auto& to = pages_.record_at(of.place);
  const auto half_gap = of.max_gap / 2;
  to.mark = mark;
  note_progress(of, to);
  to.flags = static_cast<std::uint8_t>(to.flags & ~clean);
  to.window = of.window;
  const auto growth = of.how == durability::each ? 1u : 4u;
  to.max_step = std::min(half_gap, of.window * growth);
  to.boot_tag = boot_tag_;
}

// Calls visit(next, last) for every block of which numbers may be unissued: those of handles, and
// tails whose hole is on its way to the file. A position read here may be old, so a lower one.
template <class Visit>
void checkpoint_state::visit_blocks(open_sequence& of, Visit visit) noexcept {
  const std::lock_guard held(of.refill);
  const auto look_at = [&](const holder_line& line) {
    // Old is the safe side.
    // order: tier-visited <- tier-moved: the receiver's line, which is looked at later
    const auto next = line.next.load(acquire);
    const auto last = line.last.load(relaxed);  // relaxed: as above
    if (next < last) visit(next, last);
  };
  for (const auto* each : of.holders) {
    if (each != nullptr) look_at(*each);
  }
  for (const auto& tail : of.tails) look_at(*tail.second);
  const auto id = pages_.record_at(of.place).id;
  for (const auto* each : ended_holders_) {
    // relaxed: set and cleared under the commit lock.
    if (each->id.load(relaxed) == id) look_at(*each);
  }
}

// What the record says for the case that nobody can ask the live region: every number below
// `settled` was issued or is listed; `held` of those below `next` may be missing.
void checkpoint_state::note_progress(open_sequence& of, record& to) noexcept {
  const auto position = of.numbers.position();
  auto lowest = position;
  to.held = 0;
  visit_blocks(of, [&](sequence next, sequence last) {
    lowest = std::min(lowest, next);
    to.held += last - next;
  });
  to.settled = std::max(to.settled, lowest);
  to.next = std::max(to.settled, position);
}

void checkpoint_state::count_lag(open_sequence& of) noexcept {
  // relaxed: figures.
  const auto asked = of.asked_ns.exchange(0, relaxed);
  if (asked == 0) return;
  const auto lag = now_ns(system_) - static_cast<std::uint64_t>(asked);
  auto& to = own_figures_;
  to.requests.store(to.requests.load(relaxed) + 1, relaxed);  // relaxed: one writer
  to.last_lag_ns.store(lag, relaxed);                         // relaxed: one writer
  // relaxed: one writer
  to.slowest_lag_ns.store(std::max(lag, to.slowest_lag_ns.load(relaxed)), relaxed);
}

// P7: a file that was replaced, unlinked or truncated stops the issuing. What the path names now is
// asked by one call: as long as it is the inode that was opened, its length is that of our file.
errc checkpoint_state::check_identity() noexcept {
  struct ::stat there {};
  if (system_.stat(real_path_.c_str(), &there) != 0) {
    const int why = errno;
    if (why == ENOENT || why == ENOTDIR) {
      fail(errc::fenced, path_ + ": the file was unlinked or renamed while open; issuing stopped "
                                 "below the last durable mark: put it back and open it again");
    } else {
      fail(errc::io, system_failure(why, path_, "asking for the state of the file",
                                    "check the device and the rights on its directory").text);
    }
  } else if (there.st_ino != identity_.st_ino || there.st_dev != identity_.st_dev) {
    fail(errc::fenced, path_ + ": another file (inode " + std::to_string(there.st_ino) +
                           " instead of " + std::to_string(identity_.st_ino) +
                           ") took its place while open; issuing stopped: restore the original");
  } else if (static_cast<std::uint64_t>(there.st_size) < file_bytes(pages_.pairs())) {
    fail(errc::fenced, path_ + ": was truncated to " + std::to_string(there.st_size) +
                           " bytes while open; issuing stopped: restore it from a backup");
  } else {
    check_content_identity();
  }
  return failed_;
}

// An older backup copied over the same inode shows in the header alone.
void checkpoint_state::check_content_identity() noexcept {
  constexpr std::size_t looked_at = page_header_bytes + sizeof(file_header);
  struct {
    page_header header;
    file_header file;
  } found{};
  static_assert(sizeof found == looked_at);
  const auto at = offset_of(page_kind::header, 0, pages_.header().newest);
  if (const int bad = read_fully(system_, file_.fd(), &found, looked_at, at)) {
    fail(errc::io, system_failure(bad, path_, "reading the file header again",
                                  "check the device").text);
    return;
  }
  if (found.header.uuid == pages_.header().image->header.uuid &&
      found.file.open_nonce == nonce_on_disk_) {
    return;
  }
  fail(errc::fenced, path_ + ": at byte " + std::to_string(at) +
                         ": the file header is not the one this process wrote (open epoch " +
                         std::to_string(found.file.open_epoch) + ", ours is " +
                         std::to_string(open_epoch_) +
                         "): its content was replaced while open; issuing stopped: adopt it");
}

errc checkpoint_state::write(page_list pages, bool never_sync,
                             const std::function<void()>& meanwhile) noexcept {
  if (failed_ != errc{}) return failed_;
  std::sort(pages.begin(), pages.end());
  pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
  if (pages.empty()) return {};
  if (check_identity() != errc{}) return failed_;
  if (const int bad = pages_.write(pages, open_epoch_, never_sync, meanwhile)) {
    fail_write(bad);
  } else if (std::binary_search(pages.begin(), pages.end(), &pages_.header())) {
    nonce_on_disk_ = pages_.file_header().open_nonce;
    if (live_) live_.note_durable_header(pages_.header().generation);
  }
  return failed_;
}

void checkpoint_state::fail_write(int os_error) noexcept {
  const auto where = std::string(pages_.failed_call()) + " at byte " +
                     std::to_string(pages_.failed_offset());
  failed_errno_ = os_error;
  fail(errc::io, system_failure(os_error, path_, where,
                                "nothing above the last durable mark will be issued: repair "
                                "the storage, then open the file again").text);
}

// Structure (names, options) must be in both copies before anybody relies on it.
errc checkpoint_state::write_both(page_list pages) noexcept {
  const auto first = write(pages, false);
  return first == errc{} ? write(std::move(pages), false) : first;
}

error checkpoint_state::fatal(errc code) const {
  if (code == errc::closed) return failure(code, path_, std::string(message(code)));
  return {code, failed_errno_, failed_text_};
}

void checkpoint_state::fail(errc why, const std::string& sentence) noexcept {
  if (failed_ != errc{}) return;
  failed_ = why;
  failed_text_ = sentence;
  for (auto& each : open_) each.numbers.stop(why);
}

void checkpoint_state::publish_figures() noexcept {
  const auto& counts = pages_.counts();
  auto& own = own_figures_;
  // relaxed, all of these: figures for onlookers, one writer under the commit lock.
  const auto mean = own.mean_sync_ns.load(relaxed);
  const auto last = counts.last_sync_ns;
  const auto set = [](atomic<std::uint64_t>& to, std::uint64_t value) {
    // relaxed: as above
    to.store(value, relaxed);
  };
  if (counts.syncs != own.syncs.load(relaxed)) {  // relaxed: as above
    set(own.mean_sync_ns, mean == 0 ? last : mean - mean / 8 + last / 8);
    // relaxed: as above
    set(own.slowest_sync_ns, std::max(last, own.slowest_sync_ns.load(relaxed)));
  }
  set(own.syncs, counts.syncs);
  set(own.pages, counts.pages);
  set(own.bytes, counts.pages * page_bytes);
  set(own.last_sync_ns, last);
  if (!live_) return;
  auto& seen = live_.figures();
  const auto copy = [&](auto live_figures::* which) {
    // relaxed: as above
    (seen.*which).store((own.*which).load(relaxed), relaxed);
  };
  for (auto which : {&live_figures::syncs, &live_figures::pages, &live_figures::bytes,
                     &live_figures::requests, &live_figures::last_sync_ns,
                     &live_figures::mean_sync_ns, &live_figures::slowest_sync_ns,
                     &live_figures::last_lag_ns, &live_figures::slowest_lag_ns}) {
    copy(which);
  }
}

}  // namespace sequencer::detail
