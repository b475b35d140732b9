// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A small logging engine: threads stamp lines with numbers that survive whatever happens.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>

#include "../shared/live_option.hpp"
#include "../shared/trouble.hpp"
#include "audit.hpp"
#include "engine.hpp"

namespace logbook = examples::logbook;

namespace {

const std::map<std::string, sequencer::durability> durabilities{
    {"ahead", sequencer::durability::ahead},
    {"each", sequencer::durability::each},
    {"memory", sequencer::durability::memory}};

constexpr auto exit_codes =
    "Exit status: 0 all is well, 1 `check` found a broken promise, 2 bad input or a failing "
    "system.";

void add_run(CLI::App& app, logbook::run_options& options) {
  auto* run = app.add_subcommand(
      "run", "Stamp the lines of a file and append them, as `number<TAB>line`, to one log a "
             "thread. Every run adds logs of its own; a killed one is simply run again.");
  run->add_option("directory", options.directory, "where the logs go; made if missing")
      ->required();
  run->add_option("--input,-i", options.input, "any file with lines; - for standard input")
      ->required();
  run->add_option("--lines,-n", options.lines, "stop after so many, repeating the file (0: once)");
  run->add_option("--threads,-t", options.threads, "threads that log")
      ->check(CLI::Range(1, 1024))->capture_default_str();
  run->add_option("--rate", options.rate, "lines a second over all threads (0: no limit)");
  run->add_option("--checkpoint,-c", options.checkpoint,
                  "checkpoint file (default: logbook.seq in the directory)");
  run->add_option("--name", options.name, "name of the sequence")
      ->check([](const std::string& name) {
        return name.empty() || name.size() > 255 ? "a name has 1 to 255 bytes" : "";
      })->capture_default_str();
  run->add_option_function<std::uint64_t>(
      "--block,-b", [&](const std::uint64_t& size) { options.block = size, options.blocks = true; },
      "block mode with blocks of that many numbers: unique, NOT ordered across threads")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 32));
  run->add_option_function<std::uint64_t>(
      "--max-gap", [&](const std::uint64_t& gap) { options.max_gap = gap; },
      "most numbers that one crash may cost");
  run->add_option_function<std::string>(
      "--durability,-d",
      [&](const std::string& word) { options.durability = durabilities.at(word); },
      "when a number may leave: ahead, each or memory")
      ->check(CLI::IsMember(durabilities));
  examples::add_live_option(*run, options.live);
  run->add_flag("--quiet,-q", options.quiet, "print errors only");
}

struct check_options {
  std::string directory;
  std::string checkpoint;
  bool values = false;
};

void add_check(CLI::App& app, check_options& options) {
  auto* check = app.add_subcommand(
      "check", "Merge the logs of a directory and hold them against the checkpoint: numbers "
               "issued, written twice, out of order, never issued, and in flight when a run "
               "died. Exit status 1 when a promise did not hold.");
  check->add_option("directory", options.directory, "a directory that `logbook run` filled")
      ->required();
  check->add_option("--checkpoint,-c", options.checkpoint,
                    "checkpoint file (default: logbook.seq in the directory)");
  check->add_flag("--values", options.values, "totals as name=value lines, for scripts");
}

int run_check(const check_options& options) {
  const auto found = logbook::check(options.directory, options.checkpoint);
  options.values ? logbook::print_values(found) : logbook::print(found);
  return found.broken.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("logbook stamps the lines of a file with numbers that survive any restart.");
  app.footer(exit_codes);
  app.require_subcommand(1);
  app.name("logbook");
  logbook::run_options run;
  check_options check;
  add_run(app, run);
  add_check(app, check);
  try {
    app.parse(argc, argv);
    if (app.got_subcommand("check")) return run_check(check);
    logbook::run(run);
    return 0;
  } catch (const CLI::ParseError& asked) {
    return app.exit(asked) == 0 ? 0 : 2;
  } catch (const examples::trouble& why) {
    fmt::print(stderr, "logbook: {}\n", why.what());
    return 2;
  }
}
