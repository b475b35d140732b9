// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// What on a host keeps threads that wait for microseconds from being on time.
namespace sequencer::place {

enum class verdict : std::uint8_t {
  good,     // as it should be
  mind,     // costs something for some programs, or is worth knowing
  hurts,    // costs latency, and can be changed
  unknown,  // this host does not say
};
std::string_view name(verdict of) noexcept;

struct finding {
  std::string topic;  // one word or a few: "governor"
  verdict is = verdict::unknown;
  std::string found;   // what stands there, and where it was read
  std::string advice;  // what to do about it; empty where nothing is to be done
};

// Looks at the governor, hardware threads, huge pages, NUMA balancing, isolated cores, time that a
// hypervisor took, the clock source, swap, and the limits of the control group. `root`: "/" is this
// host; tests give a tree of files below which sys/ and proc/ lie.
//
// Threads: any. Progress: reads files, milliseconds; changes nothing. Order: always the same
// topics, in the same order. Fails: never; what cannot be read is `unknown`, and says where it
// would stand.
std::vector<finding> examine(const std::string& root = "/");

}  // namespace sequencer::place
