// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <sequencer/block_source.hpp>
#include <sequencer/cache_line.hpp>
#include <sequencer/cpu.hpp>
#include <sequencer/detail/hole_ledger.hpp>
#include <sequencer/detail/homed.hpp>
#include <sequencer/detail/spare_block.hpp>
#include <sequencer/unbound.hpp>
#include <sequencer/wait.hpp>

namespace sequencer {

// Sizes in numbers. A handle's block starts at `block`; it doubles up to `max_block` while blocks
// are used up within `quick`, and halves again when one lasts longer than `slow`.
struct block_options {
  std::uint64_t block = 1024;
  std::uint64_t max_block = 0;  // 0: as `block`, a fixed size
  std::chrono::nanoseconds quick{1'000'000};
  std::chrono::nanoseconds slow{100'000'000};
};

// Hands out single numbers from blocks, one handle per thread; next() costs one compare and one
// add on words that only its handle's thread touches.
//
// Unique across handles; increasing per handle; NOT ordered across threads. At most held_bound()
// numbers are missing when everything stops at once.
//
// After fork the child's handles answer `closed`: the kernel hands it their words zeroed.
template <block_source Source>
class block_cache {
  struct state;
  struct slot;

 public:
  class handle;

  // Threads: one. `source` is owned by the cache, or referred to when Source is a reference-like
  // type. Fails: stops the process when block is 0, above max_block, or above 2^32.
  template <class... Args>
  explicit block_cache(block_options options = {}, Args&&... source)
      : state_(std::make_shared<state>(options, std::forward<Args>(source)...)) {}

  // A handle for one thread, which may outlive the cache; a source with tiers serves it from
  // `domain`, or from where its thread runs. What its thread writes lies on `node`, by the system's
  // number and never elsewhere. Threads: any. Progress: blocking (a mutex), allocates.
  // Fails: never; one that could not be made answers `unavailable`, in a forked child `closed`.
  handle local(std::uint32_t domain = any_domain, std::uint32_t node = unbound) {
    return handle(state_, domain, node);
  }

  // Tails that did not go back to the source, and what the source lost; in a forked child none.
  // Threads: any. Progress: blocking (a mutex), allocates.
  std::vector<hole> holes() const {
    if (!state_->in_owner_process()) return {};
    const std::lock_guard held(state_->guard);
    auto all = state_->ledger;
    detail::add_holes_of(state_->source, all);
    return all.holes();
  }

  // Most numbers that handles and a source's tiers may leave unissued; in a forked child 0.
  std::uint64_t held_bound() const {
    if (!state_->in_owner_process()) return 0;
    const std::lock_guard held(state_->guard);
    return state_->in_use * state_->options.max_block * (Source::slow ? 2 : 1) +
           detail::held_by(state_->source);
  }

  // Stops every handle: after this a call answers `closed`, except that a call which was already
  // under way may still return the one number that it was about to take.
  // Threads: any. Progress: blocking (a mutex).
  void stop() noexcept { state_->stop(); }

  // Fetches every block that handles have asked for ahead of need; true when there was one. Call
  // it from a loop of your own. Threads: any. Progress: as the source's acquire.
  bool tend() noexcept
    requires(Source::slow)
  {
    return state_->tend();
  }

  Source& source() noexcept { return state_->source; }

 private:
  std::shared_ptr<state> state_;
};

template <block_source Source>
struct alignas(interference_size) block_cache<Source>::slot {
  // The owner's words; all zero means "inherited through fork".
  sequence next = 0;
  detail::atomic<sequence> stop_at{0};  // the low mark, then `last`; 0 once stopped
  detail::atomic<sequence>* mirror = nullptr;
  sequence last = 0;
  std::uint64_t want = 0;
  std::uint64_t epoch = 0;
  std::uint64_t refilled_at = 0;  // ticks
  std::uint32_t holder = 0;
  std::uint32_t domain = any_domain;
  std::uint32_t node = unbound;
  bool alive = false;

  struct nothing {};
  struct alignas(interference_size) ahead {
    detail::spare_block spare;
    wait::park arrived;
  };
  [[no_unique_address]] std::conditional_t<Source::slow, ahead, nothing> prefetch;
};

template <block_source Source>
struct block_cache<Source>::state {
  template <class... Args>
  explicit state(block_options asked, Args&&... args)
      : options(checked(asked)), source(detail::make_source<Source>(std::forward<Args>(args)...)) {
    // The first slot is nobody's: it tells the owning process from its children.
    owner = slots.make(unbound);
    if (owner != nullptr) owner->alive = true;
  }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  static block_options checked(block_options asked) {
    if (asked.max_block == 0) asked.max_block = asked.block;
    if (asked.block == 0 || asked.block > asked.max_block ||
        asked.max_block > (std::uint64_t{1} << 32)) {
      detail::stop("a block cache needs 1 <= block <= max_block <= 2^32");
    }
    return asked;
  }

  // Asked before the mutex is: a thread that held it may not exist in a forked child.
  bool in_owner_process() const noexcept { return owner != nullptr && owner->alive; }
  bool is_inherited() const noexcept { return owner != nullptr && !owner->alive; }

  slot* open_slot(std::uint32_t domain, std::uint32_t node) {
    if (!in_owner_process()) return &nobody;
    const std::lock_guard held(guard);
    const auto known = slots.all().size();
    auto* const opened = slots.take(node);
    if (opened == nullptr) return &nobody;
    if (slots.all().size() != known) opened->holder = static_cast<std::uint32_t>(known);
    ++in_use;
    opened->next = opened->last = opened->epoch = opened->refilled_at = 0;
    // relaxed: the slot is this thread's alone.
    opened->stop_at.exchange(0, detail::relaxed);
    opened->want = options.block;
    opened->domain = domain;
    opened->node = node;
    opened->alive = true;
    if constexpr (mirrored_source<Source>) opened->mirror = source.mirror(opened->holder);
    return opened;
  }

  void close_slot(slot& ended) {
    if (!ended.alive) return;  // inherited through fork: its numbers are the parent's
    if constexpr (Source::slow) withdraw(ended);
    give_up(ended, {ended.next, ended.last}, loss::handle_ended);
    const std::lock_guard held(guard);
    ended.alive = false;
    ended.next = ended.last = 0;
    --in_use;
    slots.give_back(&ended, ended.node);
  }

  void stop() noexcept {
    if (is_inherited()) return;
    const std::lock_guard held(guard);
    // relaxed: released by the stores below.
    stopped.store(true, detail::relaxed);
    // order: cache-stopped -> cache-armed: the flag
    for (auto* at : slots.all()) at->stop_at.store(0, detail::release);
  }

  // Sends the owner to refill() at `mark`, unless the cache was stopped. An exchange that stop()
  // overwrites is undone; one that overwrites stop() has read it, and so finds the flag.
  bool arm(slot& at, sequence mark) noexcept {
    // order: cache-armed <- cache-stopped: the flag
    at.stop_at.exchange(mark, detail::acquire);
    if (!is_stopped()) return true;
    // relaxed: read by this thread alone.
    at.stop_at.exchange(0, detail::relaxed);
    return false;
  }

  bool is_stopped() const noexcept {
    // relaxed: arm() makes sure of it.
    return stopped.load(detail::relaxed);
  }

  void give_up(slot& from, range tail, loss why) {
    if (source.release(from.holder, tail) || tail.empty()) return;
    const std::lock_guard held(guard);
    ledger.add({tail, tail.size(), from.epoch, why, true, false});
  }

  void withdraw(slot& ended) {
    auto& ahead = ended.prefetch;
    if (ahead.spare.idle() || ahead.spare.withdraw()) return;
    wait::await(ahead.arrived, [&] { return ahead.spare.ready_to_take(); }, [] { return false; });
    if (const auto unused = ahead.spare.take()) {
      give_up(ended, unused->numbers, loss::handle_ended);
    }
  }

  bool tend() noexcept {
    bool served = false;
    if (!in_owner_process()) return false;
    for (std::size_t i = 0;; ++i) {
      slot* at = nullptr;
      {
        const std::lock_guard held(guard);
        if (i >= slots.all().size()) return served;
        at = slots.all()[i];
      }
      if (at->prefetch.spare.serve([&](const block_request& r) { return source.acquire(r); })) {
        at->prefetch.arrived.wake();
        served = true;
      }
    }
  }

  const block_options options;
  const cpu::tsc_clock clock = cpu::tsc_clock::calibrate(std::chrono::microseconds(200));
  Source source;
  slot nobody;  // of handles without one of their own: always empty, so next() need not look
  mutable detail::mutex guard;
  detail::homed<slot> slots;  // by holder
  slot* owner = nullptr;  // fixed by the constructor
  std::uint64_t in_use = 0;
  detail::atomic<bool> stopped{false};
  detail::hole_ledger ledger{1024};
};

// One thread's share of a block cache. Ends by giving its tail back, or leaving it as a hole.
// Threads: one at a time; the handle may move between threads with the usual hand-over.
template <block_source Source>
class block_cache<Source>::handle {
 public:
  handle(handle&& other) noexcept
      : state_(other.state_), slot_(std::exchange(other.slot_, &state_->nobody)) {}
  handle& operator=(handle&& other) noexcept {
    std::swap(state_, other.state_);
    std::swap(slot_, other.slot_);
    return *this;
  }
  ~handle() {
    if (!without_slot()) state_->close_slot(*slot_);
  }

  // Takes the next number of this handle; asks the source when the block is used up.
  // Progress: wait-free from the block; at a refill as the source's acquire.
  // Order: increasing on this handle, unique across handles.
  // Fails: what the source answers; closed in a forked child.
  result<sequence> next() noexcept { return next_until(wait::never); }

  // As next(), but answers `unavailable` where the source would have to wait.
  result<sequence> try_next() noexcept { return next_until(wait::at_once); }

  // As next(), but gives up at `until`: timeout.
  result<sequence> next_for(wait::deadline until) noexcept { return next_until(until); }

  // Where what its thread writes lies, for who asks the kernel for the node; nullptr: nowhere.
  const void* place() const noexcept { return without_slot() ? nullptr : slot_; }

  // Numbers left before the next refill.
  std::uint64_t remaining() const noexcept { return slot_->last - slot_->next; }

  // Owner epoch of the block that the last number came from: its fencing token.
  std::uint64_t epoch() const noexcept { return slot_->epoch; }

 private:
  friend class block_cache;
  handle(std::shared_ptr<state> owner, std::uint32_t domain, std::uint32_t node)
      : state_(std::move(owner)), slot_(state_->open_slot(domain, node)) {}

  result<sequence> next_until(wait::deadline until) noexcept {
    auto& at = *slot_;
    const auto number = at.next;
    // relaxed: changed by others only to 0, to stop this handle; its numbers stay its own.
    if (number >= at.stop_at.load(detail::relaxed)) [[unlikely]] return refill(until);
    take(at, number);
    if (number > top) __builtin_unreachable();  // see install(); spares callers the second branch
    return number;
  }

  bool without_slot() const noexcept { return slot_ == &state_->nobody; }

  static void take(slot& at, sequence number) noexcept {
    at.next = number + 1;
    if constexpr (mirrored_source<Source>) {
      // relaxed: read by the kernel's next owner of the page after this process died, and by
      // close(), which treats it as a hint.
      at.mirror->store(number + 1, detail::relaxed);
      detail::keep_program_order();
    }
  }

  [[gnu::noinline]] result<sequence> refill(wait::deadline until) noexcept {
    auto& at = *slot_;
    if (state_->is_stopped() || state_->is_inherited()) return errc::closed;
    if (without_slot()) return errc::unavailable;
    if (!at.alive) return errc::closed;
    const auto failed = at.next < at.last ? pass_low_mark(at) : install_next_block(at, until);
    if (failed != errc{}) return failed;
    const auto number = at.next;
    take(at, number);
    return number;
  }

  // The hot path stops once at the low mark so that a slow source is asked ahead of need.
  errc pass_low_mark(slot& at) noexcept {
    if constexpr (Source::slow) {
      if (at.prefetch.spare.idle()) at.prefetch.spare.ask(request(at, wait::never));
    }
    return state_->arm(at, at.last) ? errc{} : errc::closed;
  }

  errc install_next_block(slot& at, wait::deadline until) noexcept {
    adapt(at);
    for (;;) {
      const auto granted = fetch(at, until);
      if (!granted) return granted.code();
      if (granted->numbers.first < at.next) {
        state_->give_up(at, granted->numbers, loss::discarded);
        continue;
      }
      return install(at, *granted);
    }
  }

  errc install(slot& at, const block& granted) noexcept {
    if (granted.numbers.last > top + 1) detail::stop("a block source went beyond 2^63 - 1");
    at.next = granted.numbers.first;
    at.last = granted.numbers.last;
    at.epoch = granted.epoch;
    const auto low = Source::slow ? at.next + granted.numbers.size() / 2 : at.last;
    return state_->arm(at, low) ? errc{} : errc::closed;
  }

  result<block> fetch(slot& at, wait::deadline until) noexcept {
    if constexpr (Source::slow) {
      auto& ahead = at.prefetch;
      if (!ahead.spare.idle() && !ahead.spare.withdraw()) {
        const auto ready = wait::await(
            ahead.arrived, [&] { return ahead.spare.ready_to_take(); }, [] { return false; },
            until);
        if (ready != wait::outcome::ready) {
          return until == wait::at_once ? errc::unavailable : errc::timeout;
        }
        if (const auto fetched = ahead.spare.take()) return fetched;
      }
    }
    return state_->source.acquire(request(at, until));
  }

  block_request request(const slot& at, wait::deadline until) const noexcept {
    return {1, at.want, at.last, at.holder, until, at.domain};
  }

  void adapt(slot& at) noexcept {
    const auto now = cpu::ticks();
    const auto& options = state_->options;
    if (at.refilled_at != 0 && options.block != options.max_block) {
      const auto lasted = now - at.refilled_at;
      if (lasted < state_->clock.to_ticks(options.quick)) {
        at.want = std::min(at.want * 2, options.max_block);
      } else if (lasted > state_->clock.to_ticks(options.slow)) {
        at.want = std::max(at.want / 2, options.block);
      }
    }
    at.refilled_at = now;
  }

  std::shared_ptr<state> state_;
  slot* slot_;
};

}  // namespace sequencer
