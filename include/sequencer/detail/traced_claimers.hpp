// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/claiming.hpp>
#include <sequencer/detail/many_claimers.hpp>
#include <sequencer/detail/roster.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

// What a producer claimed last.
struct alignas(interference_size) claim_note {
  atomic<bool> taken{true};
  plain<claim_note*> next{nullptr};
  atomic<sequence> first{0};
  atomic<sequence> last{0};
  atomic<std::int32_t> thread{0};

  // Whoever dies in the middle of it leaves a note of nothing.
  void write(range what, std::int32_t who) noexcept {
    // order: note-written -> note-seen: what became of the claim that it named
    last.store(0, release);
    // What a note names rises, so a new begin is at the old end or above it, and nothing lies
    // between them.
    // order: note-written -> note-seen: what became of the claim that it named
    first.store(what.first, release);
    // order: note-written -> note-seen: that the note names something else
    thread.store(who, release);
    // order: note-written -> note-seen: the other fields
    last.store(what.last, release);
  }
  // Sure of one that nobody writes any more.
  range what() const noexcept {
    // order: note-seen <- note-written: the other fields, or what became of its claim
    const auto end = last.load(acquire);
    // order: note-seen <- note-written: what became of its claim
    return {first.load(acquire), end};
  }
  // Whose it is. The note names the same still, if it does after this.
  std::int32_t whose() const noexcept {
    // order: note-seen <- note-written: that the note names something else
    return thread.load(acquire);
  }
};

// As many_claimers, but each producer notes what it claimed, so that others can tell whose a claim
// is that is open for too long. Who dies between a claim and its note is not known.
class traced_claimers : public many_claimers {
 public:
  struct ticket : many_claimers::ticket {
    claim_note* note = nullptr;
  };

  using many_claimers::many_claimers;

  // Fails: closed; unavailable, without memory.
  errc begin(ticket& mine) noexcept {
    if (const auto why = many_claimers::begin(mine); why != errc{}) return why;
    mine.note = notes_.enter();
    return mine.note == nullptr ? errc::unavailable : errc{};
  }
  // Claims that outlive their producer are noted until another one takes its note over.
  void end(const ticket& mine) noexcept { roster<claim_note>::leave(*mine.note); }

  template <wait::strategy How, class Places>
  result<range> take(ticket& mine, std::uint64_t n, const Places& slots, const neighbours& around,
                     wait::deadline until) noexcept {
    const auto got = many_claimers::take<How>(mine, n, slots, around, until);
    if (got) mine.note->write(*got, static_cast<std::int32_t>(::syscall(SYS_gettid)));
    return got;
  }

  open_claim holder_of(sequence s) const noexcept {
    const auto* note = note_of(s);
    const auto who = note == nullptr ? 0 : note->whose();
    // Another producer may have taken the note over.
    if (who == 0 || !note->what().contains(s)) return {s, 0, false};
    return {s, who, lives(who)};
  }

  // Calls skip(position) for all that the dead owner of `s` had claimed with it.
  template <class Skip>
  errc release_dead(sequence s, Skip skip) const noexcept {
    const auto* note = note_of(s);
    if (note == nullptr) return errc::unavailable;
    const auto all = note->what();
    if (lives(note->whose())) return errc::locked;
    // The same still: else another producer has taken the note over.
    if (!all.contains(s) || note->what() != all) return errc::unavailable;
    for (auto each = all.first; each != all.last; ++each) skip(each);
    return {};
  }

 private:
  static bool lives(std::int32_t thread) noexcept {
    return ::syscall(SYS_tgkill, ::getpid(), thread, 0) == 0;
  }

  const claim_note* note_of(sequence s) const noexcept {
    for (const auto* at = notes_.first(); at != nullptr; at = at->next) {
      if (at->what().contains(s)) return at;
    }
    return nullptr;
  }

  roster<claim_note> notes_;
};

}  // namespace sequencer::detail
