// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "../contest.hpp"
#include "../crossing.hpp"
#include "../passing.hpp"
#include "../ping_pong.hpp"

// The queues that the ring is held against. Each source in this folder offers its own when the
// program starts; CMakeLists.txt leaves those out whose package is not there.
namespace perf::peers {

struct offer {
  std::string name;
  std::size_t bytes = 8;  // of an event
  bool many = false;      // producers may be several
  bool batches = false;   // has calls for many events
  bool usual = true;      // measured in every mode; else in --full
  std::function<std::unique_ptr<contender>(std::uint64_t batch)> passing;
  std::function<std::unique_ptr<contender>(unsigned producers)> crossing;  // of those for many
  std::function<std::unique_ptr<contender>()> ping_pong;  // of those for one and of 8 bytes
};

std::vector<offer>& all_offers();

// "ck_ring: libck-dev is not installed", of those that were left out.
std::vector<std::string> absent();

struct kind {
  bool many = false;
  bool usual = true;
};

// In the form that a static initializer wants.
template <class Queue>
bool offer_queue(const std::string& name, kind of) {
  using event = typename Queue::event;
  offer made{name,     sizeof(event), of.many, queue_passing<Queue>::has_batches,
             of.usual, {},            {},      {}};
  made.passing = [](std::uint64_t batch) { return std::make_unique<queue_passing<Queue>>(batch); };
  if constexpr (sizeof(event) == 8) {
    made.ping_pong = [] { return std::make_unique<ping_pong<Queue>>(); };
    if (of.many) {
      made.crossing = [](unsigned n) { return std::make_unique<queue_crossing<Queue>>(n); };
    }
  }
  all_offers().push_back(std::move(made));
  return true;
}

}  // namespace perf::peers
