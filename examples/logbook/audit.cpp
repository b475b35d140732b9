// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include <sequencer/checkpoint.hpp>

#include "../shared/trouble.hpp"
#include "engine.hpp"
#include "log_file.hpp"
#include "tally.hpp"

namespace examples::logbook {

namespace {

namespace fs = std::filesystem;

struct run_files {
  std::optional<tally> count;
  std::map<std::size_t, log_content> logs;  // by thread
};

using runs_by_epoch = std::map<std::uint64_t, run_files>;

runs_by_epoch read_directory(const fs::path& directory) {
  if (!fs::is_directory(directory)) {
    throw trouble(directory.string() + ": is not a directory; name one that `logbook run` filled");
  }
  runs_by_epoch runs;
  for (const auto& entry : fs::directory_iterator(directory)) {
    const auto& path = entry.path();
    if (path.extension() == ".tally") {
      auto count = tally::open(path);
      runs[count.facts().epoch].count.emplace(std::move(count));
    } else if (path.extension() == ".log") {
      auto log = read_log(path);
      const auto& head = log.header;
      // Nothing was logged where the run died before it finished the head.
      if (!head.uuid.empty()) runs[head.epoch].logs.emplace(head.thread, std::move(log));
    }
  }
  if (runs.empty()) {
    throw trouble(directory.string() + ": has no logs; name a directory that `logbook run` filled");
  }
  return runs;
}

// All logs and tallies of a directory belong to one checkpoint.
void refuse_mixed(const fs::path& directory, const runs_by_epoch& runs, const std::string& uuid) {
  for (const auto& [epoch, run] : runs) {
    if (!run.count) {
      throw trouble(fmt::format("{}: run {} has logs and no tally; the directory was not filled "
                                "by `logbook run` alone", directory.string(), epoch));
    }
    bool foreign = run.count->facts().uuid != uuid;
    for (const auto& [thread, log] : run.logs) foreign = foreign || log.header.uuid != uuid;
    if (!foreign) continue;
    throw trouble(fmt::format("{}: run {} was stamped from another checkpoint; check each "
                              "checkpoint's logs in a directory of their own",
                              directory.string(), epoch));
  }
}

const sequencer::sequence_status& status_in(const sequencer::checkpoint_report& report,
                                            const std::string& name) {
  const auto at = std::find_if(report.sequences.begin(), report.sequences.end(),
                               [&](const auto& each) { return each.name == name; });
  if (at == report.sequences.end()) {
    throw trouble(report.path + ": has no sequence '" + name + "' that the logs speak of");
  }
  return *at;
}

// The bound that the user signed for, for one death (P4): strict with a live region and durability
// `each` lose nothing; otherwise the reservation, and in block mode the blocks that are held.
std::uint64_t bound_of(const run_facts& facts, bool ended) {
  const auto held = 2 * facts.block * facts.threads;
  if (ended || facts.live != 0) return held;
  if (facts.each != 0) return facts.threads + held;
  return facts.max_gap + held;
}

std::uint64_t count_order_violations(const std::vector<std::uint64_t>& numbers) {
  std::uint64_t bad = 0;
  for (std::size_t i = 1; i < numbers.size(); ++i) bad += numbers[i] <= numbers[i - 1];
  return bad;
}

// `skipped`: openings after this run that died before they left a tally; each may have taken one
// number.
run_audit audit_run(const run_files& files, std::uint64_t next, std::uint64_t skipped) {
  const auto& facts = files.count->facts();
  run_audit run;
  run.epoch = facts.epoch;
  run.first = facts.first;
  run.next = next;
  run.open_to_first_ns = facts.open_to_first_ns;
  run.last_sync_ns = facts.last_sync_ns;
  run.live = facts.live != 0;
  run.ended = facts.ended != 0;
  std::uint64_t taken = 0;
  std::uint64_t under_way = skipped;
  for (std::size_t i = 0; i < files.count->threads().size(); ++i) {
    const auto& count = files.count->threads()[i];
    const auto log = files.logs.find(i);
    const auto lines = log == files.logs.end() ? 0 : log->second.numbers.size();
    taken += count.taken;
    under_way += count.begun - count.taken;
    if (lines < count.written) run.lost_lines += count.written - lines;
  }
  for (const auto& [thread, log] : files.logs) {
    run.lines += log.numbers.size();
    run.torn += log.torn;
    run.order_violations += count_order_violations(log.numbers);
    run.foreign += static_cast<std::uint64_t>(
        std::count_if(log.numbers.begin(), log.numbers.end(),
                      [&](auto number) { return number < run.first || number >= run.next; }));
  }
  // A call that was under way when the process died may or may not have got its number.
  const auto span = next - facts.first;
  run.issued = std::min(span, taken + under_way);
  run.issued = std::max(run.issued, std::min(span, taken));
  run.never_issued = span - run.issued;
  run.in_flight = run.issued - std::min(run.issued, run.lines);
  run.bound = bound_of(facts, run.ended) +
              (run.live || run.ended ? 0 : skipped * facts.max_gap);
  return run;
}

void judge_run(audit& all, const run_audit& run) {
  const auto say = [&](bool bad, std::uint64_t count, const char* what) {
    if (bad) all.broken.push_back(fmt::format("run {}: {} {}", run.epoch, count, what));
  };
  say(run.order_violations != 0, run.order_violations, "numbers not above the one before them");
  say(run.foreign != 0, run.foreign, "numbers outside the run's own span");
  say(run.lost_lines != 0, run.lost_lines, "lines missing that were written");
  say(run.ended && run.in_flight != 0, run.in_flight, "numbers not written by an orderly run");
  say(run.lines > run.issued, run.lines - run.issued, "more lines than numbers issued");
  if (run.never_issued > run.bound) {
    all.broken.push_back(fmt::format("run {}: {} numbers never issued, {} allowed", run.epoch,
                                     run.never_issued, run.bound));
  }
}

std::uint64_t count_duplicates(const runs_by_epoch& runs) {
  std::vector<std::uint64_t> numbers;
  for (const auto& [epoch, run] : runs) {
    for (const auto& [thread, log] : run.logs) {
      numbers.insert(numbers.end(), log.numbers.begin(), log.numbers.end());
    }
  }
  std::sort(numbers.begin(), numbers.end());
  std::uint64_t twice = 0;
  for (std::size_t i = 1; i < numbers.size(); ++i) twice += numbers[i] == numbers[i - 1];
  return twice;
}

std::uint64_t listed(const sequencer::checkpoint_report& report, const std::string& name) {
  std::uint64_t count = 0;
  for (const auto& [owner, hole] : report.holes) count += owner == name ? hole.lost : 0;
  return count;
}

void add_up(audit& all) {
  for (const auto& run : all.runs) {
    all.lines += run.lines;
    all.issued += run.issued;
    all.order_violations += run.order_violations;
    all.never_issued += run.never_issued;
    all.in_flight += run.in_flight;
  }
}

// With live regions a checkpoint knows every number that was not issued.
void judge_holes(audit& all) {
  const bool known = all.exact && std::all_of(all.runs.begin(), all.runs.end(),
                                              [](const auto& run) { return run.live; });
  if (!known || all.listed_holes >= all.never_issued) return;
  all.broken.push_back(fmt::format("{} numbers never issued, only {} in the list of holes",
                                   all.never_issued, all.listed_holes));
}

const char* yes(bool value) { return value ? "yes" : "no"; }

void print_run(const run_audit& run) {
  fmt::print("{:>6} {:>12} {:>12} {:>10} {:>10} {:>9} {:>12} {:>10} {:>5} {:>9.0f}  {}\n",
             run.epoch, run.first, run.next, run.lines, run.issued, run.in_flight,
             run.never_issued, run.bound, yes(run.live),
             static_cast<double>(run.open_to_first_ns) / 1e3, run.ended ? "orderly" : "killed");
}

std::uint64_t median_open_ns(const audit& of) {
  std::vector<std::uint64_t> spans;
  for (const auto& run : of.runs) spans.push_back(run.open_to_first_ns);
  std::nth_element(spans.begin(), spans.begin() + static_cast<long>(spans.size() / 2),
                   spans.end());
  return spans[spans.size() / 2];
}

}  // namespace

audit check(const std::string& directory, const std::string& checkpoint) {
  const auto runs = read_directory(directory);
  const auto path = checkpoint.empty() ? checkpoint_in(directory) : checkpoint;
  auto report = sequencer::checkpoint::inspect(path);
  if (!report) throw trouble(std::string(report.text()));
  refuse_mixed(directory, runs, report->uuid);
  if (report->owned) {
    throw trouble(path + ": a run is under way; check when it has ended");
  }
  const std::string name = runs.rbegin()->second.count->facts().name;
  const auto& status = status_in(*report, name);
  audit all;
  all.strict = !status.blocks;
  all.exact = status.exact;
  all.listed_holes = listed(*report, name);
  for (auto at = runs.begin(); at != runs.end(); ++at) {
    const auto after = std::next(at);
    const bool last = after == runs.end();
    const auto next = !last          ? after->second.count->facts().first
                      : status.exact ? status.position
                                     : status.high_water;
    const auto next_epoch = last ? report->open_epoch + 1 : after->first;
    if (next < at->second.count->facts().first) {
      all.broken.push_back(fmt::format("run {}: a later run began below it, at {}", at->first,
                                       next));
      continue;
    }
    all.runs.push_back(audit_run(at->second, next, next_epoch - at->first - 1));
    judge_run(all, all.runs.back());
  }
  add_up(all);
  judge_holes(all);
  all.duplicates = count_duplicates(runs);
  if (all.duplicates != 0) {
    all.broken.push_back(fmt::format("{} numbers were written twice", all.duplicates));
  }
  return all;
}

void print(const audit& of) {
  fmt::print("{:>6} {:>12} {:>12} {:>10} {:>10} {:>9} {:>12} {:>10} {:>5} {:>9}\n", "run",
             "first", "next", "lines", "issued", "in flight", "never issued", "allowed", "live",
             "open us");
  for (const auto& run : of.runs) print_run(run);
  fmt::print("\n{} lines, {} numbers issued, {} duplicates, {} order violations\n"
             "{} numbers never issued, {} in flight when a run died (issued, not written)\n"
             "{} numbers in the checkpoint's list of holes{}\n",
             of.lines, of.issued, of.duplicates, of.order_violations, of.never_issued,
             of.in_flight, of.listed_holes,
             of.exact ? "" : "; the last run is not recovered yet, its span is an upper bound");
  for (const auto& each : of.broken) fmt::print("BROKEN: {}\n", each);
  if (of.broken.empty()) fmt::print("every promise held\n");
}

void print_values(const audit& of) {
  std::uint64_t largest = 0, bound = 0;
  std::uint64_t killed = 0;
  for (const auto& run : of.runs) {
    if (run.ended) continue;
    ++killed;
    largest = std::max(largest, run.never_issued);
    bound = std::max(bound, run.bound);
  }
  fmt::print("runs={}\nkilled={}\nlines={}\nissued={}\nduplicates={}\norder_violations={}\n"
             "never_issued={}\nnever_issued_most={}\nallowed={}\nin_flight={}\nlisted_holes={}\n"
             "open_to_first_us={:.1f}\nbroken={}\n",
             of.runs.size(), killed, of.lines, of.issued, of.duplicates, of.order_violations,
             of.never_issued, largest, bound, of.in_flight, of.listed_holes,
             static_cast<double>(median_open_ns(of)) / 1e3, of.broken.size());
}

}  // namespace examples::logbook
