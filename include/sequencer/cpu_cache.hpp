// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include <sequencer/block_source.hpp>
#include <sequencer/cache_line.hpp>
#include <sequencer/cpu_mode.hpp>
#include <sequencer/detail/cpu_block.hpp>
#include <sequencer/detail/cpu_section.hpp>
#include <sequencer/detail/hole_ledger.hpp>
#include <sequencer/detail/possible_cpus.hpp>
#include <sequencer/detail/private_arena.hpp>
#include <sequencer/detail/thread_tag.hpp>
#include <sequencer/wait.hpp>

namespace sequencer {

struct cpu_cache_options {
  std::uint64_t block = 1024;  // numbers that a CPU takes at a time
  std::uint32_t cpus = 0;      // with a block of their own, from CPU 0; 0: all there may ever be
  bool exclusive = false;        // do without restartable sequences where they are, too
  // The NUMA node, by the system's number, on which the page of each CPU lies. Beyond its end:
  // that of the thread which touches it first, mostly one on that CPU.
  std::vector<std::uint32_t> node_of_cpu{};
};

// Hands out single numbers to any thread, without a handle, from one block for each CPU.
//
// Unique, and nothing more: a thread that the system moves, or that comes after another one on its
// CPU, may be given a lower number than before. At most held_bound() numbers are missing when
// everything stops at once: a block for each CPU, however many threads there are. Blocks are not
// fetched ahead: of a slow source a CPU's threads wait for the next one.
//
// mode() says which way it goes. `restartable` needs x86-64, glibc 2.35 and Linux 5.10, and is not
// there under the thread sanitizer, under valgrind, or with glibc's tunable pthread.rseq=0. There
// `exclusive` promises the same: as many shares as CPUs, of which each thread prefers one.
// In mode restartable a thread that is not registered, or runs on a CPU beyond `cpus`, takes each
// number from the source by itself.
//
// After fork the child's calls answer `closed`: the lines of the CPUs are handed to it zeroed, and
// a CPU without a block sends its thread to look whose process this is.
template <block_source Source>
class cpu_cache {
 public:
  // Threads: one. `source` is owned by the cache. Allocates a page of addresses for each CPU, which
  // is first touched when a thread on that CPU wants a block.
  // Fails: stops the process when block is 0 or above 2^32, or there are more than 2^20 CPUs.
  template <class... Args>
  explicit cpu_cache(cpu_cache_options options = {}, Args&&... source)
      : cpus_(options.cpus != 0 ? options.cpus : detail::possible_cpus()),
        block_(options.block),
        source_(detail::make_source<Source>(std::forward<Args>(source)...)) {
    if (block_ == 0 || block_ > std::uint64_t{1} << 32 || cpus_ > 1u << 20) {
      detail::stop("a cache per CPU needs 1 <= block <= 2^32 and at most 2^20 CPUs");
    }
    const auto places = std::size_t{cpus_} + 1;  // the last: of threads that have no CPU of these
    line_arena_ = detail::private_arena::make(places * sizeof(detail::cpu_line) + 1);
    page_arena_ = detail::private_arena::make(places * page_bytes_);
    if (!line_arena_ || !page_arena_) return;
    page_arena_.prefer_huge_pages(false);  // one such page would put many CPUs on one node
    if (!page_arena_.bind_each(page_bytes_, options.node_of_cpu, cpus_)) return;
    lines_ = static_cast<detail::cpu_line*>(line_arena_.data());
    std::uninitialized_default_construct_n(lines_, places);
    owner_ = reinterpret_cast<std::byte*>(lines_ + places);
    *owner_ = std::byte{1};
    if (!options.exclusive && section::enroll()) cpus_with_sections_ = cpus_;
    shares_ = std::vector<share>(places);
    for (auto& each : shares_) each.want = block_;
    shares_.back().want = 1;
  }
  cpu_cache(const cpu_cache&) = delete;
  cpu_cache& operator=(const cpu_cache&) = delete;
  // Gives back what the CPUs hold, or leaves it as holes. No thread may be inside a call.
  ~cpu_cache() {
    stop();
    for (auto& each : shares_) {
      if (each.begun) std::destroy_at(&page_of(each));
    }
    std::destroy_n(lines_, shares_.size());
  }

  // Takes a number.
  // Threads: any, but no signal handlers. Order: unique.
  // Progress: restartable: lock-free from the block, a preemption or a signal begins anew; at a
  // refill as the source's acquire, and behind another thread that refills this CPU. exclusive:
  // blocking while other threads are inside all shares, and at a refill as above.
  // Fails: what the source answers; closed after stop() and in a forked child; unavailable where
  // the kernel refused the pages, after stop() too.
  result<sequence> next() noexcept { return next_until(wait::never); }

  // As next(), but answers `unavailable` where it would have to wait.
  result<sequence> try_next() noexcept { return next_until(wait::at_once); }

  // As next(), but gives up at `until`: timeout.
  result<sequence> next_for(wait::deadline until) noexcept { return next_until(until); }

  // Ends the cache: after this a call answers `closed`, except that one which was already under
  // way may still return the number that it was about to take. While it runs, a thread may be
  // refused on one CPU and served on another. What the CPUs hold goes back or becomes holes, and is
  // known to the number.
  // Threads: any. Progress: blocking (a mutex, and threads that give a CPU its block at this
  // moment); never waits for the source.
  void stop() noexcept;

  // What did not go back to the source; in a forked child none.
  // Threads: any. Progress: blocking (a mutex), allocates.
  std::vector<hole> holes() const {
    if (!in_owner_process()) return {};
    const std::lock_guard held(guard_);
    return ledger_.holes();
  }

  // Most numbers that can be held and unissued at any moment; in a forked child 0.
  std::uint64_t held_bound() const noexcept {
    if (!in_owner_process()) return 0;
    return held_bound(cpus_, block_, mode());
  }
  static constexpr std::uint64_t held_bound(std::uint64_t cpus, std::uint64_t block,
                                            cpu_mode how) noexcept {
    return cpus * block + (how == cpu_mode::restartable ? 1 : 0);
  }

  cpu_mode mode() const noexcept {
    return cpus_with_sections_ != 0 ? cpu_mode::restartable : cpu_mode::exclusive;
  }
  // CPUs, or shares, that may hold a block.
  std::uint32_t cpus() const noexcept { return cpus_; }
  // Where the block of a CPU lies, for who asks the kernel for its node.
  const void* page(std::uint32_t cpu) const noexcept {
    return static_cast<std::byte*>(page_arena_.data()) + cpu * page_bytes_;
  }
  Source& source() noexcept { return source_; }

 private:
  using section = detail::cpu_section;
  static constexpr bool linked = mirrored_source<Source>;

  // Who may refill a page, or in mode exclusive take from it. The words are flags of `state`.
  struct alignas(interference_size) share {
    detail::atomic<std::uint32_t> state{0};
    bool begun = false;  // the page holds blocks
    bool ours = false;   // stop() retires it
    std::uint64_t want = 0;
    std::uint64_t epochs[2] = {};  // of the blocks
    wait::park left;
  };
  static constexpr std::uint32_t busy = 1;        // somebody is inside
  static constexpr std::uint32_t wanted = 2;      // somebody waits to get in
  static constexpr std::uint32_t ended = 4;       // for good
  static constexpr std::uint32_t installing = 8;  // who is inside gives the CPU a block, and leaves

  result<sequence> next_until(wait::deadline until) noexcept {
    const auto cpus = cpus_with_sections_;
    if (cpus == 0) return take_exclusive(until);
    const auto number = section::take<linked>(lines_, cpus);
    if (number > top) [[unlikely]] return refill(until);
    return number;
  }

  bool in_owner_process() const noexcept { return owner_ != nullptr && *owner_ == std::byte{1}; }

  [[gnu::noinline]] result<sequence> refill(wait::deadline until) noexcept {
    for (;;) {
      if (!in_owner_process()) return errc::closed;
      const auto cpu = section::cpu();
      if (cpu >= cpus_) return take_inside(shares_.back(), until);
      if (const auto failed = refill_cpu(shares_[cpu], until); failed != errc{}) return failed;
      const auto number = section::take<linked>(lines_, cpus_);
      if (number <= top) return number;
    }
  }

  // The thread may be moved at any time, which does not matter: who is inside installs blocks
  // there, wherever he runs.
  errc refill_cpu(share& at, wait::deadline until) noexcept {
    if (const auto failed = enter(at, until); failed != errc{}) return failed;
    const auto failed = needs_block(at) ? install(at, until) : errc{};
    leave(at);
    return failed;
  }

  // A thread goes to the share that its own tag names, and on while others are inside.
  [[gnu::noinline]] result<sequence> take_exclusive(wait::deadline until) noexcept {
    if (!in_owner_process()) return owner_ == nullptr ? errc::unavailable : errc::closed;
    const auto mixed = detail::thread_tag() * std::uint64_t{0x9e3779b97f4a7c15};
    const auto first = static_cast<std::uint32_t>((mixed >> 32) % cpus_);
    auto place = first;
    do {
      if (try_enter(shares_[place])) return take_and_leave(shares_[place], until);
      if (++place == cpus_) place = 0;
    } while (place != first);
    return take_inside(shares_[first], until);
  }

  result<sequence> take_inside(share& at, wait::deadline until) noexcept {
    if (const auto failed = enter(at, until); failed != errc{}) return failed;
    return take_and_leave(at, until);
  }

  result<sequence> take_and_leave(share& at, wait::deadline until) noexcept {
    if (needs_block(at)) {
      if (const auto failed = install(at, until); failed != errc{}) {
        leave(at);
        return failed;
      }
    }
    // relaxed: changed inside only.
    auto& next = next_of(*current_of(at).load(detail::relaxed));
    const auto number = next.load(detail::relaxed);  // relaxed: as above
    // order: cpu-number-taken -> cpu-block-used-up: as a section's store, which x86 orders so
    next.store(number + 1, detail::release);
    leave(at);
    return number;
  }

  // ---- being inside

  bool try_enter(share& at) noexcept {
    // relaxed: a guess.
    auto seen = at.state.load(detail::relaxed);
    if ((seen & (busy | ended)) != 0) return false;
    // order: share-entered <- share-left: the page and its blocks
    return at.state.compare_exchange_strong(seen, seen | busy, detail::acquire,
                                            detail::relaxed);  // relaxed: not inside
  }

  // Says that it waits before each look that decides whether it sleeps.
  bool enter_or_ask(share& at) noexcept {
    if (try_enter(at)) return true;
    // relaxed: who leaves finds it, or has left before.
    const auto seen = at.state.fetch_or(wanted, detail::relaxed);
    return (seen & busy) == 0 && try_enter(at);
  }

  errc enter(share& at, wait::deadline until) noexcept {
    // relaxed: never cleared; nothing of what ended it is looked at.
    const auto is_over = [&] { return (at.state.load(detail::relaxed) & ended) != 0; };
    const auto got = wait::await(at.left, [&] { return enter_or_ask(at); }, is_over, until);
    if (got == wait::outcome::ready) return errc{};
    if (got == wait::outcome::stopped) return errc::closed;
    return until == wait::at_once ? errc::unavailable : errc::timeout;
  }

  // Whoever is inside when the cache ends has to retire the share: nobody comes after him.
  void leave(share& at) noexcept {
    // relaxed: a guess.
    auto seen = at.state.load(detail::relaxed);
    while ((seen & ended) == 0) {
      // order: share-left -> share-entered, share-ended: the page and its blocks
      if (at.state.compare_exchange_weak(seen, 0, detail::release, detail::relaxed)) {
        if ((seen & wanted) != 0) at.left.wake();
        return;  // relaxed, above: only the next guess
      }
    }
    current_of(at).store(nullptr, detail::relaxed);  // relaxed: see settle()
    give_up(at, settle());
    // order: share-retired -> share-awaited: the line without a block
    at.state.fetch_and(~(busy | installing | wanted), detail::release);
    at.left.wake();
  }

  // ---- blocks; by whoever is inside

  bool needs_block(share& at) noexcept {
    // order: cpu-block-seen <- cpu-block-current: the block, as sections see it; x86, on which they
    // run, keeps their loads in order
    auto* current = current_of(at).load(detail::acquire);
    // order: cpu-block-used-up <- cpu-number-taken: what sections on this CPU read before
    return current == nullptr || next_of(*current).load(detail::acquire) >= current->last;
  }

  // The block that is not current is written and becomes it.
  //
  // No section can hold the one that is written. A section that loaded it did so while it was
  // current, on its CPU. Since then the other one became current and was used up: a later section
  // on that CPU took its last number, so the earlier one had ended by then, or begun again. It is
  // for this that in mode restartable numbers are taken in sections only, never by who is inside.
  errc install(share& at, wait::deadline until) noexcept {
    auto& page = page_of(at);
    if (!std::exchange(at.begun, true)) std::construct_at(&page);
    // relaxed: changed inside only.
    const auto which = current_of(at).load(detail::relaxed) == &page.blocks[0] ? 1u : 0u;
    auto& idle = page.blocks[which];
    link(at, which);
    const auto granted = source_.acquire({1, at.want, 0, holder_of(at, which), until});
    if (!granted) return granted.code();
    if (granted->numbers.last > top + 1) detail::stop("a block source went beyond 2^63 - 1");
    at.epochs[which] = granted->epoch;
    // relaxed: shown by the store below. Of a mirrored source it says what it did already.
    next_of(idle).store(granted->numbers.first, detail::relaxed);
    idle.last = granted->numbers.last;
    // relaxed: one order of this word decides whether stop() finds it or is found.
    if ((at.state.fetch_or(installing, detail::relaxed) & ended) != 0) return errc::closed;
    // order: cpu-block-current -> cpu-block-seen: the block
    current_of(at).store(&idle, detail::release);
    return errc{};
  }

  // A source may have no word to spare; whether it has closed, its answer to acquire() says.
  void link(share& at, unsigned which) noexcept {
    if constexpr (linked) {
      auto& to = page_of(at).blocks[which].linked;
      if (to == nullptr) to = source_.mirror(holder_of(at, which));
    }
  }

  static detail::atomic<sequence>& next_of(detail::cpu_block& of) noexcept {
    if constexpr (linked) {
      return *of.linked;
    } else {
      return of.next;
    }
  }

  // Sections that began when the page still had a block are over; others find none. False: unknown.
  bool settle() noexcept {
    return mode() == cpu_mode::exclusive || section::interrupt_all();
  }

  void give_up(share& at, bool exactly) noexcept {
    if (!at.begun) return;
    for (const unsigned which : {0u, 1u}) {
      auto& block = page_of(at).blocks[which];
      if (linked && block.linked == nullptr) continue;
      // relaxed: nobody takes from it any more, or `exactly` says that this is not known.
      const range tail{next_of(block).load(detail::relaxed), block.last};
      if (exactly && source_.release(holder_of(at, which), tail)) continue;
      if (tail.first >= tail.last) continue;
      const std::lock_guard held(guard_);
      ledger_.add({tail, tail.size(), at.epochs[which], loss::closed, exactly, false});
    }
  }

  std::uint32_t place_of(const share& at) const noexcept {
    return static_cast<std::uint32_t>(&at - shares_.data());
  }
  std::uint32_t holder_of(const share& at, unsigned which) const noexcept {
    return 2 * place_of(at) + which;
  }
  detail::atomic<detail::cpu_block*>& current_of(const share& at) const noexcept {
    return lines_[place_of(at)].current;
  }
  detail::cpu_page& page_of(const share& at) const noexcept {
    auto* there = const_cast<void*>(page(place_of(at)));
    return *std::launder(static_cast<detail::cpu_page*>(there));
  }

  // What every call reads.
  detail::cpu_line* lines_ = nullptr;
  std::uint32_t cpus_;
  std::uint32_t cpus_with_sections_ = 0;  // cpus_, or 0 in mode exclusive

  const std::size_t page_bytes_ = detail::cpu_page::stride();
  const std::uint64_t block_;
  Source source_;
  detail::private_arena line_arena_;
  detail::private_arena page_arena_;
  std::byte* owner_ = nullptr;  // 1 in the process that made the cache, 0 in its children
  std::vector<share> shares_;   // of the CPUs, then that of threads without one
  detail::mutex stopping_;
  mutable detail::mutex guard_;
  detail::hole_ledger ledger_{1024};
};

template <block_source Source>
void cpu_cache<Source>::stop() noexcept {
  if (!in_owner_process()) return;
  const std::lock_guard held(stopping_);
  bool any = false;
  for (auto& each : shares_) {
    // order: share-ended <- share-left: the page and its blocks
    const auto was = each.state.fetch_or(ended, detail::acquire);
    each.ours = (was & (busy | ended)) == 0;
    any = any || each.ours;
    // relaxed: see settle()
    if (each.ours) current_of(each).store(nullptr, detail::relaxed);
    each.left.wake();
  }
  const bool exactly = any && settle();
  for (auto& each : shares_) {
    if (each.ours) give_up(each, exactly);
    // order: share-awaited <- share-retired: the line without a block
    const auto installed = [&] { return (each.state.load(detail::acquire) & installing) == 0; };
    wait::await(each.left, installed, [] { return false; });
  }
}

}  // namespace sequencer
