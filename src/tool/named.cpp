// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <sequencer/named_sequence.hpp>

#include "output.hpp"
#include "text.hpp"
#include "verbs.hpp"

// Named sequences, by the words of SQL. Each call is a session of its own, but for `session`.
namespace sequencer::tool {

namespace {

struct named_arguments {
  place at;
  std::string name;
  named_change change;
  std::int64_t number = 0;
  std::optional<std::int64_t> restart_with;
  std::uint64_t count = 1;
  bool not_called = false;
  bool no_cycle = false;
  bool cycles = false;
};

using arguments = std::shared_ptr<named_arguments>;

exit_code say(std::string_view line) {
  out().line(line);
  return exit_code::done;
}

exit_code refuse(const named_arguments& asked, errc why) {
  complain(fmt::format("{}: sequence '{}': {}", asked.at.file, printable(asked.name),
                       why == errc::unavailable ? "this session has taken no number of it yet"
                                                : message(why)));
  return exit_code_of(why);
}

// Opens the file, does it, and closes the file in order.
exit_code with_file(const named_arguments& asked, bool create,
                    const std::function<exit_code(checkpoint&)>& what) {
  auto options = asked.at.options();
  options.create = create;
  auto file = checkpoint::open(asked.at.file, options);
  if (!file) return report(file.failure());
  const auto code = what(*file);
  const auto closed = file->close();
  if (code == exit_code::done && !closed) return report(closed.failure());
  return finish(code);
}

exit_code with_sequence(const named_arguments& asked,
                        const std::function<exit_code(named_sequence&)>& what) {
  return with_file(asked, false, [&](checkpoint& file) {
    auto session = file.named().session();
    auto of = session.open(asked.name);
    return of ? what(*of) : report(of.failure());
  });
}

std::string rules_text(const sequence_status& of) {
  const auto& is = *of.named;
  return fmt::format("start {}, increment {}, {} to {}, cache {}, {}cycle, {} {}, epoch {}",
                     is.start, is.increment, is.minimum, is.maximum, is.cache,
                     is.cycle ? "" : "no ", is.is_called ? "last" : "next", is.last_value,
                     of.epoch);
}

exit_code tell(const named_arguments& asked, checkpoint& file, const char* done) {
  const auto now = file.named().status(asked.name);
  if (!now) return report(now.failure());
  return say(fmt::format("{}: {} '{}': {}", asked.at.file, done, printable(asked.name),
                         rules_text(*now)));
}

exit_code define(const named_arguments& asked) {
  return with_file(asked, true, [&](checkpoint& file) {
    const auto there = file.list();
    if (!there) return report(there.failure());
    if (find(*there, asked.name) != nullptr) {
      complain(fmt::format("{}: sequence '{}': exists already; it stays as it is", asked.at.file,
                           printable(asked.name)));
      return exit_code::exists;
    }
    const auto made = file.named().create(asked.name, asked.change.options);
    return made ? tell(asked, file, "created") : report(made.failure());
  });
}

exit_code alter(const named_arguments& asked) {
  return with_file(asked, false, [&](checkpoint& file) {
    const auto done = file.named().alter(asked.name, asked.change);
    return done ? tell(asked, file, "altered") : report(done.failure());
  });
}

exit_code drop(const named_arguments& asked) {
  return with_file(asked, false, [&](checkpoint& file) {
    const auto done = file.named().drop(asked.name);
    if (!done) return report(done.failure());
    return say(fmt::format("{}: dropped '{}'", asked.at.file, printable(asked.name)));
  });
}

exit_code nextval(const named_arguments& asked) {
  return with_sequence(asked, [&](named_sequence& of) {
    for (std::uint64_t i = 0; i < asked.count; ++i) {
      const auto number = of.nextval();
      if (!number) return refuse(asked, number.code());
      out().line(std::to_string(*number));
      if (out().failed()) break;
    }
    return exit_code::done;
  });
}

exit_code setval(const named_arguments& asked) {
  return with_sequence(asked, [&](named_sequence& of) {
    const auto done = of.setval(asked.number, !asked.not_called);
    return done ? say(std::to_string(asked.number)) : report(done.failure());
  });
}

exit_code range_of(const named_arguments& asked) {
  return with_sequence(asked, [&](named_sequence& of) {
    const auto taken = of.range(asked.count);
    if (!taken) return refuse(asked, taken.code());
    return say(fmt::format("{} {} cycles {} increment {} minimum {} maximum {}", taken->first,
                           taken->last, taken->cycles, taken->increment, taken->minimum,
                           taken->maximum));
  });
}

// ---- a session: a statement a line

class statements {
 public:
  statements(const named_arguments& asked, checkpoint& file)
      : asked_(asked), session_(file.named().session()) {}

  // Until the input ends. A statement that fails is told, and the next one runs.
  exit_code run(std::istream& from) {
    auto worst = exit_code::done;
    for (std::string line; std::getline(from, line) && !out().failed();) {
      if (line.find_first_not_of(" \t") == line.npos) continue;
      const auto code = one(line);
      if (worst == exit_code::done) worst = code;
      out().flush();
    }
    return worst;
  }

 private:
  exit_code one(const std::string& line) {
    named_arguments said = asked_;
    CLI::App app("", "");
    app.set_help_flag();
    app.require_subcommand(1);
    const auto add = [&](const char* verb) {
      auto* made = app.add_subcommand(verb, "");
      made->set_help_flag();
      return made;
    };
    auto* lastval = add("lastval");
    auto* nextval = add("nextval");
    auto* currval = add("currval");
    auto* setval = add("setval");
    for (auto* each : {nextval, currval, setval}) each->add_option("NAME", said.name)->required();
    setval->add_option("NUMBER", said.number)->transform(signed_number())->required();
    setval->add_flag("--not-called", said.not_called);
    try {
      app.parse(line);
    } catch (const CLI::ParseError& why) {
      complain(fmt::format("'{}': {} (see `sequencer session --help`)", printable(line),
                           why.what()));
      return exit_code::asked_wrongly;
    }
    if (lastval->parsed()) return value(said, session_.lastval());
    auto of = session_.open(said.name);
    if (!of) return report(of.failure());
    if (nextval->parsed()) return value(said, of->nextval());
    if (currval->parsed()) return value(said, of->currval());
    const auto done = of->setval(said.number, !said.not_called);
    return done ? say(std::to_string(said.number)) : report(done.failure());
  }

  exit_code value(const named_arguments& said, const result<std::int64_t>& got) {
    if (got) return say(std::to_string(*got));
    if (!said.name.empty()) return refuse(said, got.code());
    complain(fmt::format("{}: this session has taken no number yet", said.at.file));
    return exit_code_of(got.code());
  }

  named_arguments asked_;
  named_session session_;
};

exit_code session(const named_arguments& asked) {
  return with_file(asked, false,
                   [&](checkpoint& file) { return statements(asked, file).run(std::cin); });
}

// ---- the command line

void add_name(CLI::App& verb, named_arguments& to) {
  verb.add_option("NAME", to.name, "the sequence: 1 to 255 bytes")->type_name("")->required();
}

void add_number(CLI::App& verb, const char* option, std::optional<std::int64_t>& to,
                const char* what) {
  verb.add_option(option, to, what)->type_name("N")->transform(signed_number());
}

// What define and alter share.
void add_options(CLI::App& verb, named_arguments& to, bool creates) {
  auto& is = to.change.options;
  add_number(verb, "--start", is.start,
             creates ? "first number (default: the minimum, or the maximum if it descends)"
                     : "where a restart without a number begins");
  add_number(verb, "--increment", is.increment, "step, of either sign (default: 1)");
  add_number(verb, "--minimum", is.minimum, "least number (default: 1, or -2^63 if it descends)");
  add_number(verb, "--maximum", is.maximum,
             "largest number (default: 2^63 - 1, or -1 if it descends)");
  verb.add_option("--cache", is.cache, "numbers that a session takes at once (default: 1)")
      ->type_name("N")
      ->transform(whole_number(1, std::uint64_t{1} << 32));
  verb.add_option("--max-gap", is.max_gap,
                  "most numbers that a power cut may cost beside what sessions hold\n"
                  "(default: 2^20; at least twice the cache)")
      ->type_name("N")
      ->transform(whole_number(2, top));
  auto* cycle = verb.add_flag("--cycle", to.cycles, "go on at the other bound");
  auto* none = verb.add_flag("--no-cycle", to.no_cycle, "end at the bound");
  cycle->excludes(none);
  none->excludes(cycle);
}

void take_cycle(named_arguments& of) {
  if (of.cycles || of.no_cycle) of.change.options.cycle = of.cycles;
}

arguments add_verb(CLI::App& to, action& chosen, const char* name, const char* what,
                   const char* footer, exit_code (*run)(const named_arguments&)) {
  auto asked = std::make_shared<named_arguments>();
  auto* verb = to.add_subcommand(name, what);
  verb->footer(footer);
  add_writable_place(*verb, asked->at);
  verb->callback([asked, run, &chosen] {
    chosen = [asked, run] {
      take_cycle(*asked);
      return run(*asked);
    };
  });
  return asked;
}

constexpr const char* define_footer = R"(A named sequence is what SQL's CREATE SEQUENCE makes: it
counts up or down within bounds, can be set, restarted and altered, and goes round if it
is told to. (epoch, number) is unique: a move backwards begins another epoch.

Examples:
  sequencer define desk.seq orders --start 1000 --increment 10
  sequencer define desk.seq shifts --maximum 3 --cycle

Exits with 4 when the sequence exists already.)";

constexpr const char* alter_footer = R"(What is not named stays as it is.

Examples:
  sequencer alter desk.seq orders --increment 1 --cache 50
  sequencer alter desk.seq orders --no-maximum --restart-with 5000)";

constexpr const char* session_footer = R"(Reads statements from standard input, one a line, and
answers each on a line:

  nextval NAME                       the next number
  currval NAME                       the last one that this session took
  lastval                            the last one of whichever sequence
  setval NAME NUMBER [--not-called]  the next one is behind NUMBER, or NUMBER itself

A statement that fails is told on standard error, and the next one runs; the exit code is
the first failure's.

Example:
  sequencer session desk.seq <statements)";

void add_changes(CLI::App& to, action& chosen) {
  const auto defined = add_verb(to, chosen, "define", "make a named sequence, as CREATE SEQUENCE",
                                define_footer, define);
  auto* verb = to.get_subcommand("define");
  add_name(*verb, *defined);
  add_options(*verb, *defined, true);
  const auto altered = add_verb(to, chosen, "alter", "change one, as ALTER SEQUENCE", alter_footer,
                                alter);
  verb = to.get_subcommand("alter");
  add_name(*verb, *altered);
  add_options(*verb, *altered, false);
  verb->add_flag("--no-minimum", altered->change.options.no_minimum, "back to the default");
  verb->add_flag("--no-maximum", altered->change.options.no_maximum, "back to the default");
  verb->add_flag("--restart", altered->change.restart, "at its start");
  add_number(*verb, "--restart-with", altered->change.restart_with, "at this number");
  const auto restarted =
      add_verb(to, chosen, "restart", "begin again at its start, or at NUMBER",
               "Examples:\n  sequencer restart desk.seq orders\n"
               "  sequencer restart desk.seq orders 5000",
               [](const named_arguments& asked) {
                 auto with = asked;
                 with.change.restart = true;
                 return alter(with);
               });
  verb = to.get_subcommand("restart");
  add_name(*verb, *restarted);
  verb->add_option("NUMBER", restarted->change.restart_with, "where (default: at its start)")
      ->type_name("")
      ->transform(signed_number());
  const auto dropped = add_verb(to, chosen, "drop", "remove a named sequence, as DROP SEQUENCE",
                                "Example:\n  sequencer drop desk.seq orders", drop);
  add_name(*to.get_subcommand("drop"), *dropped);
}

}  // namespace

void add_named(CLI::App& to, action& chosen) {
  add_changes(to, chosen);
  const auto taken = add_verb(to, chosen, "nextval", "take numbers of a named sequence",
                              "Examples:\n  sequencer nextval desk.seq orders\n"
                              "  sequencer nextval desk.seq orders --count 100",
                              nextval);
  auto* verb = to.get_subcommand("nextval");
  add_name(*verb, *taken);
  verb->add_option("-n,--count", taken->count, "how many numbers (default: 1)")
      ->type_name("N")
      ->transform(whole_number(1, top));
  const auto set = add_verb(to, chosen, "setval", "move a named sequence",
                            "Examples:\n  sequencer setval desk.seq orders 5000\n"
                            "  sequencer setval desk.seq orders 5000 --not-called",
                            setval);
  verb = to.get_subcommand("setval");
  add_name(*verb, *set);
  verb->add_option("NUMBER", set->number, "the next number is behind it")
      ->type_name("")
      ->transform(signed_number())
      ->required();
  verb->add_flag("--not-called", set->not_called, "the next number is NUMBER itself");
  const auto range = add_verb(to, chosen, "range", "take numbers in a row, told by first and last",
                              "Example:\n  sequencer range desk.seq orders 1000", range_of);
  verb = to.get_subcommand("range");
  add_name(*verb, *range);
  verb->add_option("COUNT", range->count, "how many")
      ->type_name("")
      ->transform(whole_number(1, top))
      ->required();
  add_verb(to, chosen, "session", "nextval, currval, lastval and setval, a statement a line",
           session_footer, session);
}

}  // namespace sequencer::tool
