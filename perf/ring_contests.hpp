// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "cases.hpp"
#include "contest.hpp"
#include "peers/offers.hpp"

// What the contests of the ring have in common.
namespace perf {

// LMAX's Disruptor is judged apart from queues: it is another process, and another language.
inline bool is_lmax(const std::string& peer) { return peer.starts_with("lmax"); }
inline bool is_queue(const std::string& peer) { return !is_lmax(peer); }

// Adds every queue that was offered and that `fits`, made by `make`; the less usual ones in --full.
void add_queues(contest& to, const surroundings& in,
                const std::function<bool(const peers::offer&)>& fits,
                const std::function<std::unique_ptr<contender>(const peers::offer&)>& make);

// Adds LMAX's Disruptor where it can run, in a shape of perf/lmax, under a name that says how it
// waits.
void add_lmax(contest& to, const surroundings& in, const std::string& shape,
              const std::string& waiting, unsigned threads);

// Ratios of one of ours to every peer.
void compare(contest& of, const std::string& ours);

void judge_lmax(surroundings& in, const std::string& what, const std::string& name,
                const std::string& ours, double least = 2);

}  // namespace perf
