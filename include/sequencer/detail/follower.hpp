// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <sequencer/detail/crew.hpp>
#include <sequencer/detail/gates.hpp>
#include <sequencer/detail/reader.hpp>
#include <sequencer/detail/running_stage.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

// A consumer on the caller's own thread that follows stages, for a poller to read by.
//
// Those stages, and what they followed, are kept as long as it lives, whatever becomes of their
// flow: it looks at their gates.
template <class Ring>
class follower {
 public:
  using event_type = typename Ring::event_type;

  follower(reader<Ring> in, std::shared_ptr<crew<Ring>> of, std::vector<running_stage*> after)
      : kept_(std::make_unique<guest>(std::move(of), std::move(after))), in_(std::move(in)) {
    followed_.begin(kept_->after);
  }

  sequence position() const noexcept { return in_.position(); }
  std::uint64_t waits() const noexcept { return in_.waits(); }

  // As reader::look(); gated where the next event is published, and not handled yet.
  template <class Visit>
  polled look(Visit&& visit, std::uint64_t most) {
    const auto bound = followed_.last().at;
    if (bound <= position()) return held();
    return in_.look(visit, bound == gate::open ? most : std::min(most, bound - position()));
  }

  polled state() noexcept {
    const auto bound = followed_.last().at;
    if (bound == gate::open) return in_.state();
    return bound > position() ? in_.state_up_to(bound) : held();
  }

  // Waits, by How, for a batch or the end, until `until`.
  template <wait::strategy How>
  polled await(wait::deadline until) noexcept {
    auto found = polled::idle;
    const auto has_come = [&] {
      found = state();
      return found == polled::batch || found == polled::closed;
    };
    if (has_come()) return found;
    in_.place().count_wait();
    do {
      const auto how = wait_behind<How>(in_, followed_.last().of, has_come, until);
      if (how != wait::outcome::ready) break;
    } while (!has_come());
    return found;
  }

 private:
  // Registered with the crew for as long as it lives.
  struct guest {
    guest(std::shared_ptr<crew<Ring>> its, std::vector<running_stage*> all)
        : of(std::move(its)), after(std::move(all)) {
      const std::lock_guard held(of->guard);
      of->guests.push_back(&after);
    }
    guest(const guest&) = delete;
    guest& operator=(const guest&) = delete;
    ~guest() {
      const std::lock_guard held(of->guard);
      std::erase(of->guests, &after);
    }

    const std::shared_ptr<crew<Ring>> of;
    const std::vector<running_stage*> after;
  };

  // There is nothing below the gates of those that it follows.
  polled held() noexcept {
    const auto found = in_.state_up_to(position());
    return found == polled::idle && in_.is_readable() ? polled::gated : found;
  }

  std::unique_ptr<guest> kept_;
  reader<Ring> in_;
  followed_stages followed_;
};

}  // namespace sequencer::detail
