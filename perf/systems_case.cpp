// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>

#include <sequencer/checkpoint.hpp>
#include <sequencer/or_throw.hpp>

#include "cases.hpp"
#include "systems/offers.hpp"
#include "timed_slices.hpp"
#include "victim.hpp"
#include "way_slices.hpp"

// Durable numbers of one caller: from a checkpoint in its own process, and from the servers that
// people take them from. That is a comparison of kinds, not of implementations of one thing.
namespace perf {

slice_result slice_of(const systems::way& by, std::chrono::nanoseconds span) {
  slice_result found;
  const auto guarded = [&](const auto& part) {
    try {
      return std::uint64_t{part()};
    } catch (const std::exception& why) {
      found.wrong = why.what();
      return std::uint64_t{0};
    }
  };
  found.ns_per_item = timed(1, span, [&](unsigned) { return guarded(by.take); });
  const auto check = [&] { return by.check(), true; };
  if (found.wrong.empty() && by.check) guarded(check);
  return found;
}

namespace {

using sequencer::or_throw;

constexpr std::uint64_t at_once = 1000;  // between two looks at the clock

// A handle, and the number that must not come again.
template <class From>
class ours {
 public:
  explicit ours(From from) : from_(std::move(from)) {}

  std::uint64_t take(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto number = or_throw(from_.next());
      if (number != last_ + 1) throw std::runtime_error("a number is not the one after the last");
      last_ = number;
    }
    return count;
  }

 private:
  From from_;
  std::uint64_t last_ = 0;
};

class own_files {
 public:
  explicit own_files(const surroundings& in)
      : ahead_(open(in, "systems-ahead.seq")),
        blocks_(open(in, "systems-blocks.seq")),
        each_(open(in, "systems-each.seq")) {}

  std::vector<systems::way> ways() {
    using sequencer::durability;
    auto ahead = share(or_throw(ahead_.sequence("numbers", {.create = true, .max_gap = gap})));
    auto blocks = share(
        or_throw(blocks_.blocks("numbers", {.create = true, .max_gap = gap, .block = 4096}))
            .local());
    auto each = share(or_throw(
        each_.sequence("numbers", {.create = true, .durability = durability::each})));
    return {{"sequencer", [ahead] { return ahead->take(at_once); }, {}},
            {"sequencer:blocks", [blocks] { return blocks->take(at_once); }, {}},
            {"sequencer:each", [each] { return each->take(1); }, {}}};
  }

 private:
  static constexpr std::uint64_t gap = std::uint64_t{1} << 26;

  static sequencer::checkpoint open(const surroundings& in, const std::string& name) {
    return or_throw(sequencer::checkpoint::open(fresh_file(in, name), {.create = true}));
  }
  template <class From>
  static std::shared_ptr<ours<From>> share(From from) {
    return std::make_shared<ours<From>>(std::move(from));
  }

  sequencer::checkpoint ahead_;
  sequencer::checkpoint blocks_;
  sequencer::checkpoint each_;
};

// Issues a number twice once in a while.
struct planted_wrong {
  sequencer::result<sequencer::sequence> next() {
    if (++number % 1000 == 0) --number;
    return number;
  }
  sequencer::sequence number = 0;
};

struct running_system {
  std::string name;
  std::unique_ptr<systems::system> at_work;
};

std::vector<running_system> start_all(surroundings& in) {
  namespace fs = std::filesystem;
  // A server's user passes through to the directory of its own.
  fs::permissions(in.directory, fs::perms::group_exec | fs::perms::others_exec,
                  fs::perm_options::add);
  std::vector<running_system> all;
  for (const auto& each : systems::all_offers()) {
    if (!in.how.wants(each.name) && !in.how.wants(each.name + "_pipelined")) continue;
    try {
      all.push_back({each.name, each.start(in.directory)});
    } catch (const std::exception& why) {
      in.into.remarks.push_back(fmt::format("not measured: {}: {}", each.name, why.what()));
    }
  }
  return all;
}

// Half the rounds but in --full: a slice waits for syncs.
std::uint64_t rounds_in(const surroundings& in) {
  return in.full ? in.how.rounds : in.how.rounds / 2 + 1;
}

// Ways that sync for every number.
bool syncs_each(const std::string& name) {
  return name == "redis_always" || name == "postgresql_update" || name == "chronicle_synced";
}

void run_numbers(surroundings& in, std::vector<running_system>& all) {
  own_files files(in);
  auto ways = files.ways();
  if (in.plant_wrong) {
    const auto wrong = std::make_shared<ours<planted_wrong>>(planted_wrong{});
    ways.push_back({"planted_wrong", [wrong] { return wrong->take(at_once); }, {}});
  }
  for (auto& each : all) {
    for (auto& way : each.at_work->ways()) ways.push_back(std::move(way));
  }
  contest of;
  of.name = "durable_systems";
  of.params = {8, 1, 1, 0, "any"};
  std::vector<timed_entry> entries;
  for (const auto& each : ways) {
    entries.push_back({each.name, [&each](auto span) { return slice_of(each, span); }});
    if (each.name.starts_with("sequencer") || each.name.starts_with("planted")) continue;
    of.ratios.emplace_back("sequencer", each.name);
    of.ratios.emplace_back("sequencer:blocks", each.name);
    if (syncs_each(each.name)) {
      of.ratios.emplace_back("sequencer:each", each.name);
    }
  }
  const auto span = std::chrono::milliseconds(in.quick ? 10 : in.full ? 60 : 30);
  run_timed(in, std::move(of), std::move(entries), span, rounds_in(in));
}

// From the start of a process, after SIGKILL, to its first number.
class own_restart {
 public:
  explicit own_restart(const surroundings& in)
      : program_(in.program), path_(fresh_file(in, "systems-restart.seq")) {
    victim(program_, {"--victim", "fill", path_, live, "1"}).said();
  }

  slice_result once() {
    const auto began = std::chrono::steady_clock::now();
    victim opener(program_, {"--victim", "open", path_, live, "sequence-0"});
    std::istringstream said(opener.said());
    const std::chrono::duration<double, std::nano> took =
        std::chrono::steady_clock::now() - began;
    double inside = 0;
    std::uint64_t number = 0;
    said >> inside >> number;
    slice_result found{took.count(), {}};
    if (number != ++last_) found.wrong = "a restart did not go on at exactly the next number";
    return found;
  }

 private:
  static constexpr const char* live = "/dev/shm";

  const std::string program_;
  const std::string path_;
  std::uint64_t last_ = 1;
};

// A system that has issued so many numbers has a history to read, if it reads one.
void age(systems::system& of, std::uint64_t numbers) {
  const auto ways = of.ways();
  const auto pipelined =
      std::find_if(ways.begin(), ways.end(),
                   [](const auto& each) { return each.name.ends_with("pipelined"); });
  const auto& by = pipelined == ways.end() ? ways.front() : *pipelined;
  for (std::uint64_t done = 0; done < numbers;) done += by.take();
}

slice_result restart_of(systems::system& of) {
  const auto took = of.restart_ns();
  return {took, took < 0 ? "a number came again after a restart" : ""};
}

void run_restarts(surroundings& in, std::vector<running_system>& all) {
  contest of;
  of.name = "durable_restart";
  of.params = {8, 1, 1, 1, "any"};
  own_restart own(in);
  std::vector<timed_entry> entries{{"sequencer", [&](auto) { return own.once(); }}};
  for (auto& each : all) {
    if (!each.at_work->survives() || syncs_each(each.name)) continue;  // to age one takes hours
    age(*each.at_work, in.quick ? 100'000 : 1'000'000);
    entries.push_back({each.name, [&](auto) { return restart_of(*each.at_work); }});
    of.ratios.emplace_back("sequencer", each.name);
  }
  const auto rounds = std::min<std::uint64_t>(in.how.rounds, in.quick ? 3 : in.full ? 15 : 7);
  run_timed(in, std::move(of), std::move(entries), {}, rounds, "ns");
}

void judge(surroundings& in, const std::string& name, const std::string& ours,
           const std::string& peer, double least) {
  if (in.into.find_row(name, 1, peer) == nullptr) return;
  judge_ratio(in, fmt::format("{}, {} vs {}", name, ours, peer), fmt::format(">= {} x", least),
              name, 1, ours, peer, [=](const ratio& r) { return r.median >= least; });
}

}  // namespace

void run_durable_systems(surroundings& in) {
  auto all = start_all(in);
  run_numbers(in, all);
  const std::string numbers = "durable_systems";
  judge(in, numbers, "sequencer:blocks", "postgresql_loop", 100);
  judge(in, numbers, "sequencer:blocks", "postgresql_call", 1000);
  judge(in, numbers, "sequencer:blocks", "redis_everysec", 1000);
  judge(in, numbers, "sequencer:blocks", "redis_everysec_pipelined", 200);
  judge(in, numbers, "sequencer:each", "redis_always", 1.3);
  judge(in, numbers, "sequencer:each", "postgresql_update", 1.3);
  run_restarts(in, all);
}

}  // namespace perf
