// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A small exchange after LMAX: orders are journalled and replicated before they are matched.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "../shared/live_option.hpp"
#include "../shared/trouble.hpp"
#include "audit/audit.hpp"
#include "audit/trades.hpp"
#include "engine.hpp"

namespace exchange = examples::exchange;

namespace {

constexpr auto about =
    "exchange matches orders from several gateways in one book. An order is accepted when it is\n"
    "numbered, journalled, replicated, synced and acknowledged; whatever happens to the process\n"
    "then, no accepted order is lost, no number is used twice, and no trade is published twice.\n";

constexpr auto footer =
    "`check` holds numbers (in order, none twice), accepted orders (present) and the replica (the\n"
    "same) against the journal, then hands the journal to a new book: what that says is, report\n"
    "by report, what was published, and it stands as each run recovered and left its own.\n"
    "\n"
    "Files in the directory: exchange.seq, the checkpoint with the numbers; journal and replica,\n"
    "the orders; trades, what came of them; run-N.tally, what each run promised its gateways.\n"
    "\n"
    "Examples:\n"
    "  exchange run desk --orders 1000000                 quotes and orders by seed\n"
    "  exchange run desk --input level1.csv --rate 20000  quotes from a file, at a rate\n"
    "  exchange check desk\n"
    "  exchange trades desk\n"
    "\n"
    "Exit status: 0 all is well, 1 `check` found a broken promise, 2 bad input or a failing\n"
    "system.";

void add_run(CLI::App& app, exchange::run_options& options) {
  auto* run = app.add_subcommand(
      "run", "Recover what earlier runs left, and trade. A killed run is simply started again.");
  run->add_option("directory", options.directory, "where all files go; made if missing")
      ->required();
  auto* input = run->add_option(
      "--input,-i", options.input,
      "quotes, `ask price,ask size,bid price,bid size` a line; each replaces the best quotes; - "
      "for standard input (default: quotes by seed)");
  auto* orders = run->add_option("--orders,-n", options.orders,
                                 "orders over all gateways and runs, quotes among them "
                                 "(default: the file once)");
  run->add_option("--seed,-s", options.seed, "of the orders, and of the quotes without a file")
      ->capture_default_str();
  run->add_option("--gateways,-g", options.gateways,
                  "threads that send: the first quotes, the others orders; one alone both")
      ->check(CLI::Range(1, 64))->capture_default_str();
  run->add_option("--rate,-r", options.rate, "orders a second over all gateways (0: no limit)")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1'000'000'000}));
  examples::add_live_option(*run, options.live);
  run->add_flag("--quiet,-q", options.quiet, "print errors only");
  run->callback([=] {
    if (input->count() + orders->count() == 0) {
      throw CLI::ValidationError("run needs --orders N, or --input FILE to send it once");
    }
  });
}

void add_check(CLI::App& app, std::string& directory, bool& values) {
  auto* check = app.add_subcommand("check", "Replay the journal and hold every file against it.");
  check->add_option("directory", directory, "a directory that `exchange run` filled")->required();
  check->add_flag("--values", values, "totals as name=value lines, for scripts");
}

void add_trades(CLI::App& app, std::string& directory, bool& all) {
  auto* trades = app.add_subcommand("trades", "Print what was published, a line each.");
  trades->add_option("directory", directory, "a directory that `exchange run` filled")->required();
  trades->add_flag("--all,-a", all, "the top of the book after each order, too");
}

int run_check(const std::string& directory, bool values) {
  const auto found = exchange::check(directory);
  values ? exchange::print_values(found) : exchange::print(found);
  return found.broken.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(about);
  app.require_subcommand(1);
  app.name("exchange");
  exchange::run_options run;
  std::string directory;
  bool values = false;
  bool all = false;
  add_run(app, run);
  add_check(app, directory, values);
  add_trades(app, directory, all);
  app.footer(footer);  // of the whole, so after its verbs, which would inherit it
  try {
    app.parse(argc, argv);
    if (app.got_subcommand("check")) return run_check(directory, values);
    if (app.got_subcommand("trades")) {
      exchange::print_trades(directory, all);
    } else {
      exchange::run(run);
    }
    return 0;
  } catch (const CLI::ParseError& asked) {
    return app.exit(asked) == 0 ? 0 : 2;
  } catch (const examples::trouble& why) {
    fmt::print(stderr, "exchange: {}\n", why.what());
    return 2;
  }
}
