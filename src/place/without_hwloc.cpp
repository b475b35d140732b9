// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What stands in where the library is built without hwloc.

#include <sequencer/place/topology.hpp>

namespace sequencer::place {

namespace {

error needs_hwloc(const std::string& what) {
  return {errc::unsupported, 0, what + ": this library was built without hwloc, which reads it"};
}

}  // namespace

result<topology> topology::discover() {
  auto found = from_tree("/");
  if (found) {
    found->gaps.push_back(
        "Read from /sys, without hwloc: kinds of cores are known as far as the kernel names them.");
  }
  return found;
}

result<topology> topology::from_xml(const std::string& path) { return needs_hwloc(path); }
result<topology> topology::from_synthetic(const std::string& text) { return needs_hwloc(text); }
bool topology::has_hwloc() noexcept { return false; }

}  // namespace sequencer::place
