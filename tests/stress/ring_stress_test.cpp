// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0

// Rings and flows of random shapes with more threads than cores: producers of every kind, some of
// which die with a claim in hand; stages that follow each other, throw, begin again, let go early,
// come and go; a second flow beside them, a second ring and a poller behind them; pollers that come
// and go, as many as the host has cores; closed at any moment. Written for the thread sanitizer,
// useful without. SEQUENCER_MINUTES is shared by the cases, SEQUENCER_SEED repeats the shapes.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <new>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sequencer/graph.hpp>
#include <sequencer/guarded.hpp>

#include "rounds.hpp"

namespace {

using namespace sequencer;

constexpr std::size_t most_producers = 3;
constexpr std::size_t most_stages = 4;  // that are there from the start

struct job {
  std::uint64_t producer = 0;
  std::uint64_t number = 0;
  std::array<sequence, most_stages> handled{};  // by stage: position + 1
};

// By producer, how many events.
using tallies = std::array<std::atomic<std::uint64_t>, most_producers>;

std::uint64_t sum_of(const tallies& all) {
  std::uint64_t sum = 0;
  for (const auto& each : all) sum += each.load();
  return sum;
}

// Sees every position from its first one on, and each producer's numbers in their order.
class follower {
 public:
  explicit follower(bool from_the_start) : next_(most_producers, from_the_start ? 1 : 0) {}

  void see(const job& at, sequence s) noexcept {
    sound_ = sound_ && !has_seen(s) && at.producer < most_producers;
    if (!sound_) return;
    auto& next = next_[at.producer];
    sound_ = next == 0 || at.number == next;
    next = at.number + 1;
    begun_ = true;
    position_ = s + 1;
    ++count_;
  }
  bool has_seen(sequence s) const noexcept { return begun_ && s < position_; }
  std::uint64_t count() const { return count_; }
  sequence position() const { return position_; }
  bool sound() const { return sound_; }
  // Whether it went on to the last number of each producer that it saw any of.
  bool came_to_the_end_of(const tallies& all) const {
    for (std::size_t i = 0; i < most_producers; ++i) {
      if (next_[i] != 0 && next_[i] != all[i].load() + 1) return false;
    }
    return true;
  }

 private:
  std::vector<std::uint64_t> next_;
  sequence position_ = 0;
  std::uint64_t count_ = 0;
  bool begun_ = false;
  bool sound_ = true;
};

// How much a producer publishes, at least, and how much of it at once, at most.
struct load {
  std::uint64_t events;
  std::uint64_t run;
};

// Publishes by all means until it is refused; returns how many.
template <class Out>
std::uint64_t work(Out out, std::uint64_t producer, load much, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uint64_t number = 1;
  const auto fill = [&](job& at) {
    at = {producer, number++, {}};
    if (random() % 16 == 0) std::this_thread::yield();  // with a claim in hand
  };
  while (number <= much.events) {
    switch (random() % 6) {
      case 0: {
        auto mine = out.try_claim(1 + random() % 3);
        if (!mine && mine.code() != errc::unavailable && mine.code() != errc::invalid) {
          return number - 1;
        }
        for (std::uint64_t i = 0; i < mine.size(); ++i) fill(mine[i]);
        if (mine) std::move(mine).publish();
        break;
      }
      case 1: {
        auto mine = out.claim_until(1, wait::in(std::chrono::microseconds(random() % 100)));
        if (mine && random() % 2 == 0) break;  // a skip
        if (!mine && mine.code() != errc::timeout) return number - 1;
        if (!mine) break;
        fill(mine[0]);
        std::move(mine).publish();
        break;
      }
      case 2: {
        auto mine = out.try_claim_up_to(4);
        for (std::uint64_t i = 0; i < mine.size(); ++i) fill(mine[i]);
        if (mine) std::move(mine).publish();
        break;
      }
      case 3: {
        if (!out.publish(1 + random() % much.run, [&](job& at, std::uint64_t) { fill(at); })) {
          if (!out.publish(fill)) return number - 1;
        }
        break;
      }
      default:
        if (!out.publish(fill)) return number - 1;
    }
  }
  return number - 1;
}

template <class Producers, class Work>
void with_any_means(ring<job, Producers>& of, std::uint64_t which, Work begin) {
  switch (which % 4) {
    case 0: return begin(of.template make_producer<wait::yield>());
    case 1: return begin(of.template make_producer<wait::park>());
    case 2: return begin(of.template make_producer<wait::backoff>());
    default: return begin(of.template make_producer<wait::spin>());
  }
}

// ---- handlers

using far_ring = ring<job, producers::one>;
using far_producer = producer<far_ring, wait::park>;

// What all stages of a round know.
struct common {
  std::array<std::atomic<bool>, most_stages> leaves{};  // asked to, or about to be
  std::atomic<bool> in_turn{true};
};

// What a stage does with each event.
struct duty {
  static constexpr std::size_t unmarked = most_stages;

  common* all;
  follower* seen = nullptr;
  std::set<std::size_t> before{};  // the stages that this one follows, and those that they do
  std::size_t index = unmarked;    // its mark in the events
  far_producer* out = nullptr;     // where it passes them on

  void mark(job& at, sequence s) const noexcept {
    for (const auto other : before) {
      if (!all->leaves[other].load() && at.handled[other] != s + 1) all->in_turn = false;
    }
    if (index != unmarked) at.handled[index] = s + 1;
  }
  // What a batch that is begun again shows once more counts once.
  void handle(job& at, sequence s) const noexcept {
    mark(at, s);
    if (seen->has_seen(s)) return;
    seen->see(at, s);
    if (out == nullptr) return;
    // Without the marks, which other stages may be making.
    static_cast<void>(out->publish([&](job& copy) { copy = {at.producer, at.number, {}}; }));
  }
};

struct one_by_one : duty {
  void operator()(job& at, sequence s, bool) noexcept { handle(at, s); }
};

// Lets go in the middle of batches, and begins some of them again.
struct in_batches : duty {
  std::minstd_rand random;
  sequence released = 0;

  handled operator()(batch<job>& events) noexcept {
    for (const auto& each : events) {
      if (each.position < released) all->in_turn = false;
      handle(each.event, each.position);
      if (random() % 4 == 0) events.release(released = each.position + 1);
      if (random() % 16 == 0) return handled::rewind;
    }
    return handled::next;
  }
};

#ifdef __cpp_exceptions
// Throws, begins batches again, and gives some of them up.
struct unruly : duty {
  std::minstd_rand random;

  handled operator()(job& at, sequence s, bool) {
    const auto mood = random() % 16;
    if (mood == 0) throw s;
    if (mood == 1) return handled::rewind;
    handle(at, s);
    return mood == 2 ? handled::rewind : handled::next;
  }
  void on_give_up(job& at, sequence s) noexcept { handle(at, s); }
};

struct lenient : duty {
  std::minstd_rand random;

  verdict operator()(const thrown& what, job& at) noexcept {
    if (random() % 2 == 0) return verdict::retry;
    handle(at, what.position);
    return verdict::skip;
  }
};
#endif

// What workers share: each event is handled once, in no order.
struct crew {
  std::atomic<std::uint64_t> count{0};
  std::atomic<bool> sound{true};
};

struct worker : duty {
  crew* mates = nullptr;

  void operator()(job& at, sequence s, bool) noexcept {
    if (at.handled[index] == s + 1) mates->sound = false;
    mark(at, s);
    ++mates->count;
  }
};

// ---- rounds

constexpr sequence starts[] = {0, (1ull << 32) - 3, (1ull << 63) - (1ull << 20)};

template <class Producers>
class round_of {
 public:
  explicit round_of(std::uint64_t seed) : random_(seed) {}

  void run() {
    constexpr std::size_t capacities[] = {1, 2, 4, 64};
    const bool large = one_in(16);
    ring_of of(large ? 65'536 : capacities[random_() % 4], starts[random_() % 3]);
    graph plan{of};
    if (one_in(3)) pass_on();
    add_stages(plan);
    auto begun = std::move(plan).start();
    ASSERT_TRUE(begun) << begun.text();
    auto beside = two_flows(of);
    std::atomic<bool> over{false};
    if (one_in(2)) follow_on_a_thread_of_its_own(*begun);
    std::vector<std::thread> guests;
    for (auto n = std::max(1u, std::thread::hardware_concurrency()); n-- != 0;) {
      guests.emplace_back([&, seed = random_()] { visit(of, *begun, over, seed); });
    }
    auto sources = begin_sources(of, large);
    if (beside && one_in(2)) leave_alone(*beside);
    if (one_in(2)) change(*begun);
    if (one_in(2)) join(sources);
    EXPECT_TRUE(begun->drain());
    if (beside) {
      EXPECT_TRUE(beside->drain());
    }
    join(sources);
    over = true;
    join(guests);
    check();
    if (behind_.joinable()) check_behind();
    if (far_) check_far();
  }

 private:
  using ring_of = ring<job, Producers>;
  using graph_of = graph<ring_of>;
  using flow_of = flow<ring_of>;
  using in_front = std::initializer_list<stage>;
  using quick_or_parked = wait::hybrid<2'000>;

  // A stage of the flow, and what it saw; workers are seen by their crew.
  struct member {
    std::string name;
    duty what;
    crew* mates = nullptr;
    std::optional<sequence> end{};  // of one that left
    bool repeats = false;           // begins batches again
  };

  bool one_in(std::uint64_t n) { return random_() % n == 0; }
  std::minstd_rand more_random() { return std::minstd_rand(static_cast<unsigned>(random_())); }
  follower* new_follower(bool from_the_start) { return &seen_.emplace_back(from_the_start); }

  // ---- the shape

  // The first stage publishes what it gets into a ring behind it.
  void pass_on() {
    far_.emplace(std::size_t{1} << random_() % 5);
    out_.emplace(*far_->template make_producer<wait::park>());
    reader_ = std::thread([this, in = *far_->join()]() mutable {
      in.template run<wait::park>(
          [this](const job& at, sequence s, bool) { far_seen_.see(at, s); });
    });
  }

  // Behind one of the stages, wherever that goes.
  void follow_on_a_thread_of_its_own(flow_of& running) {
    const auto& one = members_[random_() % members_.size()];
    behind_ = std::thread([this, in = *running.join({one.name})]() mutable {
      in.template run<wait::park>(
          [this](const job& at, sequence s, bool) { behind_seen_.see(at, s); });
    });
  }

  // Each stage follows any of those before it.
  void add_stages(graph_of& plan) {
    const auto count = 1 + random_() % most_stages;
    std::vector<stage> made;
    for (std::size_t i = 0; i < count; ++i) {
      duty what{.all = &all_, .index = i};
      std::vector<stage> after;
      for (std::size_t other = 0; other < i; ++other) {
        if (!one_in(2)) continue;
        after.push_back(made[other]);
        follow(what, members_[other]);
      }
      const bool passes_on = i == 0 && out_;
      if (passes_on) what.out = &*out_;
      const auto name = "stage " + std::to_string(i);
      if (!passes_on && one_in(4)) {
        made.push_back(add_crew(plan, name, what, after));
      } else {
        what.seen = new_follower(true);
        members_.push_back({name, what});
        made.push_back(add_one(plan, name, what, after));
      }
    }
  }

  // Also when that one has left, the others are before it.
  static void follow(duty& what, const member& other) {
    what.before.insert(other.what.before.begin(), other.what.before.end());
    if (other.what.index != duty::unmarked) what.before.insert(other.what.index);
  }

  template <class Begin>
  static stage with_those(const std::vector<stage>& after, Begin begin) {
    switch (after.size()) {
      case 0: return begin({});
      case 1: return begin({after[0]});
      case 2: return begin({after[0], after[1]});
      default: return begin({after[0], after[1], after[2]});
    }
  }

  stage add_crew(graph_of& plan, const std::string& name, const duty& what,
                 const std::vector<stage>& follows) {
    auto& mates = crews_.emplace_back();
    members_.push_back({name, what, &mates});
    const auto make = [&](std::size_t) { return worker{what, &mates}; };
    const stage_options how{.max_batch = random_() % 3};
    const auto workers = 1 + random_() % 3;
    return with_those(follows, [&](in_front after) {
      if (one_in(2)) return plan.template add_workers<wait::park>(name, workers, make, after, how);
      return plan.template add_workers<wait::yield>(name, workers, make, after, how);
    });
  }

  stage add_one(graph_of& plan, const std::string& name, const duty& what,
                const std::vector<stage>& follows) {
    if (follows.size() > 1 && !follows_a_crew(what) && one_in(2)) {
      return add_unrolled(plan, name, what, follows);
    }
    const stage_options how{.max_batch = random_() % 5,
                            .rewind_pause = std::chrono::nanoseconds(random_() % 3),
                            .rewinds = random_() % 3};
    return with_those(follows, [&](in_front after) {
      switch (random_() % 4) {
        case 0: return add_in_batches(plan, name, what, after, how);
#ifdef __cpp_exceptions
        case 1:
          members_.back().repeats = true;
          return plan.template add<wait::backoff>(
              name, guarded(unruly{what, more_random()}, lenient{what, more_random()}), after, how);
#endif
        default: return add_one_by_one(plan, name, what, after, how);
      }
    });
  }

  stage add_in_batches(graph_of& plan, const std::string& name, const duty& what, in_front after,
                       stage_options how) {
    members_.back().repeats = true;
    how.rewinds = stage_options{}.rewinds;
    const in_batches handler{what, more_random()};
    if (one_in(2)) return plan.template add<quick_or_parked>(name, handler, after, how);
    return plan.template add<wait::yield>(name, handler, after, how);
  }

  stage add_one_by_one(graph_of& plan, const std::string& name, const duty& what, in_front after,
                       const stage_options& how) {
    const one_by_one handler{what};
    switch (random_() % 5) {
      case 0: return plan.template add<wait::yield>(name, handler, after, how);
      case 1: return plan.template add<wait::spin>(name, handler, after, how);
      case 2: return plan.template add<wait::backoff>(name, handler, after, how);
      case 3: return plan.template add<quick_or_parked>(name, handler, after, how);
      default: return plan.template add<wait::park>(name, handler, after, how);
    }
  }

  bool follows_a_crew(const duty& what) const {
    return std::any_of(what.before.begin(), what.before.end(),
                       [&](std::size_t each) { return members_[each].mates != nullptr; });
  }

  // Behind an array, whose barrier has no loop.
  stage add_unrolled(graph_of& plan, const std::string& name, const duty& what,
                     const std::vector<stage>& after) {
    const auto add = [&](const auto& those) {
      return plan.template add<wait::park>(name, one_by_one{what}, those);
    };
    if (after.size() == 2) return add(std::array{after[0], after[1]});
    return add(std::array{after[0], after[1], after[2]});
  }

  // Another flow on the same ring, that knows nothing of the first.
  std::optional<flow_of> two_flows(ring_of& of) {
    if (!one_in(3)) return std::nullopt;
    graph plan{of};
    const auto next_to = [&] { return one_by_one{{.all = &all_, .seen = new_follower(true)}}; };
    beside_ = {next_to(), next_to()};
    const auto first = plan.template add<wait::park>("first", beside_[0]);
    plan.template add<wait::yield>("second", beside_[1], {first});
    return *std::move(plan).start();
  }

  // ---- what happens

  std::vector<std::thread> begin_sources(ring_of& of, bool large) {
    const auto writers = Producers::single ? 1 : 1 + random_() % most_producers;
    const load much = large ? load{8'000 / writers, 64} : load{300, 2};
    if (large) skip_most_of_a_lap(of);
    std::vector<std::thread> all;
    for (std::uint64_t w = 0; w < writers; ++w) {
      // Two who spin would keep both cores from those they wait for.
      with_any_means(of, random_() % (w == 0 ? 4 : 3), [&](auto made) {
        all.emplace_back([=, this, seed = random_(), out = *std::move(made)]() mutable {
          published_[w] = work(std::move(out), w, much, seed);
        });
      });
    }
    return all;
  }

  static void skip_most_of_a_lap(ring_of& of) {
    auto out = *of.template make_producer<wait::park>();
    static_cast<void>(out.claim(of.capacity() - 2'000));
  }

  static void join(std::vector<std::thread>& all) {
    for (auto& each : all) each.join();
    all.clear();
  }

  static void visit(ring_of& of, const flow_of& busy, const std::atomic<bool>& over,
                    std::uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!over.load()) {
      auto in = of.join();
      if (!in) return;
      follower mine(false);
      for (auto looks = random() % 8; looks-- != 0 && !over.load();) {
        in->poll([&](const job& at, sequence s, bool) { mine.see(at, s); }, 1 + random() % 4);
        std::this_thread::yield();
      }
      EXPECT_TRUE(mine.sound());
      EXPECT_LE(of.free_slots(), of.capacity());
      if (random() % 8 == 0) static_cast<void>(busy.stages());
    }
  }

  // The flow beside ends while producers run, and what it did not see it does not see.
  void leave_alone(flow_of& beside) {
    pause();
    beside.leave();
    beside_left_ = true;
  }

  // Stages come and go, while producers run.
  void change(flow_of& running) {
    for (auto changes = random_() % 6; changes-- != 0;) {
      pause();
      if (one_in(2)) {
        add_late(running);
      } else if (members_.size() > 1) {
        take_leave(running);
      }
    }
  }

  void pause() {
    for (auto looks = random_() % 32; looks-- != 0;) std::this_thread::yield();
  }

  // Behind two of those that are there, or one, or none.
  void add_late(flow_of& running) {
    const auto name = "late " + std::to_string(late_++);
    duty what{.all = &all_, .seen = new_follower(false)};
    const auto& one = members_[random_() % members_.size()];
    const auto& two = members_[random_() % members_.size()];
    const auto count = random_() % 3;
    if (count > 0) follow(what, one);
    if (count > 1) follow(what, two);
    const one_by_one handler{what};
    const stage_options how{.max_batch = random_() % 3};
    const auto add = [&](std::initializer_list<std::string_view> after) {
      EXPECT_TRUE(running.template add<wait::park>(name, handler, after, how)) << name;
    };
    switch (count) {
      case 0: add({}); break;
      case 1: add({one.name}); break;
      default: add({one.name, two.name});
    }
    members_.push_back({name, what});
  }

  void take_leave(flow_of& running) {
    const auto at = members_.begin() + static_cast<std::ptrdiff_t>(random_() % members_.size());
    if (at->what.index != duty::unmarked) all_.leaves[at->what.index] = true;
    const auto end = running.leave(at->name);
    ASSERT_TRUE(end) << at->name;
    at->end = *end;
    gone_.push_back(std::move(*at));
    members_.erase(at);
  }

  // ---- what has come of it

  void check() const {
    for (const auto& each : members_) check_stayed(each);
    for (const auto& each : gone_) check_left(each);
    for (const auto& each : seen_) EXPECT_TRUE(each.sound());
    for (const auto& each : crews_) EXPECT_TRUE(each.sound) << "an event went to two workers";
    EXPECT_TRUE(all_.in_turn.load()) << "an event before a stage that this one follows";
    for (const auto& each : beside_) {
      EXPECT_TRUE(beside_left_ || each.seen->count() == sum_of(published_));
    }
  }

  void check_stayed(const member& one) const {
    const auto all = sum_of(published_);
    if (one.mates != nullptr) {
      EXPECT_EQ(one.mates->count.load(), all) << one.name;
    } else if (one.what.index != duty::unmarked) {
      EXPECT_EQ(one.what.seen->count(), all) << one.name;
    }
    const auto* seen = one.what.seen;
    EXPECT_TRUE(seen == nullptr || seen->came_to_the_end_of(published_)) << one.name;
  }

  void check_left(const member& one) const {
    if (one.mates != nullptr) {
      EXPECT_LE(one.mates->count.load(), sum_of(published_)) << one.name;
    } else if (!one.repeats) {
      EXPECT_LE(one.what.seen->position(), *one.end) << one.name;
    }
  }

  void check_behind() {
    behind_.join();
    EXPECT_TRUE(behind_seen_.sound());
    EXPECT_EQ(behind_seen_.count(), sum_of(published_));
  }

  void check_far() {
    out_.reset();
    far_->close();
    reader_.join();
    EXPECT_TRUE(far_seen_.sound());
    EXPECT_EQ(far_seen_.count(), seen_.front().count());
  }

  std::mt19937_64 random_;
  common all_;
  tallies published_{};
  std::deque<follower> seen_;
  std::deque<crew> crews_;
  std::vector<member> members_;  // at first those that are there from the start, by index
  std::vector<member> gone_;
  std::size_t late_ = 0;
  std::vector<one_by_one> beside_;
  bool beside_left_ = false;
  std::optional<far_ring> far_;
  std::optional<far_producer> out_;
  std::thread reader_;
  follower far_seen_{true};
  std::thread behind_;
  follower behind_seen_{true};
};

// ---- the dead

using traced_ring = ring<job, producers::traced>;
using traced_producer = producer<traced_ring, wait::park>;

// Something that nothing destroys, as the dead leave it.
template <class T>
class abandoned {
 public:
  template <class Make>
  T& emplace(Make make) {
    return *new (bytes_) T(make());
  }

 private:
  alignas(T) std::byte bytes_[sizeof(T)];
};

// Claims, and is never heard of again.
struct mortal {
  abandoned<traced_producer> out;
  abandoned<claim<traced_ring>> open;

  void live(traced_ring& of, std::uint64_t most) {
    std::thread([&] {
      auto& mine = out.emplace([&] { return *of.make_producer<wait::park>(); });
      open.emplace([&] { return mine.claim(most); });
    }).join();
  }
};

// Makes skips of what the dead had claimed; what the living have in hand it does not get.
void bury(traced_ring& of, const std::atomic<bool>& over) {
  while (!over.load()) {
    if (const auto at = of.oldest_claim()) {
      static_cast<void>(of.unblock(at->first));
      EXPECT_TRUE(!at->alive || at->thread != 0);
    }
    std::this_thread::yield();
  }
}

void round_of_the_dead(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  traced_ring of(std::size_t{1} << random() % 5, starts[random() % 3]);
  common all;
  follower first(true), second(true);
  graph plan{of};
  const auto before = plan.add<wait::park>("first", one_by_one{{.all = &all, .seen = &first}});
  plan.add<wait::yield>("second", one_by_one{{.all = &all, .seen = &second}}, {before});
  auto running = *std::move(plan).start();
  std::atomic<bool> over{false};
  std::thread digger([&] { bury(of, over); });
  tallies published{};
  std::vector<std::thread> sources;
  for (std::uint64_t w = 0; w < most_producers; ++w) {
    auto out = *of.make_producer<wait::park>();
    sources.emplace_back([&, w, from = random(), mine = std::move(out)]() mutable {
      published[w] = work(std::move(mine), w, {200, 2}, from);
    });
  }
  std::deque<mortal> dead(random() % 8);
  for (auto& each : dead) each.live(of, 1 + random() % of.capacity());
  for (auto& each : sources) each.join();
  EXPECT_TRUE(running.drain());
  over = true;
  digger.join();
  for (const auto* each : {&first, &second}) {
    EXPECT_TRUE(each->sound());
    EXPECT_EQ(each->count(), sum_of(published));
  }
}

TEST(ring_stress, one_producer) {
  stress::in_rounds(2, [](std::uint64_t seed) { round_of<producers::one>(seed).run(); });
}

TEST(ring_stress, many_producers) {
  stress::in_rounds(2, [](std::uint64_t seed) {
    if (seed % 4 == 0) return round_of_the_dead(seed);
    round_of<producers::many>(seed).run();
  });
}

}  // namespace
