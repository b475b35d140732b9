// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Verbs about machines, not about files: topology, doctor.

#include <fmt/format.h>

#include <memory>

#include <sequencer/place/doctor.hpp>
#include <sequencer/place/measure.hpp>
#include <sequencer/place/topology.hpp>

#include "output.hpp"
#include "place_json.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace sequencer::tool {

namespace {

namespace where = sequencer::place;

struct machine_arguments {
  std::string xml;
  std::string synthetic;
  std::string root = "/";
  bool json = false;
  bool measure = false;
};

result<where::topology> asked_for(const machine_arguments& asked) {
  if (!asked.xml.empty()) return where::topology::from_xml(asked.xml);
  if (!asked.synthetic.empty()) return where::topology::from_synthetic(asked.synthetic);
  return where::topology::discover();
}

void print_latencies(const where::line_latency& measured) {
  out().line("");
  out().line("a line from core to core, one way, in nanoseconds (median):");
  std::vector<std::string> heading{"CPU"};
  for (const auto cpu : measured.cpus) heading.push_back('>' + std::to_string(cpu));
  table shown(std::move(heading), "  ");
  for (std::size_t i = 0; i < measured.cpus.size(); ++i) {
    std::vector<std::string> cells{std::to_string(measured.cpus[i])};
    for (std::size_t j = 0; j < measured.cpus.size(); ++j) {
      cells.push_back(i == j ? "-" : fmt::format("{:.1f}", measured.ns[i][j]));
    }
    shown.row(std::move(cells));
  }
  for (const auto& each : shown.lines()) out().line(each);
}

exit_code topology(const machine_arguments& asked) {
  const auto found = asked_for(asked);
  if (!found) return report(found.failure());
  where::line_latency measured;
  if (asked.measure) {
    auto lines = where::measure_lines(*found);
    if (!lines) return report(lines.failure());
    measured = *std::move(lines);
  }
  if (asked.json) {
    out().line(json_of(*found, asked.measure ? &measured : nullptr));
  } else {
    out().write(found->text());
    if (asked.measure) print_latencies(measured);
  }
  return finish();
}

exit_code doctor(const machine_arguments& asked) {
  const auto all = where::examine(asked.root);
  if (asked.json) {
    out().line(json_of(all));
    return finish();
  }
  std::size_t hurting = 0;
  std::size_t unknown = 0;
  for (const auto& each : all) {
    if (each.is == where::verdict::hurts) ++hurting;
    if (each.is == where::verdict::unknown) ++unknown;
    out().line(fmt::format("{:<8} {:<27} {}", name(each.is), each.topic, each.found));
    if (!each.advice.empty()) out().line(fmt::format("{:<36} -> {}", "", each.advice));
  }
  out().line("");
  out().line(hurting == 0 ? std::string("Nothing was found that hurts latency.")
                          : fmt::format("{} of {} hurt latency.", hurting, all.size()));
  if (unknown != 0) out().line(fmt::format("{} of {} are unknown here.", unknown, all.size()));
  return finish();
}

constexpr const char* topology_footer = R"(Shows packages, NUMA nodes, caches that cores share,
cores and their CPUs, and which of them this process may use. CPUs and nodes have the system's
numbers. --measure binds two threads to each pair of cores in turn, and lets them spin.

Examples:
  sequencer topology
  sequencer topology --measure --json
  sequencer topology --synthetic "pack:2 numa:1 l3:2 core:4 pu:2")";

constexpr const char* doctor_footer = R"(Says of each thing whether it is good, to be minded, hurts
latency, or is unknown here, and what to do about it. Changes nothing.

Examples:
  sequencer doctor
  sequencer doctor --json)";

}  // namespace

void add_machine(CLI::App& to, action& chosen) {
  const auto asked = std::make_shared<machine_arguments>();
  auto* shape = to.add_subcommand("topology", "show what this machine, or another, consists of");
  shape->group("Verbs");
  shape->footer(topology_footer);
  shape->add_flag("--json", asked->json, "as JSON: bytes, nanoseconds, the system's numbers");
  auto* xml = shape->add_option("--xml", asked->xml, "of the machine that hwloc's FILE describes");
  xml->type_name("FILE");
  auto* synthetic = shape->add_option("--synthetic", asked->synthetic,
                                      "of the machine that hwloc's short form describes");
  synthetic->type_name("TEXT")->excludes(xml);
  shape->add_flag("--measure", asked->measure, "measure how long a line takes from core to core")
      ->excludes(xml)
      ->excludes(synthetic);
  shape->callback([asked, &chosen] { chosen = [asked] { return topology(*asked); }; });

  auto* look = to.add_subcommand("doctor", "say what on this host hurts latency, and what to do");
  look->group("Verbs");
  look->footer(doctor_footer);
  look->add_flag("--json", asked->json, "as JSON");
  look->add_option("--root", asked->root, "the directory in which sys and proc lie (default: /)")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
  look->callback([asked, &chosen] { chosen = [asked] { return doctor(*asked); }; });
}

}  // namespace sequencer::tool
