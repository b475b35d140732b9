// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstring>
#include <memory>

#include "output.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace sequencer::tool {

namespace {

struct next_arguments {
  place at;
  std::string name;
  std::uint64_t count = 1;
  bool block = false;
};

// What was taken and printed so far. Numbers of one sequence only grow, but may skip: the first
// number that did not get out is found by counting.
struct progress {
  std::uint64_t taken = 0;
  sequence first = 0;
  sequence last = 0;  // inclusive
  errc stopped = {};

  bool goes_on(std::uint64_t count) const {
    return taken < count && stopped == errc{} && !out().failed() && !interrupted();
  }
  void print(sequence number) {
    if (taken++ == 0) first = number;
    last = number;
    out().number(number);
  }
};

template <class Take>
progress take_singly(Take take, std::uint64_t count) {
  progress so_far;
  while (so_far.goes_on(count)) {
    const auto number = take();
    if (number) {
      so_far.print(*number);
    } else {
      so_far.stopped = number.code();
    }
  }
  return so_far;
}

progress take_range(durable_sequence& from, std::uint64_t count) {
  progress so_far;
  const auto numbers = from.next(count);
  if (!numbers) {
    so_far.stopped = numbers.code();
    return so_far;
  }
  // All are taken, whether or not they get out.
  for (auto number = numbers->first; number < numbers->last; ++number) {
    if (!out().failed()) out().number(number);
  }
  so_far.taken = count;
  so_far.first = numbers->first;
  so_far.last = numbers->last - 1;
  return so_far;
}

error refuse(const next_arguments& asked, const std::string& why) {
  return {errc::invalid, 0,
          fmt::format("{}: sequence '{}': {}", asked.at.file, printable(asked.name), why)};
}

result<progress> take_from_block(checkpoint& file, const next_arguments& asked,
                                 const sequence_status& of) {
  block_sequence_options same;
  same.unordered = of.unordered;
  auto blocks = file.blocks(asked.name, same);
  if (!blocks) return blocks.failure();
  auto mine = blocks->local();
  return take_singly([&] { return mine.next(); }, asked.count);
}

result<progress> take(checkpoint& file, const next_arguments& asked, const sequence_status& of) {
  if (of.blocks && !asked.block) {
    return refuse(asked, "is handed out in blocks; ask for its numbers with --block");
  }
  if (of.blocks) return take_from_block(file, asked, of);
  if (asked.block && asked.count > of.max_gap / 2) {
    return refuse(asked, fmt::format("one range has at most half of max_gap, {} numbers; ask "
                                     "for fewer, or without --block",
                                     grouped(of.max_gap / 2)));
  }
  auto strict = file.sequence(asked.name);
  if (!strict) return strict.failure();
  if (asked.block) return take_range(*strict, asked.count);
  return take_singly([&] { return strict->next(); }, asked.count);
}

// Numbers that were taken but that nobody got to read are issued all the same: say which.
exit_code tell_unread(const next_arguments& asked, const progress& of) {
  const auto unread = of.taken - out().lines_out();
  const auto why = interrupted() ? "interrupted" : std::strerror(out().failed_with());
  auto what = fmt::format("standard output: {}; of the {} numbers taken from '{}' ({} to {}) "
                          "{} were not written whole",
                          why, grouped(of.taken), printable(asked.name), of.first, of.last,
                          grouped(unread));
  if (of.last - of.first + 1 == of.taken && unread != 0) {
    what += fmt::format(": {} to {}", of.last + 1 - unread, of.last);
  }
  complain(what + "; they count as issued");
  return interrupted() ? exit_code::interrupted : exit_code::output;
}

exit_code tell_stopped(const next_arguments& asked, const progress& of) {
  complain(fmt::format("{}: sequence '{}': {}; {} of {} numbers were taken", asked.at.file,
                       printable(asked.name), message(of.stopped), grouped(of.taken),
                       grouped(asked.count)));
  return exit_code_of(of.stopped);
}

exit_code next(const next_arguments& asked) {
  note_interrupts();
  auto file = checkpoint::open(asked.at.file, asked.at.options());
  if (!file) return report(file.failure());
  const auto all = file->list();
  if (!all) return report(all.failure());
  const auto* of = find(*all, asked.name);
  if (of == nullptr) return report(unknown_name(asked.at.file, asked.name));
  const auto taken = take(*file, asked, *of);
  if (!taken) return report(taken.failure());
  const bool written = out().flush();
  const auto closed = file->close();
  if (!written) return tell_unread(asked, *taken);
  if (taken->stopped != errc{}) return tell_stopped(asked, *taken);
  if (!closed) return report(closed.failure());
  if (taken->taken == asked.count) return exit_code::done;
  complain(fmt::format("interrupted: {} of {} numbers were taken, and written",
                       grouped(taken->taken), grouped(asked.count)));
  return exit_code::interrupted;
}

constexpr const char* next_footer = R"(Opens the file, takes the numbers, prints them one a line,
and closes it in order: the next call continues right behind. --block takes all of them
from a strict sequence as one consecutive range, or none; a sequence that is handed out in
blocks needs it.

When standard output breaks or fills up, the numbers that did not get out are named: they
count as issued and never come again.

Examples:
  sequencer next desk.seq trades
  sequencer next desk.seq trades --count 100 --block
  sequencer next desk.seq traces --block --count 1000000 | split -l 100000)";

}  // namespace

void add_next(CLI::App& to, action& chosen) {
  auto asked = std::make_shared<next_arguments>();
  auto* verb = to.add_subcommand("next", "take numbers and print them, one a line");
  verb->footer(next_footer);
  add_writable_place(*verb, asked->at);
  verb->add_option("NAME", asked->name, "the sequence")->type_name("")->required();
  verb->add_option("-n,--count", asked->count, "how many numbers (default: 1)")
      ->type_name("N")
      ->transform(whole_number(1, top));
  verb->add_flag("--block", asked->block, "take them as one range, or through a block");
  verb->callback([asked, &chosen] { chosen = [asked] { return next(*asked); }; });
}

}  // namespace sequencer::tool
