// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>

#include <sequencer/checkpoint.hpp>

#include "exit_code.hpp"

namespace sequencer::tool {

// What the chosen verb does once the whole command line was understood.
using action = std::function<exit_code()>;

// Each adds one verb (or a few kin) to the command line; the chosen one sets `chosen`.
void add_create(CLI::App& to, action& chosen);
void add_next(CLI::App& to, action& chosen);
void add_reports(CLI::App& to, action& chosen);  // list, inspect, verify, holes
void add_copies(CLI::App& to, action& chosen);   // adopt, backup
void add_watch(CLI::App& to, action& chosen);
void add_machine(CLI::App& to, action& chosen);  // topology, doctor
// define, alter, restart, drop, nextval, setval, range, session
void add_named(CLI::App& to, action& chosen);

// What every verb on a file takes.
struct place {
  std::string file;
  std::string live_directory = checkpoint_options{}.live_directory;
  bool volatile_storage = false;

  checkpoint_options options() const;
};

// FILE, and where its live region lies.
void add_place(CLI::App& verb, place& to);
// The same for verbs that write, which must know what storage is acceptable.
void add_writable_place(CLI::App& verb, place& to);

// An option's value must be decimal digits within [least, most].
CLI::Validator whole_number(std::uint64_t least, std::uint64_t most);
// Decimal digits within [-2^63, 2^63 - 1].
CLI::Validator signed_number();

const sequence_status* find(const std::vector<sequence_status>& all, const std::string& name);

// The file has no such sequence.
error unknown_name(const std::string& file, const std::string& name);

}  // namespace sequencer::tool
