// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sequencer/checkpoint.hpp>

#include "simulated_disk.hpp"

namespace sequencer::crash {

inline const std::string desk = "/disk/desk.seq";

// What a sequence was told to be, and what it handed out and when (in events of the journal).
struct told {
  bool blocks = false;
  sequencer::durability how = durability::ahead;
  sequence start = 1;
  std::uint64_t max_gap = 0;
  std::uint64_t max_block = 0;
  std::uint64_t in_flight = 1;  // most numbers taken by one call
  std::size_t created = 0;
  std::map<sequence, std::size_t> issued{};  // number -> when
};

// What a run did, as its caller saw it.
struct history {
  std::optional<std::size_t> file_made;  // when open() with create had returned
  std::map<std::string, told> sequences;
  std::vector<std::pair<std::uint64_t, std::size_t>> epochs;  // open epoch, when
  std::vector<std::size_t> openings;  // when open() was called: each may follow a failure
  std::size_t handles = 0;            // of blocks, at most
  std::vector<std::pair<sequence, std::size_t>> floors;  // adopted, when
};

// One program on a simulated machine that does things to a checkpoint and remembers what it was
// told. The keeper is driven by hand, so a run is the same every time.
class checked_run {
 public:
  explicit checked_run(checkpoint_options options = {}, sabotage broken = {});

  void open(bool create = false);
  // An opening that dies of a sync that was ordered to go wrong.
  void open_badly(bad_sync what);
  void strict(const std::string& name, sequence_options options = {});
  void blocks(const std::string& name, block_sequence_options options = {});
  // Stops early when a bad sync that was ordered has come.
  void take(const std::string& name, std::uint64_t count, std::uint64_t at_once = 1);
  void take_from_blocks(const std::string& name, std::size_t handle, std::uint64_t count);
  void end_handle(const std::string& name, std::size_t handle);
  void close();
  void kill();
  void power_cut();  // the kindest one: everything written had arrived
  void adopt(sequence floor);

  void order(bad_sync what);

  machine& host() { return host_; }
  const history& past() const { return past_; }
  bool is_closed() const { return !file_; }
  const checkpoint_options& options() const { return options_; }
  sequencer::checkpoint& file() { return *file_; }

 private:
  void note(const std::string& name, sequence number);
  void forget_process();

  checkpoint_options options_;
  machine host_;
  std::unique_ptr<machine::process> door_;
  std::optional<sequencer::checkpoint> file_;
  std::map<std::string, durable_sequence> strict_;
  std::map<std::string, durable_blocks> blocks_;
  std::map<std::pair<std::string, std::size_t>, durable_blocks::handle> handles_;
  history past_;
  bool bad_sync_ordered_ = false;
};

enum class failure_kind : std::uint8_t { kill_with_live, kill_without_live, power_cut };

// What the promises say about a disk that a failure left after `events` events; one sentence for
// each that is broken. Recovers with the real code.
struct aftermath {
  failure_kind how = failure_kind::power_cut;
  std::size_t events = 0;
  std::size_t told = 0;  // what was answered by then counts; mostly as `events`
  const live_image* live = nullptr;  // kill_with_live
  std::string boot_id;               // kills
  bool ledger_twice = true;          // both copies of the ledger must be there; else rot may take
                                     // the account of what was lost since the last mark
  sabotage broken;                   // the same door as before
};
std::vector<std::string> broken_promises(const history& past, const disk_image& disk,
                                         const checkpoint_options& options,
                                         const aftermath& after);

}  // namespace sequencer::crash
