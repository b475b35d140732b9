// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

// The plan of the house: who stands where, and who may bring guests. The one place to change when
// a room is added.
namespace house {

// A file may include rooms of a lower floor, and of its own floor those on a lower step. Two
// rooms on the same step are wings: neither may include the other.
struct room {
  std::string_view path;  // a file, or a directory ending in '/'; the longest match counts
  int floor;
  int step;
};

inline constexpr room rooms[] = {
    // floor 0: numbers, errors, the machine
    {"include/sequencer/version.hpp", 0, 0},
    {"include/sequencer/sequence.hpp", 0, 0},
    {"include/sequencer/cache_line.hpp", 0, 0},
    {"include/sequencer/cpu.hpp", 0, 0},
    {"include/sequencer/detail/atomic.hpp", 0, 0},
    {"include/sequencer/unbound.hpp", 0, 0},
    {"include/sequencer/cpu_mode.hpp", 0, 0},
    {"include/sequencer/detail/private_arena.hpp", 0, 1},
    {"include/sequencer/detail/homed.hpp", 0, 2},
    {"include/sequencer/detail/counts.hpp", 0, 0},
    {"include/sequencer/detail/interval_nodes.hpp", 0, 0},
    {"include/sequencer/detail/possible_cpus.hpp", 0, 0},
    {"include/sequencer/detail/thread_tag.hpp", 0, 0},
    {"include/sequencer/detail/big_endian.hpp", 0, 0},
    {"include/sequencer/result.hpp", 0, 1},
    {"include/sequencer/detail/cpu_block.hpp", 0, 1},
    {"include/sequencer/detail/cpu_section.hpp", 0, 2},
    {"include/sequencer/line_monitor.hpp", 0, 1},
    {"include/sequencer/detail/futex.hpp", 0, 1},
    {"include/sequencer/detail/asymmetric_fence.hpp", 0, 1},
    {"include/sequencer/or_throw.hpp", 0, 2},
    {"include/sequencer/signed_result.hpp", 0, 2},
    {"include/sequencer/detail/event.hpp", 0, 2},
    {"include/sequencer/detail/wire.hpp", 0, 2},
    {"include/sequencer/detail/owner_thread.hpp", 0, 2},
    {"include/sequencer/detail/worker_thread.hpp", 0, 2},
    {"include/sequencer/detail/bell.hpp", 0, 3},
    // floor 1: counters, cursors, waiting, and what blocks are
    {"include/sequencer/counter.hpp", 1, 0},
    {"include/sequencer/cursor.hpp", 1, 0},
    {"include/sequencer/wait.hpp", 1, 0},
    {"include/sequencer/block.hpp", 1, 0},
    {"include/sequencer/mark_store.hpp", 1, 0},
    {"include/sequencer/epoch_sequence.hpp", 1, 0},
    {"include/sequencer/durable_mark.hpp", 1, 1},
    {"include/sequencer/hole.hpp", 1, 0},
    {"include/sequencer/slots.hpp", 1, 0},
    {"include/sequencer/detail/ticket_line.hpp", 1, 0},
    {"include/sequencer/detail/bells.hpp", 1, 1},
    {"include/sequencer/block_source.hpp", 1, 1},
    {"include/sequencer/detail/hole_ledger.hpp", 1, 1},
    {"include/sequencer/detail/reservation.hpp", 1, 1},
    {"include/sequencer/detail/spare_block.hpp", 1, 2},
    {"include/sequencer/tiers.hpp", 1, 0},
    {"include/sequencer/detail/tier_pool.hpp", 1, 2},
    {"include/sequencer/detail/tier_walk.hpp", 1, 3},
    {"include/sequencer/tiered_source.hpp", 1, 4},
    {"include/sequencer/detail/durable_source.hpp", 1, 2},
    {"include/sequencer/detail/funnel.hpp", 1, 1},
    {"include/sequencer/detail/lanes.hpp", 1, 2},
    {"include/sequencer/combining_counter.hpp", 1, 3},
    {"include/sequencer/detail/kept_bound.hpp", 1, 1},
    // floor 2: independent wings
    {"include/sequencer/block_cache.hpp", 2, 0},
    {"include/sequencer/cpu_cache.hpp", 2, 0},
    {"include/sequencer/detail/roster.hpp", 1, 0},
    {"include/sequencer/detail/gates.hpp", 2, 0},
    {"include/sequencer/detail/claiming.hpp", 2, 1},
    {"include/sequencer/detail/catching_up.hpp", 2, 0},
    {"include/sequencer/detail/asking_ahead.hpp", 2, 0},
    {"include/sequencer/detail/one_claimer.hpp", 2, 2},
    {"include/sequencer/detail/many_claimers.hpp", 2, 2},
    {"include/sequencer/detail/traced_claimers.hpp", 2, 3},
    {"include/sequencer/claim.hpp", 2, 2},
    {"include/sequencer/detail/reader.hpp", 2, 2},
    {"include/sequencer/poller.hpp", 2, 3},
    {"include/sequencer/producer.hpp", 2, 3},
    {"include/sequencer/ring.hpp", 2, 4},
    {"include/sequencer/fan_in.hpp", 2, 4},
    {"include/sequencer/clock/relation.hpp", 2, 0},
    {"include/sequencer/clock/retirements.hpp", 2, 0},
    {"include/sequencer/clock/stamp.hpp", 2, 0},
    {"include/sequencer/clock/lamport.hpp", 2, 0},
    {"include/sequencer/clock/hybrid.hpp", 2, 1},
    {"include/sequencer/clock/vector.hpp", 2, 1},
    {"include/sequencer/clock/interval_tree.hpp", 2, 1},
    {"include/sequencer/clock/dotted.hpp", 2, 2},
    {"include/sequencer/epoch.hpp", 2, 0},
    {"include/sequencer/zxid.hpp", 2, 0},
    {"include/sequencer/fence.hpp", 2, 0},
    {"include/sequencer/ballot.hpp", 2, 0},
    {"include/sequencer/acceptor.hpp", 2, 1},
    {"include/sequencer/log_position.hpp", 2, 0},
    {"include/sequencer/term.hpp", 2, 1},
    {"include/sequencer/prev_link.hpp", 2, 0},
    {"include/sequencer/sequential_name.hpp", 2, 0},
    {"include/sequencer/name_list.hpp", 2, 1},
    {"include/sequencer/partitioned.hpp", 2, 0},
    {"include/sequencer/producer_state.hpp", 2, 0},
    {"include/sequencer/assignment.hpp", 2, 0},
    {"include/sequencer/membership.hpp", 2, 0},
    {"include/sequencer/partitioner.hpp", 2, 1},
    {"include/sequencer/detail/group_roll.hpp", 2, 1},
    {"include/sequencer/detail/group_share.hpp", 2, 1},
    {"include/sequencer/group.hpp", 2, 2},
    {"include/sequencer/batch.hpp", 3, 0},
    {"include/sequencer/stage.hpp", 3, 1},
    {"include/sequencer/detail/running_stage.hpp", 3, 2},
    {"include/sequencer/detail/stage_thread.hpp", 3, 3},
    {"include/sequencer/guarded.hpp", 3, 2},
    {"include/sequencer/detail/crew.hpp", 3, 4},
    {"include/sequencer/detail/follower.hpp", 3, 5},
    {"include/sequencer/flow.hpp", 3, 6},
    {"include/sequencer/graph.hpp", 3, 7},
    // floor 4: compiled rooms; the header is the door, the sources lie behind it
    {"include/sequencer/checkpoint.hpp", 4, 0},
    {"include/sequencer/named_sequence.hpp", 4, 1},
    {"src/checkpoint/", 4, 2},
    {"include/sequencer/detail/durable_claimers.hpp", 4, 1},
    {"include/sequencer/durable_ring.hpp", 4, 2},
    {"include/sequencer/place/index_set.hpp", 4, 0},
    {"include/sequencer/place/topology.hpp", 4, 1},
    {"include/sequencer/place/plan.hpp", 4, 2},
    {"include/sequencer/place/tiers.hpp", 4, 2},
    {"include/sequencer/place/binding.hpp", 4, 3},
    {"include/sequencer/place/memory.hpp", 4, 3},
    {"include/sequencer/place/placed.hpp", 4, 4},
    {"include/sequencer/place/measure.hpp", 4, 2},
    {"include/sequencer/place/doctor.hpp", 4, 0},
    {"src/place/", 4, 5},
    // above the library: programs on it
    {"src/tool/", 6, 0},
    {"examples/", 6, 0},
    {"bench/", 7, 0},
    {"perf/", 7, 0},
    {"tests/", 8, 0},
};

// Third-party headers, by the first part of their path, and the rooms that may include them.
struct guest {
  std::string_view prefix;
  std::string_view rooms[6];
};

inline constexpr guest guests[] = {
    {"boost", {"src/checkpoint/", "examples/", "bench/", "perf/", "tests/"}},
    {"CLI", {"src/tool/", "examples/", "perf/"}},
    {"fmt", {"src/tool/", "examples/", "perf/"}},
    {"nlohmann", {"src/tool/", "perf/", "tests/"}},
    {"benchmark", {"bench/", "perf/"}},
    {"hwloc.h", {"src/place/"}},
    {"gtest", {"tests/"}},
    {"gmock", {"tests/"}},
    {"rapidcheck", {"tests/"}},
    {"rapidcheck.h", {"tests/"}},
    {"zookeeper", {"tests/"}},
    {"relacy", {"tests/model/"}},
    {"atomic_queue", {"perf/"}},
    {"concurrentqueue", {"perf/"}},
    {"readerwriterqueue", {"perf/"}},
    {"hiredis", {"perf/"}},
    {"oneapi", {"perf/"}},
    {"xenium", {"perf/"}},
    {"librdkafka", {"perf/", "tests/"}},
};

// First parts of paths that belong to the system.
inline constexpr std::string_view system_prefixes[] = {"sys", "linux",   "asm",
                                                       "net", "netinet", "arpa"};

// The only headers that may define a macro, throw, or name std::memory_order.
inline constexpr std::string_view macro_homes[] = {"include/sequencer/version.hpp",
                                                   "include/sequencer/detail/export.hpp",
                                                   "include/sequencer/detail/assert.hpp"};
inline constexpr std::string_view throwing_headers[] = {"include/sequencer/or_throw.hpp",
                                                        "include/sequencer/guarded.hpp"};
inline constexpr std::string_view atomics_seam = "include/sequencer/detail/atomic.hpp";

// What a mark_store, or what is like one, is called: its load() and store() are durable and name
// no order. An atomic of such a name still needs one: contract/strict_orders compiles none without.
inline constexpr std::string_view names_of_marks[] = {"m",     "seen", "mark",
                                                      "mark_", "keep", "keep_"};

// One name, one meaning: words that the field uses for something that has another name here.
struct synonym {
  std::string_view word;
  std::string_view say;
};

inline constexpr synonym banned_synonyms[] = {
    {"lease", "block (a lease is a right limited in time, from a remote engine)"},
    {"leases", "blocks (a lease is a right limited in time, from a remote engine)"},
    {"chunk", "block, or range"},
    {"watermark", "high_water"},
    {"water_mark", "high_water"},
    {"hiwater", "high_water"},
    {"ring_buffer", "ring"},
    {"ringbuffer", "ring"},
    {"sequence_barrier", "upstream"},
    {"wrap_point", "a distance between positions"},
};

}  // namespace house
