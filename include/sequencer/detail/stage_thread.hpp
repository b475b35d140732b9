// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/gates.hpp>
#include <sequencer/detail/reader.hpp>
#include <sequencer/detail/running_stage.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequence.hpp>
#include <sequencer/stage.hpp>
#include <sequencer/wait.hpp>

namespace sequencer::detail {

// The next position that none of a stage's workers has taken.
//
// Invariant: a worker's gate is never above an event that it is handling, nor above this word: it
// takes from where its gate is, by an exchange that fails when another one was faster and says
// where the word is; then it moves its gate there. Gates rise only. So the least gate of all
// workers is below everything that is not handled, and a worker that parks holds back nothing but
// what is not published: publishing it wakes the worker. After LMAX's WorkProcessor, but what is
// published is looked at before the take.
struct alignas(interference_size) shared_position {
  atomic<sequence> next{0};
};

template <class Ring, wait::strategy How, class Handler, class Barrier>
class stage_thread final : public running_stage {
  using event_type = typename Ring::event_type;
  static constexpr bool takes_batches = batch_handler<Handler, event_type>;

  static auto answer_of() {
    if constexpr (takes_batches) {
      return std::type_identity<std::invoke_result_t<Handler&, batch<event_type>&>>{};
    } else {
      return std::type_identity<std::invoke_result_t<Handler&, event_type&, sequence, bool>>{};
    }
  }
  using answer = typename decltype(answer_of())::type;

 public:
  // `shared`: with the other workers of its stage; null where it is alone.
  stage_thread(std::string stage, std::string name, stage_options how, Ring& of, Handler handler,
               std::shared_ptr<shared_position> shared)
      : running_stage(std::move(stage), std::move(name), how),
        of_(of),
        handler_(std::move(handler)),
        shared_(std::move(shared)),
        barrier_(*this) {}

  errc enter() override {
    auto in = of_.enter();
    if (!in) return in.code();
    in_.emplace(*std::move(in));
    // relaxed: before the threads begin; who enters later enters no lower.
    if (shared_) shared_->next.store(next(), relaxed);
    return {};
  }
  gate& place() noexcept override { return in_->place(); }
  end reached() const noexcept override {
    if (!shared_ || gave_up_) return {next(), gave_up_};
    // relaxed: its thread has ended, so what it took is below; what others take then is theirs.
    return {shared_->next.load(relaxed), false};
  }

 private:
  // One event at a time can be let go of while the batch goes on, unless it may have to come back.
  static constexpr bool streams =
      !takes_batches && std::is_void_v<answer> && !hooks::batch_start<Handler>;

  // Where a batch ended, and whether the ring is to go on.
  struct outcome {
    sequence end;
    bool going;
  };

  void run() noexcept override {
    barrier_.prepare();
    in_->place().enter();  // for good: the hooks are its handler's too
    if constexpr (hooks::start<Handler>) handler_.on_start(name());
    for (;;) {
      const auto found = wait_for_events();
      if (found == polled::closed) break;
      if (found == polled::idle) {
        if constexpr (hooks::idle<Handler>) handler_.on_idle();
      } else if (!serve()) {
        of_.halt();
        break;
      }
    }
    if constexpr (hooks::stop<Handler>) handler_.on_stop();
    if (leaving()) in_->let_go();
  }

  wait::deadline idle_end() const noexcept {
    const bool bounded = hooks::idle<Handler> && options().idle.count() > 0;
    return bounded ? wait::in(options().idle) : wait::never;
  }

  polled wait_for_events() noexcept {
    const auto until = idle_end();
    auto found = look();
    if (found == polled::idle) in_->place().count_wait();
    while (found == polled::idle) {
      if (wait_once(until) == wait::outcome::timeout) return polled::idle;
      found = look();
    }
    return found;
  }

  // Until something is there, or the stage that holds this one back has gone on, and another one is
  // to be waited for.
  wait::outcome wait_once(wait::deadline until) noexcept {
    return wait_behind<How>(*in_, followed().of, [this] { return look() != polled::idle; }, until);
  }

  // In this order: where all leave, an open gate is no leave to go on.
  polled look() noexcept {
    if (shared_ && !is_over()) follow_the_others();
    bound_ = barrier_.bound();
    if (leaving()) [[unlikely]] return polled::closed;
    return bound_ == gate::open ? in_->state() : in_->state_up_to(bound_);
  }

  // What is not handled now never is, and the gate stays there.
  bool is_over() const noexcept { return of_.halted() || leaving(); }

  sequence next() const noexcept { return in_->position(); }

  // Events that may be handled, as of the last look.
  std::uint64_t allowed() const noexcept {
    return std::max(bound_, next()) - next();
  }
  std::uint64_t room() const noexcept {
    const auto most = options().max_batch != 0
                          ? options().max_batch
                          : std::max<std::uint64_t>(1, of_.capacity() / 8);
    return std::min(most, allowed());
  }

  void follow_the_others() noexcept {
    // order: shared-seen <- shared-taken: the gate of who took what is below
    const auto at = shared_->next.load(acquire);
    if (at != next()) in_->go_to(at);
  }

  // False when another worker was faster: then this one goes on from where all of them are.
  bool take(sequence last) noexcept {
    auto first = next();
    // order: shared-taken <-> shared-seen: this worker's gate; the gate of who took what is below
    if (shared_->next.compare_exchange_strong(first, last, release, acquire)) return true;
    in_->go_to(first);
    return false;
  }

  // False when the ring is to be halted.
  bool serve() noexcept {
    if (shared_) return serve_shared();
    bool going = true;
    if constexpr (streams) {
      in_->look(
          [&](event_type& event, sequence s, bool last) noexcept {
            handler_(event, s, last);
            return true;
          },
          room());
    } else {
      going = serve_stretch(in_->readable(room()));
    }
    if constexpr (hooks::batch_end<Handler>) handler_.on_batch_end();
    return going;
  }

  // What is there, as of the last look at what holds this stage back. Between two takes nobody asks
  // for the word, since one that fails says where it is: asking would fetch its line once more.
  bool serve_shared() noexcept {
    do {
      const auto found = in_->readable(std::min(room(), share()));
      if (found.end == next()) break;
      if (!take(found.end)) continue;
      const bool going = serve_stretch(found);
      if constexpr (hooks::batch_end<Handler>) handler_.on_batch_end();
      if (!going) return false;
    } while (!gave_up_ && !is_over());
    return true;
  }

  // Events that a worker takes at once.
  std::uint64_t share() const noexcept {
    return std::max<std::uint64_t>(1, options().max_batch);
  }

  using stretch = typename reader<Ring>::stretch;

  bool serve_stretch(stretch found) noexcept {
    const auto first = next();
    if constexpr (hooks::batch_start<Handler>) {
      handler_.on_batch_start(found.end - first, in_->readable(allowed()).end - first);
    }
    const auto done = serve_all(found);
    in_->go_to(done.end);
    gave_up_ = done.end != found.end;
    return done.going;
  }

  outcome serve_all(stretch found) noexcept
    requires(!takes_batches)
  {
    const auto last = found.end;
    auto last_event = last;
    while (found.skips && last_event != next() && in_->is_skip(last_event - 1)) --last_event;
    std::uint64_t tries = 0;
    for (auto s = next(); s != last;) {
      const bool skip = found.skips && in_->is_skip(s);
      const auto what = skip ? handled::next : call(in_->event(s), s, s + 1 == last_event);
      if (what == handled::halt) return {s, false};
      if (what == handled::next) {
        ++s;
      } else if (tries++ < options().rewinds) {
        if (!pause()) return {next(), true};
        s = next();
      } else {
        if (!give_up(s)) return {s, false};
        in_->go_to(++s);
        tries = 0;
      }
    }
    return {last, true};
  }

  outcome serve_all(stretch found) noexcept
    requires takes_batches
  {
    const auto last = found.end;
    batch<event_type> all(in_->places(), {next(), last}, found.skips, in_->place(), in_->freed());
    for (std::uint64_t tries = 0;;) {
      auto what = handled::next;
      if constexpr (std::is_void_v<answer>) {
        handler_(all);
      } else {
        what = handler_(all);
      }
      if (what == handled::next) return {last, true};
      const auto here = all.positions().first;
      if (what == handled::rewind && here == last) return {last, true};
      if (what == handled::halt) return {here, false};
      if (tries++ >= options().rewinds) {
        return give_up(all) ? outcome{last, true} : outcome{here, false};
      }
      if (!pause()) return {here, true};
    }
  }

  handled call(event_type& event, sequence s, bool last) noexcept {
    if constexpr (std::is_void_v<answer>) {
      handler_(event, s, last);
      return handled::next;
    } else {
      return handler_(event, s, last);
    }
  }

  bool give_up(sequence s) noexcept {
    if constexpr (hooks::give_up<Handler, event_type>) {
      handler_.on_give_up(in_->event(s), s);
      return true;
    } else {
      static_cast<void>(s);
      return false;
    }
  }

  bool give_up(batch<event_type>& all) noexcept {
    if constexpr (hooks::give_up_batch<Handler, event_type>) {
      handler_.on_give_up(all);
      return true;
    } else {
      static_cast<void>(all);
      return false;
    }
  }

  // Before a batch is begun again; false when it is not to be. It sleeps at its own gate's bell,
  // which this thread rings, and who ends something.
  bool pause() noexcept {
    const auto over = [this] { return is_over() && (of_.halted() || !leaves_alone()); };
    if (over()) return false;
    if (options().rewind_pause.count() <= 0) return true;
    auto pace = waiting_at<wait::park>(in_->place().moved);
    const auto until = wait::in(options().rewind_pause);
    return wait::await(pace, over, [] { return false; }, until) == wait::outcome::timeout;
  }

  Ring& of_;
  std::optional<reader<Ring>> in_;
  Handler handler_;
  std::shared_ptr<shared_position> shared_;
  Barrier barrier_;
  bool gave_up_ = false;  // the last batch was not handled to its end
  sequence bound_ = 0;  // those that this one follows have handled what is below, at the last look
};

}  // namespace sequencer::detail
