// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>

#include "../../shared/witness.hpp"
#include "latency.hpp"

namespace examples::exchange {

// What one gateway sent, and what it was told.
struct alignas(128) gateway_tally {
  std::atomic<std::uint64_t> sent;          // its orders up to this one are under way, or further
  std::atomic<std::uint64_t> acknowledged;  // its orders up to this one are accepted
};

// The book as it was after the order of that number.
struct book_mark {
  std::uint64_t number;  // 0: none, or being written
  std::uint64_t digest;
};

// What holds for a whole run.
struct run_facts {
  std::uint64_t epoch = 0;        // open epoch of the run: runs are ordered by it
  std::uint64_t threads = 0;      // gateways
  std::uint64_t first = 0;        // number that the run begins with
  std::uint64_t orders = 0;       // that it found in the journal
  std::uint64_t dropped = 0;      // bytes that it cut off the journal and the replica
  std::uint64_t recovery_ns = 0;  // from the start of the program to the first gateway
  std::uint64_t live = 0;         // 1: with a live region
  std::uint64_t ended = 0;        // 1: orderly
  // Of the recovered book, then after each batch; written in turn: a kill spoils one at most.
  book_mark marks[2] = {};
};

using tally = witness<run_facts, gateway_tally, 0x31594c4c41544558>;
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// Up to which of its orders a gateway got somewhere, by its own count.
using orders_by_gateway = std::map<std::size_t, std::uint64_t>;

// The tally of a new run, whose gateways were told before that their orders up to these are
// accepted. Throws trouble.
tally begin_tally(const std::filesystem::path& directory, const orders_by_gateway& accepted,
                  const run_facts& facts);
// Orders that its gateways sent, in this run and before.
std::uint64_t sent_of(const tally& run);
// What a run did: it sent so many orders in so long, and that is how long each took.
void print(const run_facts& of, std::uint64_t sent, double seconds, const latency& spans);

// Of all runs of a directory, by epoch. Throws trouble.
using tallies = std::map<std::uint64_t, tally>;
tallies tallies_in(const std::filesystem::path& directory);
// Up to which it was ever told that they are accepted.
orders_by_gateway acknowledged_in(const tallies& all);
// Up to which it ever began to send them.
orders_by_gateway sent_in(const tallies& all);

// A kill in the middle leaves a mark that says it is none.
inline void write(book_mark& to, book_mark now) noexcept {
  std::atomic_ref(to.number).store(0, std::memory_order_release);
  std::atomic_ref(to.digest).store(now.digest, std::memory_order_release);
  std::atomic_ref(to.number).store(now.number, std::memory_order_release);
}

}  // namespace examples::exchange
