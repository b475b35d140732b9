// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Measures on this host what the library promises about speed, beside what it is held against.
// How: METHOD.md. perf/run starts it.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <filesystem>
#include <random>

#include "cases.hpp"
#include "host.hpp"
#include "peers/offers.hpp"
#include "progress.hpp"
#include "results.hpp"
#include "team.hpp"

namespace {

struct settings {
  bool quick = false;
  bool full = false;
  bool list = false;
  bool plant_wrong = false;
  bool plant = false;
  std::string json;
  std::string directory = ".";
  std::vector<std::string> cases;
  std::vector<std::string> peers;
  std::uint64_t seed = 0;
  std::uint64_t rounds = 0;
  double slice_ms = 0;
  std::vector<std::string> victim;
};

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& each : perf::all_cases()) names.push_back(each.name);
  return names;
}

void describe(CLI::App& app, settings& to) {
  auto* quick = app.add_flag("--quick", to.quick, "shorter slices and fewer rounds");
  app.add_flag("--full", to.full, "longer slices, more rounds, and more peers")
      ->excludes(quick);
  app.add_flag("--list", to.list, "the cases, and what they measure");
  app.add_option("--case", to.cases, "only these")->check(CLI::IsMember(case_names()));
  app.add_option("--peer", to.peers, "only these of the peers; redis means redis_always too");
  app.add_option("--json", to.json, "write the results to a file, see docs/perf-json.md");
  app.add_option("--directory", to.directory, "where checkpoint files go: the storage to measure")
      ->check(CLI::ExistingDirectory);
  app.add_option("--seed", to.seed, "of the order of contenders (0: a new one, printed)");
  app.add_option("--rounds", to.rounds, "rounds of each contest (0: by mode, 61, 31 or 15)");
  app.add_option("--slice-ms", to.slice_ms, "length of a timed slice (0: by mode, 10, 5 or 2)");
  app.add_flag("--plant-wrong", to.plant_wrong,
               "add a contender that issues numbers twice; its row must come out void");
  app.add_flag("--plant", to.plant, "add a slow contender, and ours once more")->group("");
  app.add_option("--victim", to.victim, "used by the program itself")->group("");
}

double length_of(const perf::named_case& of, const settings& in) {
  return in.quick ? of.quick_seconds : in.full ? of.full_seconds : of.seconds;
}

bool chosen(const settings& from, const perf::named_case& what) {
  if (from.cases.empty()) return length_of(what, from) > 0;
  return std::find(from.cases.begin(), from.cases.end(), what.name) != from.cases.end();
}

// Peers that were asked for and did not take part.
std::vector<std::string> missing_peers(const settings& from, const perf::results& all) {
  std::vector<std::string> missing;
  for (const auto& peer : from.peers) {
    perf::plan only;
    only.peers = {peer};
    const bool there =
        std::any_of(all.rows.begin(), all.rows.end(),
                    [&](const perf::row& each) { return only.names(each.contender); });
    if (!there) missing.push_back(peer);
  }
  return missing;
}

// A directory of its own for the files of a run; gone with it.
class scratch {
 public:
  explicit scratch(const std::string& parent) {
    path_ = (std::filesystem::path(parent) / "sequencer-perf-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) {
      throw std::runtime_error(parent + ": a directory cannot be made there");
    }
  }
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  scratch(const scratch&) = delete;
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

std::string size_of(std::uint64_t bytes) {
  if (bytes == 0) return "?";
  return bytes < (1 << 20) ? fmt::format("{} KiB", bytes >> 10)
                           : fmt::format("{} MiB", bytes >> 20);
}

// " (family 25 model 17 stepping 1; L1 32 KiB, L2 1 MiB, L3 32 MiB)"
std::string details_of(const perf::host_facts& host) {
  const auto kind = host.cpu_family.empty()
                        ? std::string()
                        : fmt::format("family {} model {} stepping {}; ", host.cpu_family,
                                      host.cpu_number, host.cpu_stepping);
  return fmt::format(" ({}L1 {}, L2 {}, L3 {})", kind, size_of(host.caches.l1),
                     size_of(host.caches.l2), size_of(host.caches.l3));
}

void print_host(const perf::results& all) {
  const auto& host = all.host;
  fmt::print("{}: {} CPUs, {}{}{}\n{}; {}; load average {:.2f} when the run began{}\n"
             "seed {}, {:.4f} ns a tick{}\n",
             host.name, host.cpus, host.cpu_model, details_of(host),
             host.virtual_machine ? ", virtual machine" : "",
             host.kernel, host.compiler, host.load_average,
             host.load_average > 0.5 ? ": not a quiet machine" : "", all.seed,
             perf::tsc().ns_per_tick(),
             host.invariant_tsc ? "" : "; the time-stamp counter is NOT invariant here");
}

perf::plan plan_of(const settings& from) {
  perf::plan how;
  how.peers = from.peers;
  how.rounds = from.rounds != 0 ? from.rounds : from.quick ? 15 : from.full ? 61 : 31;
  const double by_mode = from.quick ? 2 : from.full ? 10 : 5;
  how.slice_ns = (from.slice_ms > 0 ? from.slice_ms : by_mode) * 1e6;
  return how;
}

void look_at_machine(perf::results& all) {
  all.host = perf::look_at_host();
  all.findings = sequencer::place::examine();
  if (auto lines = perf::measure_host_lines()) {
    all.lines = *std::move(lines);
  } else {
    all.remarks.push_back("not measured: from core to core: " + std::string(lines.text()));
  }
}

// A peer may hang, and a person lose patience: what was measured by then is kept.
bool write_so_far(perf::results& all, const std::string& last, const std::string& path) {
  all.remarks.push_back("not measured: whatever comes after " + last + ": the run did not end");
  const bool written = perf::write_json(all, path);
  all.remarks.pop_back();
  return written;
}

int measure(const settings& from) {
  perf::results all;
  look_at_machine(all);
  all.seed = from.seed != 0 ? from.seed : std::random_device()();
  print_host(all);
  std::mt19937_64 random(all.seed);
  perf::team workers(perf::usable_cpus());
  const scratch files(from.directory);
  perf::surroundings in{plan_of(from), from.quick, from.full, from.plant_wrong, from.plant,
                        files.path(), std::filesystem::read_symlink("/proc/self/exe").string(),
                        workers, random, all};
  in.how.seed = all.seed;
  for (const auto& each : perf::peers::absent()) all.remarks.push_back("not measured: " + each);
  double seconds = 0;
  for (const auto& each : perf::all_cases()) {
    if (chosen(from, each)) seconds += length_of(each, from);
  }
  bool written = true;
  {
    perf::progress progress(seconds);
    for (const auto& each : perf::all_cases()) {
      if (!chosen(from, each)) continue;
      progress.next(each.name, length_of(each, from));
      each.run(in);
      if (written && !from.json.empty()) written = write_so_far(all, each.name, from.json);
    }
  }
  perf::print_rows(all);
  perf::print_verdicts(all);
  written = from.json.empty() || perf::write_json(all, from.json);
  const auto missing = missing_peers(from, all);
  for (const auto& each : missing) {
    fmt::print(stderr,
               "sequencer_perf: --peer {}: no such peer took part; it has another name, none of "
               "the cases' shapes, or is not installed (see perf/METHOD.md)\n",
               each);
  }
  return written && missing.empty() ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures the sequencer library on this host.");
  app.name("sequencer_perf");
  settings chosen;
  describe(app, chosen);
  try {
    app.parse(argc, argv);
    if (!chosen.victim.empty()) return perf::run_victim(chosen.victim);
    if (!chosen.list) return measure(chosen);
    for (const auto& each : perf::all_cases()) fmt::print("{:<21} {}\n", each.name, each.what);
    return 0;
  } catch (const CLI::ParseError& asked) {
    return app.exit(asked) == 0 ? 0 : 2;
  } catch (const std::exception& why) {
    fmt::print(stderr, "sequencer_perf: {}\n", why.what());
    return 2;
  }
}
