// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "output.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace sequencer::tool {

namespace {

struct copy_arguments {
  place at;
  std::string to;
  sequence floor = 0;
};

exit_code adopt(const copy_arguments& asked) {
  const auto lost = checkpoint::adopt(asked.at.file, asked.floor, asked.at.options());
  if (!lost) return report(lost.failure());
  for (const auto& each : *lost) out().line(fmt::format("{}: {}", asked.at.file, each));
  const auto seen = checkpoint::inspect(asked.at.file, asked.at.options());
  if (!seen) return report(seen.failure());
  out().line(fmt::format("{}: adopted under the uuid {}; {} {}, none continues below {}",
                         asked.at.file, seen->uuid, grouped(seen->sequences.size()),
                         seen->sequences.size() == 1 ? "sequence" : "sequences",
                         grouped(asked.floor)));
  return finish();
}

exit_code backup(const copy_arguments& asked) {
  auto file = checkpoint::open(asked.at.file, asked.at.options());
  if (!file) return report(file.failure());
  if (const auto written = file->backup(asked.to); !written) return report(written.failure());
  if (const auto closed = file->close(); !closed) return report(closed.failure());
  out().line(fmt::format("{}: backed up to {}, which opens after `sequencer adopt`", asked.at.file,
                         asked.to));
  return finish();
}

constexpr const char* adopt_footer = R"(Makes a copied, restored, backed-up or damaged file usable
again: it gets a new uuid, and no sequence in it continues below the floor. The floor must
lie above every number that was ever issued, also by the file's other copies: the tool
cannot know them, you must. What could not be saved is listed. Nobody may have the file
open.

Example:
  sequencer adopt desk.seq --floor 2000000)";

constexpr const char* backup_footer = R"(Opens FILE, which nobody else may have open, and writes a
sound copy to TO, which must not exist. The copy opens after `sequencer adopt`. (A program
that owns the file makes its own with checkpoint::backup, while it runs.)

Example:
  sequencer backup desk.seq /backup/desk.seq)";

}  // namespace

void add_copies(CLI::App& to, action& chosen) {
  const auto asked = std::make_shared<copy_arguments>();
  auto* adopting = to.add_subcommand("adopt", "make a copied or damaged file usable again");
  adopting->footer(adopt_footer);
  add_writable_place(*adopting, asked->at);
  adopting->add_option("--floor", asked->floor, "continue at or above this number")
      ->type_name("N")
      ->required()
      ->transform(whole_number(0, top));
  adopting->callback([asked, &chosen] { chosen = [asked] { return adopt(*asked); }; });

  auto* backing = to.add_subcommand("backup", "write a sound copy of a file that nobody has open");
  backing->footer(backup_footer);
  add_writable_place(*backing, asked->at);
  backing->add_option("TO", asked->to, "the copy; must not exist")->type_name("")->required();
  backing->callback([asked, &chosen] { chosen = [asked] { return backup(*asked); }; });
}

}  // namespace sequencer::tool
