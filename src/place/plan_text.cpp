// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A plan as a person reads and edits it, and what is wrong with one.

#include <algorithm>
#include <iomanip>
#include <optional>
#include <sstream>

#include <sequencer/place/plan.hpp>

#include "files.hpp"

namespace sequencer::place {

namespace {

constexpr std::size_t comment_column = 28;

// A name as one word; with quotes where it is none.
std::string word(const std::string& name) {
  const bool plain = !name.empty() && name.find_first_of(" \t\"\\#'") == name.npos;
  if (plain) return name;
  std::ostringstream made;
  made << std::quoted(name);
  return made.str();
}

std::string number_or_any(int number) { return number < 0 ? "any" : std::to_string(number); }

std::string list_of(const std::vector<unsigned>& nodes) {
  std::string all;
  for (const auto each : nodes) all += (all.empty() ? "" : ",") + std::to_string(each);
  return all;
}

std::string line(std::string fact, const std::string& comment = "") {
  if (comment.empty()) return fact + '\n';
  if (fact.size() < comment_column) fact.resize(comment_column, ' ');
  return fact + " # " + comment + '\n';
}

// "package 0, node 1, cache 2, core 5"
std::string where(const topology& of, unsigned cpu) {
  const auto at = of.core_of(cpu);
  if (at == nowhere) return "no CPU of " + of.source;
  const auto& core = of.cores[at];
  std::string all = "package " + std::to_string(core.package);
  if (core.node != nowhere) all += ", node " + std::to_string(of.nodes[core.node].number);
  all += ", cache " + std::to_string(core.cache) + ", core " + std::to_string(at);
  if (core.speed != 0) all += ", speed " + std::to_string(core.speed);
  if (of.isolated_cpus.contains(cpu)) all += ", isolated";
  return all;
}

// ---- reading

// The words of a line up to its comment.
std::optional<std::vector<std::string>> words_in(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream from(text);
  while (from >> std::ws && from.peek() != std::istringstream::traits_type::eof()) {
    if (from.peek() == '#') break;
    std::string each;
    const bool quoted = from.peek() == '"';
    if (quoted ? !(from >> std::quoted(each)) : !(from >> each)) return std::nullopt;
    all.push_back(std::move(each));
  }
  return all;
}

std::optional<int> cpu_or_any(const std::string& text) {
  if (text == "any") return -1;
  const auto one = index_set::from_text(text);
  if (!one || one->size() != 1) return std::nullopt;
  return static_cast<int>(one->first());
}

// Nodes in the order they are written, which means something where memory is split.
std::optional<std::vector<unsigned>> nodes_in(const std::string& text) {
  std::vector<unsigned> all;
  std::istringstream from(text);
  for (std::string each; std::getline(from, each, ',');) {
    const auto some = index_set::from_text(each);
    if (!some || some->empty()) return std::nullopt;
    all.insert(all.end(), some->begin(), some->end());
  }
  if (all.empty()) return std::nullopt;
  return all;
}

std::optional<spread> spread_of(const std::string& text) {
  for (const auto each : {spread::bind, spread::interleave, spread::split}) {
    if (text == name(each)) return each;
  }
  return std::nullopt;
}

// Takes one line's facts in; what was expected where that fails.
using words = std::vector<std::string>;

std::string take_seat(plan& into, const words& all) {
  constexpr auto form = "run NAME on CPU memory NODE, each a number or 'any'";
  if (all.size() != 4 && all.size() != 6) return form;
  const auto cpu = cpu_or_any(all[3]);
  const auto node = all.size() == 6 ? cpu_or_any(all[5]) : any_node;
  if (all[2] != "on" || !cpu || !node || (all.size() == 6 && all[4] != "memory")) return form;
  const auto same = [&](const seat& each) { return each.name == all[1]; };
  if (all[1].empty() || std::any_of(into.seats.begin(), into.seats.end(), same)) {
    return "a thread's name that no line before has";
  }
  into.seats.push_back({all[1], *cpu, *node});
  return "";
}

std::string take_region(plan& into, const words& all) {
  constexpr auto form = "memory NAME bind|interleave|split NODE,NODE,...";
  if (all.size() != 4) return form;
  const auto how = spread_of(all[2]);
  const auto nodes = nodes_in(all[3]);
  if (!how || !nodes || (*how == spread::bind && nodes->size() != 1)) return form;
  if (all[1].empty() || into.region_of(all[1]) != nullptr) {
    return "a name of memory that no line before has";
  }
  into.memory.push_back({all[1], *how, *nodes});
  return "";
}

std::string take_line(plan& into, const words& all) {
  const auto& first = all.front();
  if (first == "run") return take_seat(into, all);
  if (first == "memory") return take_region(into, all);
  if (all.size() != 2) return "run, memory, reserve, machine or note";
  if (first == "reserve") {
    const auto cpus = index_set::from_text(all[1]);
    if (!cpus) return "reserve CPUS, as 0,8-11";
    if (!into.reserved.empty()) return "one line that reserves";
    into.reserved = *cpus;
  } else if (first == "machine") {
    into.machine = all[1];
  } else if (first == "note") {
    into.notes.push_back(all[1]);
  } else {
    return "run, memory, reserve, machine or note";
  }
  return "";
}

error refused(std::size_t number, const std::string& found, const std::string& expected) {
  return {errc::invalid, 0,
          "line " + std::to_string(number) + ": '" + found + "'; expected: " + expected};
}

}  // namespace

std::string_view name(spread how) noexcept {
  switch (how) {
    case spread::bind: return "bind";
    case spread::interleave: return "interleave";
    case spread::split: return "split";
  }
  return "unknown";
}

std::string plan::text(const topology& of) const {
  std::ostringstream source;
  source << std::quoted(machine);
  auto all = line("plan 1") + line("machine " + source.str());
  if (!reserved.empty()) {
    all += line("reserve " + reserved.text(), "for the system: " + where(of, reserved.first()));
  }
  for (const auto& each : seats) {
    all += line("run " + word(each.name) + " on " + number_or_any(each.cpu) + " memory " +
                    number_or_any(each.node),
                each.cpu < 0 ? "" : where(of, static_cast<unsigned>(each.cpu)));
  }
  for (const auto& each : memory) {
    all += line("memory " + word(each.name) + ' ' + std::string(place::name(each.how)) + ' ' +
                list_of(each.nodes));
  }
  for (const auto& each : notes) {
    std::ostringstream sentence;
    sentence << std::quoted(each);
    all += line("note " + sentence.str());
  }
  return all;
}

result<plan> plan::from_text(std::string_view text) {
  plan read;
  std::istringstream from{std::string(text)};
  std::string each;
  bool begun = false;
  for (std::size_t number = 1; std::getline(from, each); ++number) {
    const auto found = words_in(each);
    if (!found) return refused(number, each, "words, or names in double quotes");
    if (found->empty()) continue;
    if (!begun) {
      if (*found != words{"plan", "1"}) return refused(number, each, "plan 1");
      begun = true;
      continue;
    }
    if (const auto expected = take_line(read, *found); !expected.empty()) {
      return refused(number, each, expected);
    }
  }
  if (!begun) return refused(1, "", "plan 1");
  return read;
}

std::vector<std::string> plan::faults(const topology& on) const {
  std::vector<std::string> all;
  std::vector<std::string> owner(on.cores.size());
  for (const auto& each : seats) {
    if (each.cpu < 0) continue;
    const auto cpu = static_cast<unsigned>(each.cpu);
    const auto core = on.core_of(cpu);
    const auto who = "'" + each.name + "' on CPU " + std::to_string(cpu) + ": ";
    if (core == nowhere) {
      all.push_back(who + "there is no such CPU");
      continue;
    }
    if (!on.usable_cpus.contains(cpu)) {
      all.push_back(who + "this process may use CPUs " + on.usable_cpus.text() + " only");
    }
    if (!owner[core].empty()) {
      all.push_back(who + "shares a core with '" + owner[core] + "'");
    }
    if (reserved.contains(cpu)) all.push_back(who + "that core is reserved for the system");
    owner[core] = each.name;
  }
  const auto check_node = [&](const std::string& who, unsigned number) {
    const auto at = on.node_at(number);
    if (at == nowhere) {
      all.push_back(who + ": there is no node " + std::to_string(number));
    } else if (!on.nodes[at].usable) {
      all.push_back(who + ": this process may have no memory on node " + std::to_string(number));
    }
  };
  for (const auto& each : seats) {
    if (each.node >= 0)
      check_node("memory of '" + each.name + "'", static_cast<unsigned>(each.node));
  }
  for (const auto& each : memory) {
    for (const auto node : each.nodes) check_node("memory '" + each.name + "'", node);
  }
  return all;
}

int plan::cpu_of(std::string_view name) const noexcept {
  const auto at =
      std::find_if(seats.begin(), seats.end(), [&](const seat& each) { return each.name == name; });
  return at == seats.end() ? any_cpu : at->cpu;
}

int plan::node_of(std::string_view name) const noexcept {
  const auto at =
      std::find_if(seats.begin(), seats.end(), [&](const seat& each) { return each.name == name; });
  return at == seats.end() ? any_node : at->node;
}

const region* plan::region_of(std::string_view name) const noexcept {
  const auto at = std::find_if(memory.begin(), memory.end(),
                               [&](const region& each) { return each.name == name; });
  return at == memory.end() ? nullptr : &*at;
}

}  // namespace sequencer::place
