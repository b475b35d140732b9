// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace perf {

namespace {

using nlohmann::ordered_json;

ordered_json to_json(const parameters& params) {
  return {{"payload", params.payload},
          {"batch", params.batch},
          {"threads", params.threads},
          {"capacity", params.capacity},
          {"placement", params.placement}};
}

ordered_json to_json(const host_facts& host, const results& all) {
  return {{"name", host.name},
          {"cpu", host.cpu_model},
          {"cpu_family", host.cpu_family},
          {"cpu_model", host.cpu_number},
          {"cpu_stepping", host.cpu_stepping},
          {"l1_bytes", host.caches.l1},
          {"l2_bytes", host.caches.l2},
          {"l3_bytes", host.caches.l3},
          {"cpus", host.cpus},
          {"kernel", host.kernel},
          {"compiler", host.compiler},
          {"invariant_tsc", host.invariant_tsc},
          {"ns_per_tick", tsc().ns_per_tick()},
          {"virtual_machine", host.virtual_machine},
          {"load_average", host.load_average},
          {"seed", all.seed}};
}

ordered_json to_json(const row& of) {
  ordered_json out{{"case", of.name},   {"contender", of.contender},
                   {"params", to_json(of.params)},
                   {"unit", of.unit},   {"rounds", of.rounds}, {"discarded", of.discarded},
                   {"p10", of.p10},     {"median", of.median}, {"p90", of.p90},
                   {"valid", of.valid}, {"transfer_ns", of.transfer_ns}};
  if (of.gap) out["gap"] = *of.gap;
  if (of.disturbed != 0) out["disturbed"] = of.disturbed;
  if (!of.valid) out["why"] = of.why;
  return out;
}

ordered_json to_json(const ratio& of) {
  return {{"case", of.name},     {"params", to_json(of.params)}, {"ours", of.ours},
          {"peer", of.peer},     {"median", of.median},          {"low", of.low},
          {"high", of.high},     {"wins", of.wins},
          {"rounds", of.rounds}};
}

ordered_json to_json(const verdict& of) {
  return {{"what", of.what}, {"target", of.target}, {"figure", of.figure}, {"met", of.met}};
}

// As the commands sequencer topology --measure --json and sequencer doctor --json write them.
ordered_json to_json(const sequencer::place::line_latency& of) {
  return {{"cpus", of.cpus}, {"one_way_ns", of.ns}};
}

ordered_json to_json(const sequencer::place::finding& of) {
  return {{"topic", of.topic},
          {"verdict", std::string(name(of.is))},
          {"found", of.found},
          {"advice", of.advice.empty() ? ordered_json() : ordered_json(of.advice)}};
}

ordered_json to_json(const size& of) { return {{"what", of.what}, {"bytes", of.bytes}}; }

template <class Item>
ordered_json list_of(const std::vector<Item>& items) {
  auto out = ordered_json::array();
  for (const auto& each : items) out.push_back(to_json(each));
  return out;
}

bool is_of_two_cpus(const std::string& placement) {
  return placement == "near" || placement == "sibling" || placement == "far";
}

std::string span(double ns) {
  if (ns >= 1e6) return fmt::format("{:.2f} ms", ns / 1e6);
  if (ns >= 1e4) return fmt::format("{:.1f} us", ns / 1e3);
  return fmt::format("{:.3f}", ns);
}

// In at most five places.
std::string count(std::uint64_t n) {
  if (n >= std::uint64_t{100} << 20) return fmt::format("{}Mi", n >> 20);
  return n >= 100'000 ? fmt::format("{}Ki", n >> 10) : fmt::format("{}", n);
}

std::string note_on(const row& of) {
  if (!of.valid) return "VOID: " + of.why;
  std::string note;
  if (of.gap) note += fmt::format("gap {} ", *of.gap);
  if (of.p90 > 1.5 * of.p10) note += "wide ";
  if (of.disturbed != 0) note += fmt::format("{} disturbed ", of.disturbed);
  return note;
}

// Threads, bytes of an item, items a call, and slots or numbers a block.
constexpr const char* columns = "thr bytes call    of";

std::string text_of(const parameters& params) {
  return fmt::format("{:>3} {:>5} {:>4} {:>5}", params.threads, params.payload, params.batch,
                     count(params.capacity));
}

bool is_plain_file(const std::string& path) {
  return std::filesystem::is_regular_file(std::filesystem::symlink_status(path));
}

}  // namespace

const ratio* results::find_ratio(const std::string& name, unsigned threads,
                                 const std::string& ours, const std::string& peer) const {
  const auto at = std::find_if(ratios.begin(), ratios.end(), [&](const ratio& each) {
    return each.name == name && each.params.threads == threads && each.ours == ours &&
           each.peer == peer &&
           (!is_of_two_cpus(each.params.placement) || each.params.placement == placement_of(name));
  });
  return at == ratios.end() ? nullptr : &*at;
}

const row* results::find_row(const std::string& name, unsigned threads,
                             const std::string& contender) const {
  const auto at = std::find_if(rows.begin(), rows.end(), [&](const row& each) {
    return each.name == name && each.params.threads == threads && each.contender == contender &&
           (!is_of_two_cpus(each.params.placement) || each.params.placement == placement_of(name));
  });
  return at == rows.end() ? nullptr : &*at;
}

std::string results::placement_of(const std::string& name) const {
  constexpr std::uint64_t enough = 5;
  std::map<std::string, std::uint64_t> rounds;
  for (const auto& each : rows) {
    if (each.name == name && each.valid && is_of_two_cpus(each.params.placement)) {
      auto& most = rounds[each.params.placement];
      most = std::max(most, each.rounds);
    }
  }
  if (rounds["near"] >= enough) return "near";
  const auto by_rounds = [](const auto& a, const auto& b) { return a.second < b.second; };
  return std::max_element(rounds.begin(), rounds.end(), by_rounds)->first;
}

void print_rows(const results& all) {
  fmt::print("\n{:<26} {:<22} {:>20} {:<7} {:>5} {:>11} {:>11} {:>11} {:>7} {:>5}\n", "case",
             "contender", columns, "place", "line", "p10", "median", "p90", "rounds", "disc.");
  for (const auto& each : all.rows) {
    fmt::print("{:<26} {:<22} {:>20} {:<7} {:>5} {:>11} {:>11} {:>11} {:>7} {:>5}  {}\n",
               each.name, each.contender, text_of(each.params), each.params.placement,
               each.transfer_ns == 0 ? "" : fmt::format("{:.0f}", each.transfer_ns), span(each.p10),
               span(each.median), span(each.p90), each.rounds, each.discarded, note_on(each));
  }
  fmt::print("\n{:<26} {:<22} {:<22} {:>20} {:<7} {:>22} {:>9}\n", "case", "ours", "peer", columns,
             "place", "times as fast [95 %]", "wins");
  for (const auto& each : all.ratios) {
    fmt::print("{:<26} {:<22} {:<22} {:>20} {:<7} {:>22} {:>9}\n", each.name, each.ours, each.peer,
               text_of(each.params), each.params.placement,
               fmt::format("{:.3f} [{:.3f}, {:.3f}]", each.median, each.low, each.high),
               fmt::format("{} of {}", each.wins, each.rounds));
  }
  for (const auto& each : all.remarks) fmt::print("{}\n", each);
}

void print_verdicts(const results& all) {
  fmt::print("\n{:<60} {:<31} {:<38} {}\n", "what", "target", "here", "");
  for (const auto& each : all.verdicts) {
    fmt::print("{:<60} {:<31} {:<38} {}\n", each.what, each.target, each.figure,
               each.met ? "pass" : "SHORT");
  }
}

bool write_json(const results& all, const std::string& path) {
  ordered_json out{{"version", 1}, {"host", to_json(all.host, all)}};
  if (!all.lines.cpus.empty()) out["line_latency"] = to_json(all.lines);
  out["doctor"] = list_of(all.findings);
  out["rows"] = list_of(all.rows);
  out["ratios"] = list_of(all.ratios);
  out["sizes"] = list_of(all.sizes);
  out["targets"] = list_of(all.verdicts);
  out["remarks"] = all.remarks;
  // Renamed when it is whole: who ends the program leaves the file as it was. Not what is no file.
  const bool in_place = std::filesystem::exists(path) && !is_plain_file(path);
  const auto part = in_place ? path : path + ".part";
  std::ofstream file(part);
  // What a file of the system's says may be no UTF-8.
  file << out.dump(2, ' ', false, ordered_json::error_handler_t::replace) << '\n';
  file.close();
  if (file && (in_place || std::rename(part.c_str(), path.c_str()) == 0)) return true;
  fmt::print(stderr, "sequencer_perf: {}: writing the JSON: {}\n", path, std::strerror(errno));
  if (!in_place) std::remove(part.c_str());
  return false;
}

}  // namespace perf
