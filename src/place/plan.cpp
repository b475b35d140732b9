// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Who runs where.

#include <algorithm>
#include <cstdio>
#include <limits>
#include <numeric>

#include <sequencer/place/plan.hpp>

namespace sequencer::place {

namespace {

using positions = std::vector<std::size_t>;

std::string quoted(const std::string& name) { return '\'' + name + '\''; }

template <class All, class Name>
std::string listed(const All& all, Name name) {
  std::string text;
  for (const auto& each : all) {
    if (!text.empty()) text += ", ";
    text += quoted(name(each));
  }
  return text;
}

std::string counted(std::size_t count, const std::string& one) {
  return std::to_string(count) + ' ' + one + (count == 1 ? "" : "s");
}

// ---- who is a neighbour of whom

class neighbours {
 public:
  explicit neighbours(const workload& of) : edges_(of.tasks.size()) {
    for (std::size_t i = 0; i < of.tasks.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (!hand_over(of.tasks[i], of.tasks[j]) && !hand_over(of.tasks[j], of.tasks[i])) continue;
        edges_[i].push_back(j);
        edges_[j].push_back(i);
      }
    }
  }

  const positions& of(std::size_t task) const noexcept { return edges_[task]; }

  // All of `tasks`, each soon after those that it has to do with.
  positions walk(const positions& tasks) const {
    positions order;
    for (const auto first : tasks) {
      if (!add(order, first, tasks)) continue;
      for (auto at = order.size() - 1; at < order.size(); ++at) {
        const auto here = order[at];
        for (const auto each : edges_[here]) add(order, each, tasks);
      }
    }
    return order;
  }

 private:
  static bool add(positions& to, std::size_t task, const positions& among) {
    if (std::find(among.begin(), among.end(), task) == among.end()) return false;
    if (std::find(to.begin(), to.end(), task) != to.end()) return false;
    to.push_back(task);
    return true;
  }

  static bool hand_over(const task& from, const task& to) {
    if (from.produces && to.produces) return true;  // they share what they claim from
    if (from.produces) return to.after.empty();
    return std::find(to.after.begin(), to.after.end(), from.name) != to.after.end();
  }

  std::vector<positions> edges_;
};

// ---- where there is room

// Free cores that share a last cache and a node, the best first.
struct room {
  std::size_t cache;
  std::size_t node;
  std::size_t package;
  positions cores;
};

// What it costs when two rooms have to do with each other: nothing within one.
unsigned apart(const topology& of, const room& a, const room& b) {
  if (a.cache == b.cache) return a.node == b.node ? 0 : 1;
  if (a.node == b.node && a.package == b.package) return 2;
  const auto far = a.node == nowhere || b.node == nowhere ? 20 : of.distance(a.node, b.node);
  return std::max(a.package == b.package ? 4u : 8u, far);
}

bool isolated(const topology& of, std::size_t core) {
  return of.cores[core].cpus.meets(of.isolated_cpus);
}

// Isolated ones before others, fast ones before slow ones.
std::pair<bool, unsigned> worth(const topology& of, std::size_t core) {
  return {isolated(of, core), of.cores[core].speed};
}

std::vector<room> rooms_of(const topology& of, const positions& cores) {
  std::vector<room> all;
  for (const auto at : cores) {
    const auto& core = of.cores[at];
    const auto found = std::find_if(all.begin(), all.end(), [&](const room& each) {
      return each.cache == core.cache && each.node == core.node;
    });
    if (found != all.end()) {
      found->cores.push_back(at);
    } else {
      all.push_back({core.cache, core.node, core.package, {at}});
    }
  }
  for (auto& each : all) {
    std::stable_sort(each.cores.begin(), each.cores.end(),
                     [&](auto a, auto b) { return worth(of, a) > worth(of, b); });
  }
  return all;
}

// ---- who goes into which room

class seating {
 public:
  seating(const topology& of, const neighbours& edges, const std::vector<room>& rooms,
          std::size_t tasks)
      : of_(of), edges_(edges), rooms_(rooms), in_(tasks, nowhere) {
    for (const auto& a : rooms_) {
      for (const auto& b : rooms_) apart_.push_back(apart(of, a, b));
    }
  }

  // Room by room, the nearest to `first` next; then changes that make neighbours nearer.
  void fill(std::size_t first, const positions& walk) {
    positions order(rooms_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](auto a, auto b) { return gap(first, a) < gap(first, b); });
    taken_.assign(rooms_.size(), 0);
    std::size_t at = 0;
    for (const auto task : walk) {
      while (taken_[order[at]] == rooms_[order[at]].cores.size()) ++at;
      in_[task] = order[at];
      ++taken_[order[at]];
    }
    while (improve(walk)) {
    }
  }

  std::uint64_t cost() const {
    std::uint64_t all = 0;
    unsigned fastest = 0;
    for (const auto& each : of_.cores) fastest = std::max(fastest, each.speed);
    for (std::size_t i = 0; i < in_.size(); ++i) {
      if (in_[i] != nowhere) all += pull(i, in_[i]);
    }
    all /= 2;  // each edge was counted from both ends
    for (std::size_t i = 0; i < rooms_.size(); ++i) {
      for (std::size_t j = 0; j < taken_[i]; ++j) {
        const auto core = rooms_[i].cores[j];
        all += 3 * (fastest - of_.cores[core].speed);
        if (!of_.isolated_cpus.empty() && !isolated(of_, core)) all += 3;
      }
    }
    return all;
  }

  // The core of each task; nowhere: it has none.
  positions cores(const positions& walk) const {
    positions all(in_.size(), nowhere);
    std::vector<std::size_t> next(rooms_.size(), 0);
    for (const auto task : walk) all[task] = rooms_[in_[task]].cores[next[in_[task]]++];
    return all;
  }

 private:
  unsigned gap(std::size_t a, std::size_t b) const { return apart_[a * rooms_.size() + b]; }

  // How far a task in that room would be from its neighbours.
  std::uint64_t pull(std::size_t task, std::size_t room) const {
    std::uint64_t all = 0;
    for (const auto each : edges_.of(task)) {
      if (in_[each] != nowhere) all += gap(room, in_[each]);
    }
    return all;
  }

  bool improve(const positions& walk) {
    for (const auto task : walk) {
      if (move(task)) return true;
      for (const auto other : walk) {
        if (other < task && in_[other] != in_[task] && swap(task, other)) return true;
      }
    }
    return false;
  }

  bool move(std::size_t task) {
    const auto from = in_[task];
    for (std::size_t to = 0; to < rooms_.size(); ++to) {
      if (taken_[to] == rooms_[to].cores.size() || pull(task, to) >= pull(task, from)) continue;
      --taken_[from];
      ++taken_[to];
      in_[task] = to;
      return true;
    }
    return false;
  }

  bool swap(std::size_t a, std::size_t b) {
    const auto before = pull(a, in_[a]) + pull(b, in_[b]);
    std::swap(in_[a], in_[b]);
    if (pull(a, in_[a]) + pull(b, in_[b]) < before) return true;
    std::swap(in_[a], in_[b]);
    return false;
  }

  const topology& of_;
  const neighbours& edges_;
  const std::vector<room>& rooms_;
  std::vector<unsigned> apart_;
  positions in_;
  positions taken_;
};

// ---- the plan

class planner {
 public:
  planner(const topology& of, const workload& work, plan_options how)
      : of_(of), work_(work), how_(how), edges_(work), core_of_(work.tasks.size(), nowhere) {}

  plan run() {
    made_.machine = of_.source;
    find_cores();
    choose();
    sit();
    place_memory();
    tell_crossings();
    tell_distances();
    tell_limits();
    return std::move(made_);
  }

 private:
  int cpu_on(std::size_t core) const {
    return static_cast<int>(of_.cores[core].cpus.common(of_.usable_cpus).first());
  }

  // Those that the process may use; all but the one for the system, where enough are left.
  void find_cores() {
    for (std::size_t i = 0; i < of_.cores.size(); ++i) {
      if (of_.cores[i].cpus.meets(of_.usable_cpus)) free_.push_back(i);
    }
    for (std::size_t i = 0; i < work_.tasks.size(); ++i) {
      (work_.tasks[i].spins ? spinners_ : others_).push_back(i);
    }
    if (!how_.reserve) return;
    if (free_.size() < 2 || free_.size() <= spinners_.size()) {
      made_.notes.push_back(
          "No core is left to the system: " + counted(spinners_.size(), "spinning thread") + ", " +
          counted(free_.size(), "usable core") + ".");
      return;
    }
    // A slow one that is not isolated, and of those the first, where most interrupts arrive.
    const auto spare = std::min_element(free_.begin(), free_.end(), [&](auto a, auto b) {
      return worth(of_, a) < worth(of_, b);
    });
    made_.reserved = of_.cores[*spare].cpus;
    free_.erase(spare);
  }

  // Who gets a core: spinners first, in the order they were named. Where enough cores are isolated
  // for these, they are for these alone.
  void choose() {
    positions quiet, busy;
    for (const auto each : free_) (isolated(of_, each) ? quiet : busy).push_back(each);
    if (!quiet.empty() && quiet.size() >= spinners_.size()) {
      seat_some(spinners_, quiet);
      tell_left_over(seat_some(others_, busy));
      return;
    }
    tell_few_isolated(quiet.size());
    auto wanting = spinners_;
    wanting.insert(wanting.end(), others_.begin(), others_.end());
    tell_left_over(seat_some(wanting, free_));
  }

  // As many of them as there are cores; answers who is left.
  positions seat_some(positions wanting, const positions& cores) {
    const auto seats = std::min(wanting.size(), cores.size());
    const positions left(wanting.begin() + static_cast<std::ptrdiff_t>(seats), wanting.end());
    wanting.resize(seats);
    const auto rooms = rooms_of(of_, cores);
    const auto walk = edges_.walk(wanting);
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    positions best;
    for (std::size_t first = 0; first < rooms.size(); ++first) {
      seating tried(of_, edges_, rooms, work_.tasks.size());
      tried.fill(first, walk);
      if (tried.cost() >= least) continue;
      least = tried.cost();
      best = tried.cores(walk);
    }
    for (const auto each : wanting) core_of_[each] = best[each];
    return left;
  }

  void tell_few_isolated(std::size_t count) {
    if (count == 0) return;
    made_.notes.push_back(counted(spinners_.size(), "spinning thread") + ", and " +
                          counted(count, "isolated core") + ": some run where others do.");
  }

  void tell_left_over(const positions& left) {
    positions late;
    for (const auto each : left) {
      if (work_.tasks[each].spins) late.push_back(each);
    }
    const auto name = [&](std::size_t task) { return work_.tasks[task].name; };
    if (!late.empty()) {
      made_.notes.push_back(
          "Too few cores: " + listed(late, name) +
          (late.size() == 1 ? " has none of its own" : " have none of their own") +
          " and may run on any; let threads wait by parking, "
          "or give this process more CPUs.");
    }
    if (left.size() > late.size()) {
      positions calm;
      for (const auto each : left) {
        if (!work_.tasks[each].spins) calm.push_back(each);
      }
      made_.notes.push_back("No core is left for " + listed(calm, name) +
                            ": not spinning, they may run on any.");
    }
  }

  void sit() {
    for (std::size_t i = 0; i < work_.tasks.size(); ++i) {
      seat made{work_.tasks[i].name, any_cpu, any_node};
      if (core_of_[i] != nowhere) {
        made.cpu = cpu_on(core_of_[i]);
        made.node = number_of(nearest({i}));
      }
      made_.seats.push_back(std::move(made));
    }
  }

  int number_of(std::size_t node) const {
    return node == nowhere ? any_node : static_cast<int>(of_.nodes[node].number);
  }

  bool has_memory(std::size_t node) const {
    const auto told = [](const numa_node& each) { return each.bytes != 0; };
    const bool any_told = std::any_of(of_.nodes.begin(), of_.nodes.end(), told);
    return of_.nodes[node].usable && (told(of_.nodes[node]) || !any_told);
  }

  // The node with memory that is nearest to all of these together: nodes with CPUs first, then the
  // lowest number.
  std::size_t nearest(const positions& tasks) const {
    std::size_t best = nowhere;
    std::uint64_t least = 0;
    for (std::size_t node = 0; node < of_.nodes.size(); ++node) {
      if (!has_memory(node)) continue;
      std::uint64_t far = of_.nodes[node].cpus.empty() ? 1 : 0;
      for (const auto each : tasks) {
        if (core_of_[each] == nowhere) continue;
        const auto home = of_.cores[core_of_[each]].node;
        far += 2 * (home == nowhere ? 10 : of_.distance(home, node));
      }
      if (best != nowhere && far >= least) continue;
      best = node;
      least = far;
    }
    return best;
  }

  void place_memory() {
    positions all, producers;
    for (std::size_t i = 0; i < work_.tasks.size(); ++i) {
      all.push_back(i);
      if (work_.tasks[i].produces) producers.push_back(i);
    }
    slots_ = nearest(all);
    const auto counters = nearest(producers.empty() ? all : producers);
    if (slots_ == nowhere) {
      made_.notes.push_back("No node with memory is known: memory lies where the system puts it.");
      return;
    }
    made_.memory.push_back({"slots", spread::bind, {of_.nodes[slots_].number}});
    made_.memory.push_back({"counters", spread::bind, {of_.nodes[counters].number}});
  }

  void tell_crossings() {
    for (std::size_t i = 0; i < work_.tasks.size(); ++i) {
      for (const auto j : edges_.of(i)) {
        if (j > i || core_of_[i] == nowhere || core_of_[j] == nowhere) continue;
        if (of_.cores[core_of_[i]].cache == of_.cores[core_of_[j]].cache) continue;
        made_.notes.push_back(quoted(work_.tasks[j].name) + " and " + quoted(work_.tasks[i].name) +
                              " do not share a cache.");
      }
    }
  }

  // Node by node: who reaches the slots from there.
  void tell_distances() {
    if (slots_ == nowhere) return;
    for (std::size_t node = 0; node < of_.nodes.size(); ++node) {
      positions there;
      for (std::size_t i = 0; i < work_.tasks.size(); ++i) {
        if (core_of_[i] != nowhere && of_.cores[core_of_[i]].node == node) there.push_back(i);
      }
      if (node == slots_ || there.empty()) continue;
      const auto name = [&](std::size_t task) { return work_.tasks[task].name; };
      made_.notes.push_back(listed(there, name) + (there.size() == 1 ? " is" : " are") +
                            " on node " + std::to_string(of_.nodes[node].number) + ", " +
                            std::to_string(of_.distance(node, slots_)) + " from the slots.");
    }
  }

  void tell_limits() {
    const auto busy = static_cast<double>(std::min(spinners_.size(), of_.usable_cpus.size()));
    if (of_.limits.cpus <= 0 || of_.limits.cpus >= busy) return;
    char text[32];
    std::snprintf(text, sizeof text, "%.2f", of_.limits.cpus);
    made_.notes.push_back("The control group gives " + std::string(text) +
                          " CPUs' worth of time: " + counted(spinners_.size(), "spinning thread") +
                          " will be held up.");
  }

  const topology& of_;
  const workload& work_;
  const plan_options how_;
  const neighbours edges_;
  plan made_;
  positions free_, spinners_, others_;  // cores; tasks
  positions core_of_;                   // each task's
  std::size_t slots_ = nowhere;
};

std::string wrong_with(const workload& work) {
  const auto count = [&](const std::string& name) {
    return std::count_if(work.tasks.begin(), work.tasks.end(),
                         [&](const task& each) { return each.name == name; });
  };
  for (const auto& each : work.tasks) {
    if (each.name.empty()) return "a task has no name";
    if (each.name.find_first_of("\r\n") != each.name.npos) {
      return "a task has a line break in its name: " + quoted(each.name);
    }
    if (count(each.name) > 1) return "two tasks are named " + quoted(each.name);
    for (const auto& before : each.after) {
      if (count(before) == 0) {
        return quoted(each.name) + " follows " + quoted(before) + ", which is no task";
      }
    }
  }
  return "";
}

}  // namespace

workload workload::threads(std::size_t count) {
  workload all;
  for (std::size_t i = 0; i < count; ++i) all.stage("thread/" + std::to_string(i));
  return all;
}

result<plan> plan::make(const topology& of, const workload& work, plan_options how) {
  if (auto wrong = wrong_with(work); !wrong.empty()) return error{errc::invalid, 0, wrong};
  return planner(of, work, how).run();
}

}  // namespace sequencer::place
