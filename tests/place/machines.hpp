// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <sequencer/place/topology.hpp>

// Machines that plans are made for: hwloc's short form, or an XML file beside this one.
namespace machines {

struct machine {
  const char* name;
  const char* form;  // empty: machines/NAME.xml
  const char* what;
};

inline constexpr machine all[] = {
    {"desk", "pack:1 [numa(memory=16GB)] l3:1 core:8 pu:2", "one socket, two threads a core"},
    {"small", "pack:1 [numa(memory=4GB)] l3:1 core:2 pu:1", "two cores"},
    {"bare", "core:4 pu:2", "neither packages, nor nodes, nor caches are told"},
    {"two-sockets", "", "distance 21"},
    {"four-sockets", "", "distances 16, 22, 28"},
    {"eight-sockets", "", "distances 16 to 28"},
    {"sub-numa", "pack:2 l3:1 group:2 [numa(memory=16GB)] core:4 pu:2", "two nodes share each L3"},
    {"ccx", "pack:2 [numa(memory=64GB)] l3:4 core:4 pu:2", "four L3 a node"},
    {"memory-node", "[numa(memory=256GB)] pack:2 [numa(memory=16GB)] l3:1 core:4 pu:1",
     "node 2 has no CPUs"},
    {"high-bandwidth", "pack:1 [numa(memory=96GB)] [numa(memory=16GB)] l3:1 core:8 pu:1",
     "two nodes for the same CPUs"},
    {"no-cache", "pack:2 [numa(memory=8GB)] core:4 pu:1", "no shared cache is told"},
    {"permuted", "", "CPUs and nodes numbered backwards, threads of a core far apart"},
    {"sparse", "", "nodes 0, 33, 34, 72; CPUs up to 201"},
    {"hybrid", "", "four slow cores, then eight fast ones"},
    {"restricted", "", "two sockets; this process may use CPUs 3, 5 and 8-10"},
    {"one-cpu", "", "two sockets; this process may use CPU 6"},
};

inline std::string file_of(const machine& each) {
  return PLACE_TESTS "/machines/" + std::string(each.name) + ".xml";
}

inline sequencer::place::topology read(const machine& each) {
  using sequencer::place::topology;
  auto found =
      *each.form != '\0' ? topology::from_synthetic(each.form) : topology::from_xml(file_of(each));
  if (!found) {
    ADD_FAILURE() << each.name << ": " << found.text();
    return {};
  }
  found->source = each.name;  // without the path of this machine
  return *std::move(found);
}

inline sequencer::place::topology named(std::string_view name) {
  for (const auto& each : all) {
    if (each.name == name) return read(each);
  }
  ADD_FAILURE() << "there is no machine " << name;
  return {};
}

inline std::string content_of(const std::string& path) {
  std::ifstream from(path);
  return {std::istreambuf_iterator<char>(from), {}};
}

}  // namespace machines
