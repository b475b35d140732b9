// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "json.hpp"
#include "output.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace sequencer::tool {

namespace {

struct report_arguments {
  place at;
  std::string name;
  bool json = false;
  bool names = false;
};

using verdict = checkpoint_report::verdict;

// The last finding says why not all could be read.
error unreadable(const checkpoint_report& seen) {
  return {errc::corrupt, 0, seen.findings.empty() ? seen.path : seen.findings.back()};
}

// Without the path in front, which the line above names.
std::string_view short_finding(const checkpoint_report& seen, std::string_view finding) {
  const auto prefix = seen.path + ": ";
  if (finding.starts_with(prefix)) finding.remove_prefix(prefix.size());
  return finding;
}

void print_findings(const checkpoint_report& seen) {
  for (const auto& each : seen.findings) {
    out().line(fmt::format("  {}", short_finding(seen, each)));
  }
}

void print_sequences(const checkpoint_report& seen, const std::string& indent) {
  if (seen.sequences.empty()) {
    out().line(fmt::format("{}no sequences yet: `sequencer create {} NAME` makes one", indent,
                           seen.path));
    return;
  }
  for (const auto& each : table_of(seen.sequences, indent).lines()) out().line(each);
}

exit_code list(const report_arguments& asked) {
  const auto seen = checkpoint::inspect(asked.at.file, asked.at.options());
  if (!seen) return report(seen.failure());
  if (!seen->complete) return report(unreadable(*seen));
  if (asked.json) {
    out().line(json_of_sequences(*seen));
  } else if (asked.names) {
    for (const auto& each : seen->sequences) out().line(each.name);
  } else {
    print_sequences(*seen, "");
  }
  return finish();
}

void print_field(std::string_view name, std::string_view value) {
  out().line(fmt::format("  {:<13} {}", name, value));
}

std::string owner_text(const checkpoint_report& seen) {
  if (seen.owned) return fmt::format("process {} has it open", seen.owner_pid);
  if (seen.owner_pid == 0) return "nobody has opened it yet";
  return fmt::format("nobody has it open; process {} was the last", seen.owner_pid);
}

std::string copies_text(const checkpoint_report& seen) {
  if (!seen.complete) return "not every page has a readable one, see below";
  return seen.state == verdict::sound ? "two of every page, all sound" : "see below";
}

std::string live_text(const checkpoint_report& seen) {
  if (seen.live && seen.owned) return "in use; positions are exact";
  if (seen.live) return "left by a killed owner; the next open continues exactly there";
  return seen.owned ? "none that can be read; positions are bounds" : "none";
}

void print_identity(const checkpoint_report& seen) {
  out().line(fmt::format("{}: {}", seen.path, state_text(seen.state)));
  print_findings(seen);
  print_field("format", fmt::format("version {}, {}{}", seen.version, size_text(seen.bytes),
                                    seen.backup ? ", a backup copy" : ""));
  print_field("uuid", seen.uuid);
  if (!seen.parent_uuid.empty()) print_field("made from", seen.parent_uuid);
  print_field("created", moment_text(seen.created_ns));
  print_field("open epoch", grouped(seen.open_epoch));
  if (seen.opened_ns != 0) print_field("last opened", moment_text(seen.opened_ns));
  if (!seen.boot_id.empty()) print_field("on boot", seen.boot_id);
  print_field("owner", owner_text(seen));
  print_field("copies", copies_text(seen));
  print_field("live region", live_text(seen));
}

void print_figures(const checkpoint_report& seen) {
  if (!seen.metrics) return;
  const auto& of = *seen.metrics;
  print_field("syncs", fmt::format("{}: mean {}, last {}, slowest {}", grouped(of.syncs),
                                   duration_text(of.mean_sync_ns), duration_text(of.last_sync_ns),
                                   duration_text(of.slowest_sync_ns)));
  print_field("written", fmt::format("{} pages, {}", grouped(of.pages_written),
                                     size_text(of.bytes_written)));
  print_field("keeper", fmt::format("{} requests: last lag {}, slowest {}", grouped(of.requests),
                                    duration_text(of.last_lag_ns),
                                    duration_text(of.slowest_lag_ns)));
  print_field("waits", grouped(of.waits));
}

exit_code inspect(const report_arguments& asked) {
  const auto seen = checkpoint::inspect(asked.at.file, asked.at.options());
  if (!seen) return report(seen.failure());
  if (asked.json) {
    out().line(json_of(*seen));
  } else if (seen->version == 0) {
    out().line(fmt::format("{}: {}", seen->path, state_text(seen->state)));
    print_findings(*seen);
  } else {
    print_identity(*seen);
    print_figures(*seen);
    if (seen->complete) {
      print_field("holes", grouped(seen->holes.size()));
      out().line("");
      print_sequences(*seen, "  ");
    }
  }
  return finish(seen->complete ? exit_code::done : exit_code::needs_repair);
}

std::string_view consequence(verdict state) {
  switch (state) {
    case verdict::sound: return "";
    case verdict::recoverable:
      return "The next open repairs this; what it costs at most is listed by `sequencer holes`.";
    case verdict::refused: return "It does not open as it is; nothing in it was changed.";
  }
  return "";
}

exit_code verify(const report_arguments& asked) {
  const auto seen = checkpoint::inspect(asked.at.file, asked.at.options());
  if (!seen) return report(seen.failure());
  if (asked.json) {
    out().line(json_of_verdict(*seen));
  } else {
    out().line(fmt::format("{}: {}", seen->path, state_text(seen->state)));
    print_findings(*seen);
    if (seen->state != verdict::sound) out().line(consequence(seen->state));
  }
  return finish(static_cast<exit_code>(seen->state));
}

std::string_view reason_text(loss why) {
  switch (why) {
    case loss::handle_ended: return "a handle ended before its block was used up";
    case loss::discarded: return "a block lay below numbers its handle had given already";
    case loss::closed: return "a block was still held when the file was closed";
    case loss::killed: return "the process was killed";
    case loss::crashed: return "the process or the machine died";
    case loss::rotten_copy: return "one copy of the mark was unreadable";
    case loss::adopted: return "an operator set a floor";
  }
  return "unknown";
}

std::string_view certainty_text(const hole& of) {
  return of.certain ? "never issued" : "may contain issued numbers";
}

void print_holes(const std::vector<hole>& lost) {
  table shown({">FIRST", ">LAST", ">LOST", "CERTAINTY", "WHY"});
  std::uint64_t total = 0;
  for (const auto& each : lost) {
    total += each.lost;
    shown.row({grouped(each.numbers.first), grouped(each.numbers.last - 1),
               (each.certain ? "" : "<= ") + grouped(each.lost),
               std::string(certainty_text(each)),
               std::string(reason_text(each.why)) + (each.merged ? " (several, merged)" : "")});
  }
  for (const auto& each : shown.lines()) out().line(each);
  out().line(fmt::format("{} {}, at most {} {} lost", grouped(lost.size()),
                         lost.size() == 1 ? "hole" : "holes", grouped(total),
                         total == 1 ? "number" : "numbers"));
}

exit_code holes(const report_arguments& asked) {
  const auto seen = checkpoint::inspect(asked.at.file, asked.at.options());
  if (!seen) return report(seen.failure());
  if (!seen->complete) return report(unreadable(*seen));
  const auto* of = find(seen->sequences, asked.name);
  if (of == nullptr) return report(unknown_name(asked.at.file, asked.name));
  std::vector<hole> lost;
  for (const auto& [name, each] : seen->holes) {
    if (name == asked.name) lost.push_back(each);
  }
  const bool complete = !seen->owned && !seen->live && of->exact;
  if (asked.json) {
    out().line(json_of_holes(asked.name, lost, complete));
    return finish();
  }
  if (lost.empty()) {
    out().line("no holes");
  } else {
    print_holes(lost);
  }
  if (seen->owned) {
    out().line(fmt::format("Process {} has the file open: its own losses are listed when it "
                           "writes them, at the latest when it closes.",
                           seen->owner_pid));
  } else if (!complete) {
    out().line("The last owner did not close the file: the next open adds what it lost.");
  }
  return finish();
}

CLI::App* add_report(CLI::App& to, action& chosen, const std::string& name,
                     const std::string& what, const std::string& footer,
                     exit_code (*run)(const report_arguments&),
                     const std::shared_ptr<report_arguments>& asked) {
  auto* verb = to.add_subcommand(name, what);
  verb->footer(footer);
  add_place(*verb, asked->at);
  verb->add_flag("--json", asked->json, "as JSON: plain integers, nanoseconds, half-open ranges");
  verb->callback([asked, run, &chosen] { chosen = [asked, run] { return run(*asked); }; });
  return verb;
}

constexpr const char* list_footer = R"(Reads beside a running owner. NEXT is the next number to
be handed out, or "<= N" where only a bound is known; every number handed out is below
DURABLE BELOW.

Examples:
  sequencer list desk.seq
  sequencer list desk.seq --json)";

constexpr const char* inspect_footer = R"(Reads beside a running owner, whose figures it shows.
Exits with 7 when not all of the file could be read.

Examples:
  sequencer inspect desk.seq
  sequencer inspect desk.seq --json)";

constexpr const char* verify_footer = R"(Exits with
  0  sound: opens, nothing to repair
  1  recoverable: opens; one copy of something is damaged, or marks of durability memory
     are from another boot
  2  refused: does not open as it is, see `sequencer adopt`
and with the codes of `sequencer --help` when the file could not be looked at.

Examples:
  sequencer verify desk.seq
  sequencer verify desk.seq --json || echo "look at desk.seq")";

constexpr const char* holes_footer = R"(Lists the numbers that were lost, oldest first. "never
issued" is certain; after power loss nobody can know, so such a hole may contain issued
numbers. The account is bounded: neighbouring holes are merged when it is full, and said to
be.

Examples:
  sequencer holes desk.seq trades
  sequencer holes desk.seq trades --json)";

}  // namespace

void add_reports(CLI::App& to, action& chosen) {
  const auto asked = std::make_shared<report_arguments>();
  const auto add = [&](const char* name, const char* what, const char* footer,
                       exit_code (*run)(const report_arguments&)) {
    return add_report(to, chosen, name, what, footer, run, asked);
  };
  add("list", "show the sequences of a file", list_footer, list)
      ->add_flag("--names", asked->names, "names only, one a line");
  add("inspect", "show everything that a file says of itself", inspect_footer, inspect);
  add("verify", "judge a file: sound, recoverable or refused", verify_footer, verify);
  add("holes", "list the numbers that a sequence lost, and why", holes_footer, holes)
      ->add_option("NAME", asked->name, "the sequence")
      ->type_name("")
      ->required();
}

}  // namespace sequencer::tool
