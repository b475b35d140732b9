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
#include "../one_way.hpp"
#include "../passing.hpp"
#include "../ping_pong.hpp"
#include "../sharing.hpp"

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
  std::function<std::unique_ptr<contender>()> ping_pong;  // of those of 8 bytes
  std::function<std::unique_ptr<one_way_link>()> one_way;  // of those of 8 bytes
};

std::vector<offer>& all_offers();

// Of those whose capacity is an argument, for one producer and events of 8 bytes.
struct sized_offer {
  std::string name;
  std::function<std::unique_ptr<contender>(std::uint64_t batch, std::size_t slots)> passing;
};

std::vector<sized_offer>& all_sized_offers();

// Of those from which several consumers take, each event to one of them; of 8 bytes.
struct sharing_offer {
  std::string name;
  bool usual = true;
  std::function<std::unique_ptr<contender>(unsigned producers, unsigned consumers)> sharing;
};

std::vector<sharing_offer>& all_sharing_offers();

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
             of.usual, {},            {},      {},
             {}};
  made.passing = [](std::uint64_t batch) { return std::make_unique<queue_passing<Queue>>(batch); };
  if constexpr (sizeof(event) == 8) {
    made.ping_pong = [] { return std::make_unique<ping_pong<Queue>>(); };
    made.one_way = [] { return std::make_unique<queue_link<Queue>>(); };
    if (of.many) {
      made.crossing = [](unsigned n) { return std::make_unique<queue_crossing<Queue>>(n); };
    }
  }
  all_offers().push_back(std::move(made));
  return true;
}

template <class Queue>
bool offer_sharing(const std::string& name, bool usual = true) {
  const auto make = [](unsigned producers, unsigned consumers) {
    return std::make_unique<queue_sharing<Queue>>(producers, consumers);
  };
  all_sharing_offers().push_back({name, usual, make});
  return true;
}

template <class Queue>
bool offer_sized(const std::string& name) {
  const auto make = [](std::uint64_t batch, std::size_t slots) {
    return std::make_unique<queue_passing<Queue>>(batch, slots);
  };
  all_sized_offers().push_back({name, make});
  return true;
}

}  // namespace perf::peers
