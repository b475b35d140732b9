// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <pthread.h>

#include <cstdlib>

#include "checkpoint_state.hpp"

// The orderly end. Callers are refused first, then the final positions are taken, written and
// synced; only then the live region goes.
namespace sequencer::detail {

using namespace format;

namespace {

// What std::exit must end orderly: checkpoints whose objects it does not destroy. A static
// checkpoint object is destroyed before this runs, because its open() came first. Never destroyed.
class open_checkpoints {
 public:
  static open_checkpoints& instance() {
    static auto* only = new open_checkpoints;
    return *only;
  }

  void add(std::weak_ptr<checkpoint_state> opened) {
    const std::lock_guard held(guard_);
    std::erase_if(open_, [](const auto& each) { return each.expired(); });
    open_.push_back(std::move(opened));
  }

  void close_all() {
    for (;;) {
      std::shared_ptr<checkpoint_state> next;
      {
        const std::lock_guard held(guard_);
        if (open_.empty()) return;
        next = open_.back().lock();
        open_.pop_back();
      }
      if (next) static_cast<void>(next->close());
    }
  }

 private:
  open_checkpoints() {
    std::atexit([] { instance().close_all(); });
    // A child is not the owner. No other thread may hold the lock that it inherits.
    ::pthread_atfork([] { instance().guard_.lock(); }, [] { instance().guard_.unlock(); },
                     [] {
                       instance().open_.clear();
                       instance().guard_.unlock();
                     });
  }

  std::mutex guard_;
  std::vector<std::weak_ptr<checkpoint_state>> open_;
};

}  // namespace

void close_at_exit(std::weak_ptr<checkpoint_state> opened) {
  open_checkpoints::instance().add(std::move(opened));
}

checkpoint_state::~checkpoint_state() {
  if (in_owner_process()) {
    static_cast<void>(close());
  } else {
    keeper_.abandon();
  }
}

result<void> checkpoint_state::close() {
  if (!in_owner_process()) return {};
  keeper_.stop();
  std::vector<std::shared_ptr<durable_blocks::cache>> caches;
  std::vector<std::shared_ptr<durable_cpu_blocks::cache>> cpu_caches;
  {
    const std::lock_guard held(commit_);
    if (closed_) return failed_ == errc{} ? result<void>() : fatal(failed_);
    closed_ = true;
    for (auto& each : open_) {
      if (each.cache) caches.push_back(std::move(each.cache));
      if (each.cpu_cache) cpu_caches.push_back(std::move(each.cpu_cache));
    }
  }
  for (auto& each : caches) each->stop();
  for (auto& each : cpu_caches) each->stop();
  const std::lock_guard held(commit_);
  for (auto& each : open_) {
    if (each.dropped) continue;
    if (each.blocks) stop_blocks(each);
    finish_record(each);
  }
  // Behind the end of their ordinals: a block that is taken meanwhile is one of before.
  for (auto& each : named_) each.void_blocks();
  if (failed_ == errc{}) {
    auto pages = finish_untouched();
    for (auto& each : open_) {
      if (!each.dropped) pages.push_back(&pair_of(each.place));
    }
    write_ledger();
    add_ledger(pages);
    write(std::move(pages), false);
    // The flag says that all the rest is on stable storage, so it is written when that is true.
    confirm_rest();
    if (pages_.all_confirmed()) pages_.file_header().flags |= closed_cleanly;
    write({&pages_.header()}, false);
  }
  for (auto& each : open_) each.numbers.wake();
  if (failed_ == errc{}) live_.discard();
  file_.release();
  return failed_ == errc{} ? result<void>() : fatal(failed_);
}

// After a failure nothing is synced again, as if it could succeed.
void checkpoint_state::confirm_rest() noexcept {
  if (failed_ != errc{} || pages_.all_confirmed() || check_identity() != errc{}) return;
  if (const int bad = pages_.confirm_all()) fail_write(bad);
}

// Tails of handles that are still about may lose a number or so to their owners while we look.
void checkpoint_state::stop_blocks(open_sequence& of) {
  const std::lock_guard refill(of.refill);
  of.numbers.stop(errc::closed);
  const auto id = pages_.record_at(of.place).id;
  for (const auto* line : of.holders) {
    if (line == nullptr) continue;
    // order: tier-visited <- tier-moved: the receiver's line, which is looked at later
    const auto next = line->next.load(acquire);
    const range tail{next, line->last.load(relaxed)};  // relaxed: a hint, and said to be one
    if (tail.first >= tail.last) continue;
    add_hole(id, {tail, tail.size(), open_epoch_, loss::closed, false, false});
  }
  for (const auto& [tail, line] : of.tails) {
    add_hole(id, {tail, tail.size(), open_epoch_, loss::closed, true, false});
  }
}

// What a killed predecessor left in the live region and nobody asked for since: the region goes
// now, so the file must say it.
checkpoint_state::page_list checkpoint_state::finish_untouched() {
  page_list changed;
  if (!live_trusted_) return changed;
  for (std::size_t place = 0; place < pages_.pairs() * records_per_page; ++place) {
    auto& of = pages_.record_at(place);
    if (!was_active(of) || open_by_place_.contains(place)) continue;
    if (!repair_pair(place / records_per_page)) return changed;
    if ((of.flags & clean) != 0) continue;  // mended along with its page
    const auto to = resolve(place);
    if (!to.from_live) continue;
    settle_holes(of, to);
    of.mark = of.settled = of.next = to.next;
    of.held = 0;
    of.flags |= clean;
    changed.push_back(&pair_of(place));
  }
  return changed;
}

void checkpoint_state::finish_record(open_sequence& of) {
  const auto final = of.numbers.close();
  auto& to = pages_.record_at(of.place);
  to.mark = to.next = to.settled = final;
  to.held = 0;
  to.flags |= clean;
  to.window = of.window;
  to.boot_tag = boot_tag_;
}

}  // namespace sequencer::detail
