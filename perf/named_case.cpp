// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/checkpoint.hpp>
#include <sequencer/named_sequence.hpp>
#include <sequencer/or_throw.hpp>

#include "cases.hpp"
#include "systems/offers.hpp"
#include "timed_slices.hpp"
#include "way_slices.hpp"

// nextval of a named sequence whose sessions take 1000 numbers at once, against the same sequence
// in PostgreSQL, in a loop at the server. The session's call is what is held against it: there it
// is a function of an SQL statement.
namespace perf {

namespace {

using sequencer::or_throw;

constexpr std::uint64_t at_once = 10'000;  // between two looks at the clock

// One session that must get every number.
class named_file {
 public:
  named_file(const surroundings& in, const std::string& name)
      : file_(or_throw(sequencer::checkpoint::open(fresh_file(in, name), {.create = true}))),
        session_(file_.named().session()) {
    constexpr std::uint64_t gap = std::uint64_t{1} << 32;
    or_throw(file_.named().create("numbers", {.cache = 1000, .max_gap = gap}));
  }

  // `twice`: it is set back first, so that numbers come again.
  slice_result run(std::chrono::nanoseconds span, bool twice = false) {
    auto numbers = or_throw(session_.open("numbers"));
    if (twice) or_throw(numbers.setval(1));
    slice_result found;
    found.ns_per_item = timed(1, span, [&](unsigned) -> std::uint64_t {
      for (std::uint64_t i = 0; i < at_once; ++i) {
        const auto number = numbers.nextval();
        if (!number || *number != last_ + 1) {
          found.wrong = "a number is not the one after the last";
          return 0;
        }
        last_ = *number;
      }
      return at_once;
    });
    return found;
  }

 private:
  sequencer::checkpoint file_;
  sequencer::named_session session_;
  std::int64_t last_ = 0;
};

// PostgreSQL at work, or nothing and why.
std::unique_ptr<systems::system> start_postgresql(surroundings& in) {
  namespace fs = std::filesystem;
  fs::permissions(in.directory, fs::perms::group_exec | fs::perms::others_exec,
                  fs::perm_options::add);
  for (const auto& each : systems::all_offers()) {
    if (each.name != "postgresql" || !in.how.wants("postgresql_cached")) continue;
    try {
      return each.start(in.directory);
    } catch (const std::exception& why) {
      in.into.remarks.push_back(fmt::format("not measured: postgresql: {}", why.what()));
    }
  }
  return nullptr;
}

void judge_call(surroundings& in) {
  constexpr double most_ns = 2;
  const auto* row = in.into.find_row("named_nextval", 1, "sequencer");
  if (row == nullptr) return;
  in.into.verdicts.push_back({"named nextval, cache 1000", fmt::format("<= {} ns", most_ns),
                              fmt::format("{:.2f} ns", row->median),
                              row->valid && row->median <= most_ns});
}

}  // namespace

void run_named_nextval(surroundings& in) {
  named_file ours(in, "named.seq");
  named_file wrong(in, "named-wrong.seq");
  const auto theirs = start_postgresql(in);
  std::vector<timed_entry> entries{{"sequencer", [&](auto span) { return ours.run(span); }}};
  if (in.plant_wrong) {
    entries.push_back({"planted_wrong", [&](auto span) { return wrong.run(span, true); }});
  }
  contest of;
  of.name = "named_nextval";
  of.params = {8, 1, 1, 0, "any"};
  std::vector<systems::way> ways;
  if (theirs) ways = theirs->ways();
  for (const auto& each : ways) {
    if (each.name != "postgresql_cached") continue;
    entries.push_back({each.name, [&each](auto span) { return slice_of(each, span); }});
    of.ratios.emplace_back("sequencer", each.name);
  }
  const auto span = std::chrono::milliseconds(in.quick ? 10 : in.full ? 60 : 30);
  run_timed(in, std::move(of), std::move(entries), span, in.how.rounds);
  judge_call(in);
  judge_ratio(in, "named nextval vs PostgreSQL's loop, CACHE 1000", ">= 50 x", "named_nextval", 1,
              "sequencer", "postgresql_cached", [](const ratio& r) { return r.median >= 50; });
}

}  // namespace perf
