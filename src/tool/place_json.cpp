// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "place_json.hpp"

#include <cstdint>

#include <nlohmann/json.hpp>

namespace sequencer::tool {

namespace {

namespace where = sequencer::place;
using json = nlohmann::ordered_json;

json numbers(const where::index_set& of) {
  auto all = json::array();
  for (const auto each : of) all.push_back(each);
  return all;
}

json position(std::size_t at) { return at == where::nowhere ? json() : json(at); }

json object(const where::numa_node& of) {
  auto pools = json::array();
  for (const auto& each : of.huge) {
    pools.push_back(
        {{"page_bytes", each.page_bytes}, {"pages", each.pages}, {"free_pages", each.free_pages}});
  }
  return {{"number", of.number},
          {"cpus", numbers(of.cpus)},
          {"bytes", of.bytes},
          {"usable", of.usable},
          {"huge_pages", std::move(pools)}};
}

json object(const where::core& of, const where::topology& in) {
  return {{"cpus", numbers(of.cpus)},
          {"package", position(of.package)},
          {"cache", position(of.cache)},
          {"node", of.node == where::nowhere ? json() : json(in.nodes[of.node].number)},
          {"speed", of.speed}};
}

std::string indented(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::string json_of(const where::topology& of, const where::line_latency* measured) {
  json to;
  to["source"] = of.source;
  to["this_machine"] = of.this_machine;
  auto& packages = to["packages"] = json::array();
  for (const auto& each : of.packages) packages.push_back({{"cpus", numbers(each.cpus)}});
  auto& nodes = to["nodes"] = json::array();
  for (const auto& each : of.nodes) nodes.push_back(object(each));
  to["distances"] = of.distances;
  auto& caches = to["caches"] = json::array();
  for (const auto& each : of.caches) {
    caches.push_back({{"cpus", numbers(each.cpus)}, {"level", each.level}, {"bytes", each.bytes}});
  }
  auto& cores = to["cores"] = json::array();
  for (const auto& each : of.cores) cores.push_back(object(each, of));
  to["usable_cpus"] = numbers(of.usable_cpus);
  to["isolated_cpus"] = numbers(of.isolated_cpus);
  to["group_cpus"] = of.limits.cpus > 0 ? json(of.limits.cpus) : json();
  to["group_bytes"] = of.limits.bytes > 0 ? json(of.limits.bytes) : json();
  to["gaps"] = of.gaps;
  if (measured != nullptr) {
    to["line_latency"] = {{"cpus", measured->cpus}, {"one_way_ns", measured->ns}};
  }
  return indented(to);
}

std::string json_of(const std::vector<where::finding>& all) {
  auto to = json::array();
  for (const auto& each : all) {
    to.push_back({{"topic", each.topic},
                  {"verdict", std::string(name(each.is))},
                  {"found", each.found},
                  {"advice", each.advice.empty() ? json() : json(each.advice)}});
  }
  return indented(to);
}

}  // namespace sequencer::tool
