// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <csignal>

#include <sequencer/version.hpp>

#include "output.hpp"
#include "verbs.hpp"

namespace {

using namespace sequencer::tool;

constexpr const char* footer = R"(`sequencer VERB --help` tells more about each.

Exits with
   0  done (verify: the file is sound)
   1  verify: the file is recoverable
   2  verify: the file is refused
   3  asked wrongly: unknown option, value out of bounds, no such file or sequence
   4  create, define: the sequence exists already
   5  locked: another process has the file open
   6  not permitted: access denied, or unsupported on this system or file system
   7  needs repair: corrupt, newer version, a copy or an older backup
   8  no numbers left
   9  an I/O failure of the file
  10  standard output could not be written
 130  next: interrupted

Examples:
  sequencer create desk.seq trades
  sequencer next desk.seq trades --count 3
  sequencer watch desk.seq
  sequencer topology)";

// A refused line gets its reason and where to read on.
exit_code refuse(const CLI::App& app, const CLI::ParseError& why, std::string_view first) {
  const auto chosen = app.get_subcommands();
  if (!chosen.empty()) {
    complain(fmt::format("{} (see `sequencer {} --help`)", why.what(), chosen.front()->get_name()));
  } else if (first.empty()) {
    complain("a verb is missing (see `sequencer --help`)");
  } else {
    complain(fmt::format("'{}' is no verb (see `sequencer --help`)", first));
  }
  return exit_code::asked_wrongly;
}

exit_code show_help(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  out().write(chosen.empty() ? app.help() : chosen.front()->help("sequencer"));
  return finish();
}

exit_code run(int argc, char** argv) {
  CLI::App app("Durable sequences in a checkpoint file: numbers in order that survive any restart. "
               "And what this machine is made of.",
               "sequencer");
  app.footer(footer);
  app.set_help_flag("-h,--help", "show this help");
  app.set_version_flag("--version", "sequencer " SEQUENCER_VERSION)
      ->description("show the version");
  app.require_subcommand(1);
  app.get_formatter()->column_width(28);
  app.get_formatter()->label("REQUIRED", "");
  app.get_formatter()->label("Needs", "needs");
  app.get_formatter()->label("SUBCOMMAND", "VERB ...");
  action chosen;
  add_create(app, chosen);
  add_next(app, chosen);
  add_reports(app, chosen);
  add_watch(app, chosen);
  add_copies(app, chosen);
  add_named(app, chosen);
  add_machine(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion& version) {
    out().line(version.what());
    return finish();
  } catch (const CLI::CallForHelp&) {
    return show_help(app);
  } catch (const CLI::ParseError& why) {
    return refuse(app, why, argc > 1 ? argv[1] : "");
  }
  return chosen();
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  return static_cast<int>(run(argc, argv));
}
