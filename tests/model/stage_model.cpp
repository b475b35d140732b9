// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/ring.hpp>

#include <memory>
#include <optional>

#include <sequencer/detail/stage_thread.hpp>
#include <sequencer/graph.hpp>

#include "model.hpp"

namespace {

using namespace sequencer;

// What a slot carries: watched, so that who reads or writes it without an order is found.
struct watched {
  model::plain<int> value{-1};
};

using many = producers::many;
using wait::spin;
using ring_of = ring<watched, many>;

// A stage whose thread is one of the checker's; the handler is handle(watched&, sequence).
template <class How, class Handle, class Barrier = detail::any_barrier>
class stage {
  struct handler {
    Handle* handle;
    void operator()(watched& event, sequence s, bool) noexcept { (*handle)(event, s); }
  };

 public:
  stage(ring_of& of, Handle handle, std::shared_ptr<detail::shared_position> shared = nullptr)
      : handle_(handle), made_("a", "a", {}, of, handler{&handle_}, std::move(shared)) {
    entered_ = made_.enter() == errc{};
  }
  bool entered() const noexcept { return entered_; }
  template <class Other>
  void follow(Other& other) {
    made_.after.push_back(&other.made());
  }
  void work() {
    made_.get_ready(finished_);
    made_.work();
  }
  detail::running_stage& made() noexcept { return made_; }
  sequence gate() noexcept { return made_.place().position.newest(); }
  wait::park& finished() noexcept { return finished_; }

 private:
  Handle handle_;
  wait::park finished_;
  detail::stage_thread<ring_of, How, handler, Barrier> made_;
  bool entered_ = false;
};
template <class How, class Barrier = detail::any_barrier, class Handle>
auto make_stage(ring_of& of, Handle handle,
                std::shared_ptr<detail::shared_position> shared = nullptr) {
  auto made = std::make_unique<stage<How, Handle, Barrier>>(of, handle, std::move(shared));
  model::require(made->entered(), "there is memory");
  return made;
}

// Publishes so many, each with its position, and closes.
template <class How>
void publish(ring_of& of, int count) {
  {
    auto out = *of.template make_producer<How>();
    for (int i = 0; i != count; ++i) {
      const auto at = out.publish([&](watched& event) { event.value = i; });
      model::require(at && *at == static_cast<sequence>(i), "a position was lost");
    }
  }
  of.close();
}

// Each event goes to one worker, who finds it as it was published; and while he has it his gate
// keeps it.
template <class How, int Events, std::size_t Slots, bool Published = false>
struct shares : rl::test_suite<shares<How, Events, Slots, Published>, Published ? 2 : 3> {
  struct handle {
    shares* of;
    int me;
    void operator()(watched& event, sequence s) const noexcept { of->take(event, s, me); }
  };
  ring_of of{Slots};
  std::shared_ptr<detail::shared_position> shared = std::make_shared<detail::shared_position>();
  std::unique_ptr<stage<How, handle>> worker[2] = {
      make_stage<How>(of, handle{this, 0}, shared), make_stage<How>(of, handle{this, 1}, shared)};
  int handled_by[Events] = {};

  void take(watched& event, sequence s, int me) {
    model::require(s < Events && ++handled_by[s] == 1, "an event went to two workers");
    model::require(worker[me]->gate() <= s, "a gate above the event in work");
    model::require(event.value == static_cast<int>(s), "an event of another lap");
    event.value = -2;
  }
  void before() {
    if (Published) publish<How>(of, Events);
  }
  void thread(unsigned index) {
    if (index == 2) {
      publish<How>(of, Events);
    } else {
      worker[index]->work();
    }
  }
  void after() {
    for (const int times : handled_by) model::require(times == 1, "an event went to no worker");
  }
};

// A stage sees what the one before it has written, for each event, and no event before.
template <class How, int Events, std::size_t Slots, bool Published = false>
struct follows : rl::test_suite<follows<How, Events, Slots, Published>, Published ? 2 : 3> {
  struct first {
    void operator()(watched& event, sequence s) const noexcept {
      model::require(event.value == static_cast<int>(s), "an event of another lap");
      event.value = static_cast<int>(s) + 100;
    }
  };
  struct second {
    sequence* expected;
    void operator()(watched& event, sequence s) const noexcept {
      model::require(s == (*expected)++, "an event twice, lost, or out of order");
      model::require(event.value == static_cast<int>(s) + 100, "before the stage it follows");
    }
  };
  ring_of of{Slots};
  sequence expected = 0;
  std::unique_ptr<stage<How, first>> before_it = make_stage<How>(of, first{});
  std::unique_ptr<stage<How, second>> behind_it = make_stage<How>(of, second{&expected});

  void before() {
    behind_it->follow(*before_it);
    if (Published) publish<How>(of, Events);
  }
  void thread(unsigned index) {
    if (index == 2) return publish<How>(of, Events);
    if (index == 0) return before_it->work();
    behind_it->work();
  }
  void after() { model::require(expected == Events, "an event was lost at the end"); }
};

// Behind two workers, or behind two stages that see everything: the end of a diamond. Everything
// is published before.
template <class How, bool Workers, class Barrier = detail::any_barrier>
struct follows_two : rl::test_suite<follows_two<How, Workers, Barrier>, 3> {
  static constexpr int events = 3;
  struct side {
    follows_two* of;
    int me;
    void operator()(watched& event, sequence s) const noexcept { of->write(event, s, me); }
  };
  struct last {
    follows_two* of;
    void operator()(watched& event, sequence s) const noexcept { of->read(event, s); }
  };
  ring_of of{4};
  std::shared_ptr<detail::shared_position> shared =
      Workers ? std::make_shared<detail::shared_position>() : nullptr;
  std::unique_ptr<stage<How, side>> before_it[2] = {make_stage<How>(of, side{this, 0}, shared),
                                                    make_stage<How>(of, side{this, 1}, shared)};
  std::unique_ptr<stage<How, last, Barrier>> behind_it = make_stage<How, Barrier>(of, last{this});
  model::plain<int> written[2][events];
  sequence expected = 0;

  void write(watched& event, sequence s, int me) {
    if (Workers) event.value = static_cast<int>(s) + 100;
    written[me][s] = 1;
  }
  void read(watched& event, sequence s) {
    model::require(s == expected++, "an event twice, lost, or out of order");
    if (Workers) {
      model::require(event.value == static_cast<int>(s) + 100, "before its worker was done");
    } else {
      model::require(written[0][s] == 1 && written[1][s] == 1, "before a stage it follows");
    }
  }
  void before() {
    behind_it->follow(*before_it[0]);
    behind_it->follow(*before_it[1]);
    publish<How>(of, events);
  }
  void thread(unsigned index) {
    if (index == 2) return behind_it->work();
    before_it[index]->work();
  }
  void after() { model::require(expected == events, "an event was lost at the end"); }
};

// Two workers behind a stage: each event to one of them, and none before the stage is done with it.
// Everything is published before.
template <class How>
struct shares_behind : rl::test_suite<shares_behind<How>, 3> {
  static constexpr int events = 3;
  struct first {
    void operator()(watched& event, sequence s) const noexcept {
      event.value = static_cast<int>(s) + 100;
    }
  };
  struct handle {
    shares_behind* of;
    int me;
    void operator()(watched& event, sequence s) const noexcept { of->take(event, s, me); }
  };
  ring_of of{4};
  std::shared_ptr<detail::shared_position> shared = std::make_shared<detail::shared_position>();
  std::unique_ptr<stage<How, first>> before_it = make_stage<How>(of, first{});
  std::unique_ptr<stage<How, handle>> worker[2] = {
      make_stage<How>(of, handle{this, 0}, shared), make_stage<How>(of, handle{this, 1}, shared)};
  int handled_by[events] = {};

  void take(watched& event, sequence s, int me) {
    model::require(s < events && ++handled_by[s] == 1, "an event went to two workers");
    model::require(worker[me]->gate() <= s, "a gate above the event in work");
    model::require(event.value == static_cast<int>(s) + 100, "before the stage it follows");
  }
  void before() {
    for (auto& each : worker) each->follow(*before_it);
    publish<How>(of, events);
  }
  void thread(unsigned index) {
    if (index == 2) return before_it->work();
    worker[index]->work();
  }
  void after() {
    for (const int times : handled_by) model::require(times == 1, "an event went to no worker");
  }
};

// Whoever sees that a stage has ended sees all that its handler did.
struct ends : rl::test_suite<ends, 2> {
  struct handle {
    model::plain<int>* sum;
    void operator()(watched& event, sequence) const noexcept { *sum = *sum + event.value; }
  };
  ring_of of{2};
  model::plain<int> sum{0};
  std::unique_ptr<stage<wait::spin, handle>> only = make_stage<wait::spin>(of, handle{&sum});

  void before() { publish<wait::spin>(of, 2); }
  void thread(unsigned index) {
    if (index == 0) return only->work();
    const auto ended = [&] { return only->made().ended(); };
    static_cast<void>(wait::await(only->finished(), ended, [] { return false; }));
    model::require(sum == 1, "what the handler did was lost");
  }
};

// A halt reaches a stage that sleeps and one that sleeps behind it.
struct halts : rl::test_suite<halts, 3> {
  struct nothing {
    void operator()(watched&, sequence) const noexcept {}
  };
  ring_of of{2};
  std::unique_ptr<stage<wait::park, nothing>> first = make_stage<wait::park>(of, nothing{});
  std::unique_ptr<stage<wait::park, nothing>> second = make_stage<wait::park>(of, nothing{});

  void before() { second->follow(*first); }
  void thread(unsigned index) {
    if (index == 0) return of.halt();
    (index == 1 ? first : second)->work();
  }
};

// All leave, followers first: none goes past one that it follows.
template <int Events>
struct all_leave : rl::test_suite<all_leave<Events>, 3> {
  struct step {
    void operator()(watched& event, sequence) const noexcept { event.value = 7; }
  };
  struct check {
    void operator()(watched& event, sequence) const noexcept {
      model::require(event.value == 7, "before the stage it follows");
    }
  };
  ring_of of{2};
  std::unique_ptr<stage<wait::spin, step>> first = make_stage<wait::spin>(of, step{});
  std::unique_ptr<stage<wait::spin, check>> second = make_stage<wait::spin>(of, check{});

  void before() {
    second->follow(*first);
    auto out = *of.make_producer<wait::spin>();
    for (int i = 0; i != Events; ++i) static_cast<void>(out.publish([](watched&) {}));
  }
  void thread(unsigned index) {
    if (index == 0) {
      second->made().ask_to_leave();
      first->made().ask_to_leave();
    } else if (index == 1) {
      first->work();
    } else {
      second->work();
    }
  }
  void after() {
    const auto far = first->made().reached().at;
    model::require(second->made().reached().at <= far, "past what it follows");
  }
};

// The one in the middle of three leaves: the last one goes on behind the first, and to the end.
template <class How, class Barrier>
struct middle_leaves : rl::test_suite<middle_leaves<How, Barrier>, 4> {
  struct mark {
    void operator()(watched& event, sequence s) const noexcept {
      model::require(event.value == static_cast<int>(s), "an event of another lap");
      event.value = static_cast<int>(s) + 100;
    }
  };
  struct nothing {
    void operator()(watched&, sequence) const noexcept {}
  };
  struct check {
    sequence* expected;
    void operator()(watched& event, sequence s) const noexcept {
      model::require(s == (*expected)++, "an event twice, lost, or out of order");
      model::require(event.value == static_cast<int>(s) + 100, "before the stage it follows now");
    }
  };
  ring_of of{2};
  sequence expected = 0;
  std::unique_ptr<stage<How, mark>> first = make_stage<How>(of, mark{});
  std::unique_ptr<stage<How, nothing>> middle = make_stage<How>(of, nothing{});
  std::unique_ptr<stage<How, check, Barrier>> last =
      make_stage<How, Barrier>(of, check{&expected});

  void before() {
    middle->follow(*first);
    last->follow(*middle);
    publish<How>(of, 2);
  }
  void thread(unsigned index) {
    if (index == 0) {
      middle->made().ask_to_leave();
      middle->made().place().moved.ring();
      first->made().place().moved.ring();
    } else if (index == 1) {
      first->work();
    } else if (index == 2) {
      middle->work();
    } else {
      last->work();
    }
  }
  void after() { model::require(expected == 2, "an event was lost"); }
};

// A stage comes to follow one that is at work: it handles everything from some position on, never
// before the one that it follows.
template <class How>
struct joins_behind : rl::test_suite<joins_behind<How>, 3> {
  static constexpr int events = 2;
  struct mark {
    void operator()(watched& event, sequence s) const noexcept {
      model::require(event.value == static_cast<int>(s), "an event of another lap");
      event.value = static_cast<int>(s) + 100;
    }
  };
  struct check {
    sequence* expected;
    void operator()(watched& event, sequence s) const noexcept {
      model::require(s == (*expected)++, "an event twice, lost, or out of order");
      model::require(event.value == static_cast<int>(s) + 100, "before the stage it follows");
    }
  };
  ring_of of{1};
  sequence expected = events;
  std::unique_ptr<stage<How, mark>> first = make_stage<How>(of, mark{});

  void thread(unsigned index) {
    if (index == 0) return publish<How>(of, events);
    if (index == 1) return first->work();
    stage<How, check> guest(of, check{&expected});
    if (!guest.entered()) return;
    expected = guest.gate();
    guest.follow(*first);
    guest.work();
  }
  void after() { model::require(expected == events, "an event was lost"); }
};

// Who reads in a flow's report that a stage is past an event sees what its handler did.
struct reports : rl::test_suite<reports, 2> {
  static constexpr int events = 2;
  struct handler {
    reports* of;
    void operator()(watched&, sequence s, bool) const noexcept { of->handled[s] = 1; }
  };
  ring_of of{events};
  model::plain<int> handled[events];
  std::optional<flow<ring_of>> stages;

  void before() {
    graph plan{of};
    plan.add<spin>("a", handler{this});
    stages.emplace(*std::move(plan).start());
    publish<spin>(of, events);
  }
  void thread(unsigned index) {
    if (index == 0) return detail::worker_thread::latest.run();
    const auto position = stages->stages().front().position;
    for (sequence s = 0; s != position; ++s) {
      model::require(handled[s] == 1, "past what was not handled");
    }
  }
  void after() { model::require(static_cast<bool>(stages->drain()), "everything was handled"); }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  // Nobody sleeps, and no fence orders what the library leaves unordered.
  program.run<reports>("reports", {.runs = 5'000, .bound = 1});
  program.run<ends>("ends", {.runs = 20'000, .bound = 2});
  program.run<shares<spin, 3, 2>>("shares", {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<follows<spin, 3, 2>>("follows", {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<follows_two<spin, true>>("follows_workers",
                                       {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<follows_two<spin, false>>("follows_both",
                                        {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<shares_behind<spin>>("shares_behind", {.runs = 20'000, .bound = 0, .full_bound = 1});
  // Small enough for more switches.
  program.run<shares<spin, 2, 2, true>>("share_two", {.runs = 5'000, .bound = 1});
  program.run<follows<spin, 1, 1, true>>(
      "follows_one_event", {.runs = 5'000, .bound = 0, .full_bound = 2});
  program.run<all_leave<1>>("all_leave_one_event", {.runs = 5'000, .bound = 0, .full_bound = 1});
  using unrolled = detail::unrolled_barrier<1>;
  program.run<follows_two<spin, false, detail::unrolled_barrier<2>>>(
      "follows_both_unrolled", {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<joins_behind<spin>>("joins_behind", {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<all_leave<2>>("all_leave", {.runs = 40'000, .bound = 0, .full_bound = 2});
  program.run<middle_leaves<spin, detail::any_barrier>>(
      "middle_leaves", {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<middle_leaves<spin, unrolled>>("middle_leaves_unrolled",
                                             {.runs = 20'000, .bound = 0, .full_bound = 1});
  // From here on everybody sleeps who waits.
  detail::asymmetric_fence::fences = true;
  using wait::park;
  program.run<shares<park, 2, 2, true>>("share_two_parked", {.runs = 5'000, .bound = 0});
  program.run<follows<park, 1, 1, true>>("follows_one_event_parked",
                                         {.runs = 5'000, .bound = 0, .full_bound = 1});
  program.run<halts>("halts", {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<middle_leaves<wait::park, unrolled>>(
      "middle_leaves_parked", {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<shares<park, 2, 1>>("shares_parked", {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<shares_behind<park>>("shares_behind_parked",
                                   {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<follows<park, 2, 1>>("follows_parked",
                                   {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<follows_two<park, true>>("follows_workers_parked",
                                       {.runs = 20'000, .bound = 0, .full_bound = 1});
  program.run<follows_two<park, false>>("follows_both_parked",
                                        {.runs = 20'000, .bound = 0, .full_bound = 1});
  return program.verdict();
}
